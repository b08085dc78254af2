//! `logs` and `events`: lines, and on request those that are still to come.

use crate::args::{Events, Logs};
use crate::failure::{Exit, Failure};
use crate::house::House;
use crate::render::{LogPainter, event_text};
use crate::screen::Screen;
use api::client::{ClientError, Request, path};
use api::{EventLine, LogLine};
use jiff::tz::TimeZone;
use std::time::Duration;

/// How many events people are shown unless they tell.
const EVENTS: u64 = 100;
/// Programs, and who asks for all since one, get as many as the manager gives.
const EVENTS_MOST: u64 = 10_000;

/// How log lines are printed.
#[derive(Debug)]
pub enum LogForm {
    /// Objects.
    Json,
    /// As they were written.
    Raw,
    /// For people.
    Painted(LogPainter),
}

impl LogForm {
    /// The form that the flags ask for.
    pub fn of(screen: &Screen, raw: bool) -> LogForm {
        match (screen.json, raw) {
            (true, _) => LogForm::Json,
            (false, true) => LogForm::Raw,
            (false, false) => LogForm::Painted(LogPainter::new(screen.out_colour)),
        }
    }

    fn text(&mut self, line: &LogLine) -> Result<String, Failure> {
        Ok(match self {
            LogForm::Json => serde_json::to_string(line)? + "\n",
            LogForm::Raw => format!("{}\n", line.line),
            LogForm::Painted(painter) => painter.text(line),
        })
    }
}

/// Counts breaks of a stream between which nothing came: a successor of the steward gets as long as anybody to come up.
#[derive(Debug, Default)]
struct Breaks(u32);

impl Breaks {
    fn fruit(&mut self) {
        self.0 = 0;
    }

    /// Pauses; false = it has been tried often enough.
    fn again(&mut self) -> bool {
        self.0 += 1;
        std::thread::sleep(Duration::from_millis(50));
        self.0 <= 200
    }
}

/// Text on its way to standard output: at once while following, in large pieces otherwise.
struct Batch<'a> {
    screen: &'a Screen,
    at_once: bool,
    text: String,
}

impl Batch<'_> {
    fn push(&mut self, text: &str) -> Result<(), Failure> {
        self.text.push_str(text);
        if self.at_once || self.text.len() > 32 * 1024 { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.screen.print(&std::mem::take(&mut self.text))
    }
}

/// `logs`.
///
/// # Errors
/// [`Failure`].
pub fn logs(house: &House, screen: &Screen, args: &Logs) -> Result<(), Failure> {
    if args.reopen {
        return super::care::reopen(house, screen);
    }
    if args.raw && screen.out_tty {
        return Err(Failure::new(Exit::Usage, "--raw would let a log drive your terminal")
            .next("send it elsewhere: abide logs … --raw | less"));
    }
    let selector = if args.selectors.is_empty() { "all".to_owned() } else { super::join_selectors(&args.selectors)? };
    let stream = match (args.out, args.err) {
        (true, _) => Some("out"),
        (_, true) => Some("err"),
        _ => None,
    };
    if args.clear {
        return super::care::clear(house, screen, &selector, stream);
    }
    print_logs(house, screen, LogForm::of(screen, args.raw), &selector, stream, args.lines, args.follow)
}

/// Prints log lines until their end. While following, a steward that goes away is waited for: its successor goes on with new lines.
///
/// # Errors
/// [`Failure`].
pub fn print_logs(
    house: &House,
    screen: &Screen,
    mut form: LogForm,
    selector: &str,
    stream: Option<&str>,
    lines: u64,
    follow: bool,
) -> Result<(), Failure> {
    let mut lines_wanted = lines;
    let (mut breaks, mut batch) = (Breaks::default(), Batch { screen, at_once: follow, text: String::new() });
    loop {
        let target = path().segment("apps").segment(selector).segment("logs").query("lines", &lines_wanted.to_string());
        let request = Request::get(target.maybe("stream", stream).flag("follow", follow));
        let mut lines = house.stream::<LogLine>(&request)?;
        loop {
            match lines.next_line() {
                Ok(Some(line)) => {
                    breaks.fruit();
                    batch.push(&form.text(&line)?)?;
                }
                Ok(None) => return batch.flush(),
                Err(ClientError::Broken(_)) if follow && breaks.again() => {
                    screen.warn("the manager is being replaced; lines written meanwhile are in the log, but are not shown here");
                    lines_wanted = 0;
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// `events`.
///
/// # Errors
/// [`Failure`].
pub fn events(house: &House, screen: &Screen, args: &Events) -> Result<(), Failure> {
    let zone = TimeZone::system();
    let app = if args.selectors.is_empty() { None } else { Some(super::join_selectors(&args.selectors)?) };
    let mut since = args.since;
    let mut lines_wanted = args.lines.unwrap_or(if args.since.is_none() && !screen.json { EVENTS } else { EVENTS_MOST });
    let (mut breaks, mut batch) = (Breaks::default(), Batch { screen, at_once: args.follow, text: String::new() });
    loop {
        let target =
            path().segment("events").maybe("since", since).maybe("app", app.as_deref()).maybe("lines", Some(lines_wanted));
        let mut lines = house.stream::<EventLine>(&Request::get(target.flag("follow", args.follow)))?;
        loop {
            match lines.next_line() {
                Ok(Some(event)) => {
                    // Whatever breaks from here on goes on after this one.
                    since = Some(event.seq);
                    lines_wanted = if args.follow { EVENTS_MOST } else { lines_wanted.saturating_sub(1) };
                    breaks.fruit();
                    batch.push(&match screen.json {
                        true => serde_json::to_string(&event)? + "\n",
                        false => event_text(&event, &zone, screen.out_colour),
                    })?;
                }
                Ok(None) => return batch.flush(),
                Err(ClientError::Broken(_)) if breaks.again() => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
}
