//! `status APP`: blocks of `key: value`.

use super::time::local_due;
use super::{event_text, exit_text, status_style};
use crate::escape::{shown, shown_word};
use crate::screen::{BOLD, DIM, paint};
use crate::words::quote;
use api::{AppDetail, SlotDetail};
use jiff::tz::TimeZone;
use model::{format_size, format_span};
use serde_json::Value;
use std::time::Duration;

/// Everything known of one app, as text. `now_ms` is the wall clock, for times that are to come.
pub fn app_text(app: &AppDetail, now_ms: i64, zone: &TimeZone, colour: bool) -> String {
    let mut text = format!("{}\n", paint(colour, BOLD, &shown_word(&app.app)));
    for (key, value) in spec_fields(&app.spec) {
        field(&mut text, key, &value);
    }
    for slot in &app.slots {
        text.push_str(&format!("\n{}\n", paint(colour, BOLD, &shown_word(&slot.row.slot))));
        slot_block(&mut text, slot, now_ms, zone, colour);
    }
    if !app.last_events.is_empty() {
        text.push_str(&format!("\n{}\n", paint(colour, BOLD, "last events")));
        for event in &app.last_events {
            text.push_str(&format!("  {}", event_text(event, zone, colour)));
        }
    }
    text
}

fn field(text: &mut String, key: &str, value: &str) {
    text.push_str(&format!("  {:<14}{value}\n", format!("{key}:")));
}

fn slot_block(text: &mut String, slot: &SlotDetail, now_ms: i64, zone: &TimeZone, colour: bool) {
    let row = &slot.row;
    let mut status = paint(colour, status_style(row.status), row.status.word());
    if let Some(why) = &slot.why {
        status.push_str(&format!(" ({})", shown(why)));
    }
    let optional = [
        ("id", Some(row.id.to_string())),
        ("status", Some(status)),
        ("pid", row.pid.map(|pid| pid.to_string())),
        ("instance", row.instance.as_deref().map(shown)),
        ("uptime", row.uptime_ms.map(|ms| format_span(Duration::from_millis(ms)))),
        ("restarts", Some(row.restarts.to_string())),
        ("cpu", row.cpu_percent.map(|percent| format!("{percent:.1}%"))),
        ("memory", row.memory_bytes.map(format_size)),
        ("port", row.port.map(|port| port.to_string())),
        ("health", row.health.as_deref().map(shown)),
        ("last exit", row.exit.as_ref().map(exit_text)),
        ("next restart", slot.next_restart_at.map(|at| local_due(at, now_ms, zone))),
        ("logs", files_text(&slot.log_files)),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            field(text, key, &value);
        }
    }
    if !slot.last_lines.is_empty() {
        text.push_str("  last lines:\n");
        for line in slot.last_lines.iter().rev().take(5).rev() {
            text.push_str(&format!("    {} {}\n", paint(colour, DIM, "|"), shown(line)));
        }
    }
}

/// The part of a specification that people ask for; `--json` has the rest. Keys that are not there are left out.
fn spec_fields(spec: &Value) -> Vec<(&'static str, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => shown(text),
        other => shown(&other.to_string()),
    };
    let span =
        |key: &str| spec.get(key).and_then(Value::as_u64).filter(|ms| *ms > 0).map(|ms| format_span(Duration::from_millis(ms)));
    let plain = |key: &str| spec.get(key).filter(|value| !value.is_null()).map(text);
    let argv = spec.get("argv").and_then(Value::as_array).map(|argv| {
        let words: Vec<String> = argv.iter().map(|word| quote(word.as_str().unwrap_or_default())).collect();
        words.join(" ")
    });
    let env = spec.get("env").and_then(Value::as_object).filter(|env| !env.is_empty());
    let env = env
        .map(|env| env.iter().map(|(key, value)| format!("{}={}", shown_word(key), text(value))).collect::<Vec<_>>().join(" "));
    [
        ("command", argv),
        ("directory", plain("cwd")),
        ("namespace", plain("namespace")),
        ("instances", plain("instances")),
        ("env", env),
        ("restart", plain("restart")),
        ("max restarts", plain("max_restarts")),
        ("restart delay", span("restart_delay")),
        ("start delay", span("start_delay")),
        ("stop signal", plain("stop_signal")),
        ("stop timeout", span("stop_timeout")),
        ("source", plain("source")),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}

/// Log files in words: each once.
fn files_text(files: &[Option<String>]) -> Option<String> {
    let text = |file: &Option<String>| file.as_deref().map_or("none".to_owned(), shown);
    match files {
        [] => None,
        [out, err, more @ ..] if out == err => Some([out].into_iter().chain(more).map(text).collect::<Vec<_>>().join(", ")),
        files => Some(files.iter().map(text).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::line::tests::event;
    use crate::render::table::tests::row;
    use api::{ExitView, SlotRow};
    use model::Status;

    #[test]
    fn log_files_in_words() {
        let some = |path: &str| Some(path.to_owned());
        for (files, want) in [
            (vec![], None),
            (vec![some("/a"), some("/b")], some("/a, /b")),
            (vec![some("/a"), None], some("/a, none")),
            (vec![some("/a"), some("/a")], some("/a")),
            (vec![None, None], some("none")),
            (vec![some("/a"), some("/b"), some("/c")], some("/a, /b, /c")),
            (vec![some("/a"), some("/a"), some("/c")], some("/a, /c")),
        ] {
            assert_eq!(files_text(&files), want, "{files:?}");
        }
    }

    #[test]
    fn a_whole_app() {
        let slot = SlotDetail {
            row: SlotRow {
                restarts: 3,
                exit: Some(ExitView { signal: Some("SIGSEGV".into()), core: Some(true), ..ExitView::default() }),
                ..row(4, "web-0", Status::Backoff)
            },
            why: Some("restart 4 is due".to_owned()),
            next_restart_at: Some(90_000),
            last_lines: (1..=7).map(|n| format!("line {n}\u{7}")).collect(),
            log_files: vec![Some("/h/logs/web-0.out.log".into()), Some("/h/logs/web-0.err.log".into())],
        };
        let detail = AppDetail {
            app: "web".to_owned(),
            spec: serde_json::json!({
                "argv": ["node", "my server.js"], "cwd": "/srv", "namespace": "default", "instances": 1, "env": {"KEY": "•••"},
                "restart": "on-failure", "max_restarts": null, "restart_delay": 0, "stop_signal": "SIGTERM", "stop_timeout": 10000
            }),
            slots: vec![slot],
            next_restart_at: Some(90_000),
            next_run_at: None,
            last_events: vec![event("exited", Some("web-0"), Some("SIGSEGV (core dumped)"))],
        };
        assert_eq!(
            app_text(&detail, 60_000, &TimeZone::UTC, false),
            "\
web
  command:      node 'my server.js'
  directory:    /srv
  namespace:    default
  instances:    1
  env:          KEY=•••
  restart:      on-failure
  stop signal:  SIGTERM
  stop timeout: 10s

web-0
  id:           4
  status:       backoff (restart 4 is due)
  restarts:     3
  last exit:    SIGSEGV (core dumped)
  next restart: 00:01:30 (in 30s)
  logs:         /h/logs/web-0.out.log, /h/logs/web-0.err.log
  last lines:
    | line 3\\x07
    | line 4\\x07
    | line 5\\x07
    | line 6\\x07
    | line 7\\x07

last events
  2026-11-21 07:02:12.120  web-0         exited     SIGSEGV (core dumped)
"
        );
    }
}
