//! The moves of a reload, made.

use super::{Move, Roll, Switch, next, strategy};
use crate::engine::{Engine, note};
use crate::life::{Life, Phase};
use crate::timer::Owner;
use crate::{Bear, Effect, LifeNote, Note, StoreNote, What};
use model::{AppName, ByUser, Generation, InstanceId, Reload, Rolling, SlotRef, Tick};
use std::collections::BTreeMap;

impl Engine {
    /// The life has its port.
    pub(crate) fn leased(&mut self, instance: InstanceId, port: u16, out: &mut Vec<Effect>) {
        if let Some(life) = self.lives.get_mut(&instance).filter(|life| life.record.port != Some(port)) {
            life.record.port = Some(port);
            out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
        }
    }

    /// A user reloads an app whose definition stays.
    pub(crate) fn reload(&mut self, name: &AppName, generation: Generation, rolling: Box<Rolling>, out: &mut Vec<Effect>) {
        self.begin_roll(name, generation, Some(rolling), out);
    }

    /// An app is reloaded without anybody asking for it: by the clock, or because of an edit. `false`: its strategy is a plain restart.
    pub(crate) fn renew(&mut self, name: &AppName, out: &mut Vec<Effect>) -> bool {
        let views: Vec<_> = self.slots().into_iter().filter(|view| view.slot.app == *name).collect();
        let Some(app) = self.apps.get(name).filter(|app| app.rolling.is_none()) else { return self.roll(name).is_some() };
        let spec = &app.definition.spec;
        let found = strategy(spec, spec, false, &views);
        if !found.rolls || found.how == Reload::Restart || found.refused.is_some() {
            return false;
        }
        let highest = self.lives.values().filter(|life| life.record.slot.app == *name).map(|life| life.record.generation);
        let generation = Generation(highest.max().unwrap_or_default().max(app.highest).0 + 1);
        let rolling = Rolling::begun(found.how, None, &app.definition, app.generation);
        out.push(Effect::Persist(StoreNote::Roll { app: name.clone(), generation, rolling: rolling.clone() }));
        self.begin_roll(name, generation, Some(rolling), out);
        true
    }

    /// An app has another generation now, and lives of others are to give way to it.
    pub(crate) fn begin_roll(
        &mut self,
        name: &AppName,
        generation: Generation,
        rolling: Option<Box<Rolling>>,
        out: &mut Vec<Effect>,
    ) {
        let Some(app) = self.apps.get_mut(name) else { return };
        app.generation = generation;
        app.highest = app.highest.max(generation);
        self.timers.disarm(&mut app.roll.alarm);
        app.roll = Roll::default();
        app.slots.values_mut().for_each(|slot| slot.turn = false);
        if let Some(rolling) = &rolling {
            let what = What::RollBegun { how: rolling.how, generation, back: rolling.back };
            out.push(Effect::Journal(Note { app: name.clone(), slot: None, instance: None, what }));
            self.rolls.insert(name.clone());
        }
        app.rolling = rolling;
    }

    /// Makes every move that can be made now.
    pub(crate) fn rolls_go_on(&mut self, now: Tick, out: &mut Vec<Effect>) {
        if self.rolls.is_empty() || !self.is_open() {
            return;
        }
        for name in self.rolls.clone() {
            self.drop_strays(&name, now, out);
            self.forget_given_up(&name, now, out);
            while let Some(seen) = self.see(&name, now) {
                let step = next(&seen, now);
                self.make(&name, step, now, out);
                if matches!(step, Move::Wait(_)) {
                    break;
                }
            }
            self.replacements_go_on(&name, now, out);
            let app = self.apps.get(&name);
            if app.is_none_or(|app| app.rolling.is_none() && app.slots.values().all(|slot| slot.next.is_none())) {
                self.rolls.remove(&name);
            }
        }
    }

    /// New lives of a generation that is not wished any more, or of slots that are not.
    fn drop_strays(&mut self, name: &AppName, now: Tick, out: &mut Vec<Effect>) {
        let Some(app) = self.apps.get(name) else { return };
        let stray = |(index, slot): (&u32, &crate::app::Slot)| {
            let life = slot.next.and_then(|next| self.lives.get(&next))?;
            let wanted = app.wants(*index) && *index < app.definition.spec.instances;
            (!wanted || life.record.generation != app.generation).then(|| SlotRef::new(name, *index))
        };
        for slot in app.slots.iter().filter_map(stray).collect::<Vec<_>>() {
            self.drop_next(&slot, now, out);
        }
    }

