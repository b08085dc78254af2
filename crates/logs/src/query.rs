//! What is wanted of a log.

use crate::line::Line;
use model::{InstanceId, Stream, Wall};
use regex_lite::Regex;
use std::fmt;

/// What is to be read.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only the last so many (of each log); `None` = all.
    pub lines: Option<usize>,
    /// With `lines`: looks for them in so many bytes before the end of each log and no further, and in no compressed file. Those bytes are read
    /// twice at most, so this bounds the time that it takes.
    pub reach: Option<u64>,
    /// Which lines.
    pub filter: Filter,
    /// Whether to go on as they come. Otherwise reading ends where the file ended when it began.
    pub follow: bool,
    /// Without `lines`: begins where this life's lines begin, and misses none of them: nothing is passed over however far the reader is behind,
    /// and new lines are held back longer until it is known whether they are its own. Lines of others in between are given too.
    pub life: Option<InstanceId>,
}

/// Which lines are wanted. One of unknown time passes `since` and `until`, one of an unknown life passes `instance`.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// From this time on.
    pub since: Option<Wall>,
    /// Up to this time.
    pub until: Option<Wall>,
    /// Only lines in which this is found.
    pub grep: Option<Regex>,
    /// Only this stream.
    pub stream: Option<Stream>,
    /// Only lines of this life.
    pub instance: Option<InstanceId>,
}

/// A pattern that cannot be searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPattern(String);

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadPattern {}

/// The longest pattern.
const PATTERN_BYTES: usize = 4096;
/// A pattern may become a program of at most this size.
const PROGRAM_BYTES: usize = 1 << 20;

impl Filter {
    /// Wants only lines in which this regular expression is found.
    ///
    /// # Errors
    /// It is none, or it is too large.
    pub fn with_grep(mut self, pattern: &str) -> Result<Filter, BadPattern> {
        if pattern.len() > PATTERN_BYTES {
            return Err(BadPattern(format!("it is longer than {PATTERN_BYTES} bytes")));
        }
        let built = regex_lite::RegexBuilder::new(pattern).size_limit(PROGRAM_BYTES).build();
        self.grep = Some(built.map_err(|error| BadPattern(error.to_string()))?);
        Ok(self)
    }

    /// Whether a line is wanted.
    pub fn wants(&self, line: &Line) -> bool {
        self.stream.is_none_or(|stream| line.stream == stream)
            && line.time.is_none_or(|time| self.since.is_none_or(|since| time >= since))
            && line.time.is_none_or(|time| self.until.is_none_or(|until| time <= until))
            && line.instance.is_none_or(|instance| self.instance.is_none_or(|wanted| instance == wanted))
            && self.grep.as_ref().is_none_or(|grep| grep.is_match(&String::from_utf8_lossy(&line.bytes)))
    }

    /// Whether every line is wanted.
    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Filter { since: None, until: None, grep: None, stream: None, instance: None })
    }
}
