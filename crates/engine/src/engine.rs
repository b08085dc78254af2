//! The brain itself: who is told what.

use crate::app::{App, Slot};
use crate::ask::Anew;
use crate::life::{Life, Phase};
use crate::restart::Spread;
use crate::timer::{Alarm, Owner, Timers};
use crate::{Ask, Effect, Event, LifeNote, Note, StoreNote, What};
use model::{AppName, End, InstanceId, Rest, SlotId, SlotMemo, SlotRef, Stream, Tick};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How many instance numbers are reserved in the store at a time.
const RESERVE: u64 = 1000;
/// How long the house waits for the last streams when it closes; what is not in the files by then stays in the FIFOs.
const LAST_DRAIN: Duration = Duration::from_secs(2);

/// The brain. One owner, one loop: the shell tells it what happened, it says what to do.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) stage: Stage,
    pub(crate) apps: BTreeMap<AppName, App>,
    pub(crate) lives: BTreeMap<InstanceId, Life>,
    /// Those of each slot that has any, so that nobody has to look at all of them.
    pub(crate) of_slots: BTreeMap<SlotRef, BTreeSet<InstanceId>>,
    pub(crate) timers: Timers,
    pub(crate) spread: Spread,
    pub(crate) next_instance: u64,
    pub(crate) reserved: u64,
    pub(crate) next_order: u64,
    pub(crate) house_alarm: Option<Alarm>,
    /// The number of the last question.
    pub(crate) next_question: u64,
    /// Apps that others may have waited for.
    pub(crate) moved: BTreeSet<AppName>,
    /// Apps of which lives are being replaced beside others.
    pub(crate) rolls: BTreeSet<AppName>,
}

/// How far the steward's own life is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Knows nothing.
    Ignorant,
    /// Knows what was wished and what lived; waits for the keeper's dump.
    Recalled,
    /// Decides.
    Open,
    /// Ends every life and bears none.
    Closing,
    /// Has said farewell.
    Closed,
}

impl Engine {
    /// A brain that knows nothing yet; `seed` feeds the jitter of its pauses.
    pub fn new(seed: u64) -> Engine {
        Engine {
            stage: Stage::Ignorant,
            apps: BTreeMap::new(),
            lives: BTreeMap::new(),
            of_slots: BTreeMap::new(),
            timers: Timers::default(),
            spread: Spread(seed),
            next_instance: 1,
            reserved: 0,
            next_order: 0,
            house_alarm: None,
            next_question: 0,
            moved: BTreeSet::new(),
            rolls: BTreeSet::new(),
        }
    }

    /// Takes one happening and appends what is to be done to `out`, in order. Happenings about lives that are no more, and
    /// those that come before [`Event::Recalled`] and [`Event::Dumped`], change nothing.
    pub fn step(&mut self, event: Event, now: Tick, out: &mut Vec<Effect>) {
        match (event, self.stage) {
            (Event::Recalled(recalled), Stage::Ignorant) => self.recall(*recalled, now),
            (Event::Dumped(facts), Stage::Recalled) => self.take_dump(facts, now, out),
            (Event::Recalled(_) | Event::Dumped(_), _) | (_, Stage::Ignorant | Stage::Recalled) => {}
            (Event::Inspected { instance, finding }, _) => self.inspected(instance, finding, now, out),
            (Event::AdoptRefused { instance }, _) => self.adopt_refused(instance, now, out),
            (Event::Asked(ask), stage) => self.asked(ask, stage, now, out),
            (Event::Born { instance, pid, ident, at }, _) => self.born(instance, pid, ident, at, now, out),
            (Event::Ended { instance, end, at }, _) => self.ended(instance, end, at, now, out),
            (Event::Swept { instance, left }, _) => self.swept(instance, left, now, out),
            (Event::Sealed { instance, stream }, _) => self.sealed(instance, stream, out),
            (Event::Probed { instance, number, outcome }, _) => self.probed(instance, number, outcome, now, out),
            (Event::StopRefused { instance, why }, _) => self.stop_refused(instance, why, out),
            (Event::Said { instance, word }, _) => self.said(instance, word, now, out),
            (Event::Exceeded { instance, what }, _) => self.exceeded(instance, what, now, out),
            (Event::OutOfMemory { instance, killed }, _) => self.out_of_memory(instance, killed, now, out),
            (Event::Due { app, late, .. }, _) => self.due(&app, late, now, out),
            (Event::RestartDue { app }, _) => self.restart_due(&app, now, out),
            (Event::Changed { app, paths }, _) => self.changed(&app, paths, now, out),
            (Event::Leased { instance, port }, _) => self.leased(instance, port, out),
            (Event::Switched { app, generation, refused }, _) => self.switched(&app, generation, refused, now, out),
            (Event::TimePassed, _) => self.time_passed(now, out),
        }
        self.follow_moves(now, out);
        if !self.rolls.is_empty() {
            self.rolls_go_on(now, out);
            self.follow_moves(now, out);
        }
        self.maybe_farewell(now, out);
    }

