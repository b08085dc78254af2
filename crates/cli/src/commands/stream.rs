//! `events`: what happened, and on request what is still to come.

use crate::args::Events;
use crate::failure::Failure;
use crate::house::House;
use crate::render::event_text;
use crate::screen::Screen;
use api::EventLine;
use api::client::{ClientError, Request, path};
use jiff::tz::TimeZone;
use std::time::Duration;

/// How many events people are shown unless they tell.
const EVENTS: u64 = 100;
/// Programs, and who asks for all since one, get as many as the manager gives.
const EVENTS_MOST: u64 = 10_000;

/// Counts breaks of a stream between which nothing came: a successor of the steward gets as long as anybody to come up.
#[derive(Debug, Default)]
pub struct Breaks(u32);

impl Breaks {
    /// Something came.
    pub fn fruit(&mut self) {
        self.0 = 0;
    }

    /// Pauses; false = it has been tried often enough.
    pub fn again(&mut self) -> bool {
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

/// Whether it was before that moment; one whose time nobody can read was not.
fn is_before(event: &EventLine, moment: jiff::Timestamp) -> bool {
    event.time.parse::<jiff::Timestamp>().is_ok_and(|time| time < moment)
}

/// `events`.
///
/// # Errors
/// [`Failure`].
pub fn events(house: &House, screen: &Screen, args: &Events) -> Result<(), Failure> {
    let zone = TimeZone::system();
    let app = if args.selectors.is_empty() { None } else { Some(super::join_selectors(&args.selectors)?) };
    let (mut since, from) = match args.since.as_deref() {
        None => (None, None),
        Some(text) => match text.parse::<u64>() {
            Ok(seq) => (Some(seq), None),
            // Here, since "14:00" is meant in the zone of whoever says it.
            Err(_) => (None, Some(super::logs::instant(text, &jiff::Zoned::now())?)),
        },
    };
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
                    if from.is_some_and(|from| is_before(&event, from)) {
                        continue;
                    }
                    batch.push(&match screen.json {
                        true => crate::escape::json(&serde_json::to_string(&event)?).into_owned() + "\n",
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
