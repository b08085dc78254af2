//! The rules, judged from what the world has seen.

use super::World;
use engine::{Event, Word};
use model::{AppName, Condition, InstanceId, Rest, SlotRef, Status};
use std::time::Duration;

impl World {
    /// Whether a condition holds, from what the journal says and the processes show.
    pub(super) fn holds(&self, app: &AppName, condition: Condition) -> bool {
        let Some(known) = self.apps.get(app) else { return false };
        let slots = (0..known.definition.spec.instances).map(|index| SlotRef::new(app, index));
        let mut slots = slots.peekable();
        if slots.peek().is_none() {
            return false;
        }
        slots.all(|slot| {
            let life = self.lives.values().rfind(|life| life.slot == slot && life.ended.is_none());
            let memo = self.memos.get(&slot);
            let rest = memo.map(|memo| memo.rest.clone()).unwrap_or_default();
            let runs = life.is_some_and(|life| life.pid.is_some() && life.stopping.is_none());
            match condition {
                Condition::Started => runs || (life.is_none() && rest == Rest::Completed),
                Condition::Ready => {
                    life.is_some_and(|life| life.ready.is_some())
                        || (life.is_none() && rest == Rest::Completed && memo.is_some_and(|memo| memo.was_ready.is_some()))
                }
                Condition::Completed => life.is_none() && matches!(rest, Rest::Completed | Rest::Errored { .. }),
                Condition::CompletedOk => life.is_none() && rest == Rest::Completed,
            }
        })
    }

    /// An app that is stopped by wish ends after those that depend on it and are stopped by wish as well.
    pub(super) fn judge_signal(&self, instance: InstanceId) {
        let Some(life) = self.lives.get(&instance) else { return };
        let app = &life.slot.app;
        let stops = |app: &AppName| self.apps.get(app).is_some_and(|known| !known.running);
        // One of a slot that is no more is ended at once.
        let fills = self.engine.slot(&life.slot).is_some();
        if !fills || !stops(app) || life.fault.is_some() || life.stopping.is_none_or(|(_, by)| by != model::ByUser::Stop) {
            return;
        }
        for (name, known) in &self.apps {
            let depends = known.definition.spec.depends_on.iter().any(|need| need.app == *app);
            let lives = self.lives.values().any(|life| life.slot.app == *name && life.ended.is_none());
            // One that cannot be killed holds nobody back.
            let stuck = |view: &engine::SlotView<'_>| view.why.as_ref().is_some_and(|why| why.contains("stuck"));
            let counts = |view: &engine::SlotView<'_>| view.slot.app == *name && view.pid.is_some() && !stuck(view);
            if depends && stops(name) && lives && self.engine.slots().iter().any(counts) {
                self.fail(&format!("{app} is stopped before {name}, which depends on it"));
            }
        }
    }

    /// Nobody wishes anything more, and every answer is a good one: then everything comes to rest.
    pub(super) fn calm_down(&mut self) {
        self.kind = true;
        for _ in 0..400 {
            while !self.answers.is_empty() {
                self.answer();
            }
            let starts = |view: &engine::SlotView<'_>| view.status == Status::Starting || view.status == Status::Reloading;
            let unready: Vec<InstanceId> =
                self.engine.slots().iter().filter(|view| starts(view)).filter_map(|view| view.instance).collect();
            unready.into_iter().for_each(|instance| self.tell(Event::Said { instance, word: Word::Ready }));
            self.now = self.now + Duration::from_secs(1);
            self.tell(Event::TimePassed);
        }
        for view in self.engine.slots() {
            let rests = match view.status {
                Status::Running | Status::Ready | Status::Unhealthy | Status::Completed | Status::Errored | Status::Stopped => {
                    true
                }
                Status::Waiting => view.why.is_some(),
                Status::Backoff => view.next_at.is_some_and(|at| at > self.now),
                _ => false,
            };
            if !rests {
                self.fail(&format!("{} never comes to rest: {} {:?}", view.slot, view.status, view.why));
            }
        }
        self.judge_waiting();
    }

    /// Who waits for a dependency that holds has been forgotten.
    fn judge_waiting(&self) {
        for (name, known) in &self.apps {
            let spec = &known.definition.spec;
            let all = spec.depends_on.iter().all(|need| self.holds(&need.app, need.condition));
            let waits = |view: &engine::SlotView<'_>| view.slot.app == *name && view.status == Status::Waiting;
            if all && spec.schedule.is_none() && !spec.depends_on.is_empty() && self.engine.slots().iter().any(waits) {
                self.fail(&format!("{name} still waits, though all that it depends on holds"));
            }
        }
    }
}