    /// Ends the life that was to be the next of a slot.
    pub(crate) fn drop_next(&mut self, slot: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        let Some(next) = self.slot_mut(slot).and_then(|kept| kept.next.take()) else { return };
        // Of one that ends already it is known why.
        if self.lives.get(&next).is_some_and(|life| !life.is_ending()) {
            self.end_life(next, ByUser::Stop, now, out);
        }
    }

    /// Lives that stand beside sick ones of the same generation.
    fn replacements_go_on(&mut self, name: &AppName, now: Tick, out: &mut Vec<Effect>) {
        let Some(app) = self.apps.get(name).filter(|app| app.rolling.is_none()) else { return };
        let coming: Vec<(u32, Option<Tick>)> = app
            .slots
            .iter()
            .filter_map(|(index, slot)| Some((*index, self.proven_at(app, self.lives.get(&slot.next?)?))))
            .collect();
        let mut until = None;
        for (index, proven) in coming {
            match proven {
                Some(at) if at <= now => self.take_over(&SlotRef::new(name, index), false, now, out),
                Some(at) => until = Some(until.map_or(at, |until: Tick| until.min(at))),
                None => {}
            }
        }
        if let Some(at) = until {
            self.wait_until(name, Some(at));
        }
    }

    fn wait_until(&mut self, name: &AppName, until: Option<Tick>) {
        let Some(app) = self.apps.get_mut(name) else { return };
        match until {
            Some(at) => self.timers.arm(&mut app.roll.alarm, Owner::App(name.clone()), at),
            None => self.timers.disarm(&mut app.roll.alarm),
        }
    }

    fn make(&mut self, name: &AppName, step: Move, now: Tick, out: &mut Vec<Effect>) {
        let slot = |index| SlotRef::new(name, index);
        match step {
            Move::Wait(until) => self.wait_until(name, until),
            Move::Stop(index) => {
                let slot = slot(index);
                self.take_turn(&slot, out);
                if let Some(instance) = self.slot_mut(&slot).and_then(|kept| kept.life) {
                    self.end_life(instance, ByUser::Restart, now, out);
                }
            }
            Move::Bear(index) => {
                self.take_turn(&slot(index), out);
                self.settle(&slot(index), now, out);
            }
            Move::Beside(index) => self.bear_beside(&slot(index), now, out),
            Move::Tell(index) => self.tell_to_reload(&slot(index), now, out),
            Move::TakeOver(index) => self.take_over(&slot(index), false, now, out),
            Move::Ask => self.ask_to_switch(name, out),
            Move::Switch => {
                let Some(app) = self.apps.get(name) else { return };
                let stops = app.rolling.as_ref().is_some_and(|rolling| rolling.how == Reload::Socket);
                let coming: Vec<u32> =
                    app.slots.iter().filter(|(_, kept)| kept.next.is_some()).map(|(index, _)| *index).collect();
                // First on record that there is no way back: a steward that comes after us then goes on with the switch.
                self.finish_roll(name, now, out);
                coming.into_iter().for_each(|index| self.take_over(&slot(index), stops, now, out));
            }
            Move::Finish => self.finish_roll(name, now, out),
        }
    }

    fn take_turn(&mut self, slot: &SlotRef, out: &mut Vec<Effect>) {
        self.forgive(slot, out);
        if let Some(kept) = self.slot_mut(slot) {
            kept.turn = true;
        }
    }

    /// Bears a life beside the one in its slot.
    pub(crate) fn bear_beside(&mut self, slot: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        let instance = self.number(out);
        let Some(app) = self.apps.get_mut(&slot.app) else { return };
        let (definition, generation) = (app.definition.clone(), app.generation);
        let Some(kept) = app.slots.get_mut(&slot.index) else { return };
        let old = kept.life.or(kept.memo.ran).unwrap_or(InstanceId(0));
        kept.next = Some(instance);
        let mut record = app.record(instance, slot, now, &definition, generation);
        record.beside = Some(old);
        out.push(Effect::Record(LifeNote::Life(Box::new(record.clone()))));
        out.push(note(slot, Some(instance), What::Starting));
        out.push(Effect::Bear(Box::new(Bear { life: record.clone(), definition })));
        self.take_in(Life::begun(record));
        self.rolls.insert(slot.app.clone());
    }

    /// Sends a life the signal by which it takes its configuration anew. Its generation is raised afterwards: one that comes after us sends the
    /// signal twice rather than never.
    fn tell_to_reload(&mut self, slot: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        let Some(app) = self.apps.get(&slot.app) else { return };
        let (signal, generation) = (app.definition.spec.renewal.signal, app.generation);
        let Some(instance) = self.slot_mut(slot).and_then(|kept| kept.life) else { return };
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let running = life.phase == Phase::Running;
        if running {
            out.push(Effect::Signal { instance, signal });
            out.push(note(slot, Some(instance), What::Told { signal }));
        }
        life.record.generation = generation;
        out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
        if running {
            self.prove_again(instance, now, out);
        }
    }

