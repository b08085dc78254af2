//! The index beside a log file, read in small blocks. Whatever it holds, the worst that comes of it is a time that is not known.

use crate::file::open_regular;
use model::{INDEX_RECORD_BYTES, IndexRecord, InstanceId, Wall};
use std::fs::File;
use std::hash::Hasher;
use std::os::unix::fs::FileExt;

const RECORD: u64 = INDEX_RECORD_BYTES as u64;
/// Records that are read at once.
const BLOCK: u64 = 128;

/// An open index, or none.
#[derive(Debug, Default)]
pub(crate) struct Index {
    file: Option<File>,
    /// Records that are known to be there.
    count: u64,
    block: Vec<IndexRecord>,
    /// Number of the first record of the block.
    block_at: u64,
}

impl Index {
    pub(crate) fn open(path: &str) -> Index {
        let mut index = Index { file: open_regular(path).ok(), ..Index::default() };
        index.refresh();
        index
    }

    pub(crate) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Looks how many records there are now.
    pub(crate) fn refresh(&mut self) {
        let count = self.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |meta| meta.len() / RECORD);
        if count < self.count || self.block_at + self.block.len() as u64 == self.count {
            // Emptied, or the last block may have grown.
            self.block.clear();
        }
        self.count = count;
    }

    /// How many records there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// What tells this file from any other: a hash of the record at its beginning, where there is one.
    pub(crate) fn mark(&self) -> Option<u64> {
        let mut bytes = [0; INDEX_RECORD_BYTES];
        self.file.as_ref()?.read_exact_at(&mut bytes, 0).ok()?;
        let first = IndexRecord::decode(&bytes)?;
        (first.offset == 0).then(|| hash(&bytes))
    }

    /// The newest record.
    pub(crate) fn newest(&mut self) -> Option<IndexRecord> {
        self.record(self.count.checked_sub(1)?)
    }

    /// A record by number.
    pub(crate) fn record(&mut self, n: u64) -> Option<IndexRecord> {
        if n >= self.count {
            return None;
        }
        if n < self.block_at || n >= self.block_at + self.block.len() as u64 {
            self.load(n / BLOCK * BLOCK);
        }
        self.block.get(usize::try_from(n.checked_sub(self.block_at)?).ok()?).copied()
    }

    /// The first record of a life: its number, and its place in the file.
    pub(crate) fn first_of(&mut self, life: InstanceId) -> Option<(u64, u64)> {
        let found = (0..self.count).find_map(|n| Some((n, self.record(n).filter(|record| record.instance == life)?)));
        found.map(|(n, record)| (n, record.offset))
    }

    fn load(&mut self, from: u64) {
        self.block.clear();
        self.block_at = from;
        let Some(file) = &self.file else { return };
        let mut bytes = vec![0; ((self.count - from).min(BLOCK) * RECORD) as usize];
        let mut done = 0;
        while let Ok(got @ 1..) = file.read_at(&mut bytes[done..], from * RECORD + done as u64) {
            done += got;
        }
        self.block.extend(bytes[..done].chunks_exact(INDEX_RECORD_BYTES).filter_map(IndexRecord::decode));
    }

    /// How many records at the beginning are as asked; they must stand before all others.
    pub(crate) fn count_while(&mut self, asked: impl Fn(&IndexRecord) -> bool) -> u64 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.record(middle) {
                Some(record) if asked(&record) => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// Where lines from `since` on begin, and where those after `until` do: lines that begin in between may be meant. `slack` records more on
    /// each side, for lines that have times of their own.
    pub(crate) fn bounds(&mut self, since: Option<Wall>, until: Option<Wall>, slack: u64) -> (u64, u64) {
        let mut bounds = (0, u64::MAX);
        if self.count == 0 {
            return bounds;
        }
        if let Some(since) = since {
            let before = self.count_while(|record| record.wall < since);
            bounds.0 = match before.saturating_sub(slack) {
                // What stands before the first record is of unknown time.
                0 => 0,
                n => self.record(n).map_or(u64::MAX, |record| record.offset),
            };
        }
        if let Some(until) = until {
            let up_to = self.count_while(|record| record.wall <= until);
            bounds.1 = self.record(up_to.saturating_add(slack)).map_or(u64::MAX, |record| record.offset);
        }
        bounds
    }
}

/// A walk along the index beside a walk along the file.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) index: Index,
    /// Number of the first record behind where we are.
    next: u64,
    /// The last record that is not behind it.
    current: Option<IndexRecord>,
}

impl Walk {
    pub(crate) fn new(index: Index) -> Walk {
        Walk { index, next: 0, current: None }
    }

    /// Goes to a place in the file, wherever it was before.
    pub(crate) fn seek(&mut self, offset: u64) {
        self.next = self.index.count_while(|record| record.offset <= offset);
        self.current = self.next.checked_sub(1).and_then(|n| self.index.record(n));
    }

    /// Looks for records that have been written meanwhile. To be called behind each reading of bytes, since theirs are written after them.
    pub(crate) fn refresh(&mut self) {
        self.index.refresh();
    }

    /// The record of a place; places are asked for in order.
    pub(crate) fn of(&mut self, offset: u64) -> Option<IndexRecord> {
        while let Some(record) = self.index.record(self.next).filter(|record| record.offset <= offset) {
            self.current = Some(record);
            self.next += 1;
        }
        self.current
    }

    /// The first place behind the last one asked for, up to `to`, before which we cut a line.
    pub(crate) fn cut_up_to(&mut self, to: u64) -> Option<u64> {
        let mut n = self.next;
        while let Some(record) = self.index.record(n).filter(|record| record.offset <= to) {
            if record.flags.partial {
                return Some(record.offset);
            }
            n += 1;
        }
        None
    }
}

/// FNV-1a: it tells files apart, it protects nothing.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = fnv::FnvHasher::default();
    hasher.write(bytes);
    hasher.finish()
}
