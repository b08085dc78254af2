//! Log files, with the origin of every byte, and their indexes.

use model::IndexRecord;
use std::collections::BTreeMap;

/// Bytes of a log file that came together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// From which FIFO and which place in it; `None` = a line feed of ours, or a line about a gap.
    pub source: Option<(usize, u64)>,
    /// How many.
    pub len: u64,
    /// How many bytes of the FIFO they stand for; 0 = the first half of a write, of which the other has not come.
    pub raw: u64,
    /// Whether they are lines in a form.
    pub formed: bool,
    /// Whether the last of them is a line feed.
    pub ends_line: bool,
}

/// A log file.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// Its size.
    pub size: u64,
    /// Its last byte.
    pub last: u8,
    /// Where its bytes came from.
    pub pieces: Vec<Piece>,
}

/// Log files and indexes by name.
#[derive(Debug, Default)]
pub struct Disk {
    /// Every log file that ever was.
    pub logs: Vec<Log>,
    /// Their names.
    pub paths: BTreeMap<String, usize>,
    /// Every index that ever was.
    pub indexes: Vec<Vec<IndexRecord>>,
    /// Their names.
    pub index_paths: BTreeMap<String, usize>,
    /// Log files that were removed, in order, by the name of their log.
    pub removed: BTreeMap<String, Vec<usize>>,
}

/// The log that a rotated file belongs to: its name without the number.
fn stem(path: &str) -> String {
    match path.rsplit_once('.') {
        Some((stem, number)) if number.parse::<u32>().is_ok() => stem.to_owned(),
        _ => path.to_owned(),
    }
}

impl Disk {
    /// Opens a log file, making it where asked.
    pub fn open_log(&mut self, path: &str, create: bool) -> Option<usize> {
        if !self.paths.contains_key(path) && create {
            self.logs.push(Log::default());
            self.paths.insert(path.to_owned(), self.logs.len() - 1);
        }
        self.paths.get(path).copied()
    }

    /// Opens an index, making it where it is missing.
    pub fn open_index(&mut self, path: &str) -> usize {
        if let Some(at) = self.index_paths.get(path) {
            return *at;
        }
        self.indexes.push(Vec::new());
        self.index_paths.insert(path.to_owned(), self.indexes.len() - 1);
        self.indexes.len() - 1
    }

    /// Writes at the end of a log file; the place where it was meant to be.
    ///
    /// # Errors
    /// In words, when that is not the end.
    pub fn append(&mut self, log: usize, at: u64, bytes: &[u8], source: Option<(usize, u64)>) -> Result<(), String> {
        let file = &mut self.logs[log];
        let Some(last) = bytes.last() else { return Ok(()) };
        if at != file.size {
            return Err(format!("I9: {} bytes were written at {at} of a log file of {} bytes", bytes.len(), file.size));
        }
        file.size += bytes.len() as u64;
        file.last = *last;
        let len = bytes.len() as u64;
        let piece = Piece { source, len, raw: len, formed: false, ends_line: *last == b'\n' };
        match file.pieces.last_mut() {
            Some(before)
                if !before.formed
                    && source.is_some()
                    && before.source.map(|(fifo, from)| (fifo, from + before.len)) == source =>
            {
                before.len += piece.len;
                before.raw += piece.raw;
                before.ends_line = piece.ends_line;
            }
            _ => file.pieces.push(piece),
        }
        Ok(())
    }

    /// Writes lines in a form, which stand for so many bytes of a FIFO, at the end of a log file.
    ///
    /// # Errors
    /// In words, when that is not the end.
    pub fn append_formed(&mut self, log: usize, at: u64, bytes: &[u8], source: (usize, u64), raw: u64) -> Result<(), String> {
        let pieces = self.logs[log].pieces.len();
        // Without a source it is not joined with what stands before it.
        self.append(log, at, bytes, None)?;
        if let Some(piece) = self.logs[log].pieces.get_mut(pieces) {
            (piece.source, piece.raw, piece.formed) = (Some(source), raw, true);
        }
        Ok(())
    }

    /// Renames a log or an index. Whether there was one.
    pub fn rename(&mut self, from: &str, to: &str) -> bool {
        if let Some(index) = self.index_paths.remove(from) {
            self.index_paths.insert(to.to_owned(), index);
            return true;
        }
        let Some(log) = self.paths.remove(from) else { return false };
        if let Some(old) = self.paths.insert(to.to_owned(), log) {
            self.removed.entry(stem(to)).or_default().push(old);
        }
        true
    }

    /// Removes a log or an index.
    pub fn remove(&mut self, path: &str) {
        self.index_paths.remove(path);
        if let Some(old) = self.paths.remove(path) {
            self.removed.entry(stem(path)).or_default().push(old);
        }
    }

    /// Whether a log of this name exists.
    pub fn has_log(&self, path: &str) -> bool {
        self.paths.contains_key(path)
    }

    /// Whether an index of this name exists.
    pub fn has_index(&self, path: &str) -> bool {
        self.index_paths.contains_key(path)
    }

    /// The files of every log, oldest first, removed ones included.
    pub fn chains(&self) -> BTreeMap<String, Vec<usize>> {
        let mut chains: BTreeMap<String, Vec<(u32, usize)>> = BTreeMap::new();
        for (path, log) in &self.paths {
            let number = path.rsplit_once('.').and_then(|(_, number)| number.parse().ok()).unwrap_or(0);
            chains.entry(stem(path)).or_default().push((number, *log));
        }
        let mut all: BTreeMap<String, Vec<usize>> = self.removed.clone();
        for (stem, mut files) in chains {
            files.sort_unstable_by(|a, b| b.cmp(a));
            all.entry(stem).or_default().extend(files.into_iter().map(|(_, log)| log));
        }
        all
    }
}
