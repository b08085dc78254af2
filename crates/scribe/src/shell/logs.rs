//! An open log file and the index beside it.

use crate::core::{Cause, Sibling, index_path, rotated_path};
use model::{INDEX_RECORD_BYTES, IndexRecord};
use std::os::unix::fs::FileExt;
use std::path::Path;
use sys::stream::LogHandle;

const RECORD: u64 = INDEX_RECORD_BYTES as u64;

/// A log file with its index.
#[derive(Debug)]
pub(super) struct Log {
    pub handle: LogHandle,
    index: Option<LogHandle>,
}

impl Log {
    pub fn new(handle: LogHandle) -> Log {
        Log { handle, index: None }
    }

    /// Opens the index, cuts off a torn tail, and returns the last record.
    pub fn open_index(&mut self) -> Result<Option<IndexRecord>, Cause> {
        self.index = None;
        let path = index_path(&self.handle.path().to_string_lossy());
        let (index, size) = LogHandle::open(Path::new(&path), true).map_err(Cause)?.ok_or(Cause("ENOENT"))?;
        let whole = size - size % RECORD;
        if whole != size {
            index.file().set_len(whole).map_err(|error| cause(&error))?;
        }
        let mut bytes = [0; INDEX_RECORD_BYTES];
        let last = match whole.checked_sub(RECORD) {
            Some(at) => index.file().read_exact_at(&mut bytes, at).ok().and_then(|()| IndexRecord::decode(&bytes)),
            None => None,
        };
        self.index = Some(index);
        Ok(last)
    }

    /// Appends a record at the next whole place. An index that was removed from outside is made anew.
    pub fn append(&mut self, record: &IndexRecord) -> Result<(), Cause> {
        let index = self.index.as_ref().ok_or(Cause("ENOENT"))?;
        let size = match index.size().map_err(Cause)? {
            Some(size) => size,
            None => {
                self.open_index()?;
                0
            }
        };
        let index = self.index.as_ref().ok_or(Cause("ENOENT"))?;
        index.file().write_all_at(&record.encode(), size - size % RECORD).map_err(|error| cause(&error))
    }

    pub fn reset_index(&mut self) -> Result<(), Cause> {
        let index = self.index.as_ref().ok_or(Cause("ENOENT"))?;
        index.file().set_len(0).map_err(|error| cause(&error))
    }

    pub fn last_byte(&self, size: u64) -> Result<u8, Cause> {
        let mut byte = [0];
        let at = size.saturating_sub(1);
        self.handle.file().read_exact_at(&mut byte, at).map_err(|error| cause(&error))?;
        Ok(byte[0])
    }

    pub fn put_newline(&self, at: u64) -> Result<(), Cause> {
        self.handle.file().write_all_at(b"\n", at).map_err(|error| cause(&error))
    }
}

/// What rotated files stand beside a log.
pub(super) fn siblings(path: &str) -> Vec<Sibling> {
    let exists = |path: &str| std::fs::symlink_metadata(path).is_ok();
    crate::core::siblings(|n| {
        let rotated = rotated_path(path, n);
        Sibling { log: exists(&rotated), index: exists(&index_path(&rotated)) }
    })
}

/// The error as a word.
pub(super) fn cause(error: &std::io::Error) -> Cause {
    Cause(sys::errno::name_of(error))
}
