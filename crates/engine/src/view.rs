//! What users see: a total projection of many fine states to a few.

use crate::app::{App, Slot};
use crate::engine::{self, Engine};
use crate::life::{Life, Phase};
use crate::order::Blocked;
use crate::{HealthView, NextView, SlotView};
use model::{AppName, AppSpec, End, Rest, SlotRef, Stage, Status};

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
        let blocked = if life.is_none() { self.blocked_now(app, index, slot) } else { None };
        let (status, why) = match life {
            Some(life) if slot.held => self.of_held(life),
            Some(life) => of_life(life, app.spec_of(&life.record)),
            None if !app.wants(index) && self.others_in(&SlotRef::new(name, index)).next().is_some() => {
                (Status::Stopping, Some("lives that were replaced are still ending".to_owned()))
            }
            None => self.of_empty(app, index, slot, blocked.as_ref()),
        };
        let care = life.filter(|life| life.phase != Phase::Over).map(|life| &life.care);
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
            hopeless: blocked.is_some_and(|blocked| blocked.hopeless),
            instance: life.map(Life::id),
            ending: !slot.held && life.is_some_and(Life::is_ending),
            pid: life.and_then(|life| life.record.pid),
            ident: life.and_then(|life| life.record.ident),
            since: life.and_then(|life| life.since),
            restarts: slot.memo.restarts,
            exit: slot.memo.last_end.as_ref(),
            next_at,
            ran: slot.memo.ran,
            was_ready: slot.memo.was_ready,
            wished: app.wants(index),
            health: care.and_then(|care| care.health),
            said: care.and_then(|care| care.said.as_deref()),
            bad_answer: care.and_then(|care| care.bad_answer.as_deref()),
            late_answers: slot.late_answers,
            fault: slot.memo.fault.as_ref(),
            runs: &slot.memo.runs,
            main: life.and_then(|life| life.record.told.main),
            port: life.and_then(|life| life.record.port),
            next: slot.next.and_then(|next| self.lives.get(&next)).map(|next| next_view(next, app)),
            leaving: self.leaving(&SlotRef::new(name, index)),
        }
    }

    /// What keeps an empty slot from being filled although it should be.
    fn blocked_now(&self, app: &App, index: u32, slot: &Slot) -> Option<Blocked> {
        let rests = matches!(slot.memo.rest, Rest::Completed | Rest::Errored { .. });
        let retries = matches!(slot.memo.rest, Rest::Backoff { .. });
        let sleeps = app.definition.spec.schedule.is_some() && !slot.due && !retries;
        let open = app.wants(index) && !rests && !sleeps && self.stage == engine::Stage::Open;
        if open { self.blocked(app) } else { None }
    }

    fn of_held(&self, life: &Life) -> (Status, Option<String>) {
        let first = self.first_to_end(&life.record.slot.app).map(|app| format!("it ends after {app}"));
        (Status::Stopping, first)
    }

    fn of_empty(&self, app: &App, index: u32, slot: &Slot, blocked: Option<&Blocked>) -> (Status, Option<String>) {
        let job = app.definition.spec.schedule.is_some();
        match &slot.memo.rest {
            Rest::Errored { why } => (Status::Errored, Some(why.clone())),
            _ if !app.wants(index) => (Status::Stopped, None),
            Rest::Completed if !job => (Status::Completed, None),
            _ if self.stage != engine::Stage::Open => (Status::Stopped, None),
            Rest::Backoff { .. } if !slot.waiting && blocked.is_none() => (Status::Backoff, None),
            Rest::Backoff { .. } if slot.shortages > 0 => (Status::Waiting, Some(of_shortage(slot.memo.last_end.as_ref()))),
            Rest::Completed | Rest::None if job && !slot.due => (Status::Waiting, Some("its schedule".to_owned())),
            Rest::Backoff { .. } if slot.waiting => (Status::Waiting, Some("start_delay".to_owned())),
            _ => (Status::Waiting, blocked.map(|blocked| blocked.why.clone())),
        }
    }
}

/// What a slot waits for that we could not give it.
fn of_shortage(end: Option<&End>) -> String {
    match end {
        // Says itself who has what it needs.
        Some(End::NotBorn { stage: Stage::Port, errno }) => errno.clone(),
        _ => "the machine is short of something; it is tried again".to_owned(),
    }
}

fn next_view<'a>(life: &'a Life, app: &App) -> NextView<'a> {
    let (status, why) = of_life(life, app.spec_of(&life.record));
    let bad_answer = life.care.bad_answer.as_deref();
    NextView { instance: life.id(), pid: life.record.pid, status, why, bad_answer, port: life.record.port }
}

fn of_life(life: &Life, spec: &AppSpec) -> (Status, Option<String>) {
    let stuck = life.stuck.map(|left| format!("stopping (stuck): {left} of its processes cannot be killed"));
    match &life.phase {
        Phase::Sought { .. } => (Status::Starting, Some("looking for the life that an earlier manager left".to_owned())),
        Phase::Begun => (Status::Starting, None),
        Phase::Running | Phase::Passing { .. } => of_running(life, spec),
        Phase::Draining => (Status::Stopping, Some("another has taken its place; it is stopped after `drain`".to_owned())),
        Phase::Stopping | Phase::Killing { .. } => (Status::Stopping, stuck),
        Phase::Leaving { .. } => (Status::Stopping, Some("its process has ended; descendants are still there".to_owned())),
        Phase::Foreign { .. } => {
            (Status::Foreign, Some("its process is gone, but something of it still lives; `abide stop` ends that too".to_owned()))
        }
        // A life that is over fills no slot.
        Phase::Over => (Status::Stopped, None),
    }
}

fn of_running(life: &Life, spec: &AppSpec) -> (Status, Option<String>) {
    let care = &life.care;
    let answer = care.bad_answer.clone();
    match life.record.ready {
        None => {
            (Status::Starting, Some(answer.map_or("it is not ready".to_owned(), |answer| format!("it is not ready: {answer}"))))
        }
        Some(_) if care.reloading => (Status::Reloading, Some("it says that it is reloading".to_owned())),
        Some(_) if care.health == Some(HealthView::Unhealthy) => (Status::Unhealthy, answer),
        Some(_) if spec.has_readiness() => (Status::Ready, None),
        Some(_) => (Status::Running, None),
    }
}
