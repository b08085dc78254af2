//! An open log file and the index beside it.

use crate::core::{Cause, Sibling, is_beside};
use model::beside::{index_path, rotated_path, zipped_path};
use model::{INDEX_RECORD_BYTES, IndexRecord, Wall};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
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

    /// When the first byte was written: the index knows, or else the file itself, roughly.
    pub fn begun(&self) -> Result<Wall, Cause> {
        let mut bytes = [0; INDEX_RECORD_BYTES];
        let first = self.index.as_ref().and_then(|index| {
            index.file().read_exact_at(&mut bytes, 0).ok()?;
            IndexRecord::decode(&bytes).filter(|first| first.offset == 0)
        });
        if let Some(first) = first {
            return Ok(first.wall);
        }
        let seen = self.handle.file().metadata().map_err(|error| cause(&error))?;
        let time = seen.created().or_else(|_| seen.modified()).map_err(|error| cause(&error))?;
        let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
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

    /// Writes a line, whole or not at all.
    pub fn put(&self, at: u64, line: &[u8]) -> Result<(), Cause> {
        match self.write(at, line)? {
            written if written == line.len() => Ok(()),
            _ => Err(self.cut_off(at)),
        }
    }

    /// Writes as much as there is room for; the reason, if it is nothing at all.
    pub fn write(&self, at: u64, bytes: &[u8]) -> Result<usize, Cause> {
        let mut written = 0;
        while written < bytes.len() {
            match self.handle.file().write_at(&bytes[written..], at + written as u64) {
                Ok(0) => break,
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if written == 0 => return Err(cause(&error)),
                Err(_) => break,
            }
        }
        Ok(written)
    }

    /// Takes back what a short write has left from here on, and says why it was short.
    pub fn cut_off(&self, at: u64) -> Cause {
        match self.handle.file().set_len(at) {
            Ok(()) => Cause("ENOSPC"),
            Err(error) => cause(&error),
        }
    }

    pub fn put_newline(&self, at: u64) -> Result<(), Cause> {
        self.handle.file().write_all_at(b"\n", at).map_err(|error| cause(&error))
    }
}

/// What rotated files stand beside a log.
pub(super) fn siblings(path: &str) -> Vec<Sibling> {
    crate::core::siblings(|n| look(path, n).0)
}

/// What stands at the n-th place beside a log, and the bytes of the file that counts.
pub(super) fn look(path: &str, n: usize) -> (Sibling, u64) {
    let rotated = rotated_path(path, n);
    let seen = |path: &str| std::fs::symlink_metadata(path).ok();
    let (plain, zipped) = (seen(&rotated), seen(&zipped_path(&rotated)));
    let (log, zip, index) = (plain.is_some(), zipped.is_some(), seen(&index_path(&rotated)).is_some());
    let facts = plain.or(zipped).map(|seen| (seen.ino(), Wall(seen.mtime() * 1000 + seen.mtime_nsec() / 1_000_000), seen.len()));
    let (inode, written, size) = facts.unwrap_or_default();
    (Sibling { log, zip, index, inode, written }, size)
}

/// Every file that belongs to a log, but for itself and its index.
pub(super) fn beside(path: &str) -> io::Result<Vec<String>> {
    let (folder, log) = path.rsplit_once('/').unwrap_or((".", path));
    let folder = if folder.is_empty() { "/" } else { folder };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        if let Some(name) = entry?.file_name().to_str().filter(|name| is_beside(log, name)) {
            found.push(format!("{folder}/{name}"));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The error as a word.
pub(super) fn cause(error: &std::io::Error) -> Cause {
    Cause(sys::errno::name_of(error))
}
