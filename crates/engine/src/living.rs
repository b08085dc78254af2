//! A life between its birth and its end.

use crate::engine::{Engine, note};
use crate::life::{Life, Phase};
use crate::roll::Place;
use crate::timer::Owner;
use crate::{Effect, LifeNote, What};
use model::{ByUser, End, InstanceId, Signal, SlotRef, Tick, Verdict};
use std::time::Duration;

/// First and longest pause between two looks at descendants that were asked to leave.
const LOOK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));
/// First and longest pause between two attempts to kill what does not die.
const KILL: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

impl Engine {
    pub(crate) fn born(&mut self, instance: InstanceId, pid: u32, ident: u64, at: Tick, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let adopted = matches!(life.phase, Phase::Sought { .. });
        let handed = matches!(life.phase, Phase::Passing { .. });
        let awaited = matches!(life.phase, Phase::Begun | Phase::Stopping | Phase::Killing { .. });
        if !(adopted || handed || awaited && life.since.is_none()) {
            return;
        }
        // A life that goes on with another of its processes is as old as before.
        life.since = life.since.filter(|_| handed).or(Some(at.min(now)));
        life.kept = true;
        let slot = life.record.slot.clone();
        let plain = self.apps.get(&slot.app).is_some_and(|app| app.is_ready_at_once(&life.record));
        if plain && life.phase == Phase::Begun {
            life.record.ready = Some(now);
        }
        if (life.record.pid, life.record.ident) != (Some(pid), Some(ident)) {
            life.record.pid = Some(pid);
            life.record.ident = Some(ident);
            life.record.told.main = life.record.told.main.filter(|(main, _)| *main != pid);
            out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
        }
        out.push(Effect::StreamsBorn { instance });
        match life.phase.clone() {
            Phase::Sought { wish } => {
                out.push(note(&slot, Some(instance), What::Adopted { pid }));
                self.resume(instance, wish, now, out);
            }
            Phase::Passing { wish, .. } => {
                out.push(note(&slot, Some(instance), What::HandedOver { pid }));
                self.resume(instance, wish, now, out);
            }
            Phase::Begun => {
                life.phase = Phase::Running;
                out.push(note(&slot, Some(instance), What::Running { pid }));
                self.ran(&slot, instance, out);
                self.begin_care(instance, now, out);
            }
            // Nothing was found of it because it was not there yet.
            Phase::Killing { end, pause, .. } => {
                let empty = life.kill_all(out);
                life.phase = Phase::Killing { end, empty, pause };
                self.ran(&slot, instance, out);
            }
            // It was asked to end before it ran: it still ran.
            _ => self.ran(&slot, instance, out),
        }
    }

    /// A life found alive goes on where it was: running, or in the middle of being stopped, with the signal sent once and the
    /// rest of its time.
    pub(crate) fn resume(&mut self, instance: InstanceId, wish: Option<ByUser>, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let slot = life.record.slot.clone();
        life.care.found = Some(now);
        if life.record.stopping.is_some() {
            life.phase = Phase::Stopping;
            self.leave_to_another(instance, now, out);
            let Some(life) = self.lives.get_mut(&instance) else { return };
            let kill_at = life.kill_at(now);
            self.timers.arm(&mut life.alarm, Owner::Life(instance), kill_at);
        } else if let Some(since) = life.record.retired {
            life.phase = Phase::Draining;
            let drain = self.apps.get(&slot.app).map_or(Duration::ZERO, |app| app.definition.spec.renewal.drain);
            self.timers.arm(&mut life.alarm, Owner::Life(instance), (since + drain).max(now));
        } else {
            life.phase = Phase::Running;
            self.ran(&slot, instance, out);
            let unwanted = self.unwanted(instance);
            match wish.or(unwanted) {
                Some(ByUser::Stop) => self.end_in_turn(instance, now, out),
                Some(_) if self.is_superseded(instance) => self.retire(instance, false, now, out),
                Some(by) => self.ask_to_stop(instance, by, now, out),
                None => {
                    self.begin_care(instance, now, out);
                    if self.was_told(&slot.app, instance) {
                        self.prove_again(instance, now, out);
                    }
                }
            }
        }
    }

    /// Why a running life should not be: nobody wishes it, or it is of an older generation.
    pub(crate) fn unwanted(&self, instance: InstanceId) -> Option<ByUser> {
        let life = self.lives.get(&instance)?;
        let slot = &life.record.slot;
        let Some(app) = self.apps.get(&slot.app) else { return Some(ByUser::Stop) };
        let place = self.place_of(life);
        let old = life.record.generation != app.generation;
        if !app.wants(slot.index) {
            return Some(ByUser::Stop);
        }
        match place {
            Place::Nothing if self.is_superseded(instance) => return Some(ByUser::Restart),
            Place::Leaves | Place::Nothing => return Some(ByUser::Stop),
            Place::Next if old => return Some(ByUser::Stop),
            Place::Next | Place::Fills => {}
        }
        if old && app.rolling.is_none() { Some(ByUser::Restart) } else { None }
    }

