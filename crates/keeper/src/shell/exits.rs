//! How lives end: exits, reports of children, adopted processes, orphans.

use super::rounds::{CHILD, KEY_ADOPTED, KEY_REPORT, KEY_SIGNALS, KIND, Shell};
use super::tables::Life;
use crate::core::{Ending, Happening, LifeId, Stillborn};
use std::io;
use sys::poll::{Interest, Ready};
use sys::process;
use sys::spawn::{Report, read_report};

/// Children reaped in one round, so that a storm of exits does not keep controllers waiting.
const REAPED_IN_A_ROUND: usize = 256;
/// How long the kernel may take from the end of an adopted process to telling how it ended.
const UNSEEN_AFTER_NS: u64 = 1_000_000_000;
/// Signals have smaller numbers.
const SIGNALS: i32 = 64;

fn told(ending: process::Ending) -> Ending {
    match ending {
        process::Ending::Code(code) => Ending::Code(code),
        process::Ending::Signal { number, core } => Ending::Signal { number, core },
    }
}

impl Shell {
    /// Takes charge of a process: a child of ours with its report, or another.
    pub(super) fn watch(&mut self, life: Life) -> io::Result<()> {
        self.attend(&life)?;
        self.lives.insert(life);
        Ok(())
    }

    /// Waits for what a life has to say. A child is ours even if memory is too short to watch its report: that is read at its exit then.
    pub(super) fn attend(&self, life: &Life) -> io::Result<()> {
        if !life.child {
            self.poller.add(&life.pidfd, KEY_ADOPTED | life.id.0, Interest { read: true, edge: true, write: false })?;
        }
        if let Some(report) = &life.report {
            let _ = self.poller.add(report, KEY_REPORT | life.id.0, Interest { read: true, ..Interest::default() });
        }
        Ok(())
    }

    /// Reaps what has ended, and tells the other signals after that. Whether more may have ended.
    pub(super) fn take_exits(&mut self, ready: &[Ready], mut more: bool) -> bool {
        let mut came = 0u64;
        if ready.iter().any(|e| e.key == KEY_SIGNALS) {
            while let Some((signal, pid)) = self.signals.next_of() {
                if signal == CHILD {
                    more = true;
                    self.reap_named(pid);
                }
                came |= 1u64.checked_shl(signal as u32).unwrap_or(0);
            }
        }
        let mut reaped = 0;
        while more && reaped < REAPED_IN_A_ROUND {
            more = self.reap_one();
            reaped += 1;
        }
        for number in (1..SIGNALS).filter(|number| came & (1 << number) != 0 && super::rounds::TOLD.contains(number)) {
            self.step(Happening::Signal { number });
        }
        more
    }

    /// Reaps the life of which the signal speaks, and tells of it at once: to look for others the kernel goes through all children.
    fn reap_named(&mut self, pid: u32) {
        if self.lives.of_pid(pid).is_some()
            && let Some(ending) = process::reap_pid(pid)
        {
            self.bury(pid, ending);
            self.write_all();
        }
    }

    /// Reaps one child that has ended; whether there was one. An orphan that came to us is nobody's, but there may be somebody who wants to
    /// hear of it: then it is asked for its session before that is forgotten.
    fn reap_one(&mut self) -> bool {
        if !self.core.wants_orphans() {
            let Some((pid, ending)) = process::reap() else { return false };
            self.bury(pid, ending);
            return true;
        }
        let Some(pid) = process::peek_exited() else { return false };
        let ours = self.lives.of_pid(pid).is_some() || self.is_check(pid);
        let session = if ours { None } else { process::session_of(pid) };
        let Some(ending) = process::reap_pid(pid) else { return false };
        if ours {
            self.bury(pid, ending);
        } else {
            self.step(Happening::Orphan { pid, session, ending: told(ending) });
        }
        true
    }

    fn bury(&mut self, pid: u32, ending: process::Ending) {
        if self.is_check(pid) {
            return self.end_check(ending);
        }
        let Some(life) = self.lives.of_pid(pid) else { return };
        self.hear_report(life);
        self.end_life(life, Some(ending));
    }

    fn end_life(&mut self, life: LifeId, ending: Option<process::Ending>) {
        if let Some(gone) = self.lives.remove(life) {
            if !gone.child {
                let _ = self.poller.remove(&gone.pidfd);
            }
            if let Some(report) = &gone.report {
                let _ = self.poller.remove(report);
            }
        }
        self.step(Happening::Exited { life, ending: ending.map_or(Ending::Unseen, told) });
    }

    /// What a child says about its exec.
    pub(super) fn hear_report(&mut self, life: LifeId) {
        let Some(report) = self.lives.get_mut(life).and_then(|l| l.report.take()) else { return };
        let said = read_report(&report);
        if said == Report::Waiting {
            if let Some(of) = self.lives.get_mut(life) {
                of.report = Some(report);
            }
            return;
        }
        let _ = self.poller.remove(&report);
        drop(report);
        self.step(match said {
            Report::Failed(step, errno) => {
                Happening::NotExecuted { life, why: Stillborn { stage: step.word(), errno: sys::errno::name(errno) } }
            }
            Report::Runs | Report::Waiting => Happening::Executed { life },
        });
    }

    /// Adopted processes that have ended: the kernel tells how as soon as their parent has reaped them.
    pub(super) fn take_adopted(&mut self, ready: &[Ready]) {
        let now = sys::clock::now();
        for event in ready.iter().filter(|e| e.key & KIND == KEY_ADOPTED) {
            let life = LifeId(event.key & !KIND);
            let Some(adopted) = self.lives.get(life) else { continue };
            if event.hangup || process::ending_of(&adopted.pidfd, adopted.pid).is_some() {
                self.end_adopted(life);
            } else {
                self.lives.give_up(life, now + UNSEEN_AFTER_NS);
            }
        }
        while let Some((at, life)) = self.lives.next_given_up()
            && at <= now
        {
            self.end_adopted(life);
        }
    }

    fn end_adopted(&mut self, life: LifeId) {
        let ending = self.lives.get(life).and_then(|l| process::ending_of(&l.pidfd, l.pid));
        self.end_life(life, ending);
    }
}
