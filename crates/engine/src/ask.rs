//! What users wish.

use crate::app::App;
use crate::engine::{Engine, Stage, note};
use crate::life::{Life, Phase};
use crate::roll::Roll;
use crate::{Effect, LifeNote, Target, What};
use model::{AppName, ByUser, Definition, Generation, InstanceId, Rest, Rolling, SlotId, SlotMemo, SlotRef, Tick};
use std::collections::BTreeMap;
use std::sync::Arc;

/// [`crate::Ask::Define`].
pub(crate) struct Anew {
    pub definition: Arc<Definition>,
    pub generation: Generation,
    pub run: bool,
    pub slot_ids: BTreeMap<u32, SlotId>,
    pub slot_wishes: BTreeMap<u32, bool>,
    pub rolling: Option<Box<Rolling>>,
}

impl Engine {
    /// The slots that a target means, by index.
    pub(crate) fn slots_of(&self, target: &Target) -> Vec<SlotRef> {
        let Some(app) = self.apps.get(&target.app) else { return Vec::new() };
        let meant = |index: &u32| target.slots.as_ref().is_none_or(|some| some.contains(index));
        app.slots.keys().filter(|index| meant(index)).map(|index| SlotRef::new(&target.app, *index)).collect()
    }

    /// Remembers a wish about an app or some of its slots.
    pub(crate) fn wish(&mut self, target: &Target, run: bool) {
        let Some(app) = self.apps.get_mut(&target.app) else { return };
        match &target.slots {
            None => {
                app.running = run;
                app.slots.values_mut().for_each(|slot| slot.wish = None);
            }
            Some(some) => {
                for index in some {
                    if let Some(slot) = app.slots.get_mut(index) {
                        slot.wish = Some(run);
                    }
                }
            }
        }
        if run {
            app.slots.values_mut().for_each(|slot| slot.held = false);
        }
        self.moved(&target.app);
    }

    pub(crate) fn start(&mut self, target: &Target, now: Tick, out: &mut Vec<Effect>) {
        self.wish(target, true);
        for slot in self.slots_of(target) {
            self.forgive(&slot, out);
            self.begin_run(&slot);
            self.renew_outdated(&slot, now, out);
            self.settle(&slot, now, out);
        }
    }

    /// A life whose end was held back, and that is wished again, may be of a generation that nothing replaces any more.
    fn renew_outdated(&mut self, slot: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        let Some(app) = self.apps.get(&slot.app).filter(|app| app.rolling.is_none()) else { return };
        let life = app.slots.get(&slot.index).and_then(|kept| self.lives.get(&kept.life?));
        if let Some(life) = life.filter(|life| life.record.generation != app.generation && !life.is_ending()) {
            self.end_life(life.id(), ByUser::Restart, now, out);
        }
    }

    /// A job that a user starts by name runs now; its schedule goes on beside that.
    fn begin_run(&mut self, slot: &SlotRef) {
        let is_job = self.apps.get(&slot.app).is_some_and(|app| app.definition.spec.schedule.is_some());
        if let Some(kept) = self.slot_mut(slot) {
            kept.due = is_job && kept.life.is_none();
        }
    }

    pub(crate) fn restart(&mut self, target: &Target, now: Tick, out: &mut Vec<Effect>) {
        self.wish(target, true);
        for slot in self.slots_of(target) {
            self.forgive(&slot, out);
            match self.slot_mut(&slot).and_then(|kept| kept.life) {
                Some(instance) => {
                    if let Some(kept) = self.slot_mut(&slot) {
                        kept.due = true;
                    }
                    self.end_life(instance, ByUser::Restart, now, out);
                }
                None => {
                    self.begin_run(&slot);
                    self.settle(&slot, now, out);
                }
            }
        }
    }

    pub(crate) fn stop(&mut self, targets: &[Target], now: Tick, out: &mut Vec<Effect>) {
        targets.iter().for_each(|target| self.wish(target, false));
        for target in targets {
            for slot in self.slots_of(target) {
                self.empty(&slot, now, out);
            }
        }
    }

    pub(crate) fn delete(&mut self, names: &[AppName], now: Tick, out: &mut Vec<Effect>) {
        for name in names {
            if let Some(app) = self.apps.get_mut(name) {
                app.deleting = true;
            }
        }
        for name in names {
            for slot in self.slots_of(&Target { app: name.clone(), slots: None }) {
                self.empty(&slot, now, out);
            }
            self.maybe_gone(name, out);
        }
    }