    /// Whether a life of another generation has one that fills its slot and is right: its place was taken by a steward that did not live to say so.
    pub(crate) fn is_superseded(&self, instance: InstanceId) -> bool {
        let Some(life) = self.lives.get(&instance) else { return false };
        let Some(app) = self.apps.get(&life.record.slot.app) else { return false };
        let filler = app.slots.get(&life.record.slot.index).and_then(|kept| kept.life).and_then(|filler| self.lives.get(&filler));
        let right = |filler: &Life| filler.record.generation == app.generation;
        life.record.generation != app.generation && life.record.beside.is_none() && filler.is_some_and(right)
    }

    /// It was being ended already when its place was taken, by a steward that did not live to say so.
    pub(crate) fn leave_to_another(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let is_superseded = self.is_superseded(instance);
        if let Some(life) = self.lives.get_mut(&instance).filter(|life| is_superseded && life.record.retired.is_none()) {
            life.record.retired = Some(now);
            out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
        }
    }

    fn ran(&mut self, slot: &SlotRef, instance: InstanceId, out: &mut Vec<Effect>) {
        let ready = self.lives.get(&instance).is_some_and(|life| life.record.ready.is_some());
        // One that stands beside another is told of when it takes its place.
        if let Some(kept) = self.slot_mut(slot).filter(|kept| kept.life == Some(instance) && kept.memo.ran != Some(instance)) {
            kept.memo.ran = Some(instance);
            if ready {
                kept.memo.was_ready = Some(instance);
            }
            kept.shortages = 0;
            out.push(Effect::Record(LifeNote::Memo { slot: slot.clone(), memo: kept.memo.clone() }));
        }
        self.moved(&slot.app);
    }

    /// Sends the stop signal, or has the stop command run, once in a life, and arms the deadline.
    pub(crate) fn ask_to_stop(&mut self, instance: InstanceId, by: ByUser, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        life.phase = Phase::Stopping;
        life.record.stopping = Some((now, by));
        life.no_more_time();
        let signal = life.record.stop_signal;
        // What has no process yet can only be called off.
        let by_command = life.record.stop_command.is_some() && life.since.is_some();
        let kill_at = life.kill_at(now);
        // In the journal before it is sent: a steward that comes after us must not send it again.
        out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
        let what = if by_command { What::StoppingBy } else { What::Stopping { signal } };
        out.push(note(&life.record.slot, Some(instance), what));
        out.push(if by_command { Effect::StopBy { instance } } else { Effect::Signal { instance, signal } });
        self.timers.arm(&mut life.alarm, Owner::Life(instance), kill_at);
    }

    /// The stop command is of no use: the signal does it. The deadline stays.
    pub(crate) fn stop_refused(&mut self, instance: InstanceId, why: String, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get(&instance).filter(|life| life.phase == Phase::Stopping) else { return };
        let signal = life.record.stop_signal;
        out.push(note(&life.record.slot, Some(instance), What::StopRefused { why, signal }));
        out.push(Effect::Signal { instance, signal });
    }

    pub(crate) fn ended(&mut self, instance: InstanceId, end: End, at: Tick, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let never_born = matches!(end, End::NotBorn { .. });
        match &mut life.phase {
            Phase::Over | Phase::Leaving { .. } => {}
            Phase::Killing { end: known, empty, .. } => {
                known.get_or_insert(end);
                if *empty || never_born {
                    self.finish(instance, now, out);
                }
            }
            Phase::Begun
            | Phase::Running
            | Phase::Draining
            | Phase::Stopping
            | Phase::Sought { .. }
            | Phase::Passing { .. }
            | Phase::Foreign { .. } => {
                self.timers.disarm(&mut life.alarm);
                if life.since.is_none() && !never_born {
                    // It ran and ended before anybody told us that it ran (or under another steward).
                    life.since = Some(life.record.begun.min(at));
                    let slot = life.record.slot.clone();
                    out.push(Effect::StreamsBorn { instance });
                    self.ran(&slot, instance, out);
                }
                if !self.passes_on(instance, &end, out) {
                    self.leave(instance, end, now, out);
                }
            }
        }
    }

