//! The kernel's tables.

use super::disk::Disk;
use super::fifo::Fifo;
use super::handle::Handle;
use super::process::{Ending, Proc};
use super::socket::Socket;
use super::voice::Voice;
use crate::check::Checks;
use crate::dice::Dice;
use crate::trace::Trace;
use model::{AppName, InstanceId};
use std::collections::BTreeMap;

/// What a path names besides log files and indexes, which have a disk of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// A FIFO.
    Fifo(usize),
    /// A lock file.
    Lock(usize),
}

/// How friendly this kernel is.
#[derive(Debug, Clone)]
pub struct Weather {
    /// `fork` fails once in so many times; 0 = never.
    pub fork_fails: u64,
    /// `open` fails with `EMFILE` once in so many times; 0 = never.
    pub open_fails: u64,
    /// Writing to the disk fails with `ENOSPC` once in so many times; 0 = never.
    pub write_fails: u64,
    /// Whether the end of a process that is not one's child can be asked for (Linux 6.15).
    pub tells_ends: bool,
    /// How long init takes to reap, at most.
    pub lazy_init: u64,
    /// Pids below this are given out, round and round.
    pub pids: u32,
    /// Messages that a link holds in one direction.
    pub link: usize,
    /// Bytes that a socket holds in one direction.
    pub socket: usize,
    /// Programs take so many times as long between two things.
    pub pace: u64,
    /// Programs print no more.
    pub quiet: bool,
    /// Programs have a say: they get ready, fall ill, give signs of life.
    pub mixed: bool,
    /// Programs are ready soon and stay well, and hooks succeed.
    pub kind: bool,
}

/// A lock file: the pid that stands in it, and who holds the lock.
#[derive(Debug, Clone, Default)]
pub struct LockFile {
    /// What was written into it.
    pub text: Option<u32>,
    /// The open file that has the lock.
    pub holder: Option<u32>,
}

/// The machine.
#[derive(Debug)]
pub struct Kernel {
    /// Nanoseconds of the monotonic clock.
    pub now: u64,
    /// What the wall clock is ahead of it, in milliseconds.
    pub wall_ahead: i64,
    /// Chance.
    pub dice: Dice,
    /// Chance of what befalls lives besides.
    pub luck: Dice,
    /// How friendly it is.
    pub weather: Weather,
    /// Every process, zombies included.
    pub procs: BTreeMap<u32, Proc>,
    /// Ends of processes that have been reaped, for pidfds.
    pub ends: BTreeMap<(u32, u64), Ending>,
    /// When a pid was given back.
    pub freed: BTreeMap<u32, u64>,
    pub(crate) next_pid: u32,
    /// Open files, by number.
    pub handles: BTreeMap<u32, Handle>,
    pub(crate) next_handle: u32,
    /// Every FIFO that ever was.
    pub fifos: Vec<Fifo>,
    /// Every socket pair that ever was.
    pub sockets: Vec<Socket>,
    /// Every lock file that ever was.
    pub locks: Vec<LockFile>,
    /// FIFOs and lock files by name.
    pub paths: BTreeMap<String, Node>,
    /// Log files and indexes.
    pub disk: Disk,
    /// How lives are, and what they say of it.
    pub voices: BTreeMap<InstanceId, Voice>,
    /// When watched files of an app last changed.
    pub touched: BTreeMap<AppName, u64>,
    /// Lives of which a process was killed because memory was short, and nobody was told.
    pub starved: Vec<InstanceId>,
    /// What must hold.
    pub checks: Checks,
    /// The screenplay.
    pub trace: Trace,
}

impl Kernel {
    /// A machine that has just booted.
    pub fn new(seed: u64, weather: Weather) -> Kernel {
        Kernel {
            now: 5_000_000_000,
            wall_ahead: 1_700_000_000_000,
            dice: Dice::new(seed),
            luck: Dice::new(seed ^ 0x5eed),
            weather,
            procs: BTreeMap::new(),
            ends: BTreeMap::new(),
            freed: BTreeMap::new(),
            next_pid: 2,
            handles: BTreeMap::new(),
            next_handle: 1,
            fifos: Vec::new(),
            sockets: Vec::new(),
            locks: Vec::new(),
            paths: BTreeMap::new(),
            disk: Disk::default(),
            voices: BTreeMap::new(),
            touched: BTreeMap::new(),
            starved: Vec::new(),
            checks: Checks::default(),
            trace: Trace::default(),
        }
    }

    /// The wall clock, in milliseconds.
    pub fn wall(&self) -> i64 {
        (self.now / 1_000_000) as i64 + self.wall_ahead
    }

    /// Makes a FIFO; one that has the name loses it.
    pub fn make_fifo(&mut self, path: &str) {
        self.fifos.push(Fifo::new(path));
        self.paths.insert(path.to_owned(), Node::Fifo(self.fifos.len() - 1));
    }

    /// Takes a name away.
    pub fn unlink(&mut self, path: &str) {
        self.paths.remove(path);
    }
}
