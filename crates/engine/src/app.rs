//! Apps and their slots.

use crate::roll::Roll;
use crate::timer::Alarm;
use model::{AppSpec, Definition, Generation, InstanceId, LifeRecord, Rest, Rolling, Run, SlotId, SlotMemo, SlotRef, Tick};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the user wrote, and what is wished of it.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub definition: Arc<Definition>,
    pub generation: Generation,
    /// No life of it has a higher one.
    pub highest: Generation,
    /// The reload that is under way, as the store has it.
    pub rolling: Option<Box<Rolling>>,
    /// What else is known of it.
    pub roll: Roll,
    /// Whether it is wished to run, where no slot says otherwise.
    pub running: bool,
    /// Place in the order of definition.
    pub order: u64,
    /// It is being deleted: forgotten once its last slot is empty.
    pub deleting: bool,
    pub slots: BTreeMap<u32, Slot>,
}

/// A stable place for lives.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub id: SlotId,
    /// A wish for this slot alone (`stop web-1`).
    pub wish: Option<bool>,
    pub memo: SlotMemo,
    /// The life that fills it: at most one, by construction.
    pub life: Option<InstanceId>,
    /// The life that stands beside it and is to take its place.
    pub next: Option<InstanceId>,
    /// In a reload its turn has come: what is born in it now is new.
    pub turn: bool,
    /// Its armed deadline: the end of a pause.
    pub alarm: Option<Alarm>,
    /// It waits out `start_delay` or a shortage: the next birth is no restart.
    pub waiting: bool,
    /// Shortages in a row.
    pub shortages: u32,
    /// Whether `start_delay` has been waited out.
    pub delayed: bool,
    /// Its life is to be stopped, once those that depend on the app have ended.
    pub held: bool,
    /// A job: a run of it is to begin.
    pub due: bool,
    /// A job: another run follows the one that goes on.
    pub queued: bool,
    /// Answers of probes that nobody waited for any more.
    pub late_answers: u64,
}

/// So many runs of a job are remembered.
const RUNS: usize = 10;

impl Slot {
    pub(crate) fn new(id: SlotId, memo: SlotMemo) -> Slot {
        Slot {
            id,
            wish: None,
            memo,
            life: None,
            next: None,
            turn: false,
            alarm: None,
            waiting: false,
            shortages: 0,
            delayed: false,
            held: false,
            due: false,
            queued: false,
            late_answers: 0,
        }
    }

    /// Remembers a run of a job.
    pub(crate) fn remember_run(&mut self, run: Run) {
        let runs = &mut self.memo.runs;
        runs.push(run);
        runs.drain(..runs.len().saturating_sub(RUNS));
    }

    /// After the end of a run: the one that was queued, or asked for while this one ended, is due, whatever became of this one.
    pub(crate) fn next_run(&mut self) {
        if std::mem::take(&mut self.queued) || self.due {
            self.forgive();
            self.due = true;
        }
    }

    /// Forgets failures and pauses: what a user's `start` or `restart` does.
    pub(crate) fn forgive(&mut self) {
        self.memo.rest = Rest::None;
        self.memo.streak = 0;
        self.memo.failures.clear();
        self.waiting = false;
        self.shortages = 0;
        self.delayed = false;
    }
}

impl App {
    /// The record of a life of `slot` by one of its definitions.
    pub(crate) fn record(
        &self,
        instance: InstanceId,
        slot: &SlotRef,
        begun: Tick,
        definition: &Definition,
        generation: Generation,
    ) -> LifeRecord {
        let id = self.slots.get(&slot.index).map(|kept| kept.id).unwrap_or_default();
        LifeRecord::intent(instance, slot.clone(), id, generation, &definition.spec, begun)
    }

    /// By which definition a slot is filled now: while a reload may have to go back, by the old one until its turn has come.
    pub(crate) fn fills_by(&self, index: u32) -> (Arc<Definition>, Generation) {
        let waits = self.slots.get(&index).is_some_and(|slot| !slot.turn);
        // On the way back nothing more is filled by what has failed.
        let old = self.rolling.as_ref().filter(|rolling| waits && rolling.has_way_back());
        match old.filter(|rolling| index < rolling.before.spec.instances) {
            Some(rolling) => (rolling.before.clone(), rolling.generation),
            None => (self.definition.clone(), self.generation),
        }
    }

    /// The definition that a life was born by, as far as it is known.
    pub(crate) fn definition_of(&self, life: &LifeRecord) -> &Arc<Definition> {
        let old = self.rolling.as_ref().and_then(|rolling| rolling.born_by(life.generation, self.generation));
        old.unwrap_or(&self.definition)
    }

    /// The specification that a life was born by.
    pub(crate) fn spec_of(&self, life: &LifeRecord) -> &AppSpec {
        &self.definition_of(life).spec
    }

    /// Whether the slot `index` should have a life at all, whatever its memory says.
    pub(crate) fn wants(&self, index: u32) -> bool {
        let wished = self.slots.get(&index).and_then(|slot| slot.wish).unwrap_or(self.running);
        wished && !self.is_retiring(index)
    }

    /// Whether a life of it counts as ready as soon as it runs.
    pub(crate) fn is_ready_at_once(&self, life: &LifeRecord) -> bool {
        let spec = self.spec_of(life);
        !spec.has_readiness() && spec.min_uptime.is_zero()
    }

    /// Whether the slot is to vanish once it is empty.
    pub(crate) fn is_retiring(&self, index: u32) -> bool {
        // While there is a way back, no slot of before goes.
        let before = self.rolling.as_deref().filter(|rolling| rolling.has_way_back());
        self.deleting || index >= self.definition.spec.slots_with(before)
    }
}
