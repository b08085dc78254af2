//! What comes back from the effects that ask.

use super::cut::Cut;
use super::effect::Cause;
use model::{IndexRecord, Wall};

/// The result of an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The FIFO is open.
    Fifo {
        /// Bytes that it can hold.
        capacity: u64,
    },
    /// Bytes that stand in the FIFO; at least one.
    Peeked(Cut),
    /// So many bytes were moved; at least one.
    Moved(u64),
    /// So many bytes were taken and written as lines.
    Formed {
        /// Consumed from the FIFO.
        taken: u64,
        /// Written to the file, at least one.
        written: u64,
        /// Whether the last line is partial.
        part: bool,
    },
    /// Paths.
    Beside(Vec<String>),
    /// Nothing there, but somebody may still write.
    Empty,
    /// Nothing there, and nobody holds the writing end.
    End,
    /// The log file is open.
    Log {
        /// Its size.
        size: u64,
    },
    /// No such file (or, for `Stat`, another one by that name).
    Missing,
    /// The index is open.
    Index {
        /// Its last record.
        last: Option<IndexRecord>,
    },
    /// The size.
    Size(u64),
    /// The byte.
    Tail(u8),
    /// When the file was begun.
    Begun(Wall),
    /// What rotated files exist, from 1 on.
    Siblings(Vec<Sibling>),
    /// It is done.
    Done,
    /// No room; try again when told.
    Full,
    /// It is not done.
    Failed(Cause),
}

/// One rotated place beside a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sibling {
    /// Whether `PATH.n` exists.
    pub log: bool,
    /// Whether `PATH.n.gz` exists.
    pub zip: bool,
    /// Whether `PATH.n.idx` exists.
    pub index: bool,
    /// What `PATH.n` is, or `PATH.n.gz` where there is no `PATH.n`; 0 = nothing, or it is not known.
    pub inode: u64,
    /// When that was written last.
    pub written: Wall,
}

impl Sibling {
    /// Whether there is a rotated file, in whichever form.
    pub fn is_taken(&self) -> bool {
        self.log || self.zip
    }

    /// Whether nothing at all stands there.
    pub fn is_empty(&self) -> bool {
        !self.log && !self.zip && !self.index
    }
}
