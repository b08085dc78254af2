//! Lines of streams: logs and events.

use super::local_time;
use crate::escape::{shown, shown_word};
use crate::screen::{DIM, RED, YELLOW, paint};
use anstyle::{AnsiColor, Style};
use api::{EventLine, LogLine};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Colours of slots in a log, in the order in which they speak.
const PALETTE: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Green, AnsiColor::Magenta, AnsiColor::Blue, AnsiColor::Yellow, AnsiColor::BrightCyan];

/// Puts the slot before each line of a log, `web-0 | line`, each slot in its colour.
#[derive(Debug)]
pub struct LogPainter {
    colour: bool,
    styles: BTreeMap<String, Style>,
    width: usize,
}

impl LogPainter {
    /// With or without colours.
    pub fn new(colour: bool) -> LogPainter {
        LogPainter { colour, styles: BTreeMap::new(), width: 0 }
    }

    /// The line for people, with its line feed. Standard error has `!` instead of `|`.
    pub fn text(&mut self, line: &LogLine) -> String {
        let slot = shown_word(&line.slot);
        self.width = self.width.max(slot.chars().count());
        let next = PALETTE[self.styles.len() % PALETTE.len()].on_default();
        let style = *self.styles.entry(line.slot.clone()).or_insert(next);
        let name = paint(self.colour, style, &format!("{slot:<0$}", self.width));
        let bar = if line.stream == "err" { paint(self.colour, RED, "!") } else { paint(self.colour, DIM, "|") };
        format!("{name} {bar} {}\n", shown(&line.line))
    }
}

/// One event: `2026-11-21 09:02:12.120  web-0  exited  exit code 1`, with its line feed.
pub fn event_text(event: &EventLine, zone: &TimeZone, colour: bool) -> String {
    let who = event.slot.as_deref().or(event.app.as_deref()).unwrap_or("abide");
    let style = match event.event.as_str() {
        "errored" | "stuck" | "foreign" | "store.damaged" | "log.trouble" => RED,
        "exited" | "killing" | "backoff" => YELLOW,
        "running" | "adopted" | "log.resumed" => crate::screen::GREEN,
        _ => Style::new(),
    };
    let mut text = format!(
        "{}  {:<12}  {}",
        paint(colour, DIM, &local_time(&event.time, zone)),
        shown_word(who),
        paint(colour, style, &format!("{:<9}", shown_word(&event.event)))
    );
    if let Some(reason) = &event.reason {
        text.push_str(&format!("  {}", shown(reason)));
    }
    if let Some(pid) = event.data.get("pid").and_then(serde_json::Value::as_u64) {
        text.push_str(&format!("  pid {pid}"));
    }
    if event.actor != "abide" {
        text.push_str(&format!("  (by {})", shown(&event.actor)));
    }
    let mut text = text.trim_end().to_owned();
    text.push('\n');
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn line(slot: &str, stream: &str, text: &str) -> LogLine {
        let (slot, stream) = (slot.to_owned(), stream.to_owned());
        LogLine { time: None, app: "web".to_owned(), slot, instance: None, stream, line: text.to_owned(), partial: false }
    }

    pub fn event(name: &str, slot: Option<&str>, reason: Option<&str>) -> EventLine {
        EventLine {
            seq: 1,
            time: "2026-11-21T07:02:12.120Z".to_owned(),
            app: slot.map(|_| "web".to_owned()),
            slot: slot.map(str::to_owned),
            instance: None,
            event: name.to_owned(),
            reason: reason.map(str::to_owned),
            actor: "abide".to_owned(),
            data: serde_json::Value::Null,
        }
    }

    #[test]
    fn lines_of_a_log() {
        let mut painter = LogPainter::new(false);
        assert_eq!(painter.text(&line("web-0", "out", "hello")), "web-0 | hello\n");
        assert_eq!(painter.text(&line("worker-0", "err", "\u{1b}[2Joh\r")), "worker-0 ! \\x1b[2Joh\\r\n");
        assert_eq!(painter.text(&line("web-0", "out", "\tagain")), "web-0    | \tagain\n");
        let mut painter = LogPainter::new(true);
        assert_eq!(painter.text(&line("a-0", "out", "x")), "\u{1b}[36ma-0\u{1b}[0m \u{1b}[2m|\u{1b}[0m x\n");
        assert_eq!(painter.text(&line("b-0", "err", "x")), "\u{1b}[32mb-0\u{1b}[0m \u{1b}[31m!\u{1b}[0m x\n");
    }

    #[test]
    fn events() {
        let zone = TimeZone::UTC;
        assert_eq!(
            event_text(&event("exited", Some("web-0"), Some("exit code 1")), &zone, false),
            "2026-11-21 07:02:12.120  web-0         exited     exit code 1\n"
        );
        let asked = EventLine {
            actor: "uid 1000".to_owned(),
            data: serde_json::json!({"pid": 7}),
            ..event("manager.stopping", None, None)
        };
        assert_eq!(
            event_text(&asked, &zone, false),
            "2026-11-21 07:02:12.120  abide         manager.stopping  pid 7  (by uid 1000)\n"
        );
    }
}
