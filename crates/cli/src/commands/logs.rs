//! `logs`: lines, and on request those that are still to come.
//!
//! The manager says after each batch of lines where reading stands. Lines are shown when that word has come, and a connection that breaks
//! is made again from there: a manager that is replaced costs no line and doubles none.

use super::stream::Breaks;
use crate::args::Logs;
use crate::failure::{Exit, Failure};
use crate::house::House;
use crate::render::{LogPainter, RawLines};
use crate::screen::Screen;
use api::client::{ClientError, Request, path};
use api::{LogLine, LogRead, LogReader, LogRemark};
use std::time::Duration;

/// A longer cursor goes into the body of the request.
const ADDRESS: usize = 8 << 10;
/// How often a follower looks whether anybody reads what it prints.
const LOOK: Duration = Duration::from_secs(1);

/// How log lines are printed.
#[derive(Debug)]
pub enum LogForm {
    /// Objects.
    Json,
    /// As they were written.
    Raw(RawLines),
    /// For people.
    Painted(LogPainter),
}

impl LogForm {
    /// For people, unless objects are asked for.
    pub fn of(screen: &Screen, timestamps: bool) -> LogForm {
        if screen.json { LogForm::Json } else { LogForm::Painted(LogPainter::new(screen.out_colour, timestamps)) }
    }

    fn put(&mut self, line: &LogLine, out: &mut Vec<u8>) -> Result<(), Failure> {
        match self {
            LogForm::Json => {
                let text = serde_json::to_string(line)?;
                out.extend_from_slice(crate::escape::json(&text).as_bytes());
                out.push(b'\n');
            }
            LogForm::Raw(raw) => raw.put(line, out),
            LogForm::Painted(painter) => painter.put(line, out),
        }
        Ok(())
    }
}

/// Which lines.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Of which apps and slots.
    pub selector: String,
    /// Only this stream.
    pub stream: Option<&'static str>,
    /// The last so many of each log.
    pub lines: Option<u64>,
    /// From this time on.
    pub since: Option<String>,
    /// Up to this time.
    pub until: Option<String>,
    /// In which this is found.
    pub grep: Option<String>,
    /// And those that come.
    pub follow: bool,
}

impl Wanted {
    fn request(&self, from: Option<&str>) -> Result<Request, Failure> {
        let target = path().segment("apps").segment(&self.selector).segment("logs").flag("cursor", true);
        let target = target.maybe("lines", self.lines).maybe("stream", self.stream).flag("follow", self.follow);
        let target = target.maybe("since", self.since.as_deref()).maybe("until", self.until.as_deref());
        let target = target.maybe("grep", self.grep.as_deref());
        match from {
            Some(from) if from.len() > ADDRESS => Ok(Request::post(target).json(&from)?),
            from => Ok(Request::get(target.maybe("from", from))),
        }
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
    let now = jiff::Zoned::now();
    // Here, since "14:00" is meant in the zone of whoever says it.
    let time = |text: &Option<String>| text.as_deref().map(|text| Ok::<_, Failure>(instant(text, &now)?.to_string())).transpose();
    let wanted = Wanted {
        selector,
        stream,
        lines: args.lines,
        since: time(&args.since)?,
        until: time(&args.until)?,
        grep: args.grep.clone(),
        follow: args.follow,
    };
    let form = match LogForm::of(screen, args.timestamps) {
        _ if args.raw => LogForm::Raw(RawLines::default()),
        LogForm::Painted(painter) => LogForm::Painted(painter.at_least(widest(house, &wanted.selector)?)),
        other => other,
    };
    print_logs(house, screen, form, &wanted)
}

/// How long the longest name of these slots is.
fn widest(house: &House, selector: &str) -> Result<usize, Failure> {
    match super::list::rows_of(house, selector) {
        Ok(rows) => Ok(rows.iter().map(|row| row.slot.len()).max().unwrap_or_default()),
        // There may be logs of what is not there any more.
        Err(failure) if failure.is("unknown_app") => Ok(0),
        Err(failure) => Err(failure),
    }
}

/// The moment that `text` means for somebody who says it now.
///
/// # Errors
/// It is no time.
pub(super) fn instant(text: &str, now: &jiff::Zoned) -> Result<jiff::Timestamp, Failure> {
    let wrong = |error: String| Failure::new(Exit::Usage, crate::escape::shown(&error)).next(api::TIMES);
    let ms = api::when(text, now).map_err(|error| wrong(error.to_string()))?;
    jiff::Timestamp::from_millisecond(ms).map_err(|error| wrong(error.to_string()))
}

/// What has come since the manager last said where reading stands.
#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    remarks: Vec<LogRemark>,
}

impl Batch {
    fn show(&mut self, screen: &Screen) -> Result<(), Failure> {
        if !self.text.is_empty() {
            screen.print_bytes(&self.text)?;
            self.text.clear();
        }
        for remark in self.remarks.drain(..) {
            screen.warn(&crate::escape::shown(&remark.note));
        }
        Ok(())
    }
}

/// Prints log lines until their end. A manager that goes away is waited for: its successor goes on where it was.
///
/// # Errors
/// [`Failure`].
pub fn print_logs(house: &House, screen: &Screen, mut form: LogForm, wanted: &Wanted) -> Result<(), Failure> {
    let mut from: Option<String> = None;
    let mut breaks = Breaks::default();
    loop {
        let mut batch = Batch::default();
        let mut lines = match house.stream::<LogLine>(&wanted.request(from.as_deref())?) {
            // Whoever stops the manager ends those who follow.
            Err(_) if from.is_some() && house.is_stopped()? => return Ok(()),
            other => other?,
        };
        if wanted.follow {
            lines.stream().set_read_timeout(Some(LOOK)).map_err(ClientError::Broken)?;
        }
        // A manager of an older version never says where reading stands.
        let mut says_where = false;
        let mut reader = LogReader::default();
        let broken = loop {
            match lines.next_bytes() {
                Ok(Some(b"")) => {}
                Ok(Some(bytes)) => match reader.read(bytes)? {
                    LogRead::Line(line) => form.put(line, &mut batch.text)?,
                    LogRead::Remark(remark) => batch.remarks.push(remark),
                    LogRead::Cursor(cursor) => {
                        batch.show(screen)?;
                        (from, says_where) = (Some(cursor), true);
                        breaks.fruit();
                    }
                },
                Ok(None) if wanted.follow => break None,
                Ok(None) => return batch.show(screen),
                Err(ClientError::NotYet) => {
                    if screen.nobody_reads() {
                        return Err(Failure::NobodyReads);
                    }
                }
                Err(ClientError::Broken(error)) => break Some(error),
                Err(error) => return Err(error.into()),
            }
            if !says_where && from.is_none() && wanted.follow {
                batch.show(screen)?;
            }
        };
        if wanted.follow && house.is_stopped()? {
            return Ok(());
        }
        if !breaks.again() {
            return Err(ClientError::Broken(broken.unwrap_or_else(|| std::io::ErrorKind::UnexpectedEof.into())).into());
        }
    }
}