    pub(crate) fn reset(&mut self, target: &Target, now: Tick, out: &mut Vec<Effect>) {
        for slot in self.slots_of(target) {
            if let Some(kept) = self.slot_mut(&slot) {
                let done = kept.memo.rest == Rest::Completed;
                kept.forgive();
                kept.memo.restarts = 0;
                // What has done its work does not do it again.
                if done {
                    kept.memo.rest = Rest::Completed;
                }
                out.push(Effect::Record(LifeNote::Memo { slot: slot.clone(), memo: kept.memo.clone() }));
            }
            out.push(note(&slot, None, What::Reset));
            self.settle(&slot, now, out);
        }
    }

    /// Ends what a slot has, and what it waits for.
    pub(crate) fn empty(&mut self, slot: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        self.forgive(slot, out);
        self.drop_next(slot, now, out);
        for leaving in self.leaving(slot) {
            self.end_life(leaving, ByUser::Stop, now, out);
        }
        match self.slot_mut(slot).and_then(|kept| kept.life) {
            Some(instance) => self.end_in_turn(instance, now, out),
            None => {
                let retiring = self.apps.get(&slot.app).is_some_and(|app| app.is_retiring(slot.index));
                if !retiring && self.others_in(slot).next().is_none() {
                    out.push(note(slot, None, What::Stopped));
                }
                self.settle(slot, now, out);
            }
        }
    }

    /// Forgets failures of a slot, in memory and in the journal.
    pub(crate) fn forgive(&mut self, slot: &SlotRef, out: &mut Vec<Effect>) {
        if let Some(kept) = self.slot_mut(slot) {
            let before = kept.memo.clone();
            kept.forgive();
            if kept.memo != before {
                out.push(Effect::Record(LifeNote::Memo { slot: slot.clone(), memo: kept.memo.clone() }));
            }
        }
    }

    pub(crate) fn define(&mut self, anew: Anew, now: Tick, out: &mut Vec<Effect>) {
        let Anew { definition, generation, run, slot_ids, slot_wishes, rolling } = anew;
        let name = definition.spec.name.clone();
        let order = self.next_order;
        let app = self.apps.entry(name.clone()).or_insert_with(|| App {
            definition: definition.clone(),
            generation,
            highest: generation,
            rolling: None,
            roll: Roll::default(),
            running: run,
            order,
            deleting: false,
            slots: BTreeMap::new(),
        });
        self.next_order += u64::from(app.order == order);
        // What makes a job of it, or no job any more, makes it another as well.
        let was_job = app.definition.spec.schedule.is_some();
        let renewed = app.generation != generation || app.deleting || was_job != definition.spec.schedule.is_some();
        let another = app.generation != generation;
        app.definition = definition;
        app.deleting = false;
        app.running = run;
        if another || rolling.is_none() != app.rolling.is_none() {
            self.begin_roll(&name, generation, rolling, out);
        }
        let Some(app) = self.apps.get_mut(&name) else { return };
        self.moved.insert(name.clone());
        let begins = run && app.definition.spec.schedule.as_ref().is_some_and(|job| job.run_at_start);
        let mut fresh = Vec::new();
        for index in 0..app.definition.spec.slots_with(app.rolling.as_deref()) {
            let Some(id) = slot_ids.get(&index) else { continue };
            let is_new = !app.slots.contains_key(&index);
            let slot = Engine::make_slot(app, index, *id, SlotMemo::default());
            if is_new {
                slot.due |= begins;
                fresh.push(SlotRef::new(&name, index));
            }
        }
        for slot in fresh {
            self.inherit(&slot, now, out);
        }
        for slot in self.slots_of(&Target { app: name.clone(), slots: None }) {
            if let Some(kept) = self.slot_mut(&slot) {
                if run {
                    (kept.wish, kept.held) = (None, false);
                }
                kept.wish = slot_wishes.get(&slot.index).copied().or(kept.wish);
            }
            self.redefined(&slot, renewed, run, now, out);
        }
    }

    /// A new slot of an old name: when an earlier steward deleted it and died, a life of then may still be there. It is ended before
    /// another is born.
    fn inherit(&mut self, slot: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        let left = |life: &&Life| life.record.slot == *slot && life.phase != Phase::Over;
        // Those that stood beside others, or were taken out, fill no slot.
        let (fills, beside): (Vec<&Life>, Vec<&Life>) =
            self.lives.values().filter(left).partition(|life| life.record.beside.is_none() && life.record.retired.is_none());
        let all: Vec<InstanceId> = beside.into_iter().chain(fills.iter().copied()).map(Life::id).collect();
        let filler = fills.last().map(|life| life.id());
        if let Some(kept) = self.slot_mut(slot) {
            kept.life = filler;
        }
        all.into_iter().for_each(|instance| self.end_life(instance, ByUser::Restart, now, out));
    }

