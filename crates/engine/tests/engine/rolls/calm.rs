//! Nobody wishes anything more, and every answer is a good one: then everything comes to rest, as the store says.

use super::world::World;
use engine::{Event, Word};
use model::{InstanceId, SlotRef};
use std::time::Duration;

impl World {
    pub(super) fn calm_down(&mut self) {
        self.kind = true;
        self.dies_after = None;
        let mut still = 0;
        for _ in 0..400 {
            let before = format!("{:?}", (&self.owed, self.engine.deadline(), self.procs.len(), self.lives.len()));
            self.good_answers();
            let now = self.engine.deadline().map_or(Duration::from_secs(1), |at| at.since(self.now));
            self.pass(now.clamp(Duration::from_millis(1), Duration::from_secs(2)));
            let after = format!("{:?}", (&self.owed, self.engine.deadline(), self.procs.len(), self.lives.len()));
            still = if before == after && self.engine.deadline().is_none() { still + 1 } else { 0 };
            if still > 2 {
                break;
            }
        }
        self.judge_rest();
    }

    fn good_answers(&mut self) {
        for _ in 0..200 {
            if !self.owed.is_empty() {
                self.answer(0);
                continue;
            }
            let waits = |(instance, process): (&InstanceId, &super::world::Proc)| {
                let unready = self.lives.get(instance).is_some_and(|life| life.ready.is_none() && life.stopping.is_none());
                (process.ended.is_none() && (!process.born || unready)).then_some((*instance, process.born))
            };
            let waiting: Vec<(InstanceId, bool)> = self.procs.iter().filter_map(waits).collect();
            if waiting.is_empty() {
                return;
            }
            for (instance, born) in waiting {
                if born {
                    self.tell(Event::Said { instance, word: Word::Ready });
                } else {
                    self.begin(instance, None);
                }
            }
            if self.owed.is_empty() && self.procs.values().all(|process| process.born || process.ended.is_some()) {
                return;
            }
        }
    }

    fn judge_rest(&self) {
        let mut filled = 0;
        for (name, app) in &self.store.apps {
            let given_up = self.given_up.contains(name);
            let waits = !app.spec().depends_on.iter().all(|need| self.holds(&need.app, need.condition));
            if let Some(rolling) = app.rolling.as_ref().filter(|_| !given_up && !waits) {
                self.fail(&format!("{name} is still being reloaded ({}, back: {})", rolling.how, rolling.back));
            }
            if self.engine.generation(name) != Some(app.generation) {
                self.fail(&format!("{name} is of generation {:?} for the steward", self.engine.generation(name)));
            }
            for index in 0..app.slots().max(4) {
                let slot = SlotRef::new(name, index);
                let living = self.living(&slot);
                filled += living.len();
                let alive: Vec<String> = living.iter().map(|instance| self.told_of(*instance)).collect();
                if !app.wants(index) {
                    // While a reload waits, also slots that only the old definition has are kept.
                    let excused = waits && index < app.slots();
                    if !living.is_empty() && !excused {
                        self.fail(&format!("{slot} is not wished, and has {alive:?}"));
                    }
                    continue;
                }
                if waits {
                    continue;
                }
                let [one] = living[..] else { self.fail(&format!("{slot} is wished, and has {alive:?}")) };
                let life = &self.lives[&one];
                let right = (life.generation, life.digest) == (app.generation, app.spec().digest());
                if !right && !given_up {
                    self.fail(&format!("{slot} has {alive:?}, and the store has generation {}", app.generation));
                }
                if !self.serves(one) {
                    self.fail(&format!("{slot} has {alive:?}, which is not ready or stands aside"));
                }
            }
        }
        let all = self.procs.values().filter(|process| process.ended.is_none()).count();
        if all != filled {
            self.fail(&format!("{} lives are of no slot", all - filled));
        }
    }

    fn told_of(&self, instance: InstanceId) -> String {
        let life = self.lives.get(&instance);
        let states = life.map(|life| (life.generation, life.ready.is_some(), life.beside, life.retired, life.stopping));
        format!("{instance} {states:?}")
    }
}
