//! What must hold after each step: the invariants of `reliability.md`, judged by what only the fake kernel knows.

use crate::kernel::{Body, Kernel, Node};
use model::{End, FromScribe, InstanceId, LifeRecord, SlotRef};
use std::collections::{BTreeMap, BTreeSet};

/// A defect put in on purpose, to show that a check can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The steward bears every life twice (I1).
    SecondLife,
    /// The steward sends a stop signal that nobody asked for (I2).
    Unasked,
    /// Programs do not hold a reading end of their own streams, and the keeper none either (I2).
    BrokenPipe,
    /// The steward sends to a pid without looking whose it is (I3).
    Stranger,
    /// The steward records another end for a life that has one (I4).
    TwoEnds,
    /// Every look finds that nothing is left (I5).
    Blind,
    /// A failed fork is taken for a failure of the program (I6).
    Shortage,
    /// A splice drops a byte (I9).
    LostByte,
    /// A splice puts bytes of one stream into the middle of a line of another (I9).
    TornLine,
    /// The keeper never reaps orphans (convergence).
    Zombies,
    /// Names of lives that are over stay (convergence).
    Litter,
    /// The scribe is woken for nothing (quiescence).
    Busy,
    /// A life is called unhealthy after its first bad answer (I2).
    Hasty,
    /// Dependencies are not waited for (order).
    Impatient,
    /// Every run of a job comes twice (jobs).
    TwoRuns,
    /// Whoever shares a group is restarted with the others, whatever its strategy (I2).
    Herd,
    /// Nobody listens to lives (convergence).
    Deaf,
}

/// The book of what has been seen, and what was wrong with it.
#[derive(Debug, Default)]
pub struct Checks {
    /// What was violated.
    pub violations: Vec<String>,
    /// A defect put in on purpose.
    pub sabotage: Option<Sabotage>,
    /// Happenings that our processes took.
    pub role_steps: u64,
    /// The slot of each life.
    pub slots: BTreeMap<InstanceId, SlotRef>,
    /// Lives that a steward has decided to signal.
    pub addressed: BTreeMap<InstanceId, u64>,
    /// The end that was recorded for each life.
    pub ends: BTreeMap<InstanceId, End>,
    /// How often an end of each was told to followers.
    pub told: BTreeMap<InstanceId, u32>,
    /// Lives that stand beside another in their slot, and such as were taken out: two in one slot are declared.
    pub declared: BTreeSet<InstanceId>,
    /// The life that has just taken the place of another in each slot, until that is taken out.
    pub taking: BTreeMap<SlotRef, InstanceId>,
    /// Lives that were not born for want of something of ours.
    pub short: BTreeSet<InstanceId>,
    /// Ends of lives in each slot, since it was last given up, that were the program's own doing.
    pub own_ends: BTreeMap<SlotRef, u32>,
    /// Lives that were forked.
    pub forked: BTreeMap<InstanceId, u64>,
    /// How often the rarer things happened: a check that nothing reaches shows nothing.
    pub reached: BTreeMap<&'static str, u64>,
    spoiled: u64,
    /// Scribes that there have been.
    pub scribes: u64,
    /// Bytes that scribes have said to be dropped.
    pub told_dropped: u64,
    /// Happenings that are no restlessness: answers, words, times that came.
    pub allowed: u64,
    /// Bad answers in a row of each life, and the steward that was told them.
    pub bad: BTreeMap<InstanceId, (u32, u32)>,
    /// Lives that each slot of a job may still begin.
    pub due: BTreeMap<SlotRef, u32>,
}

impl Checks {
    /// Notes a violation.
    pub fn fail(&mut self, what: String) {
        self.violations.push(what);
    }

    /// Notes that something rarer happened.
    pub fn reach(&mut self, what: &'static str) {
        *self.reached.entry(what).or_default() += 1;
    }

    /// Whether this defect was put in.
    pub fn has(&self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }

    /// Whether a life may be in its slot beside others.
    pub(crate) fn is_declared(&self, slot: &SlotRef, instance: InstanceId) -> bool {
        self.declared.contains(&instance) || self.taking.get(slot) == Some(&instance)
    }

    pub(crate) fn keeps_zombies(&self) -> bool {
        self.has(Sabotage::Zombies)
    }