    /// When [`Event::TimePassed`] is wanted next.
    pub fn deadline(&self) -> Option<Tick> {
        self.timers.next()
    }

    /// The next number of an instance: lives begun from now on have at least this one.
    pub fn next_instance(&self) -> InstanceId {
        InstanceId(self.next_instance)
    }

    fn time_passed(&mut self, now: Tick, out: &mut Vec<Effect>) {
        while let Some((alarm, owner)) = self.timers.due(now) {
            match owner {
                Owner::Life(instance) => {
                    let kept = self.lives.get_mut(&instance).filter(|life| life.alarm == Some(alarm));
                    if let Some(life) = kept {
                        life.alarm = None;
                        self.life_due(instance, now, out);
                    }
                }
                Owner::Slot(slot) => {
                    let kept = self.slot_mut(&slot).filter(|kept| kept.alarm == Some(alarm));
                    if let Some(kept) = kept {
                        kept.alarm = None;
                        self.settle(&slot, now, out);
                    }
                }
                // What is due for it is found when the step ends.
                Owner::App(app) => {
                    if let Some(app) = self.apps.get_mut(&app).filter(|app| app.roll.alarm == Some(alarm)) {
                        app.roll.alarm = None;
                    }
                }
                Owner::House => {
                    self.house_alarm = None;
                    self.farewell(out);
                }
            }
        }
    }

    /// Gives a slot what it should have now: a life, a pause, or its end.
    pub(crate) fn settle(&mut self, slot: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        let blocked = self.apps.get(&slot.app).is_some_and(|app| self.blocked(app).is_some());
        let Some(app) = self.apps.get_mut(&slot.app) else { return };
        let wanted = app.wants(slot.index);
        let retiring = app.is_retiring(slot.index);
        let start_delay = app.definition.spec.start_delay;
        let is_job = app.definition.spec.schedule.is_some();
        let Some(kept) = app.slots.get_mut(&slot.index) else { return };
        self.timers.disarm(&mut kept.alarm);
        if kept.life.is_some() {
            return;
        }
        let is_alone = self.others_in(slot).next().is_none();
        // One that is no part of a declared overlap, and is being ended: its end comes here again.
        let is_taken = self.others_in(slot).any(|life| life.record.beside.is_none() && life.record.retired.is_none());
        let Some(app) = self.apps.get_mut(&slot.app) else { return };
        let Some(kept) = app.slots.get_mut(&slot.index) else { return };
        if retiring {
            // The last one that leaves comes here again.
            if !is_alone {
                return;
            }
            app.slots.remove(&slot.index);
            out.push(Effect::Record(LifeNote::Forgotten { slot: slot.clone() }));
            self.maybe_gone(&slot.app, out);
            return;
        }
        if !wanted || is_taken || self.stage != Stage::Open {
            return;
        }
        // A job rests until a run of it is due; one that failed may be restarted meanwhile.
        if is_job && !kept.due && !matches!(kept.memo.rest, Rest::Backoff { .. }) {
            return;
        }
        match kept.memo.rest {
            Rest::Completed | Rest::Errored { .. } => {}
            Rest::Backoff { at } if at > now => self.timers.arm(&mut kept.alarm, Owner::Slot(slot.clone()), at),
            // Asked anew when a dependency has moved.
            Rest::Backoff { .. } | Rest::None if blocked => {}
            Rest::None if !kept.delayed && !start_delay.is_zero() => {
                // Until `delayed`, an armed pause is the start delay; afterwards it never comes back for this start.
                kept.delayed = true;
                kept.waiting = true;
                kept.memo.rest = Rest::Backoff { at: now + start_delay };
                self.timers.arm(&mut kept.alarm, Owner::Slot(slot.clone()), now + start_delay);
            }
            Rest::Backoff { .. } | Rest::None => self.bear(slot, now, out),
        }
    }

