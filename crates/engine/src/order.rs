//! Who waits for whom: births wait for what an app depends on, ends for what depends on it; and who shares whose fate in a group.
//!
//! Nobody stores who waits. Whether an app may be born is asked anew each time one that it depends on has moved, from the facts of that moment,
//! so a dependency that fails and comes back, is replaced, or was settled by another steward needs no bookkeeping.

use crate::app::{App, Slot};
use crate::engine::{Engine, Stage, note};
use crate::life::{Life, Phase};
use crate::{Effect, StoreNote, Target, What};
use model::{AppName, ByUser, Condition, Dependency, InstanceId, OnExit, Rest, SlotRef, Strategy, Tick};

/// Why an app is not born now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blocked {
    /// In words.
    pub why: String,
    /// It stays so until somebody does something.
    pub hopeless: bool,
}

/// How far one slot is on the way to a condition.
enum Reach {
    Met,
    /// On its way; what it is at.
    Pending(&'static str),
    /// It does not get there by itself.
    Never(&'static str),
}

impl Engine {
    /// Something about `app` has changed that others may wait for. They are looked at when the step ends.
    pub(crate) fn moved(&mut self, app: &AppName) {
        self.moved.insert(app.clone());
    }

    /// Looks at all who may have waited for those that have moved.
    pub(crate) fn follow_moves(&mut self, now: Tick, out: &mut Vec<Effect>) {
        if self.moved.is_empty() {
            return;
        }
        loop {
            while let Some(app) = self.moved.pop_first() {
                for waiter in self.dependents(&app) {
                    for slot in self.slots_where(&waiter, |slot| slot.life.is_none()) {
                        self.settle(&slot, now, out);
                    }
                }
            }
            // All of them: whom one waits for may have been defined anew and wait for nobody any more.
            for instance in self.held() {
                self.end_in_turn(instance, now, out);
            }
            if self.moved.is_empty() {
                return;
            }
        }
    }

    /// Lives whose end is held back.
    fn held(&self) -> Vec<InstanceId> {
        let slots = self.apps.values().flat_map(|app| app.slots.values());
        slots.filter(|slot| slot.held).filter_map(|slot| slot.life).collect()
    }

    fn dependents(&self, app: &AppName) -> Vec<AppName> {
        let waits = |(_, other): &(&AppName, &App)| other.definition.spec.depends_on.iter().any(|need| need.app == *app);
        self.apps.iter().filter(waits).map(|(name, _)| name.clone()).collect()
    }

    fn slots_where(&self, app: &AppName, is: impl Fn(&Slot) -> bool) -> Vec<SlotRef> {
        let Some(known) = self.apps.get(app) else { return Vec::new() };
        known.slots.iter().filter(|(_, slot)| is(slot)).map(|(index, _)| SlotRef::new(app, *index)).collect()
    }

    /// Why no life of `app` is born now, if one of its dependencies forbids it.
    pub(crate) fn blocked(&self, app: &App) -> Option<Blocked> {
        let mut found: Option<Blocked> = None;
        for need in &app.definition.spec.depends_on {
            if let Some(blocked) = self.blocked_by(need) {
                // What never comes is worth more to know than what only takes its time.
                if blocked.hopeless {
                    return Some(blocked);
                }
                found.get_or_insert(blocked);
            }
        }
        found
    }

    /// Why a dependency is not met now, in words; `None` = it is. For whoever shows it.
    pub fn unmet(&self, need: &Dependency) -> Option<String> {
        self.blocked_by(&Dependency { required: true, ..need.clone() }).map(|blocked| blocked.why)
    }

    fn blocked_by(&self, need: &Dependency) -> Option<Blocked> {
        let name = &need.app;
        let never = |what: &str| Some(Blocked { why: format!("{name} {what}"), hopeless: true }).filter(|_| need.required);
        let Some(app) = self.apps.get(name).filter(|app| !app.deleting) else {
            return never("is not defined");
        };
        if app.definition.spec.instances == 0 {
            return never("has no instances");
        }
        let mut pending = None;
        for index in 0..app.definition.spec.instances {
            let Some(slot) = app.slots.get(&index) else { continue };
            match self.reach(app, index, slot, need.condition) {
                Reach::Met => {}
                Reach::Never(what) => {
                    if let blocked @ Some(_) = never(what) {
                        return blocked;
                    }
                }
                Reach::Pending(what) => pending = Some(what),
            }
        }
        pending.map(|what| Blocked { why: format!("{name} {what}"), hopeless: false })
    }

    fn reach(&self, app: &App, index: u32, slot: &Slot, condition: Condition) -> Reach {
        let life = slot.life.and_then(|instance| self.lives.get(&instance));
        let runs = life.is_some_and(Life::runs);
        let is_ready = life.is_some_and(|life| life.runs() && life.record.ready.is_some());
        let wanted = app.wants(index) && self.stage == Stage::Open;
        let done = life.is_none() && slot.memo.rest == Rest::Completed;
        let given_up = life.is_none() && matches!(slot.memo.rest, Rest::Errored { .. });
        match condition {
            // One that has ended well has been started and, if it ever was, ready.
            Condition::Started if runs || done => Reach::Met,
            Condition::Ready if is_ready || (done && slot.memo.was_ready.is_some()) => Reach::Met,
            Condition::Ready if done => Reach::Never("has completed without being ready"),
            Condition::Completed if done || given_up => Reach::Met,
            Condition::CompletedOk if done => Reach::Met,
            _ if given_up => Reach::Never("has failed (errored)"),
            _ if !wanted => Reach::Never("is stopped"),
            Condition::Completed | Condition::CompletedOk if runs => Reach::Pending("has not completed"),
            Condition::Ready if runs => Reach::Pending("is not ready"),
            _ if life.is_some() => Reach::Pending("is starting"),
            _ if matches!(slot.memo.rest, Rest::Backoff { .. }) => Reach::Pending("waits to be restarted"),
            _ => Reach::Pending("waits itself"),
        }
    }

    /// Stops a life by wish, or holds its end back while others that depend on its app and are ended as well still live.
    pub(crate) fn end_in_turn(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(slot) = self.lives.get(&instance).map(|life| life.record.slot.clone()) else { return };
        let runs = self.lives.get(&instance).is_some_and(|life| life.phase == Phase::Begun || life.runs());
        let wait = runs && self.first_to_end(&slot.app).is_some();
        // Nobody would remember to end one that fills no slot any more.
        let fills = self.slot_mut(&slot).filter(|kept| kept.life == Some(instance));
        let hold = wait && fills.is_some();
        if let Some(kept) = fills {
            kept.held = hold;
        }
        if !hold {
            self.end_life(instance, ByUser::Stop, now, out);
        }
    }

    /// An app that depends on `app`, is being ended, and still has lives (such as cannot be killed do not count).
    pub(crate) fn first_to_end(&self, app: &AppName) -> Option<&AppName> {
        let mut waiters =
            self.apps.iter().filter(|(_, other)| other.definition.spec.depends_on.iter().any(|need| need.app == *app));
        let ends = |other: &App, index: u32| !other.wants(index) || self.stage != Stage::Open;
        let lives = |slot: &Slot| {
            slot.life.and_then(|life| self.lives.get(&life)).is_some_and(|life| life.phase != Phase::Over && life.stuck.is_none())
        };
        let found = waiters.find(|(_, other)| other.slots.iter().any(|(index, slot)| ends(other, *index) && lives(slot)));
        found.map(|(name, _)| name)
    }

    /// A life has failed: what the strategy of its group means for the others.
    pub(crate) fn others_follow(&mut self, failed: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        let Some(app) = self.apps.get(&failed.app) else { return };
        let again = app
            .slots
            .get(&failed.index)
            .is_some_and(|slot| slot.life.is_some() || matches!(slot.memo.rest, Rest::Backoff { .. }));
        let Some(group) = app.definition.spec.group.as_ref().filter(|_| again) else { return };
        let place = |app: &App| (app.definition.spec.start_order, app.order);
        let from = place(app);
        let follows = |name: &AppName, other: &App| match group.strategy {
            Strategy::One => false,
            Strategy::All => true,
            Strategy::Rest => *name != failed.app && place(other) > from,
        };
        let members: Vec<AppName> =
            self.members(&group.name).filter(|(name, other)| follows(name, other)).map(|(name, _)| name.clone()).collect();
        for name in members {
            self.follow(&name, failed, now, out);
        }
    }

    /// Restarts what runs of `app` because `leader` is restarted.
    pub(crate) fn follow(&mut self, app: &AppName, leader: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        for slot in self.slots_where(app, |slot| slot.life.is_some()) {
            let Some(instance) = self.slot_mut(&slot).and_then(|kept| kept.life).filter(|_| slot != *leader) else { continue };
            let wanted = self.apps.get(app).is_some_and(|known| known.wants(slot.index));
            let runs = self.lives.get(&instance).is_some_and(|life| life.phase == Phase::Begun || life.runs());
            if wanted && runs {
                out.push(note(&slot, Some(instance), What::Follows { app: leader.app.clone() }));
                self.end_life(instance, ByUser::Restart, now, out);
            }
        }
    }

    /// An app has ended for good: with `on_exit = "stop-group"` the others of its group are stopped, and stay so.
    pub(crate) fn maybe_stop_group(&mut self, slot: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        let Some(app) = self.apps.get(&slot.app) else { return };
        let spec = &app.definition.spec;
        let over = |slot: &Slot| slot.life.is_none() && matches!(slot.memo.rest, Rest::Completed | Rest::Errored { .. });
        let (Some(OnExit::StopGroup), Some(group)) = (spec.on_exit, &spec.group) else { return };
        if self.stage != Stage::Open || !app.slots.values().all(over) {
            return;
        }
        let runs = |other: &App| other.running || other.slots.values().any(|slot| slot.wish == Some(true));
        let others = self.members(&group.name).filter(|(name, other)| **name != slot.app && runs(other));
        let apps: Vec<AppName> = others.map(|(name, _)| name.clone()).collect();
        if apps.is_empty() {
            return;
        }
        out.push(Effect::Persist(StoreNote::Stopped { apps: apps.clone() }));
        for name in &apps {
            let what = What::StoppedWith { app: slot.app.clone() };
            out.push(Effect::Journal(crate::Note { app: name.clone(), slot: None, instance: None, what }));
        }
        let targets: Vec<Target> = apps.into_iter().map(|app| Target { app, slots: None }).collect();
        self.stop(&targets, now, out);
    }

    fn members<'a>(&'a self, group: &'a str) -> impl Iterator<Item = (&'a AppName, &'a App)> {
        self.apps.iter().filter(move |(_, app)| app.definition.spec.group.as_ref().is_some_and(|of| of.name == group))
    }
}
