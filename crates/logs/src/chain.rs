//! The files of one log, and how one is known again under another name.

use crate::file::{Bytes, open_regular};
use crate::index::{Index, Walk};
use model::beside::{index_path, places, rotated_path, zipped_path};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

/// How often to look again at a folder in which files are being renamed.
const LOOKS: u32 = 20;

/// What tells a file from any other.
///
/// The record at the beginning of its index holds the time in nanoseconds: it stays the same when the file is renamed, and when it is compressed. An
/// inode stays the same when a file is renamed, but is given to another when it is removed; it counts only where an index is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) inode: u64,
    pub(crate) mark: Option<u64>,
}

impl Identity {
    pub(crate) fn is(&self, other: &Identity) -> bool {
        match (self.mark, other.mark) {
            (Some(a), Some(b)) => a == b,
            (_, None) | (None, _) => self.inode == other.inode,
        }
    }
}

/// One file of a chain.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: String,
    index: String,
    pub(crate) packed: bool,
    pub(crate) id: Identity,
    /// Bytes on the disk.
    pub(crate) size: u64,
    /// Milliseconds since 1970 of the last write.
    pub(crate) changed: i64,
}

/// The bytes and the index of an entry.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) bytes: Bytes,
    pub(crate) walk: Walk,
}

impl Entry {
    fn look(path: String, index: String, packed: bool) -> Option<Entry> {
        for _ in 0..LOOKS {
            let before = regular(&path)?;
            let mark = Index::open(&index).mark();
            // The index is that of the file only if the file was there under this name before and after.
            let after = regular(&path)?;
            if before.ino() == after.ino() {
                let changed = after.mtime().saturating_mul(1000).saturating_add(after.mtime_nsec() / 1_000_000);
                let id = Identity { inode: after.ino(), mark };
                return Some(Entry { path, index, packed, id, size: after.len(), changed });
            }
        }
        None
    }

    /// Opens it at a place.
    ///
    /// # Errors
    /// It cannot be read, or has another name by now.
    pub(crate) fn open(&self, at: u64) -> io::Result<Opened> {
        let other = || io::Error::from(io::ErrorKind::NotFound);
        let file = open_regular(&self.path)?;
        if file.metadata()?.ino() != self.id.inode {
            return Err(other());
        }
        let index = Index::open(&self.index);
        let there = regular(&self.path).ok_or_else(other)?;
        if there.ino() != self.id.inode {
            return Err(other());
        }
        let mut walk = Walk::new(index);
        walk.seek(at);
        Ok(Opened { bytes: Bytes::open(file, self.packed, at)?, walk })
    }

    /// Its index alone.
    pub(crate) fn index(&self) -> Index {
        Index::open(&self.index)
    }
}

/// What stands at a path, if it is a file.
pub(crate) fn regular(path: &str) -> Option<Metadata> {
    fs::symlink_metadata(path).ok().filter(Metadata::is_file)
}

/// The files of a log, oldest first, the current one last. Names only go upwards, so whoever looks upwards may see a file twice, but misses none.
pub(crate) fn look(path: &str) -> Vec<Entry> {
    let mut found: Vec<Entry> = Entry::look(path.to_owned(), index_path(path), false).into_iter().collect();
    let at = |n: usize| {
        let name = rotated_path(path, n);
        let index = index_path(&name);
        Entry::look(name.clone(), index.clone(), false).or_else(|| Entry::look(zipped_path(&name), index, true))
    };
    for entry in places(at, Option::is_none).into_iter().flatten() {
        // The same file again, renamed meanwhile: its new name counts.
        found.retain(|other| !entry.id.is(&other.id));
        found.push(entry);
    }
    found.reverse();
    found
}