    /// Whether a life whose process has ended goes on with the one that it named as its main one, if the keeper finds that alive.
    fn passes_on(&mut self, instance: InstanceId, end: &End, out: &mut Vec<Effect>) -> bool {
        let Some(life) = self.lives.get_mut(&instance) else { return false };
        let wish = match &life.phase {
            Phase::Sought { wish } => *wish,
            Phase::Begun | Phase::Running => None,
            _ => return false,
        };
        let Some((pid, ident)) = life.record.told.main.filter(|(pid, _)| life.record.pid != Some(*pid)) else { return false };
        if life.record.stopping.is_some() || !matches!(end, End::Exited(_)) {
            return false;
        }
        life.care.give_up_question();
        life.phase = Phase::Passing { end: end.clone(), wish };
        out.push(Effect::Adopt { instance, pid, ident });
        true
    }

    /// The process is gone. Its descendants, if any, are looked for before anything else happens in the slot.
    pub(crate) fn leave(&mut self, instance: InstanceId, end: End, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        // Where descendants are none of ours, there is nothing to look for.
        let looks = !matches!(end, End::NotBorn { .. }) && life.record.kill_tree;
        life.left_at = Some(now);
        life.phase = Phase::Leaving { end, kill_at: None, asked_them: false, pause: LOOK.0 };
        if looks {
            life.sweep(None, out);
        } else {
            self.finish(instance, now, out);
        }
    }

    pub(crate) fn swept(&mut self, instance: InstanceId, left: u32, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let Some(left) = life.swept(left) else { return };
        let (stop_signal, timeout_ends) = (life.record.stop_signal, life.kill_at(now));
        match &mut life.phase {
            Phase::Leaving { .. } if left == 0 => self.finish(instance, now, out),
            Phase::Leaving { kill_at, asked_them, pause, .. } => {
                let kill_at = *kill_at.get_or_insert(timeout_ends);
                if now >= kill_at {
                    return self.kill(instance, now, out);
                }
                if !std::mem::replace(asked_them, true) {
                    return life.sweep(Some(stop_signal), out);
                }
                let next = (now + *pause).min(kill_at);
                *pause = (*pause * 2).min(LOOK.1);
                self.timers.arm(&mut life.alarm, Owner::Life(instance), next);
            }
            Phase::Killing { end, empty, .. } if left == 0 => {
                *empty = true;
                if end.is_some() {
                    self.finish(instance, now, out);
                } else {
                    // The kernel says that nothing is left; the keeper's word on how it ended is on the way. Look again if it is lost.
                    self.timers.arm(&mut life.alarm, Owner::Life(instance), now + KILL.1);
                }
            }
            Phase::Killing { pause, .. } => {
                let next = now + *pause;
                *pause = (*pause * 2).min(KILL.1);
                if life.stuck != Some(left) {
                    life.stuck = Some(left);
                    out.push(note(&life.record.slot, Some(instance), What::Stuck { left }));
                }
                self.timers.arm(&mut life.alarm, Owner::Life(instance), next);
            }
            Phase::Sought { .. }
            | Phase::Passing { .. }
            | Phase::Begun
            | Phase::Running
            | Phase::Draining
            | Phase::Stopping
            | Phase::Foreign { .. }
            | Phase::Over => {}
        }
    }

    /// SIGKILL to everything that belongs to the life.
    pub(crate) fn kill(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let end = match &life.phase {
            Phase::Leaving { end, .. } => Some(end.clone()),
            _ => None,
        };
        let late = life.phase != Phase::Running;
        out.push(note(&life.record.slot, Some(instance), What::Killing { late }));
        let empty = life.kill_all(out);
        life.phase = Phase::Killing { end, empty, pause: KILL.0 };
        if empty {
            self.timers.arm(&mut life.alarm, Owner::Life(instance), now + KILL.1);
        }
    }

    /// A deadline of a life has come.
    pub(crate) fn life_due(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        match &mut life.phase {
            Phase::Stopping => self.kill(instance, now, out),
            Phase::Draining => self.ask_to_stop(instance, ByUser::Restart, now, out),
            Phase::Leaving { kill_at, .. } => {
                if kill_at.is_some_and(|at| now >= at) {
                    self.kill(instance, now, out);
                } else {
                    life.sweep(None, out);
                }
            }
            // The keeper may not have heard it: nobody but the keeper tells that this process is gone.
            Phase::Killing { end: None, .. } if !life.record.kill_tree => {
                life.kill_all(out);
                self.timers.arm(&mut life.alarm, Owner::Life(instance), now + KILL.1);
            }
            Phase::Killing { empty: true, end, .. } => {
                end.get_or_insert(End::Exited(Verdict::Unseen));
                self.finish(instance, now, out);
            }
            Phase::Killing { .. } => life.sweep(Some(Signal::KILL), out),
            Phase::Foreign { .. } | Phase::Sought { .. } => out.push(Effect::Inspect { life: Box::new(life.record.clone()) }),
            Phase::Running => self.care_due(instance, now, out),
            Phase::Begun | Phase::Passing { .. } | Phase::Over => {}
        }
    }
}
