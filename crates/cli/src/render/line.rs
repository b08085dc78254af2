//! Lines of streams: logs and events.

use super::local_time;
use crate::escape::{shown, shown_text, shown_word};
use crate::screen::{DIM, RED, YELLOW, paint};
use anstyle::{AnsiColor, Style};
use api::{EventLine, LogLine};
use jiff::tz::TimeZone;
use std::time::Duration;

/// Colours of apps in a log.
const PALETTE: [AnsiColor; 10] = [
    AnsiColor::Cyan,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::Yellow,
    AnsiColor::BrightCyan,
    AnsiColor::BrightGreen,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightBlue,
    AnsiColor::BrightYellow,
];

/// No name moves the lines of others further than this, unless it speaks itself.
const WIDEST: usize = 40;

/// The colour of an app: always the same, whatever else is shown.
fn colour_of(app: &str) -> Style {
    let hash = app.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    PALETTE[hash as usize % PALETTE.len()].on_default()
}

/// Puts the slot before each line of a log, `web-0 | line`, each app in its colour.
#[derive(Debug)]
pub struct LogPainter {
    colour: bool,
    zone: Option<TimeZone>,
    width: usize,
    /// What stood before the last line, and of which time, slot and stream that was: mostly it is so for the next one too.
    head: String,
    of: (Option<String>, String, String),
}

impl LogPainter {
    /// With or without colours; with or without the time in the zone of whoever looks.
    pub fn new(colour: bool, timestamps: bool) -> LogPainter {
        let zone = timestamps.then(TimeZone::system);
        LogPainter { colour, zone, width: 0, head: String::new(), of: Default::default() }
    }

    /// Sets lines off by at least so many columns, so that those of slots with shorter names stand below each other from the first one on.
    #[must_use]
    pub fn at_least(mut self, width: usize) -> LogPainter {
        self.width = width.min(WIDEST);
        self
    }

    /// Appends the line for people, with its line feed. Standard error has `!` instead of `|`.
    pub fn put(&mut self, line: &LogLine, out: &mut Vec<u8>) {
        let (time, slot, stream) = &self.of;
        let is_same_time = self.zone.is_none() || *time == line.time;
        if self.head.is_empty() || !is_same_time || *slot != line.slot || *stream != line.stream {
            self.head = self.head_of(line);
            self.of = (line.time.clone(), line.slot.clone(), line.stream.clone());
        }
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(shown_text(&line.line).as_bytes());
        out.push(b'\n');
    }

    fn head_of(&mut self, line: &LogLine) -> String {
        let slot = shown_word(&line.slot);
        self.width = self.width.max(slot.chars().count());
        let name = paint(self.colour, colour_of(&line.app), &format!("{slot:<0$}", self.width));
        let bar = if line.stream == "err" { paint(self.colour, RED, "!") } else { paint(self.colour, DIM, "|") };
        let time = self.zone.as_ref().map(|zone| {
            let time = line.time.as_deref().map(|time| local_time(time, zone));
            paint(self.colour, DIM, &format!("{:<23}", time.unwrap_or_else(|| "-".to_owned()))) + " "
        });
        format!("{}{name} {bar} ", time.unwrap_or_default())
    }
}

/// Lines exactly as they were written. What was said in parts is put together again, as long as nobody else speaks in between.
#[derive(Debug, Default)]
pub struct RawLines {
    /// Whose line has no end yet: slot, stream, life.
    open: Option<(String, String, Option<String>)>,
}

impl RawLines {
    /// Appends the bytes of a line.
    pub fn put(&mut self, line: &LogLine, out: &mut Vec<u8>) {
        if let Some((slot, stream, instance)) = self.open.take()
            && (slot != line.slot || stream != line.stream || instance != line.instance)
        {
            out.push(b'\n');
        }
        match &line.bytes {
            None => out.extend_from_slice(line.line.as_bytes()),
            Some(_) => out.extend_from_slice(&line.exact()),
        }
        if line.partial {
            self.open = Some((line.slot.clone(), line.stream.clone(), line.instance.clone()));
        } else {
            out.push(b'\n');
        }
    }
}

