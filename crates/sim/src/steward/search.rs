//! Looking for processes of lives, as `steward::sweep` does it: one census at a time, whose findings come a while after it was made.

use super::find::{inspect, is_locked, members, misleads};
use super::run::Steward;
use crate::check::Sabotage;
use crate::kernel::Kernel;
use crate::trace::tell;
use engine::{Event, Finding};
use model::{InstanceId, LifeRecord, Signal};
use wire::Request;

/// SIGKILL is repeated until two looks in a row find nothing, at most so often.
const ROUNDS: u32 = 50;
/// First and longest pause between two of them.
const PAUSE: (u64, u64) = (2_000_000, 50_000_000);

#[derive(Debug, Clone, Copy)]
enum Aim {
    Inspect,
    Sweep(Option<Signal>),
    Confirm,
    Kill { rounds: u32, clean: u32, pause: u64 },
}

#[derive(Debug)]
struct Search {
    life: LifeRecord,
    aim: Aim,
    due: u64,
}

#[derive(Debug)]
enum Found {
    Inspected(Finding),
    /// And whether the lock is held.
    Members(Vec<(u32, u64)>, bool),
}

/// Everything that is to be looked for.
#[derive(Debug, Default)]
pub struct Searches {
    waiting: Vec<Search>,
    looking: Vec<(Search, Found)>,
    told_at: u64,
}

impl Searches {
    /// Asks whether a life lives.
    pub fn inspect(&mut self, life: &LifeRecord, now: u64) {
        self.waiting.push(Search { life: life.clone(), aim: Aim::Inspect, due: now });
    }

    /// Asks what is left of a life, and sends a signal to it.
    pub fn sweep(&mut self, life: &LifeRecord, signal: Option<Signal>, now: u64) {
        let kill = Aim::Kill { rounds: 0, clean: 0, pause: PAUSE.0 };
        let aim = if signal == Some(Signal::KILL) { kill } else { Aim::Sweep(signal) };
        self.waiting.push(Search { life: life.clone(), aim, due: now });
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<u64> {
        if self.looking.is_empty() { self.waiting.iter().map(|search| search.due).min() } else { Some(self.told_at) }
    }
}

impl Steward {
    /// Begins a census that is due, or takes the findings of one. Whether there was one.
    pub(super) fn search(&mut self, kernel: &mut Kernel) -> bool {
        if self.searches.deadline().is_none_or(|at| at > kernel.now) {
            return false;
        }
        if self.searches.looking.is_empty() {
            self.census(kernel);
        } else {
            for (search, found) in std::mem::take(&mut self.searches.looking) {
                self.take_finding(search, found, kernel);
            }
        }
        true
    }

    fn census(&mut self, kernel: &mut Kernel) {
        let now = kernel.now;
        let due: Vec<Search> = self.searches.waiting.extract_if(.., |search| search.due <= now).collect();
        let mut looking = Vec::new();
        for search in due {
            let found = match search.aim {
                Aim::Inspect => Found::Inspected(inspect(kernel, &search.life, self.keeper_pid)),
                Aim::Sweep(_) | Aim::Confirm | Aim::Kill { .. } => {
                    Found::Members(members(kernel, &search.life, self.keeper_pid), is_locked(kernel, &search.life))
                }
            };
            if misleads(kernel, &search.life) {
                kernel.checks.reach("a copy of the keeper passed over");
            }
            tell!(kernel, "steward p{}: looks for {}: {found:?}", self.pid, search.life.instance);
            looking.push((search, found));
        }
        let slow = if kernel.dice.once_in(10) { 80_000_000 } else { 500_000 };
        self.searches.told_at = now + kernel.dice.below(slow);
        self.searches.looking = looking;
    }

    fn take_finding(&mut self, search: Search, found: Found, kernel: &mut Kernel) {
        let instance = search.life.instance;
        let (found, locked) = match found {
            Found::Inspected(finding) => return self.events.push_back(Event::Inspected { instance, finding }),
            Found::Members(found, locked) => (found, locked),
        };
        let left = (found.len() as u32).max(u32::from(locked));
        let signal = match search.aim {
            Aim::Kill { .. } => Some(Signal::KILL),
            Aim::Sweep(signal) => signal,
            Aim::Inspect | Aim::Confirm => None,
        };
        if let Some(signal) = signal {
            for (pid, ident) in found {
                self.kill_one(instance, signal, pid, ident);
            }
            if kernel.checks.has(Sabotage::Stranger)
                && let Some(stranger) = kernel.procs.values().find(|proc| proc.truth.is_some_and(|of| of != instance))
            {
                let (pid, ident) = (stranger.pid, stranger.ident);
                self.kill_one(instance, signal, pid, ident);
            }
        }
        match search.aim {
            Aim::Kill { rounds, clean, pause } if rounds + 1 < ROUNDS && (left > 0 || clean == 0) => {
                let clean = if left == 0 { clean + 1 } else { 0 };
                let aim = Aim::Kill { rounds: rounds + 1, clean, pause: (pause * 2).min(PAUSE.1) };
                self.searches.waiting.push(Search { aim, due: kernel.now + pause, ..search });
            }
            Aim::Sweep(_) if left == 0 => {
                self.searches.waiting.push(Search { aim: Aim::Confirm, due: kernel.now + PAUSE.0, ..search });
            }
            _ => self.events.push_back(Event::Swept { instance, left }),
        }
    }

    fn kill_one(&mut self, instance: InstanceId, signal: Signal, pid: u32, ident: u64) {
        let name = instance.to_string();
        let request = Request::new("service.signal").field(name).field(signal.number().to_string());
        self.say(&request.field("pid").field(pid.to_string()).field(ident.to_string()));
    }

    /// Whether a life whose leader is gone has provably left nothing, without a look at every process of the machine.
    pub(super) fn is_silent(&self, kernel: &Kernel, life: &LifeRecord) -> bool {
        // A keeper that is dead has no children any more.
        let keeper = kernel.procs.get(&self.keeper_pid).filter(|keeper| keeper.lives());
        let ours = life.ident.is_some_and(|ident| keeper.is_some_and(|keeper| ident > keeper.ident));
        let pid = |state: &wire::ServiceState| match state {
            wire::ServiceState::Up { pid, .. } => Some(*pid),
            _ => None,
        };
        let known: Vec<u32> = self.services.values().filter_map(pid).collect();
        let child = |proc: &&crate::kernel::Proc| proc.parent == self.keeper_pid;
        ours && !is_locked(kernel, life) && kernel.procs.values().filter(child).all(|proc| known.contains(&proc.pid))
    }
}
