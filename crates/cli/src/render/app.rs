//! `status APP`: blocks of `key: value`.

use super::spec::spec_fields;
use super::time::{local_due, local_moment};
use super::{event_text, exit_text, status_style};
use crate::escape::{shown, shown_word};
use crate::screen::{BOLD, DIM, paint};
use api::{AppDetail, DependencyView, NextLife, ReloadView, RunView, SlotDetail};
use jiff::tz::TimeZone;
use model::{format_size, format_span};
use std::time::Duration;

/// Everything known of one app, as text. `now_ms` is the wall clock, for times that are to come.
pub fn app_text(app: &AppDetail, now_ms: i64, zone: &TimeZone, colour: bool) -> String {
    let mut text = format!("{}\n", paint(colour, BOLD, &shown_word(&app.app)));
    for (key, value) in spec_fields(&app.spec) {
        field(&mut text, key, &value);
    }
    let from = [
        ("project", app.project.as_ref().map(|project| shown(&project.name))),
        ("file", app.source.as_deref().map(shown)),
        ("profile", app.profile.as_deref().map(shown)),
    ];
    for (key, value) in from {
        if let Some(value) = value {
            field(&mut text, key, &value);
        }
    }
    for needed in &app.depends_on {
        field(&mut text, "depends on", &dependency(needed));
    }
    if let Some(at) = app.next_run_at {
        field(&mut text, "next run", &local_due(at, now_ms, zone));
    }
    if let Some(reload) = &app.reload {
        field(&mut text, "reload", &reload_text(reload));
    }
    if let Some(failed) = &app.failed_reload {
        field(&mut text, "last reload", &format!("failed: {}", shown(&failed.why)));
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

/// A reload that is under way, in words.
fn reload_text(reload: &ReloadView) -> String {
    let (strategy, generation) = (shown(&reload.strategy), reload.generation);
    match (reload.back, reload.given_up) {
        (false, _) => format!("under way, by {strategy} (generation {generation})"),
        (true, false) => format!("failed; on the way back to what was before, by {strategy}"),
        (true, true) => "failed, and so did the way back: what lives is left as it is; `abide reload` tries again".to_owned(),
    }
}

/// The life that is to take the place of another, in words.
fn next_text(next: &NextLife) -> String {
    let pid = next.pid.map_or_else(String::new, |pid| format!(", pid {pid}"));
    let why = next.why.as_deref().map_or_else(String::new, |why| format!(" ({})", shown(why)));
    format!("{}{pid}: {}{why}", shown_word(&next.instance), next.status)
}

fn because(fault: Option<&str>) -> String {
    fault.map_or_else(String::new, |fault| format!(" ({})", shown(fault)))
}

fn main_pid(main: Option<u32>) -> String {
    main.map_or_else(String::new, |main| format!(" (main {main})"))
}

fn slot_block(text: &mut String, slot: &SlotDetail, now_ms: i64, zone: &TimeZone, colour: bool) {
    let row = &slot.row;
    let mut status = paint(colour, status_style(row.status), row.status.word());
    if let Some(why) = &slot.why {
        status.push_str(&format!(" ({})", shown(why)));
    }
    // What the status says already is not said again.
    let is_news = |answer: &str| slot.why.as_ref().is_none_or(|why| !why.contains(answer));
    let optional = [
        ("id", Some(row.id.to_string())),
        ("status", Some(status)),
        ("says", slot.said.as_deref().map(shown)),
        ("pid", row.pid.map(|pid| pid.to_string() + &main_pid(slot.main_pid))),
        ("instance", row.instance.as_deref().map(shown)),
        ("next life", slot.next.as_ref().map(next_text)),
        ("leaving", (!slot.leaving.is_empty()).then(|| shown(&slot.leaving.join(", ")))),
        ("uptime", row.uptime_ms.map(|ms| format_span(Duration::from_millis(ms)))),
        ("restarts", Some(row.restarts.to_string())),
        ("cpu", row.cpu_percent.map(|percent| format!("{percent:.1}%"))),
        ("memory", row.memory_bytes.map(format_size)),
        ("port", row.port.map(|port| port.to_string())),
        ("health", row.health.as_deref().map(shown)),
        ("bad answer", slot.bad_answer.as_deref().filter(|answer| is_news(answer)).map(shown)),
        ("late answers", (slot.late_answers > 0).then(|| slot.late_answers.to_string())),
        ("last exit", row.exit.as_ref().map(|exit| exit_text(exit) + &because(slot.fault.as_deref()))),
        ("next restart", slot.next_restart_at.map(|at| local_due(at, now_ms, zone))),
        ("logs", files_text(&slot.log_files)),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            field(text, key, &value);
        }
    }
    runs_block(text, &slot.runs, zone);
    if !slot.last_lines.is_empty() {
        text.push_str("  last lines:\n");
        for line in slot.last_lines.iter().rev().take(5).rev() {
            text.push_str(&format!("    {} {}\n", paint(colour, DIM, "|"), shown(line)));
        }
    }
}

/// Each run of a job on a line.
fn runs_block(text: &mut String, runs: &[RunView], zone: &TimeZone) {
    if runs.is_empty() {
        return;
    }
    text.push_str("  last runs:\n");
    for run in runs {
        let took = format!("took {}", format_span(Duration::from_millis(run.took_ms)));
        text.push_str(&format!("    {}  {took:<12}  {}\n", local_moment(run.at, zone), exit_text(&run.exit)));
    }
}

/// What it waits for before each birth, and how that is.
fn dependency(dependency: &DependencyView) -> String {
    let soft = if dependency.required { "" } else { ", optional" };
    let how = match &dependency.why {
        None => "holds".to_owned(),
        Some(why) => format!("not yet: {}", shown(why)),
    };
    let (app, condition) = (shown_word(&dependency.app), shown_word(&dependency.condition));
    format!("{app} ({condition}{soft}): {how}")
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
    use api::{ExitView, FailedReloadView, SlotRow};
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
            main_pid: None,
            said: None,
            bad_answer: None,
            late_answers: 0,
            fault: None,
            next: None,
            leaving: Vec::new(),
            runs: Vec::new(),
            last_lines: (1..=7).map(|n| format!("line {n}\u{7}")).collect(),
            log_files: vec![Some("/h/logs/web-0.out.log".into()), Some("/h/logs/web-0.err.log".into())],
        };
        let detail = AppDetail {
            app: "web".to_owned(),
            spec: serde_json::json!({
                "argv": ["node", "my server.js"], "cwd": "/srv", "namespace": "default", "instances": 1, "env": {"KEY": "•••"},
                "restart": "on-failure", "max_restarts": null, "restart_delay": 0, "stop_signal": "SIGTERM", "stop_timeout": 10000
            }),
            project: None,
            source: None,
            profile: None,
            slots: vec![slot],
            next_restart_at: Some(90_000),
            next_run_at: None,
            reload: None,
            failed_reload: None,
            depends_on: Vec::new(),
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

    #[test]
    fn what_only_some_apps_have() {
        let run = |at, took_ms, code| RunView {
            instance: "i3".to_owned(),
            at,
            took_ms,
            exit: ExitView { code: Some(code), ..ExitView::default() },
        };
        let slot = SlotDetail {
            row: SlotRow {
                pid: Some(40),
                health: Some("unhealthy".to_owned()),
                exit: Some(ExitView { signal: Some("SIGTERM".into()), ..ExitView::default() }),
                ..row(4, "web-0", Status::Unhealthy)
            },
            why: None,
            next_restart_at: None,
            main_pid: Some(41),
            said: Some("serving\u{1b}[2J".to_owned()),
            bad_answer: Some("status 503".to_owned()),
            late_answers: 2,
            fault: Some("unhealthy: status 503".to_owned()),
            next: Some(NextLife {
                instance: "i9".to_owned(),
                pid: Some(50),
                status: Status::Starting,
                why: Some("it is not ready".to_owned()),
                port: None,
            }),
            leaving: vec!["i3".to_owned(), "i4".to_owned()],
            runs: vec![run(0, 3_000, 0), run(3_600_000, 62_000, 1)],
            last_lines: Vec::new(),
            log_files: Vec::new(),
        };
        let needs = |app: &str, required, why: Option<&str>| DependencyView {
            app: app.to_owned(),
            condition: "ready".to_owned(),
            required,
            holds: why.is_none(),
            why: why.map(str::to_owned),
        };
        let detail = AppDetail {
            app: "web".to_owned(),
            spec: serde_json::json!({}),
            project: None,
            source: None,
            profile: None,
            slots: vec![slot],
            next_restart_at: None,
            next_run_at: Some(7_200_000 + 86_400_000),
            reload: Some(ReloadView { strategy: "rolling".to_owned(), generation: 3, back: false, given_up: false }),
            failed_reload: Some(FailedReloadView {
                generation: 2,
                instance: Some("i7".to_owned()),
                why: "web-0: not ready within start_timeout".to_owned(),
            }),
            depends_on: vec![needs("db", true, None), needs("cache", false, Some("cache is not ready"))],
            last_events: Vec::new(),
        };
        assert_eq!(
            app_text(&detail, 7_200_000, &TimeZone::UTC, false),
            "\
web
  depends on:   db (ready): holds
  depends on:   cache (ready, optional): not yet: cache is not ready
  next run:     1970-01-02 02:00:00 (in 1d)
  reload:       under way, by rolling (generation 3)
  last reload:  failed: web-0: not ready within start_timeout

web-0
  id:           4
  status:       unhealthy
  says:         serving\\x1b[2J
  pid:          40 (main 41)
  next life:    i9, pid 50: starting (it is not ready)
  leaving:      i3, i4
  restarts:     0
  health:       unhealthy
  bad answer:   status 503
  late answers: 2
  last exit:    SIGTERM (unhealthy: status 503)
  last runs:
    1970-01-01 00:00:00  took 3s       exit code 0
    1970-01-01 01:00:00  took 1m 2s    exit code 1
"
        );
    }
}