    /// What of the bytes reaches the disk.
    pub(crate) fn spoil<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.has(Sabotage::LostByte) {
            self.spoiled += 1;
            return if self.spoiled == 20 { &bytes[..bytes.len() - 1] } else { bytes };
        }
        bytes
    }

    /// I4: a life has one end, and keeps it.
    pub(crate) fn recorded(&mut self, record: &LifeRecord) {
        self.slots.insert(record.instance, record.slot.clone());
        if record.beside.is_some() || record.retired.is_some() {
            self.declared.insert(record.instance);
            if record.retired.is_some() {
                self.taking.remove(&record.slot);
            }
        } else if self.declared.remove(&record.instance) {
            self.taking.insert(record.slot.clone(), record.instance);
            self.reach("a place taken");
        }
        let Some(end) = &record.ended else {
            if let Some(before) = self.ends.get(&record.instance) {
                let before = before.to_string();
                self.fail(format!("I4: {} lives again after its end ({before}) was recorded", record.instance));
            }
            return;
        };
        match self.ends.get(&record.instance) {
            Some(before) if before != end => {
                let before = before.to_string();
                self.fail(format!("I4: {} has a second end: {before}, then {end}", record.instance));
            }
            Some(_) => {}
            None => {
                if !self.short.contains(&record.instance) {
                    *self.own_ends.entry(record.slot.clone()).or_default() += 1;
                }
                self.ends.insert(record.instance, end.clone());
            }
        }
    }

    /// I6: a slot is given up after so many failures of its program, and no shortage among them.
    pub(crate) fn given_up(&mut self, slot: &SlotRef, least: u32, why: &str) {
        let own = self.own_ends.insert(slot.clone(), 0).unwrap_or(0);
        if own < least {
            self.fail(format!("I6: {slot} was given up ({why}) after {own} failures of its own"));
        }
    }

    /// I4: an end is told once.
    pub(crate) fn told_end(&mut self, instance: InstanceId) {
        let count = self.told.entry(instance).or_default();
        *count += 1;
        if *count > 1 {
            self.fail(format!("I4: the end of {instance} was told twice"));
        }
    }
}

impl Kernel {
    /// Living processes of a life.
    pub fn living(&self, instance: InstanceId) -> Vec<u32> {
        let ours = |proc: &&crate::kernel::Proc| proc.truth == Some(instance) && proc.lives();
        self.procs.values().filter(ours).map(|proc| proc.pid).collect()
    }

    /// Living processes of a slot.
    pub fn living_in(&self, slot: &SlotRef) -> Vec<u32> {
        let ours =
            |proc: &&crate::kernel::Proc| proc.lives() && proc.truth.and_then(|life| self.checks.slots.get(&life)) == Some(slot);
        self.procs.values().filter(ours).map(|proc| proc.pid).collect()
    }

    /// I1: a process was born; nothing of another life may live in its slot.
    pub(crate) fn check_one_life(&mut self, pid: u32) {
        let Some(proc) = self.procs.get(&pid) else { return };
        let Some(instance) = proc.truth else { return };
        if matches!(proc.body, Body::Unborn(..)) {
            let count = self.checks.forked.entry(instance).or_default();
            *count += 1;
            if *count > 1 {
                self.checks.fail(format!("I1: {instance} was born twice"));
            }
        }
        let Some(slot) = self.checks.slots.get(&instance).cloned() else {
            return self.checks.fail(format!("{instance} was born and nobody has recorded it"));
        };
        let apart = |other: InstanceId| {
            other == instance || self.checks.is_declared(&slot, other) || self.checks.is_declared(&slot, instance)
        };
        let others: Vec<u32> =
            self.living_in(&slot).into_iter().filter(|other| !self.procs[other].truth.is_some_and(apart)).collect();
        if let Some(other) = others.first() {
            let of = self.procs[other].truth.unwrap_or(instance);
            self.checks.fail(format!("I1: {slot} gets {instance} (p{pid}) while p{other} of {of} lives"));
        }
    }

    /// I3: a signal arrives; it must be at a life that was meant.
    pub(crate) fn check_signal(&mut self, pid: u32, signal: i32) {
        let Some(proc) = self.procs.get(&pid).filter(|proc| proc.lives()) else { return };
        let meant = proc.truth.is_some_and(|life| self.checks.addressed.contains_key(&life));
        if !meant {
            let truth = proc.truth;
            self.checks.fail(format!("I3: signal {signal} reached p{pid} of {truth:?}, which nobody meant"));
        }
    }

    /// I5: it is said that nothing of the slot lives.
    pub(crate) fn check_empty(&mut self, slot: &SlotRef, said: &str) {
        let plain = |pid: &&u32| !self.procs[*pid].truth.is_some_and(|life| self.checks.is_declared(slot, life));
        if let Some(pid) = self.living_in(slot).iter().find(plain) {
            self.checks.fail(format!("I5: {slot} is said to be {said} while p{pid} lives"));
        }
    }

