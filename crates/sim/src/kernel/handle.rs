//! Open files. One is shared by every process that inherited it and is closed with the last of them.

use super::process::RoleKind;
use super::state::{Kernel, LockFile, Node};
use crate::trace::tell;

/// The number of an open file.
pub type HandleId = u32;

/// What is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// `/dev/null`.
    Null,
    /// A FIFO.
    Fifo {
        /// Which.
        fifo: usize,
        /// For reading.
        reads: bool,
        /// For writing.
        writes: bool,
        /// How many writers had come when it was opened: without a later one no hang-up is told.
        seen: u64,
    },
    /// A lock file.
    Lock(usize),
    /// One end of a socket pair.
    Socket {
        /// Which pair.
        socket: usize,
        /// Which end.
        side: usize,
    },
}

/// An open file.
#[derive(Debug, Clone)]
pub struct Handle {
    /// What is open.
    pub what: What,
    /// How many descriptors of how many processes name it.
    pub refs: u32,
}

/// Why a descriptor is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its process ended.
    Exit,
    /// Its process executed a program.
    Exec,
    /// Its process closed it.
    Close,
}

impl Kernel {
    /// Opens something in a process.
    pub fn open(&mut self, pid: u32, what: What) -> HandleId {
        let id = self.next_handle;
        self.next_handle += 1;
        match what {
            What::Fifo { fifo, reads, writes, .. } => {
                self.fifos[fifo].readers += u32::from(reads);
                self.fifos[fifo].writers += u32::from(writes);
                self.fifos[fifo].came += u64::from(writes);
            }
            What::Socket { socket, side } => self.sockets[socket].open[side] += 1,
            What::Null | What::Lock(_) => {}
        }
        self.handles.insert(id, Handle { what, refs: 1 });
        if let Some(proc) = self.procs.get_mut(&pid) {
            proc.handles.push(id);
        }
        id
    }

    /// One more descriptor of an open file.
    pub fn share(&mut self, pid: u32, id: HandleId) {
        if let (Some(handle), Some(proc)) = (self.handles.get_mut(&id), self.procs.get_mut(&pid)) {
            handle.refs += 1;
            proc.handles.push(id);
        }
    }

    /// Closes one descriptor of a process.
    pub fn close(&mut self, pid: u32, id: HandleId, why: Why) {
        let Some(proc) = self.procs.get_mut(&pid) else { return };
        let Some(at) = proc.handles.iter().position(|one| *one == id) else { return };
        proc.handles.swap_remove(at);
        self.drop_ref(id, why);
    }

    pub(crate) fn drop_ref(&mut self, id: HandleId, why: Why) {
        let Some(handle) = self.handles.get_mut(&id) else { return };
        handle.refs -= 1;
        if handle.refs > 0 {
            return;
        }
        let what = handle.what;
        self.handles.remove(&id);
        match what {
            What::Null => {}
            What::Lock(lock) => {
                if self.locks[lock].holder == Some(id) {
                    self.locks[lock].holder = None;
                }
            }
            What::Socket { socket, side } => self.sockets[socket].open[side] -= 1,
            What::Fifo { fifo, reads, writes, .. } => {
                let pipe = &mut self.fifos[fifo];
                pipe.readers -= u32::from(reads);
                pipe.writers -= u32::from(writes);
                if pipe.readers == 0 && pipe.writers == 0 && !pipe.queue.is_empty() {
                    let (lost, path) = (pipe.queue.len() as u64, pipe.path.clone());
                    pipe.lost += lost;
                    pipe.queue.clear();
                    tell!(self, "kernel: {lost} bytes of {path} are gone with its last descriptor");
                    if why == Why::Close {
                        self.checks.fail(format!("I9: {lost} bytes of {path} were thrown away by closing its last descriptor"));
                    }
                }
            }
        }
    }

    /// Opens a FIFO by name; `None` when there is none.
    pub fn open_fifo(&mut self, pid: u32, path: &str, reads: bool, writes: bool) -> Option<HandleId> {
        let Some(Node::Fifo(fifo)) = self.paths.get(path).copied() else { return None };
        // Where a writer is there already, every later hang-up is told (`fifo_open` of Linux).
        let pipe = &self.fifos[fifo];
        let seen = if pipe.writers == 0 && !writes { pipe.came } else { u64::MAX };
        Some(self.open(pid, What::Fifo { fifo, reads, writes, seen }))
    }

    /// Opens a lock file, making it where it is missing.
    pub fn open_lock(&mut self, pid: u32, path: &str) -> HandleId {
        let lock = match self.paths.get(path) {
            Some(Node::Lock(lock)) => *lock,
            _ => {
                self.locks.push(LockFile::default());
                self.paths.insert(path.to_owned(), Node::Lock(self.locks.len() - 1));
                self.locks.len() - 1
            }
        };
        self.open(pid, What::Lock(lock))
    }

    /// `flock(LOCK_EX|LOCK_NB)`. Whether it was had.
    pub fn try_lock(&mut self, id: HandleId) -> bool {
        let Some(Handle { what: What::Lock(lock), .. }) = self.handles.get(&id) else { return false };
        let holder = &mut self.locks[*lock].holder;
        holder.get_or_insert(id);
        *holder == Some(id)
    }

    /// Whether the lock file of this name is locked.
    pub fn is_locked(&self, path: &str) -> bool {
        matches!(self.paths.get(path), Some(Node::Lock(lock)) if self.locks[*lock].holder.is_some())
    }

    /// Whether a living keeper (not a child of one that has not executed) has the lock of this name.
    pub fn keeper_holds(&self, path: &str) -> bool {
        let Some(Node::Lock(lock)) = self.paths.get(path) else { return false };
        let Some(holder) = self.locks[*lock].holder else { return false };
        self.procs.values().any(|proc| proc.role() == Some(RoleKind::Keeper) && proc.lives() && proc.handles.contains(&holder))
    }

    /// Whether this process has that lock file open.
    pub fn has_open(&self, pid: u32, path: &str) -> bool {
        let Some(Node::Lock(lock)) = self.paths.get(path) else { return false };
        let Some(proc) = self.procs.get(&pid) else { return false };
        proc.handles.iter().any(|id| self.handles.get(id).is_some_and(|handle| handle.what == What::Lock(*lock)))
    }
}
