//! Who belongs to a life: the rules of `sys::lives` (`mechanisms.md` §3), read from the fake kernel.

use crate::check::Sabotage;
use crate::kernel::{Body, Kernel, Proc};
use engine::Finding;
use model::LifeRecord;
use std::collections::{BTreeMap, VecDeque};

const TICK: u64 = 10_000_000;

fn not_before(proc: &Proc, life: &LifeRecord) -> bool {
    match life.ident {
        Some(ident) => proc.ident >= ident,
        None => (proc.ident + 2) * TICK >= life.begun.0,
    }
}

fn lock_of(life: &LifeRecord) -> String {
    wire::handles(&life.instance.to_string()).lock_path
}

fn carries(kernel: &Kernel, proc: &Proc, life: &LifeRecord) -> bool {
    proc.tag == Some(life.instance) || kernel.has_open(proc.pid, &lock_of(life))
}

/// Between fork and exec a child of the keeper shows what the keeper has; only a lock that names it is its own.
fn proves(kernel: &Kernel, proc: &Proc, life: &LifeRecord) -> bool {
    carries(kernel, proc, life) && !is_mere_copy(kernel, proc, life)
}

fn is_mere_copy(kernel: &Kernel, proc: &Proc, life: &LifeRecord) -> bool {
    matches!(proc.body, Body::Unborn(..)) && kernel.pid_in(&lock_of(life)) != Some(proc.pid)
}

/// Whether a child of the keeper shows the lock of a life that is not its own.
pub fn misleads(kernel: &Kernel, life: &LifeRecord) -> bool {
    let misleads = |proc: &Proc| {
        proc.lives() && proc.truth != Some(life.instance) && carries(kernel, proc, life) && is_mere_copy(kernel, proc, life)
    };
    kernel.procs.values().any(misleads)
}

fn in_session(kernel: &Kernel, proc: &Proc, life: &LifeRecord, keeper: u32) -> bool {
    let (Some(pid), Some(ident)) = (life.pid, life.ident) else { return false };
    if proc.session != pid {
        return false;
    }
    match kernel.procs.get(&pid) {
        Some(leader) => leader.ident == ident,
        None => descends(kernel, proc, keeper),
    }
}

fn descends(kernel: &Kernel, proc: &Proc, keeper: u32) -> bool {
    let mut parent = proc.parent;
    for _ in 0..1000 {
        if parent == keeper {
            return true;
        }
        match kernel.procs.get(&parent) {
            Some(above) if parent > 1 => parent = above.parent,
            _ => return false,
        }
    }
    false
}

fn spared(proc: &Proc) -> bool {
    proc.pid <= 1 || proc.role().is_some()
}

/// The living processes of a life: pid and start time.
pub fn members(kernel: &Kernel, life: &LifeRecord, keeper: u32) -> Vec<(u32, u64)> {
    if kernel.checks.has(Sabotage::Blind) {
        return Vec::new();
    }
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut queue: VecDeque<u32> = VecDeque::new();
    for proc in kernel.procs.values() {
        children.entry(proc.parent).or_default().push(proc.pid);
        let ours = life.pid == Some(proc.pid) && life.ident == Some(proc.ident)
            || not_before(proc, life) && (proves(kernel, proc, life) || in_session(kernel, proc, life, keeper));
        if ours && proc.lives() && !spared(proc) {
            queue.push_back(proc.pid);
        }
    }
    let mut found: BTreeMap<u32, u64> = BTreeMap::new();
    while let Some(pid) = queue.pop_front() {
        let Some(proc) = kernel.procs.get(&pid).filter(|proc| !spared(proc)) else { continue };
        if found.insert(pid, proc.ident).is_none() {
            queue.extend(children.get(&pid).into_iter().flatten());
        }
    }
    found.into_iter().filter(|(pid, _)| kernel.procs.get(pid).is_some_and(Proc::lives)).collect()
}

/// Whether its lock is held.
pub fn is_locked(kernel: &Kernel, life: &LifeRecord) -> bool {
    !kernel.checks.has(Sabotage::Blind) && kernel.is_locked(&lock_of(life))
}

/// Whether a recorded life lives.
pub fn inspect(kernel: &Kernel, life: &LifeRecord, keeper: u32) -> Finding {
    if let Some((pid, ident)) = leader(kernel, life) {
        return Finding::Alive { pid, ident };
    }
    if is_locked(kernel, life) || !members(kernel, life, keeper).is_empty() { Finding::Foreign } else { Finding::Gone }
}

fn leader(kernel: &Kernel, life: &LifeRecord) -> Option<(u32, u64)> {
    if let (Some(pid), Some(ident)) = (life.pid, life.ident) {
        return kernel.procs.get(&pid).filter(|proc| proc.ident == ident && proc.lives()).map(|_| (pid, ident));
    }
    let pid = kernel.pid_in(&lock_of(life))?;
    let proc = kernel.procs.get(&pid)?;
    (proc.lives() && not_before(proc, life) && carries(kernel, proc, life)).then_some((pid, proc.ident))
}
