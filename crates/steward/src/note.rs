//! The brain's notes as entries of the event journal.

use crate::journal::Entry;
use crate::time::{rfc3339, wall_of};
use engine::{Note, What};
use model::{Fault, Overlap, Tick, Wall};
use serde_json::{Value, json};
use std::time::Duration;

/// An entry without number and time. `now` and `wall` anchor times that lie ahead.
pub(crate) fn entry(note: &Note, now: Tick, wall: i64) -> Entry {
    let (event, reason, data) = what(&note.what, now, wall);
    Entry {
        app: Some(note.app.to_string()),
        slot: note.slot.as_ref().map(ToString::to_string),
        instance: note.instance.map(|instance| instance.to_string()),
        event,
        reason,
        actor: None,
        data,
    }
}

fn what(what: &What, now: Tick, wall: i64) -> (&'static str, Option<String>, Value) {
    match what {
        What::Starting => ("starting", None, Value::Null),
        What::Running { pid } => ("running", None, json!({ "pid": pid })),
        What::Adopted { pid } => ("adopted", None, json!({ "pid": pid })),
        What::HandedOver { pid } => {
            ("handed_over", Some(format!("its first process has ended; it goes on with {pid} (MAINPID)")), json!({ "pid": pid }))
        }
        What::Foreign => ("foreign", Some("its process is gone, but something of it still lives".to_owned()), Value::Null),
        What::Stopping { signal } => ("stopping", Some(format!("told by {signal}")), json!({ "signal": signal.to_string() })),
        What::StoppingBy => ("stopping", Some("told by its stop_command".to_owned()), json!({ "command": true })),
        What::StopRefused { why, signal } => {
            let reason = format!("stop_command: {why}; told by {signal}");
            ("stop_command.failed", Some(reason), json!({ "signal": signal.to_string() }))
        }
        What::Killing { late } => {
            let why = if *late { "it did not end in time, or left processes behind" } else { "without being asked to end" };
            ("killing", Some(why.to_owned()), Value::Null)
        }
        What::Stuck { left } => ("stuck", Some(format!("{left} of its processes cannot be killed")), json!({ "left": left })),
        What::Exited { end, asked, failed, lived_ms } => {
            let mut data = serde_json::to_value(api::ExitView::from(end)).unwrap_or_default();
            if let Value::Object(fields) = &mut data {
                fields.insert("asked".to_owned(), json!(asked));
                // `failed` in the view is the step of a birth; here: whether the life counts as failed.
                fields.insert("failed_life".to_owned(), json!(failed));
                fields.insert("lived_ms".to_owned(), json!(lived_ms));
            }
            ("exited", Some(end.to_string()), data)
        }
        What::Backoff { at, restart } => {
            let in_ms = u64::try_from(at.since(now).as_millis()).unwrap_or(u64::MAX);
            let due = rfc3339(wall_of(*at, now, Wall(wall)));
            let pause = model::format_span(Duration::from_millis(in_ms));
            let when = if in_ms == 0 { "at once".to_owned() } else { format!("in {pause}") };
            let reason = Some(format!("restart {restart} of this streak is due {when}"));
            ("backoff", reason, json!({ "at": due, "in_ms": in_ms, "restart": restart }))
        }
        What::Ready { after_ms } => ("ready", None, json!({ "after_ms": after_ms })),
        What::Reloading => ("reloading", Some("it says so itself".to_owned()), Value::Null),
        What::Unhealthy { why } => ("unhealthy", Some(why.clone()), Value::Null),
        What::Healthy => ("healthy", None, Value::Null),
        What::Faulted { fault, answer } => {
            let kind = match fault {
                Fault::StartTimeout => "start_timeout",
                Fault::Unhealthy(_) => "unhealthy",
                Fault::Watchdog | Fault::Trigger => "watchdog",
                Fault::Limit(_) => "limit",
                Fault::RunTimeout => "run_timeout",
                Fault::OutOfMemory => "out_of_memory",
            };
            let last = answer.as_ref().map(|answer| format!(" (last answer: {answer})")).unwrap_or_default();
            ("faulted", Some(format!("{fault}{last}")), json!({ "fault": kind }))
        }
        What::Exceeded { what } => ("limit", Some(what.clone()), Value::Null),
        What::OutOfMemory { killed } => {
            let reason = format!("the kernel killed {killed} of its processes because memory was short");
            ("oom", Some(reason), json!({ "killed": killed }))
        }
        What::Due { late } => ("due", late.then(|| "made up for a time that was missed".to_owned()), json!({ "late": late })),
        What::Overlap { overlap } => {
            let (word, reason) = match overlap {
                Overlap::Skip => ("skip", "the run before still goes on; this one is left out"),
                Overlap::Queue => ("queue", "the run before still goes on; this one follows it"),
                Overlap::Replace => ("replace", "the run before still goes on; it is stopped"),
            };
            ("overlap", Some(reason.to_owned()), json!({ "overlap": word }))
        }
        What::CronRestart => ("restarting", Some("cron_restart".to_owned()), json!({ "why": "cron_restart" })),
        What::Changed { paths } => ("changed", Some(paths.join(", ")), json!({ "paths": paths })),
        What::Follows { app } => {
            ("restarting", Some(format!("it follows {app}")), json!({ "why": "follows", "follows": app.to_string() }))
        }
        What::StoppedWith { app } => {
            let reason = format!("{app} has ended (on_exit = \"stop-group\")");
            ("stopping", Some(reason), json!({ "why": "stop-group", "follows": app.to_string() }))
        }
        What::Reset => ("reset", None, Value::Null),
        What::Completed => ("completed", None, Value::Null),
        What::Errored { why } => ("errored", Some(why.clone()), Value::Null),
        What::Stopped => ("stopped", None, Value::Null),
        What::Deleted => ("deleted", None, Value::Null),
        What::RollBegun { how, generation, back } => {
            let why = if *back { format!("back to what was before, by {how}") } else { format!("by {how}") };
            ("reload.begun", Some(why), json!({ "strategy": how, "generation": generation, "back": back }))
        }
        What::Told { signal } => {
            ("reload.told", Some(format!("to take its configuration anew ({signal})")), json!({ "signal": signal.to_string() }))
        }
        What::Retired { drain_ms } => {
            ("retired", Some("another life has taken its place".to_owned()), json!({ "drain_ms": drain_ms }))
        }
        What::RolledOver { generation } => ("reload.done", None, json!({ "generation": generation })),
        What::RolledBack { generation, why } => ("reload.rolled_back", Some(why.clone()), json!({ "generation": generation })),
    }
}
