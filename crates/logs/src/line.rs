//! What is read, and from where.

use model::{InstanceId, LogFormat, SlotRef, Stream, Wall};

/// One log of one slot: a chain of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Whose.
    pub slot: SlotRef,
    /// Which stream; `None` = both go to this file, and its index (or each line) tells them apart.
    pub stream: Option<Stream>,
    /// The current file, as the scribe is told.
    pub path: String,
    /// What stands in it.
    pub format: LogFormat,
    /// Whether other slots write to the file too; then `slot` is the first of them.
    pub shared: bool,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written, where that is known.
    pub time: Option<Wall>,
    /// Which life wrote it, where that is known.
    pub instance: Option<InstanceId>,
    /// The slot, where the line itself says it (`json`).
    pub slot: Option<String>,
    /// Which stream.
    pub stream: Stream,
    /// The line without its line feed, as it was written.
    pub bytes: Vec<u8>,
    /// Whether it has no end of its own: it goes on in the next line, or its writer ended within it.
    pub partial: bool,
}

/// Something that happened to the log instead of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The reader was too far behind; so many lines were passed over.
    Skipped(u64),
    /// The file became shorter under the reader, who goes on at its beginning.
    Cleared,
    /// Where the reader stood is gone; it goes on with the oldest that is left.
    Gone,
    /// A file cannot be read (to its end): which, and why.
    Unreadable(String, String),
}

/// One step of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A line.
    Line(Line),
    /// Something to be told.
    Note(Note),
}
