//! What lives say of themselves, and what follows from it.

use crate::engine::{Engine, note};
use crate::life::Phase;
use crate::timer::Owner;
use crate::{Effect, LifeNote, What, Word};
use model::{Fault, InstanceId, Readiness, Tick};

impl Engine {
    pub(crate) fn said(&mut self, instance: InstanceId, word: Word, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        // What it says of itself is shown also while it ends.
        match word {
            Word::Status(text) => return life.care.said = Some(text),
            Word::MainPid { pid, ident } => return self.take_main(instance, (pid, ident), out),
            Word::Extend(more) if life.phase == Phase::Stopping => {
                life.extend(now + more, out);
                let kill_at = life.kill_at(now);
                return self.timers.arm(&mut life.alarm, Owner::Life(instance), kill_at);
            }
            Word::Stuck if life.phase != Phase::Running => return,
            _ if !life.runs() => return,
            Word::Ready if life.care.told && life.record.ready.is_some() => self.well_again(instance, now, out),
            Word::Ready => self.told_ready(instance, now, out),
            Word::Reloading => self.reloading(instance, now, out),
            Word::Stopping => {
                let care = &mut life.care;
                care.leaving = true;
                (care.probe_at, care.ready_at, care.ready_by, care.alive_by) = (None, None, None, None);
            }
            Word::Alive => self.alive(instance, now),
            Word::AliveEvery(every) => {
                let every = Some(every).filter(|every| !every.is_zero());
                if std::mem::replace(&mut life.record.told.alive_every, every) != every {
                    out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
                }
                self.alive(instance, now);
            }
            Word::Stuck => return self.fault(instance, Fault::Trigger, now, out),
            Word::Extend(more) => {
                life.extend(now + more, out);
                let care = &mut life.care;
                for by in [&mut care.ready_by, &mut care.alive_by] {
                    *by = by.map(|at| at.max(now + more));
                }
            }
        }
        self.care_due(instance, now, out);
    }

    /// What it names is written down: the life goes on with it, whoever is the steward when its first process ends.
    fn take_main(&mut self, instance: InstanceId, main: (u32, u64), out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let main = Some(main).filter(|(pid, _)| life.record.pid != Some(*pid));
        if life.record.told.main != main && life.record.ended.is_none() {
            life.record.told.main = main;
            out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
        }
    }

    /// It says that it is ready. How it is found out may have been changed meanwhile: then it is asked, and what it says counts not.
    fn told_ready(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get(&instance) else { return };
        let Some(app) = self.apps.get(&life.record.slot.app) else { return };
        let asked = matches!(app.spec_of(&life.record).ready, None | Some(Readiness::Probe(_) | Readiness::After(_)));
        if !asked || life.care.reloading {
            self.become_ready(instance, now, out);
        }
    }

    fn reloading(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let Some(app) = self.apps.get(&life.record.slot.app) else { return };
        if life.record.ready.is_none() || std::mem::replace(&mut life.care.reloading, true) {
            return;
        }
        let timeout = app.spec_of(&life.record).start_timeout;
        // One that was told to is given its time already, and is not ended when that is over.
        life.care.ready_by = Some(now + timeout).filter(|_| !timeout.is_zero() && !life.care.told);
        out.push(note(&life.record.slot, Some(instance), What::Reloading));
    }

    /// A sign of life. Those that come before it is ready begin nothing: the watchdog watches what has started.
    fn alive(&mut self, instance: InstanceId, now: Tick) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let Some(app) = self.apps.get(&life.record.slot.app) else { return };
        let every = life.record.told.alive_every.or(app.spec_of(&life.record).watchdog);
        life.care.alive_by = every.filter(|_| life.record.ready.is_some() && !life.care.leaving).map(|every| now + every);
    }
}
