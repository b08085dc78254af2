//! Reloads that fail.

use super::Roll;
use crate::engine::{Engine, Stage};
use crate::{Effect, Note, StoreNote, What};
use model::{AppName, ByUser, End, InstanceId, Reload, Rolling, SlotRef, Tick};
use std::time::Duration;

/// How long a reload waits when the machine is short of something.
const PAUSE: Duration = Duration::from_secs(1);

impl Engine {
    /// Whether the loss of this life would be the failure of a reload: it is new, and there is a way back.
    pub(crate) fn is_on_trial(&self, instance: InstanceId) -> bool {
        let Some(life) = self.lives.get(&instance) else { return false };
        let Some(app) = self.apps.get(&life.record.slot.app).filter(|app| !app.deleting) else { return false };
        let Some(kept) = app.slots.get(&life.record.slot.index) else { return false };
        let goes_back = app.rolling.as_ref().is_some_and(|rolling| rolling.how.goes_back() && !rolling.given_up);
        let new = life.record.generation == app.generation && life.record.retired.is_none();
        goes_back && new && (kept.next == Some(instance) || kept.life == Some(instance) && kept.turn)
    }

    /// A life on trial, or one beside a sick one, is lost, or is about to be.
    pub(crate) fn lost(&mut self, instance: InstanceId, why: &str, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get(&instance) else { return };
        let slot = life.record.slot.clone();
        if self.is_on_trial(instance) {
            return self.fall_back(&slot.app, Some(instance), format!("{slot}: {why}"), now, out);
        }
        if let Some(kept) = self.slot_mut(&slot).filter(|kept| kept.next == Some(instance)) {
            kept.next = None;
            self.end_life(instance, ByUser::Stop, now, out);
            self.give_up_replacement(&slot, now, out);
        }
    }

    /// What stood beside a sick life is lost: that one is restarted after all.
    pub(crate) fn give_up_replacement(&mut self, slot: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        if let Some(sick) = self.slot_mut(slot).and_then(|kept| kept.life) {
            self.end_life(sick, ByUser::Restart, now, out);
        }
    }

    /// A new life could not be born because the machine is short of something: it is tried again.
    pub(crate) fn try_later(&mut self, slot: &SlotRef, end: &End, now: Tick) {
        if let Some(app) = self.apps.get_mut(&slot.app)
            && !matches!(end, End::Exited(_))
        {
            app.roll.not_before = Some(now + PAUSE);
        }
    }

    /// The reload of an app has failed: it is again what it was.
    pub(crate) fn fall_back(
        &mut self,
        name: &AppName,
        instance: Option<InstanceId>,
        why: String,
        now: Tick,
        out: &mut Vec<Effect>,
    ) {
        let Some(app) = self.apps.get_mut(name) else { return };
        let Some(rolling) = app.rolling.take() else { return };
        self.timers.disarm(&mut app.roll.alarm);
        let failed = app.generation;
        let said = What::RolledBack { generation: failed, why: why.clone() };
        out.push(Effect::Journal(Note { app: name.clone(), slot: None, instance, what: said }));
        if rolling.back {
            // Nothing better is known than what lives.
            app.rolling = Some(Box::new(Rolling { given_up: true, ..*rolling }));
            app.roll = Roll::default();
            out.push(Effect::Persist(StoreNote::GivenUp { app: name.clone(), generation: failed }));
            let nexts: Vec<SlotRef> = app.slots.keys().map(|index| SlotRef::new(name, *index)).collect();
            return nexts.iter().for_each(|slot| self.drop_next(slot, now, out));
        }
        app.roll = Roll::default();
        if !rolling.how.goes_back() {
            // Nobody was replaced: all are of the new generation, and stay.
            let note = StoreNote::RolledBack { app: name.clone(), generation: failed, instance, why, back: None };
            return out.push(Effect::Persist(note));
        }
        let lost = std::mem::replace(&mut app.definition, rolling.before);
        app.generation = rolling.generation;
        let slots: Vec<SlotRef> = app.slots.keys().map(|index| SlotRef::new(name, *index)).collect();
        app.slots.values_mut().for_each(|slot| slot.turn = false);
        let back = self
            .leaves_a_mixture(name)
            .then(|| Box::new(Rolling { how: rolling.how, before: lost, generation: failed, back: true, given_up: false }));
        // In one record: a steward that comes after us finds either the reload or the way back.
        let note = StoreNote::RolledBack { app: name.clone(), generation: failed, instance, why, back: back.clone() };
        out.push(Effect::Persist(note));
        slots.iter().for_each(|slot| self.drop_next(slot, now, out));
        if back.is_some() {
            self.begin_roll(name, rolling.generation, back, out);
        }
        for slot in slots {
            let retires = self.apps.get(name).is_some_and(|app| app.is_retiring(slot.index));
            if retires {
                self.empty(&slot, now, out);
            } else if self.stage == Stage::Open {
                self.forgive(&slot, out);
                self.settle(&slot, now, out);
            }
        }
        self.moved(name);
    }

    /// A way back that was given up is over once nothing is left of the generation that failed: it has been restarted, or stopped.
    pub(crate) fn forget_given_up(&mut self, name: &AppName, now: Tick, out: &mut Vec<Effect>) {
        let given_up = |app: &crate::app::App| app.rolling.as_ref().is_some_and(|rolling| rolling.given_up);
        if self.apps.get(name).is_some_and(given_up) && !self.leaves_a_mixture(name) {
            self.finish_roll(name, now, out);
        }
    }

    /// Whether slots of it are filled by another generation than the one that it has again: by the one that failed, or by one of an earlier reload that
    /// was given up for the sake of it. They give it back, as gently as they took it.
    fn leaves_a_mixture(&self, name: &AppName) -> bool {
        let Some(app) = self.apps.get(name) else { return false };
        let mut fillers = app.slots.values().filter_map(|slot| self.lives.get(&slot.life?));
        fillers.any(|life| life.record.generation != app.generation && !life.is_ending())
    }

    /// A life that was told to take its configuration anew is not well: that is the failure of the reload that told it.
    pub(crate) fn told_in_vain(&mut self, instance: InstanceId, why: &str, now: Tick, out: &mut Vec<Effect>) {
        let Some(slot) = self.lives.get(&instance).map(|life| life.record.slot.clone()) else { return };
        let by_signal = |app: &crate::app::App| app.rolling.as_ref().is_some_and(|rolling| rolling.how == Reload::Hup);
        if self.apps.get(&slot.app).is_some_and(by_signal) {
            self.fall_back(&slot.app, Some(instance), format!("{slot}: {why}"), now, out);
        }
    }
}