    /// I9: what is in the log files is what was written, once, in order, in whole lines.
    pub fn check_logs(&mut self) {
        let mut wrong = Vec::new();
        let mut repeats = 0;
        let mut next: BTreeMap<usize, u64> = BTreeMap::new();
        for (path, files) in self.disk.chains() {
            // The stream in whose line the file stands.
            let mut open: Option<usize> = None;
            let mut half: Option<usize> = None;
            for (at, file) in files.iter().enumerate() {
                if let Some(fifo) = half.take() {
                    wrong.push(format!("I9: {path} was rotated within a write of {}", self.fifos[fifo].path));
                }
                if at > 0
                    && let Some(fifo) = open
                    && !self.fifos[fifo].slow
                    && !self.is_over(fifo, next.get(&fifo).copied())
                {
                    wrong.push(format!("I9: {path} was rotated within a line of {}", self.fifos[fifo].path));
                }
                for piece in &self.disk.logs[*file].pieces {
                    let fifo = piece.source.map(|(fifo, _)| fifo);
                    // Half a write, after which we were killed, is ended by a line feed of ours; it stands for nothing.
                    if let Some(before) = half.take()
                        && fifo.is_some()
                        && fifo != Some(before)
                    {
                        wrong.push(format!("I9: {path}: another's bytes within a write of {}", self.fifos[before].path));
                    }
                    if piece.formed && piece.raw == 0 {
                        half = fifo;
                        continue;
                    }
                    if let Some(before) = open.filter(|before| fifo != Some(*before))
                        && !self.fifos[before].slow
                        && !self.is_over(before, next.get(&before).copied())
                    {
                        let what = if fifo.is_some() { "another's" } else { "our own" };
                        wrong.push(format!("I9: {path}: a line of {} goes on after {what} bytes", self.fifos[before].path));
                    }
                    if let Some((fifo, from)) = piece.source {
                        let want = next.entry(fifo).or_default();
                        if piece.formed && from < *want {
                            // Written, not consumed, killed.
                            repeats += 1;
                        } else if *want != from && self.fifos[fifo].kept_from(*want) != from {
                            wrong.push(format!(
                                "I9: {path}: byte {want} of {} is wanted, {from} stands there",
                                self.fifos[fifo].path
                            ));
                        }
                        *want = from + piece.raw;
                    }
                    open = fifo.filter(|_| !piece.ends_line);
                }
            }
        }
        for (at, fifo) in self.fifos.iter().enumerate() {
            let got = fifo.kept_from(next.get(&at).copied().unwrap_or(0));
            // Lines that were written, and we were killed, and then the FIFO was gone with what was to be consumed.
            let unconsumed = fifo.formed && got > fifo.taken && got <= fifo.taken + fifo.lost;
            if got != fifo.taken && !unconsumed {
                wrong.push(format!("I9: {} bytes were taken from {} and {got} are in files", fifo.taken, fifo.path));
            }
        }
        if repeats > self.checks.scribes {
            wrong.push(format!("I9: {repeats} turns came twice, and there were {} scribes", self.checks.scribes));
        }
        let discarded: u64 = self.fifos.iter().flat_map(|fifo| &fifo.dropped).map(|(_, len)| len).sum();
        if self.checks.told_dropped > discarded {
            wrong.push(format!("I9: {} bytes are said to be dropped, {discarded} were", self.checks.told_dropped));
        }
        if repeats > 0 {
            self.checks.reach("a turn that came twice");
        }
        for what in wrong {
            self.checks.fail(what);
        }
    }

    /// I9: who says that a stream is sealed has all of it.
    pub(crate) fn check_sealed(&mut self, message: &FromScribe) {
        let FromScribe::Sealed { id, .. } = message else {
            if let FromScribe::Dropped { bytes, .. } = message {
                self.checks.told_dropped += bytes;
                self.checks.reach("a gap that was told");
            }
            return;
        };
        let path = format!("run/io/{}.{}", id.instance, id.stream);
        let Some(Node::Fifo(fifo)) = self.paths.get(&path) else { return };
        let fifo = &self.fifos[*fifo];
        if fifo.writers > 0 || !fifo.queue.is_empty() {
            let (left, writers) = (fifo.queue.len(), fifo.writers);
            self.checks.fail(format!("I9: {path} is said to be sealed with {left} bytes in it and {writers} writers"));
        }
    }

    /// Whether no byte of this FIFO comes after this one, or the next ones were discarded.
    fn is_over(&self, fifo: usize, at: Option<u64>) -> bool {
        self.fifos[fifo].taken == at.unwrap_or(0) || self.fifos[fifo].kept_from(at.unwrap_or(0)) != at.unwrap_or(0)
    }
}
