//! Whether a recorded life still lives, and who belongs to it (`mechanisms.md` §3).
//!
//! Nothing here is guessed from a command line. A process belongs to a life when it is the recorded leader (pid *and* start time), when it
//! has the life's lock file open, when it is in the life's cgroup, when it carries the life's `ABIDE_INSTANCE` *and* `ABIDE_HOME`, when it is in the leader's session, or
//! when it descends from one that belongs. It counts only if its start time was read twice the same, around the reading of the evidence.
//! Zombies are dead. The census reads /proc once for any number of lives.

mod belongs;
mod census;
mod measure;
mod stat;

pub use belongs::{Belongs, belongs, started};
pub use census::members;
pub use measure::{Measured, TreeUse, measure};
pub use stat::identity;

use crate::cgroup::Cell;
use crate::lock;
use stat::Stat;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// By what the processes of a life are recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// The value of `ABIDE_INSTANCE`, `i91`.
    pub instance: String,
    /// The value of `ABIDE_HOME`: other homes have an `i91` too.
    pub home: PathBuf,
    /// The lock file that the leader inherited.
    pub lock: PathBuf,
    /// The leader, once known.
    pub pid: Option<u32>,
    /// Its start time in clock ticks since boot.
    pub ident: Option<u64>,
    /// Its box, where it has one: who is in there belongs to it.
    pub cell: Option<Cell>,
    /// When the life was begun, in nanoseconds of the monotonic clock: no process of it is older.
    pub begun: u64,
}

/// A process that provably belongs to a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// Its process id.
    pub pid: u32,
    /// Its start time in clock ticks since boot.
    pub ident: u64,
}

/// Our own processes: never members of a life, even when the manager was started from within one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spared {
    /// The keeper; orphans of its lives come back to it.
    pub keeper: u32,
    /// Steward, scribe and any other process of ours.
    pub others: Vec<u32>,
}

/// What an inspection found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The leader lives.
    Alive(Member),
    /// The leader is gone, but something of the life is there.
    Foreign,
    /// Nothing of it is there.
    Gone,
}

/// Looks for recorded lives, in their order: first each leader, then each lock, then one census for anything that is left of the others.
///
/// # Errors
/// `/proc` or a lock file cannot be read; then nothing is known.
pub fn inspect(lives: &[Traces], spared: &Spared) -> io::Result<Vec<Found>> {
    let mut found = Vec::with_capacity(lives.len());
    for life in lives {
        found.push(match leader(life) {
            Some(leader) => Found::Alive(leader),
            None if lock::is_held(&life.lock)? => Found::Foreign,
            None => Found::Gone,
        });
    }
    let silent: Vec<usize> = (0..lives.len()).filter(|at| found[*at] == Found::Gone).collect();
    if !silent.is_empty() {
        let traces: Vec<Traces> = silent.iter().map(|at| lives[*at].clone()).collect();
        for (at, left) in silent.into_iter().zip(members(&traces, spared)?) {
            if !left.is_empty() {
                found[at] = Found::Foreign;
            }
        }
    }
    Ok(found)
}

/// Whether every child of the keeper is one of `known` (services that run), so that nothing can be left of a life that was born under
/// this keeper and whose lock is free. `None` where the kernel does not list children, and when the keeper is dead: a zombie has none, for
/// they have gone to init.
pub fn only_known_children(keeper: u32, known: &BTreeSet<u32>) -> Option<bool> {
    let text = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children")).ok()?;
    // It lived when they were read if it lives after that.
    identity(keeper)?;
    Some(text.split_ascii_whitespace().all(|pid| pid.parse().is_ok_and(|pid: u32| known.contains(&pid))))
}

/// Whether a process is `ancestor` or descends from it.
pub fn descends_from(pid: u32, ancestor: u32) -> bool {
    let mut at = pid;
    // The bound is the depth of any sane tree.
    for _ in 0..1000 {
        match Stat::read(at) {
            _ if at == ancestor => return true,
            Some(stat) if at > 1 => at = stat.parent,
            _ => return false,
        }
    }
    false
}

/// The living leader: the recorded one, or for an intent the process that wrote its pid into the lock file, if it proves to be ours.
fn leader(life: &Traces) -> Option<Member> {
    if let (Some(pid), Some(ident)) = (life.pid, life.ident) {
        let stat = Stat::read(pid)?;
        return (stat.ident == ident && !stat.dead()).then_some(Member { pid, ident });
    }
    let pid = pid_in(&life.lock)?;
    let stat = Stat::read(pid)?;
    let proven = !stat.dead() && stat.not_before(life) && census::carries(pid, life);
    // The evidence was read between two readings of the same start time.
    (proven && Stat::read(pid)?.ident == stat.ident).then_some(Member { pid, ident: stat.ident })
}

/// The pid that a child wrote into its lock file; where the disk was full, the time of that file is the pid.
fn pid_in(lock: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(lock).ok()?;
    let written = text.trim_end_matches(['\n', '\0', ' ']);
    if !written.is_empty() {
        return written.parse().ok();
    }
    // A true time is no pid: more seconds than there are pids.
    u32::try_from(rustix::fs::stat(lock).ok()?.st_mtime).ok()
}

#[cfg(test)]
mod tests;
