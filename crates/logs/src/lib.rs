//! Reading log files: the last lines of a large file, those of an hour, and those that are still to come; across rotation and compression,
//! several logs interleaved by time. Memory is bounded whatever the files hold.
//!
//! A log is a *chain* of files, oldest first: `FILE.N.gz` … `FILE.1`, `FILE`. The index beside each says when, and by which life, bytes were
//! written; a lost or torn index means unknown times, never an error. A [`Reader`] walks one chain, a [`Merge`] several. A reader that has
//! reached the end is asked again when the file grew; from where it stands it finds its way on though its file is renamed, compressed,
//! removed or emptied meanwhile, because it knows its file by what its index begins with, or by its inode, and not by its name.
//!
//! A [`Cursor`] says where every reader of a merge stands. Another process goes on from there: nothing is missed, nothing said twice.

mod begin;
mod chain;
mod cursor;
mod cut;
mod file;
mod form;
mod hold;
mod index;
mod lag;
mod line;
mod merge;
mod query;
mod reader;
mod tail;

pub use cursor::{Cursor, Position};
pub use lag::LAG_BYTES;
pub use line::{Found, Line, Note, Source};
pub use merge::Merge;
pub use query::{BadPattern, Filter, Query};
pub use reader::Reader;

#[cfg(test)]
mod tests;