/// One event: `2026-11-21 09:02:12.120  web-0  exited  exit code 1`, with its line feed.
pub fn event_text(event: &EventLine, zone: &TimeZone, colour: bool) -> String {
    let who = event.slot.as_deref().or(event.app.as_deref()).unwrap_or("abide");
    let style = match event.event.as_str() {
        "errored" | "stuck" | "foreign" | "unhealthy" | "oom" | "store.damaged" | "log.trouble" => RED,
        "exited" | "killing" | "backoff" | "faulted" | "limit" | "overlap" | "restarting" | "reloading" => YELLOW,
        "running" | "ready" | "healthy" | "adopted" | "log.resumed" => crate::screen::GREEN,
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
    let number = |key: &str| event.data.get(key).and_then(serde_json::Value::as_u64);
    if let Some(ms) = number("after_ms") {
        text.push_str(&format!("  after {}", model::format_span(Duration::from_millis(ms))));
    }
    if let Some(pid) = number("pid") {
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
        LogLine {
            time: Some("2026-11-21T07:02:12.120Z".to_owned()),
            app: slot.trim_end_matches("-0").to_owned(),
            slot: slot.to_owned(),
            instance: None,
            stream: stream.to_owned(),
            line: text.to_owned(),
            partial: false,
            bytes: None,
        }
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

    impl LogPainter {
        fn text(&mut self, line: &LogLine) -> String {
            let mut out = Vec::new();
            self.put(line, &mut out);
            String::from_utf8(out).expect("text")
        }
    }

    #[test]
    fn lines_of_a_log() {
        let mut painter = LogPainter::new(false, false);
        assert_eq!(painter.text(&line("web-0", "out", "hello")), "web-0 | hello\n");
        assert_eq!(painter.text(&line("worker-0", "err", "\u{1b}[2Joh\r")), "worker-0 ! \\x1b[2Joh\\r\n");
        assert_eq!(painter.text(&line("web-0", "out", "\tagain")), "web-0    | \tagain\n");
        let mut painter = LogPainter::new(false, false).at_least("worker-0".len());
        assert_eq!(painter.text(&line("web-0", "out", "hello")), "web-0    | hello\n");
    }

    #[test]
    fn an_app_has_its_colour_and_a_line_its_time() {
        let mut painter = LogPainter { zone: Some(TimeZone::UTC), ..LogPainter::new(true, true) };
        let first = painter.text(&line("a-0", "out", "x"));
        let time = "\u{1b}[2m2026-11-21 07:02:12.120\u{1b}[0m ";
        assert_eq!(first, format!("{time}{}a-0\u{1b}[0m \u{1b}[2m|\u{1b}[0m x\n", colour_of("a")));
        painter.text(&line("b-0", "err", "x"));
        assert_eq!(painter.text(&line("a-0", "out", "x")), first, "whoever else speaks");
        assert!(["a", "b", "c", "d", "e"].iter().any(|app| colour_of(app) != colour_of("a")));
        painter = LogPainter { zone: Some(TimeZone::UTC), ..LogPainter::new(false, true) };
        let unknown = LogLine { time: None, ..line("a-0", "err", "x") };
        assert_eq!(painter.text(&unknown), format!("{:<23} a-0 ! x\n", "-"));
    }

    #[test]
    fn raw_lines_are_the_bytes() {
        let part = |slot: &str, text: &str| LogLine { partial: true, ..line(slot, "out", text) };
        let odd = LogLine { bytes: Some("/wA=".to_owned()), ..line("a-0", "out", "??") };
        let (mut raw, mut out) = (RawLines::default(), Vec::new());
        for line in
            [part("a-0", "lo"), part("a-0", "ng "), line("a-0", "out", "line"), part("a-0", "cut"), line("b-0", "out", "x"), odd]
        {
            raw.put(&line, &mut out);
        }
        assert_eq!(out, b"long line\ncut\nx\n\xff\0\n");
    }

    #[test]
    fn events() {
        let zone = TimeZone::UTC;
        assert_eq!(
            event_text(&event("exited", Some("web-0"), Some("exit code 1")), &zone, false),
            "2026-11-21 07:02:12.120  web-0         exited     exit code 1\n"
        );
        let ready = EventLine { data: serde_json::json!({"after_ms": 1340}), ..event("ready", Some("web-0"), None) };
        assert_eq!(event_text(&ready, &zone, false), "2026-11-21 07:02:12.120  web-0         ready      after 1s\n");
        let signalled = EventLine {
            actor: "uid 1000".to_owned(),
            data: serde_json::json!({"signal": "SIGHUP", "pid": 7}),
            ..event("signalled", Some("web-0"), Some("SIGHUP"))
        };
        assert_eq!(
            event_text(&signalled, &zone, false),
            "2026-11-21 07:02:12.120  web-0         signalled  SIGHUP  pid 7  (by uid 1000)\n"
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
