//! What users see: a total projection of many fine states to a few.

use crate::SlotView;
use crate::app::{App, Slot};
use crate::engine::{Engine, Stage};
use crate::life::{Life, Phase};
use model::{AppName, Rest, SlotRef, Status};

impl Engine {
    /// Every slot, by order of definition, then index.
    pub fn slots(&self) -> Vec<SlotView<'_>> {
        let mut apps: Vec<(&AppName, &App)> = self.apps.iter().collect();
        apps.sort_by_key(|(_, app)| app.order);
        apps.iter().flat_map(|(name, app)| app.slots.iter().map(|(index, slot)| self.view(name, app, *index, slot))).collect()
    }

    /// One slot.
    pub fn slot(&self, slot: &SlotRef) -> Option<SlotView<'_>> {
        let app = self.apps.get(&slot.app)?;
        let kept = app.slots.get(&slot.index)?;
        Some(self.view(&slot.app, app, slot.index, kept))
    }

    /// How many lives are not entirely closed: those that live, and those whose streams still drain.
    pub fn open_lives(&self) -> usize {
        self.lives.len()
    }

    fn view<'a>(&'a self, name: &AppName, app: &'a App, index: u32, slot: &'a Slot) -> SlotView<'a> {
        let life = slot.life.and_then(|instance| self.lives.get(&instance));
        let (status, why) = match life {
            Some(life) => of_life(life),
            None => self.of_empty(app, index, slot),
        };
        let next_at = match slot.memo.rest {
            Rest::Backoff { at } if life.is_none() => Some(at),
            _ => None,
        };
        SlotView {
            slot: SlotRef::new(name, index),
            id: slot.id,
            spec: &app.definition.spec,
            generation: life.map_or(app.generation, |life| life.record.generation),
            status,
            why,
            hopeless: false,
            instance: life.map(Life::id),
            pid: life.and_then(|life| life.record.pid),
            ident: life.and_then(|life| life.record.ident),
            since: life.and_then(|life| life.since),
            restarts: slot.memo.restarts,
            exit: slot.memo.last_end.as_ref(),
            next_at,
            ran: slot.memo.ran,
            was_ready: slot.memo.was_ready,
            wished: app.wants(index),
            health: None,
            said: None,
            bad_answer: None,
            late_answers: 0,
            fault: slot.memo.fault.as_ref(),
            runs: &slot.memo.runs,
            main_pid: None,
        }
    }

    fn of_empty(&self, app: &App, index: u32, slot: &Slot) -> (Status, Option<String>) {
        match &slot.memo.rest {
            Rest::Errored { why } => (Status::Errored, Some(why.clone())),
            _ if !app.wants(index) => (Status::Stopped, None),
            Rest::Completed => (Status::Completed, None),
            _ if self.stage != Stage::Open => (Status::Stopped, None),
            Rest::Backoff { .. } if !slot.waiting => (Status::Backoff, None),
            Rest::Backoff { .. } if slot.shortages > 0 => {
                (Status::Waiting, Some("the machine is short of something; it is tried again".to_owned()))
            }
            Rest::Backoff { .. } => (Status::Waiting, Some("start_delay".to_owned())),
            Rest::None => (Status::Waiting, None),
        }
    }
}

fn of_life(life: &Life) -> (Status, Option<String>) {
    let stuck = life.stuck.map(|left| format!("stopping (stuck): {left} of its processes cannot be killed"));
    match &life.phase {
        Phase::Sought { .. } => (Status::Starting, Some("looking for the life that an earlier manager left".to_owned())),
        Phase::Begun => (Status::Starting, None),
        Phase::Running => (Status::Running, None),
        Phase::Stopping | Phase::Killing { .. } => (Status::Stopping, stuck),
        Phase::Leaving { .. } => (Status::Stopping, Some("its process has ended; descendants are still there".to_owned())),
        Phase::Foreign { .. } => {
            (Status::Foreign, Some("its process is gone, but something of it still lives; `abide stop` ends that too".to_owned()))
        }
        // A life that is over fills no slot.
        Phase::Over => (Status::Stopped, None),
    }
}
