//! The keeper's own log: lines for people, in a bounded buffer that somebody may or may not read.

use super::effect::FdToken;
use super::state::Core;
use wire::Name;
use wire::ledger::{Entry, LedgerError, Writer};

/// How grave a line of the log is; as a filter: it and what is below is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As a filter: nothing is hidden.
    None,
    /// Steps of our own.
    Trace,
    /// Commands.
    Debug,
    /// What a person may want to know.
    Info,
    /// What may be wrong.
    Warning,
    /// What went wrong.
    Error,
    /// What ends the keeper.
    Fatal,
}

const LEVELS: [(Level, &str); 7] = [
    (Level::None, "none"),
    (Level::Trace, "trace"),
    (Level::Debug, "debug"),
    (Level::Info, "info"),
    (Level::Warning, "warning"),
    (Level::Error, "error"),
    (Level::Fatal, "fatal"),
];

impl Level {
    /// Its word.
    pub fn word(self) -> &'static str {
        LEVELS[self as usize].1
    }

    /// The level of that word.
    pub(super) fn of(word: &[u8]) -> Option<Level> {
        LEVELS.iter().find(|(_, known)| known.as_bytes() == word).map(|(level, _)| *level)
    }

    /// So many steps further, but not beyond the ends: a filter that hides more or less.
    #[must_use]
    pub fn moved(self, steps: i32) -> Level {
        LEVELS[(self as i32).saturating_add(steps).clamp(0, LEVELS.len() as i32 - 1) as usize].0
    }
}

/// Bytes of log that wait, at most.
const ROOM: usize = 1024;

/// Where the log goes, and what waits to go there.
pub(super) struct Log {
    pub(super) filter: Level,
    /// The name of a held descriptor; `None` is descriptor 2.
    pub(super) dest: Option<Name>,
    bytes: Vec<u8>,
    /// Lines that found no room since the last that said so.
    lost: u64,
}

impl Log {
    pub(super) fn new(filter: Level) -> Log {
        Log { filter, dest: None, bytes: Vec::with_capacity(ROOM), lost: 0 }
    }

    fn add(&mut self, level: Level, parts: &[&[u8]]) {
        let (before, word) = (self.bytes.len(), level.word());
        let needed = word.len() + 3 + parts.iter().map(|part| part.len()).sum::<usize>();
        if self.lost > 0 || before + needed > ROOM {
            self.lost += 1;
            return;
        }
        self.bytes.extend_from_slice(word.as_bytes());
        self.bytes.extend_from_slice(b": ");
        for part in parts {
            // A line of the log is one line whatever it quotes.
            self.bytes.extend(part.iter().map(|b| if *b == b'\n' { b'?' } else { *b }));
        }
        self.bytes.push(b'\n');
    }

    fn confess(&mut self) {
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 && Level::Warning > self.filter {
            use std::io::Write;
            writeln!(self.bytes, "warning: lost {lost} log messages").expect("writing to memory");
        }
    }

    pub(super) fn note_written(&mut self, count: usize) {
        self.bytes.drain(..count.min(self.bytes.len()));
        if self.bytes.is_empty() {
            self.confess();
        }
    }

    pub(super) fn save(&self, ledger: &mut Writer) {
        let dest = self.dest.as_ref().map_or(&b""[..], |name| name.as_ref());
        ledger.line("core.log").field(dest).number(self.lost).field(&self.bytes);
    }

    pub(super) fn restore(&mut self, entry: &mut Entry) -> Result<(), LedgerError> {
        self.dest = Name::new(entry.field()?);
        self.lost = entry.number()?;
        self.bytes.extend_from_slice(&entry.field()?);
        Ok(())
    }

    /// What waits can never be written there.
    pub(super) fn drop_all(&mut self) {
        self.lost += self.bytes.iter().filter(|b| **b == b'\n').count() as u64;
        self.bytes.clear();
    }
}

impl Core {
    /// Adds a line to the own log, made of these parts; hidden when the filter says so, dropped and counted when there is no room.
    pub fn log(&mut self, level: Level, parts: &[&[u8]]) {
        if level > self.log.filter {
            // After a refusal by the descriptor, the next line tries again and says first what was lost.
            if self.log.bytes.is_empty() {
                self.log.confess();
            }
            self.log.add(level, parts);
        }
    }

    /// What of the log waits, and where it goes (`None`: descriptor 2). `None` when nothing waits, or the descriptor is not there (again).
    pub fn log_unsent(&self) -> Option<(Option<FdToken>, &[u8])> {
        let bytes = Some(&self.log.bytes[..]).filter(|bytes| !bytes.is_empty())?;
        match &self.log.dest {
            None => Some((None, bytes)),
            Some(name) => Some((Some(self.held[self.held.find(name)?].token?), bytes)),
        }
    }
}
