//! FIFOs: 64 KiB, any number of readers and writers.

use super::handle::{Handle, HandleId, What};
use super::state::Kernel;
use std::collections::VecDeque;

/// Bytes that one holds.
pub const CAPACITY: usize = 64 * 1024;

/// A FIFO.
#[derive(Debug, Clone)]
pub struct Fifo {
    /// The name under which it was made.
    pub path: String,
    /// What has been written and not read.
    pub queue: VecDeque<u8>,
    /// Open files that read.
    pub readers: u32,
    /// Open files that write.
    pub writers: u32,
    /// Writers that ever came.
    pub came: u64,
    /// Bytes that were ever written.
    pub written: u64,
    /// Bytes that were ever read.
    pub taken: u64,
    /// Bytes that were in it when its last descriptor was closed.
    pub lost: u64,
    /// Some line was written in two parts with time in between: it may be cut.
    pub slow: bool,
    /// Its lines are written in a form: an unfinished one waits here.
    pub formed: bool,
    /// What was read and discarded: place and count.
    pub dropped: Vec<(u64, u64)>,
}

/// What a reader meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Bytes.
    Bytes,
    /// Nothing yet.
    Empty,
    /// Nothing, and nobody writes.
    End,
}

/// Bytes taken from a FIFO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// From which.
    pub fifo: usize,
    /// Where they stand among all that was written.
    pub from: u64,
    /// What.
    pub bytes: Vec<u8>,
}

impl Fifo {
    pub(crate) fn new(path: &str) -> Fifo {
        Fifo {
            path: path.to_owned(),
            queue: VecDeque::new(),
            readers: 0,
            writers: 0,
            came: 0,
            written: 0,
            taken: 0,
            lost: 0,
            slow: false,
            formed: false,
            dropped: Vec::new(),
        }
    }

    /// Whether all of it is in its log, but for a line that is to be written in a form and is not finished.
    pub fn is_carried(&self) -> bool {
        self.queue.is_empty() || (self.formed && !self.queue.contains(&b'\n'))
    }

    /// Where the next byte is to be found that was not discarded, from this place on.
    pub fn kept_from(&self, mut place: u64) -> u64 {
        for (from, len) in &self.dropped {
            if *from == place {
                place += len;
            }
        }
        place
    }

    /// Bytes that may be written now without waiting; a short write waits until all of it fits.
    pub fn room(&self, len: usize) -> usize {
        let free = CAPACITY - self.queue.len();
        if len <= 4096 && free < len { 0 } else { free.min(len) }
    }
}

impl Kernel {
    fn fifo_of(&self, id: HandleId) -> Option<(usize, u64)> {
        match self.handles.get(&id) {
            Some(Handle { what: What::Fifo { fifo, seen, .. }, .. }) => Some((*fifo, *seen)),
            _ => None,
        }
    }

    /// Whether this is a reader of another FIFO.
    pub(crate) fn is_other_stream(&self, id: HandleId, than: usize) -> bool {
        matches!(self.handles.get(&id), Some(Handle { what: What::Fifo { fifo, reads: true, .. }, .. }) if *fifo != than)
    }

    /// What a read would meet.
    pub fn flow(&self, id: HandleId) -> Flow {
        match self.fifo_of(id).map(|(fifo, _)| &self.fifos[fifo]) {
            Some(fifo) if !fifo.queue.is_empty() => Flow::Bytes,
            Some(fifo) if fifo.writers > 0 => Flow::Empty,
            _ => Flow::End,
        }
    }

    /// Whether `poll` would report this reader: bytes, or a hang-up by a writer that came after it was opened.
    pub fn polls(&self, id: HandleId) -> bool {
        let Some((fifo, seen)) = self.fifo_of(id) else { return false };
        let fifo = &self.fifos[fifo];
        !fifo.queue.is_empty() || (fifo.writers == 0 && fifo.came != seen)
    }

    /// How much was ever written, and how many writers there are: what an edge is made of.
    pub fn edge(&self, id: HandleId) -> (u64, bool) {
        self.fifo_of(id).map_or((0, true), |(fifo, _)| (self.fifos[fifo].written, self.fifos[fifo].writers == 0))
    }

    /// The next bytes, left where they are.
    pub fn peek(&mut self, id: HandleId, most: usize) -> Vec<u8> {
        let Some((fifo, _)) = self.fifo_of(id) else { return Vec::new() };
        let queue = self.fifos[fifo].queue.make_contiguous();
        queue[..queue.len().min(most)].to_vec()
    }

    /// The next bytes, taken out.
    pub fn take(&mut self, id: HandleId, most: usize) -> Option<Read> {
        let (fifo, _) = self.fifo_of(id)?;
        let pipe = &mut self.fifos[fifo];
        let count = pipe.queue.len().min(most);
        let bytes: Vec<u8> = pipe.queue.drain(..count).collect();
        let from = pipe.taken;
        pipe.taken += count as u64;
        Some(Read { fifo, from, bytes })
    }

    /// Writes as much as fits; `None` = nobody reads (`SIGPIPE`).
    pub fn write(&mut self, id: HandleId, bytes: &[u8]) -> Option<usize> {
        let Some((fifo, _)) = self.fifo_of(id) else { return Some(bytes.len()) };
        let pipe = &mut self.fifos[fifo];
        if pipe.readers == 0 {
            return None;
        }
        let count = pipe.room(bytes.len());
        pipe.queue.extend(&bytes[..count]);
        pipe.written += count as u64;
        Some(count)
    }

    /// Which FIFO this reader reads, and how much has been taken from it.
    pub fn place(&self, id: HandleId) -> Option<(usize, u64)> {
        self.fifo_of(id).map(|(fifo, _)| (fifo, self.fifos[fifo].taken))
    }

    /// What a writer of this reader's FIFO meets; it is known from now on that lines wait in it.
    pub fn prospect(&mut self, id: HandleId) -> Option<(u32, usize)> {
        let (fifo, _) = self.fifo_of(id)?;
        let fifo = &mut self.fifos[fifo];
        fifo.formed = true;
        // A reader that came late is told of the end once a writer has come and gone.
        fifo.came += 1;
        Some((fifo.writers, CAPACITY - fifo.queue.len()))
    }

    /// Reads and forgets.
    pub fn discard(&mut self, id: HandleId, most: usize) -> Option<u64> {
        let read = self.take(id, most)?;
        self.fifos[read.fifo].dropped.push((read.from, read.bytes.len() as u64));
        Some(read.bytes.len() as u64)
    }

    /// Notes that a line was written in parts.
    pub fn wrote_slowly(&mut self, id: HandleId) {
        if let Some((fifo, _)) = self.fifo_of(id) {
            self.fifos[fifo].slow = true;
        }
    }
}
