//! What apps say of their first instruction.

use crate::ground::Ground;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use sys::handle::OpenHow;
use sys::poll::{Interest, Poller};

/// One first instruction.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// When, by `CLOCK_MONOTONIC`.
    pub ns: u64,
    /// Whose.
    pub pid: u32,
}

/// A FIFO on which apps say when they began.
#[derive(Debug)]
pub struct Stamps {
    path: PathBuf,
    fifo: File,
    poller: Poller,
}

impl Stamps {
    pub fn new(ground: &Ground) -> io::Result<Stamps> {
        let path = ground.fresh("stamps");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        let how = OpenHow { read: true, write: true, nonblock: true, ..OpenHow::default() };
        let fifo = File::from(sys::handle::open(&path, how)?);
        let poller = Poller::new()?;
        poller.add(&fifo, 0, Interest { read: true, ..Interest::default() })?;
        Ok(Stamps { path, fifo, poller })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next one.
    pub fn next(&mut self, limit: Duration) -> io::Result<Stamp> {
        Ok(self.take(1, limit)?[0])
    }

    /// The next `count`.
    pub fn take(&mut self, count: usize, limit: Duration) -> io::Result<Vec<Stamp>> {
        let deadline = sys::clock::now() + limit.as_nanos() as u64;
        let mut found = Vec::with_capacity(count);
        while found.len() < count {
            let now = sys::clock::now();
            if now >= deadline {
                return Err(io::Error::other(format!("{} of {count} apps have begun within {limit:?}", found.len())));
            }
            self.poller.wait(Some(deadline - now), &mut Vec::new())?;
            self.read(count - found.len(), &mut found)?;
        }
        Ok(found)
    }

    /// Everything that comes until a moment of the monotonic clock.
    pub fn until(&mut self, moment: u64) -> io::Result<Vec<Stamp>> {
        let mut found = Vec::new();
        loop {
            let now = sys::clock::now();
            if now >= moment {
                return Ok(found);
            }
            self.poller.wait(Some(moment - now), &mut Vec::new())?;
            self.read(4096, &mut found)?;
        }
    }

    fn read(&mut self, most: usize, found: &mut Vec<Stamp>) -> io::Result<()> {
        let mut room = [0u8; 16 * 256];
        match self.fifo.read(&mut room[..16 * most.min(256)]) {
            Ok(got) => found.extend(
                room[..got]
                    .as_chunks::<8>()
                    .0
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|[ns, pid]| Stamp { ns: u64::from_ne_bytes(*ns), pid: u64::from_ne_bytes(*pid) as u32 }),
            ),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