    /// Begins a life: the intent is in the journal before anything else happens.
    fn bear(&mut self, slot: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        let instance = self.number(out);
        let app = self.apps.get_mut(&slot.app).expect("settle found the app");
        let (definition, generation) = app.fills_by(slot.index);
        let kept = app.slots.get_mut(&slot.index).expect("settle found the slot");
        let is_restart = matches!(kept.memo.rest, Rest::Backoff { .. }) && !kept.waiting;
        if is_restart {
            kept.memo.restarts = kept.memo.restarts.saturating_add(1);
            kept.memo.streak = kept.memo.streak.saturating_add(1);
        }
        kept.waiting = false;
        kept.due = false;
        kept.memo.rest = Rest::None;
        kept.life = Some(instance);
        let memo = kept.memo.clone();
        let record = app.record(instance, slot, now, &definition, generation);
        // The memory after the intent: a crash between the two only costs a count, never a second life.
        out.push(Effect::Record(LifeNote::Life(Box::new(record.clone()))));
        out.push(Effect::Record(LifeNote::Memo { slot: slot.clone(), memo }));
        out.push(note(slot, Some(instance), What::Starting));
        let bear = crate::Bear { life: record.clone(), definition };
        out.push(Effect::Bear(Box::new(bear)));
        self.take_in(Life::begun(record));
    }

    /// A life is known from now on.
    pub(crate) fn take_in(&mut self, life: Life) {
        self.of_slots.entry(life.record.slot.clone()).or_default().insert(life.id());
        self.lives.insert(life.id(), life);
    }

    /// A number that no life ever had.
    pub(crate) fn number(&mut self, out: &mut Vec<Effect>) -> InstanceId {
        let instance = InstanceId(self.next_instance);
        self.next_instance += 1;
        if self.next_instance > self.reserved {
            self.reserved = self.next_instance + RESERVE;
            out.push(Effect::Persist(StoreNote::Reserve { until: self.reserved }));
        }
        instance
    }

    /// Whether it decides.
    pub(crate) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Forgets an app that is being deleted once its last slot is gone.
    pub(crate) fn maybe_gone(&mut self, name: &AppName, out: &mut Vec<Effect>) {
        if self.apps.get(name).is_some_and(|app| app.deleting && app.slots.is_empty()) {
            self.apps.remove(name);
            self.moved(name);
            out.push(Effect::Persist(StoreNote::Gone { app: name.clone() }));
            let what = What::Deleted;
            out.push(Effect::Journal(Note { app: name.clone(), slot: None, instance: None, what }));
        }
    }

    fn sealed(&mut self, instance: InstanceId, stream: Stream, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let which = usize::from(stream == Stream::Err);
        if life.sealed[which] {
            return;
        }
        life.sealed[which] = true;
        out.push(Effect::Record(LifeNote::Sealed { instance, stream }));
        self.maybe_close(instance, out);
    }