    /// The new life of a slot takes the place of the old one, which is taken out.
    pub(crate) fn take_over(&mut self, slot: &SlotRef, stops: bool, now: Tick, out: &mut Vec<Effect>) {
        let Some(kept) = self.slot_mut(slot) else { return };
        let Some(next) = kept.next.take() else { return };
        let old = kept.life.replace(next);
        kept.turn = true;
        kept.held = false;
        self.timers_of(slot);
        self.forgive(slot, out);
        if let Some(life) = self.lives.get_mut(&next) {
            life.record.beside = None;
            let ready = life.record.ready.is_some();
            // On record before the old one is taken out: of two, the newer one fills the slot.
            out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
            if let Some(kept) = self.slot_mut(slot) {
                kept.memo.ran = Some(next);
                kept.memo.was_ready = if ready { Some(next) } else { kept.memo.was_ready };
                out.push(Effect::Record(LifeNote::Memo { slot: slot.clone(), memo: kept.memo.clone() }));
            }
        }
        if let Some(old) = old {
            self.retire(old, stops, now, out);
        }
        self.moved(&slot.app);
    }

    fn timers_of(&mut self, slot: &SlotRef) {
        let Some(kept) = self.apps.get_mut(&slot.app).and_then(|app| app.slots.get_mut(&slot.index)) else { return };
        self.timers.disarm(&mut kept.alarm);
    }

    /// Takes a life out. `stops`: it is told at once to take no more, and has the time of `drain` besides.
    pub(crate) fn retire(&mut self, instance: InstanceId, stops: bool, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let Some(app) = self.apps.get(&life.record.slot.app) else { return };
        let drain = app.definition.spec.renewal.drain;
        life.record.retired = Some(now);
        if stops {
            life.record.stop_timeout += drain;
        }
        out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
        let drain_ms = u64::try_from(drain.as_millis()).unwrap_or(u64::MAX);
        out.push(note(&life.record.slot, Some(instance), What::Retired { drain_ms }));
        if life.phase == Phase::Running && !stops && !drain.is_zero() {
            life.phase = Phase::Draining;
            life.care.give_up_question();
            self.timers.arm(&mut life.alarm, Owner::Life(instance), now + drain);
        } else {
            self.end_life(instance, ByUser::Restart, now, out);
        }
    }

    fn ask_to_switch(&mut self, name: &AppName, out: &mut Vec<Effect>) {
        let Some(app) = self.apps.get_mut(name) else { return };
        app.roll.switch = Switch::Asked;
        let app = &self.apps[name];
        let ports = |of: &dyn Fn(&crate::app::Slot) -> Option<InstanceId>| -> Vec<u16> {
            let ports: BTreeMap<u32, u16> =
                app.slots.iter().filter_map(|(index, slot)| Some((*index, self.lives.get(&of(slot)?)?.record.port?))).collect();
            ports.into_values().collect()
        };
        let (from, to) = (ports(&|slot| slot.life), ports(&|slot| slot.next));
        out.push(Effect::Switch { app: name.clone(), generation: app.generation, from, to });
    }

    pub(crate) fn switched(
        &mut self,
        name: &AppName,
        generation: Generation,
        refused: Option<String>,
        now: Tick,
        out: &mut Vec<Effect>,
    ) {
        let open = self.apps.get_mut(name).filter(|app| app.generation == generation && app.roll.switch.is_asked());
        let Some(app) = open else { return };
        match refused {
            None => app.roll.switch = Switch::Agreed,
            Some(why) => self.fall_back(name, None, format!("on_switch: {why}"), now, out),
        }
    }

    /// There is no way back any more.
    pub(super) fn finish_roll(&mut self, name: &AppName, now: Tick, out: &mut Vec<Effect>) {
        let Some(app) = self.apps.get_mut(name) else { return };
        self.timers.disarm(&mut app.roll.alarm);
        app.rolling = None;
        let generation = app.generation;
        let kept = app.definition.spec.instances;
        let gone: Vec<SlotRef> = app.slots.range(kept..).map(|(index, _)| SlotRef::new(name, *index)).collect();
        out.push(Effect::Persist(StoreNote::Rolled { app: name.clone(), generation }));
        let what = What::RolledOver { generation };
        out.push(Effect::Journal(Note { app: name.clone(), slot: None, instance: None, what }));
        for slot in gone {
            self.empty(&slot, now, out);
        }
        self.moved(name);
    }
}
