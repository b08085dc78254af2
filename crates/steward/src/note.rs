//! The brain's notes as entries of the event journal.

use crate::journal::Entry;
use crate::time::{rfc3339, wall_of};
use engine::{Note, What};
use model::{Tick, Wall};
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
        What::Foreign => ("foreign", Some("its process is gone, but something of it still lives".to_owned()), Value::Null),
        What::Stopping { signal } => ("stopping", Some(format!("told by {signal}")), json!({ "signal": signal.to_string() })),
        What::Killing => ("killing", Some("it did not end in time, or left processes behind".to_owned()), Value::Null),
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
        What::Completed => ("completed", None, Value::Null),
        What::Errored { why } => ("errored", Some(why.clone()), Value::Null),
        What::Stopped => ("stopped", None, Value::Null),
        What::Deleted => ("deleted", None, Value::Null),
    }
}
