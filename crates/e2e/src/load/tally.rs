//! What became of the requests.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Everything that a load has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were answered whole, with status 200.
    pub answered: u64,
    /// Failures by reason: requests without their answer, and connections that could not be made.
    pub failed: BTreeMap<String, u64>,
    /// Connections that were refused. They stand among the failures, too.
    pub refused: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that the server closed without a word between two requests.
    pub closed_between: u64,
    /// The longest time from a request (or the attempt to connect) to the end of its answer.
    pub longest: Duration,
    /// Answers by the first word of their body.
    pub by: BTreeMap<String, u64>,
}

impl Tally {
    /// How many failures.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    pub(super) fn fail(&mut self, why: impl Into<String>) {
        *self.failed.entry(why.into()).or_default() += 1;
    }

    pub(super) fn answer(&mut self, body: &[u8], took: Duration) {
        let text = String::from_utf8_lossy(body);
        let word = text.split_whitespace().next().unwrap_or_default();
        *self.by.entry(word.to_owned()).or_default() += 1;
        self.answered += 1;
        self.longest = self.longest.max(took);
    }

    /// Nothing failed, and it was a load at all.
    ///
    /// # Panics
    /// When a request failed, or fewer than `least` were answered.
    #[track_caller]
    pub fn is_clean(&self, least: u64) {
        assert!(self.failures() == 0 && self.refused == 0, "requests failed: {self}; all: {self:#?}");
        assert!(self.answered >= least, "that was no load: {self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failures, closed) = (self.failures(), self.closed_between);
        write!(f, "{} answered, {failures} failed, {} refused; {} connections", self.answered, self.refused, self.connections)?;
        write!(f, ", {closed} closed between requests; the slowest took {:?}; {} versions", self.longest, self.by.len())
    }
}