    /// Lets go of a life that is over and whose streams are sealed.
    pub(crate) fn maybe_close(&mut self, instance: InstanceId, out: &mut Vec<Effect>) {
        let done = self.lives.get(&instance).is_some_and(|life| life.phase == Phase::Over && life.is_sealed());
        if done {
            if let Some(mut life) = self.lives.remove(&instance) {
                self.timers.disarm(&mut life.alarm);
                if let Entry::Occupied(mut of) = self.of_slots.entry(life.record.slot) {
                    of.get_mut().remove(&instance);
                    if of.get().is_empty() {
                        of.remove();
                    }
                }
            }
            out.push(Effect::Close { instance });
            out.push(Effect::Record(LifeNote::Closed { instance }));
        }
    }

    fn maybe_farewell(&mut self, now: Tick, out: &mut Vec<Effect>) {
        if self.stage != Stage::Closing || self.lives.values().any(|life| life.phase != Phase::Over) {
            return;
        }
        if self.lives.is_empty() {
            self.timers.disarm(&mut self.house_alarm);
            self.farewell(out);
        } else if self.house_alarm.is_none() {
            self.timers.arm(&mut self.house_alarm, Owner::House, now + LAST_DRAIN);
        }
    }

    fn farewell(&mut self, out: &mut Vec<Effect>) {
        if self.stage == Stage::Closing {
            self.stage = Stage::Closed;
            out.push(Effect::Farewell);
        }
    }

    /// The end of a shortage of ours: the wish stands, the next try only waits.
    pub(crate) fn hold(slot: &mut Slot, now: Tick, end: &End) {
        slot.shortages = slot.shortages.saturating_add(1);
        let pause = Duration::from_millis(100).saturating_mul(1 << slot.shortages.min(6)).min(Duration::from_secs(5));
        slot.waiting = true;
        slot.memo.last_end = Some(end.clone());
        slot.memo.rest = Rest::Backoff { at: now + pause };
    }

    pub(crate) fn slot_mut(&mut self, slot: &SlotRef) -> Option<&mut Slot> {
        self.apps.get_mut(&slot.app)?.slots.get_mut(&slot.index)
    }

    /// Makes a slot with the id that the store gave it.
    pub(crate) fn make_slot(app: &mut App, index: u32, id: SlotId, memo: SlotMemo) -> &mut Slot {
        app.slots.entry(index).or_insert_with(|| Slot::new(id, memo))
    }
}

/// A journal entry about a slot.
pub(crate) fn note(slot: &SlotRef, instance: Option<InstanceId>, what: What) -> Effect {
    Effect::Journal(Note { app: slot.app.clone(), slot: Some(slot.clone()), instance, what })
}

impl Engine {
    fn asked(&mut self, ask: Ask, stage: Stage, now: Tick, out: &mut Vec<Effect>) {
        match ask {
            Ask::Shutdown => self.shut_down(now, out),
            Ask::Define { definition, generation, run, slot_ids, slot_wishes, rolling } => {
                let anew = Anew { definition, generation, run, slot_ids, slot_wishes, rolling };
                self.define(anew, now, out);
            }
            Ask::Start(target) if stage == Stage::Open => self.start(&target, now, out),
            Ask::Restart(target) if stage == Stage::Open => self.restart(&target, now, out),
            // While the house closes, wishes are still remembered (the store has them), but nothing is begun.
            Ask::Start(target) | Ask::Restart(target) => self.wish(&target, true),
            Ask::Reload { app, generation, rolling } => self.reload(&app, generation, rolling, out),
            Ask::Stop(targets) => self.stop(&targets, now, out),
            Ask::Delete(apps) => self.delete(&apps, now, out),
            Ask::Reset(target) => self.reset(&target, now, out),
        }
    }
}