    /// A slot after its app was defined again: starts, is replaced, or goes.
    fn redefined(&mut self, slot: &SlotRef, renewed: bool, run: bool, now: Tick, out: &mut Vec<Effect>) {
        let Some(app) = self.apps.get_mut(&slot.app) else { return };
        let (generation, retiring, rolls) = (app.generation, app.is_retiring(slot.index), app.rolling.is_some());
        let definition = app.definition.clone();
        let spec = &definition.spec;
        let Some(kept) = app.slots.get_mut(&slot.index) else { return };
        if retiring {
            kept.wish = None;
            return self.empty(slot, now, out);
        }
        // A job that completed stays completed until it is a different one.
        let rests = kept.memo.rest == Rest::Completed && !renewed;
        if run && !rests && kept.memo.rest != Rest::None {
            self.forgive(slot, out);
        }
        let life = self.slot_mut(slot).and_then(|kept| kept.life);
        match life.and_then(|instance| self.lives.get_mut(&instance)) {
            Some(life) => {
                let old = life.record.generation != generation;
                // How a life is stopped may change while it runs.
                if !(old && rolls) {
                    life.record.stop_signal = spec.stop_signal;
                    life.record.stop_command.clone_from(&spec.stop_command);
                    life.record.kill_tree = spec.kill_tree;
                    life.record.stop_timeout = spec.stop_timeout;
                }
                let instance = life.id();
                // So may what becomes of its output; a life of another generation keeps what it was born with.
                if !old && life.record.log != spec.log {
                    life.record.log = spec.log.clone();
                    out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
                    // One that is still looked for has its streams opened when it is found.
                    if !matches!(life.phase, Phase::Sought { .. } | Phase::Over) {
                        out.push(Effect::OpenStreams { life: Box::new(life.record.clone()) });
                    }
                }
                let wanted = self.apps.get(&slot.app).is_some_and(|app| app.wants(slot.index));
                if !wanted {
                    // Defined not to run: what a new steward would stop is stopped now.
                    self.end_in_turn(instance, now, out);
                } else if old && rolls {
                    // Its turn comes.
                } else if old {
                    // A run of a job that is cut short by this is done again.
                    let again = spec.schedule.is_some();
                    if let Some(kept) = self.slot_mut(slot) {
                        kept.due |= again;
                    }
                    self.end_life(instance, ByUser::Restart, now, out);
                } else {
                    // How it is looked after may change while it runs.
                    self.begin_care(instance, now, out);
                }
            }
            None => self.settle(slot, now, out),
        }
    }

    pub(crate) fn shut_down(&mut self, now: Tick, out: &mut Vec<Effect>) {
        if !matches!(self.stage, Stage::Open) {
            return;
        }
        self.stage = Stage::Closing;
        let order = |instance: &InstanceId, engine: &Engine| {
            let slot = &engine.lives[instance].record.slot;
            let place = engine.apps.get(&slot.app).map(|app| (app.definition.spec.start_order, app.order));
            (place.unwrap_or((i32::MAX, u64::MAX)), slot.index)
        };
        let mut lives: Vec<InstanceId> = self.lives.keys().copied().collect();
        lives.sort_by_key(|instance| order(instance, self));
        for instance in lives.into_iter().rev() {
            self.end_in_turn(instance, now, out);
        }
        for app in self.apps.values_mut() {
            for slot in app.slots.values_mut() {
                self.timers.disarm(&mut slot.alarm);
            }
        }
    }

    /// Asks a life to end; what is under way already is left alone.
    pub(crate) fn end_life(&mut self, instance: InstanceId, by: ByUser, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        match &mut life.phase {
            Phase::Sought { wish } | Phase::Passing { wish, .. } => *wish = Some(by),
            Phase::Begun | Phase::Running | Phase::Draining => self.ask_to_stop(instance, by, now, out),
            Phase::Foreign { .. } => {
                life.record.stopping = Some((now, by));
                life.no_more_time();
                out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
                self.leave(instance, model::End::Exited(model::Verdict::Unseen), now, out);
            }
            Phase::Stopping | Phase::Leaving { .. } | Phase::Killing { .. } | Phase::Over => {
                // A stop after a restart, or the other way round: the wish has changed, the ending goes on. What somebody asked for is no
                // failure any more.
                if let Some((at, _)) = life.record.stopping {
                    life.record.stopping = Some((at, by));
                    life.record.fault = None;
                }
            }
        }
    }
}
