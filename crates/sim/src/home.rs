//! What is on disk: wishes, the lives journal, and what followers were told. It outlives every process.

use crate::judge::{bereave, is_over};
use engine::{Ask, Engine, LifeNote, Recalled, RecalledApp, SlotView, StoreNote, Target, strategy};
use model::{AppName, AppSpec, Definition, Generation, InstanceId, LifeRecord, Reload, Rest, Rolling, SlotId, SlotMemo, SlotRef};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// An app in the store.
#[derive(Debug, Clone)]
pub struct StoredApp {
    /// What was written.
    pub definition: Arc<Definition>,
    /// Counts changes of the process.
    pub generation: Generation,
    /// Whether it is wished to run.
    pub running: bool,
    /// Wishes for single slots.
    pub slot_wishes: BTreeMap<u32, bool>,
    /// Ids of every slot that it ever had.
    pub slot_ids: BTreeMap<u32, SlotId>,
    /// How lives of another definition are replaced, until that is over.
    pub rolling: Option<Box<Rolling>>,
    /// The generation that failed last.
    pub failed: Option<Generation>,
    /// It is to go.
    pub deleting: bool,
}

/// What an operator asks for.
#[derive(Debug, Clone)]
pub enum Op {
    /// Define, and run or not.
    Define(Box<AppSpec>, bool),
    /// Run.
    Start(Target),
    /// Do not run.
    Stop(Target),
    /// Run anew.
    Restart(Target),
    /// Replace what runs by its strategy.
    Reload(AppName),
    /// Forget.
    Delete(AppName),
    /// End the house.
    Shutdown,
}

impl StoredApp {
    /// Whether this slot is to have a life.
    pub fn wants(&self, index: u32) -> bool {
        let wished = self.slot_wishes.get(&index).copied().unwrap_or(self.running);
        wished && !self.deleting && index < self.definition.spec.instances
    }

    fn next_generation(&self) -> Generation {
        Generation(self.generation.max(self.failed.unwrap_or_default()).0 + 1)
    }

    /// What there is to go back to.
    fn rolling_from(&self, how: Reload) -> Box<Rolling> {
        Rolling::begun(how, self.rolling.as_deref(), &self.definition, self.generation)
    }

    /// Whether any of its slots is.
    pub fn is_wanted(&self) -> bool {
        (0..self.definition.spec.instances).any(|index| self.wants(index))
    }
}

/// What is remembered of a rule of the clock.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// The period, and whether it goes by the wall clock.
    pub terms: (i64, bool),
    /// The last time that was told.
    pub last: i64,
    /// How often something was told.
    pub tells: i64,
}

/// The folder with everything of one Abide.
#[derive(Debug, Default)]
pub struct Home {
    /// In the order of definition.
    pub apps: Vec<StoredApp>,
    errored: BTreeMap<SlotRef, String>,
    reserve: u64,
    next_slot_id: u32,
    /// Lives that are not closed.
    pub lives: BTreeMap<InstanceId, LifeRecord>,
    /// What slots remember.
    pub memos: BTreeMap<SlotRef, SlotMemo>,
    /// What the clock has begun, of each app its runs and its restarts.
    pub told: BTreeMap<(AppName, bool), Told>,
    /// The marker that it was stopped by wish.
    pub stopped: bool,
    /// What clients have asked for and nobody has accepted.
    pub inbox: VecDeque<Op>,
    /// When each app was last asked to change; the second for all.
    pub asked: BTreeMap<AppName, u64>,
    /// When each app last had another reason to be ended: the clock, a file, a group.
    pub excused: BTreeMap<AppName, u64>,
    /// When the house was last asked to end.
    pub shut: u64,
    /// Apps that are to be stopped because another of their group has ended for good, and by which.
    pub bereft: BTreeMap<AppName, AppName>,
    /// When each life was begun.
    pub begun: BTreeMap<InstanceId, u64>,
}

impl Home {
    /// The app of this name.
    pub fn app(&self, name: &AppName) -> Option<&StoredApp> {
        self.apps.iter().find(|app| app.definition.spec.name == *name && !app.deleting)
    }

    /// Whether somebody asked for an end of this life since it was begun.
    pub fn may_end(&self, instance: InstanceId, slot: &SlotRef) -> bool {
        let begun = self.begun.get(&instance).copied().unwrap_or(0);
        let since = |times: &BTreeMap<AppName, u64>| times.get(&slot.app).is_some_and(|at| *at >= begun);
        self.shut >= begun || since(&self.asked) || since(&self.excused)
    }

    /// Accepts what a client asks: it is in the store from here on.
    pub fn accept(&mut self, op: Op, engine: &Engine, now: u64) -> Option<Ask> {
        let touched = match &op {
            Op::Define(spec, _) => Some(spec.name.clone()),
            Op::Start(target) | Op::Stop(target) | Op::Restart(target) => Some(target.app.clone()),
            Op::Delete(name) | Op::Reload(name) => Some(name.clone()),
            Op::Shutdown => None,
        };
        if let Some(name) = &touched {
            self.asked.insert(name.clone(), now);
            self.bereft.retain(|app, by| app != name && by != name);
        }
        let op = self.meant(op)?;
        match op {
            Op::Define(spec, run) => {
                let views = views(engine, &spec.name);
                self.define(*spec, run, &views)
            }
            Op::Reload(name) => self.reload(&name, &views(engine, &name)),
            Op::Start(target) => self.wish(&target, true).then_some(Ask::Start(target)),
            Op::Restart(target) => self.wish(&target, true).then_some(Ask::Restart(target)),
            Op::Stop(target) => self.wish(&target, false).then_some(Ask::Stop(vec![target])),
            Op::Delete(name) => {
                let app = self.apps.iter_mut().find(|app| app.definition.spec.name == name && !app.deleting)?;
                app.deleting = true;
                self.errored.retain(|slot, _| slot.app != name);
                Some(Ask::Delete(vec![name]))
            }
            Op::Shutdown => {
                (self.stopped, self.shut) = (true, now);
                self.bereft.clear();
                Some(Ask::Shutdown)
            }
        }
    }

    /// What is asked of slots that there are; nothing when there are none.
    fn meant(&self, mut op: Op) -> Option<Op> {
        if let Op::Start(target) | Op::Stop(target) | Op::Restart(target) = &mut op
            && let Some(slots) = &mut target.slots
        {
            let instances = self.app(&target.app)?.definition.spec.instances;
            slots.retain(|index| *index < instances);
            return (!slots.is_empty()).then_some(op);
        }
        Some(op)
    }

    fn wish(&mut self, target: &Target, run: bool) -> bool {
        let meant = |index: u32| target.slots.as_ref().is_none_or(|some| some.contains(&index));
        self.errored.retain(|slot, _| slot.app != target.app || !meant(slot.index));
        let Some(app) = self.apps.iter_mut().find(|app| app.definition.spec.name == target.app && !app.deleting) else {
            return false;
        };
        match &target.slots {
            None => {
                app.running = run;
                app.slot_wishes.clear();
            }
            Some(some) => app.slot_wishes.extend(some.iter().map(|index| (*index, run))),
        }
        true
    }

    /// A reload, or a plain restart where nothing is replaced bit by bit.
    fn reload(&mut self, name: &AppName, views: &[SlotView<'_>]) -> Option<Ask> {
        let app = self.apps.iter_mut().find(|app| app.definition.spec.name == *name && !app.deleting)?;
        let found = strategy(&app.definition.spec, &app.definition.spec, false, views);
        if found.refused.is_some() {
            return None;
        }
        if !found.rolls {
            let target = Target { app: name.clone(), slots: None };
            return self.wish(&target, true).then_some(Ask::Restart(target));
        }
        let rolling = app.rolling_from(found.how);
        app.generation = app.next_generation();
        app.rolling = Some(rolling.clone());
        Some(Ask::Reload { app: name.clone(), generation: app.generation, rolling })
    }

    fn define(&mut self, spec: AppSpec, run: bool, views: &[SlotView<'_>]) -> Option<Ask> {
        let name = spec.name.clone();
        let at = self.apps.iter().position(|app| app.definition.spec.name == name);
        let old = at.map(|at| self.apps[at].clone());
        let (generation, rolling) = match &old {
            Some(old) if old.definition.spec.same_process(&spec) => (old.generation, old.rolling.clone()),
            Some(old) => {
                let found = strategy(&old.definition.spec, &spec, true, views);
                if found.refused.is_some() {
                    return None;
                }
                (old.next_generation(), found.rolls.then(|| old.rolling_from(found.how)))
            }
            // Lives of an app that had this name may still be there.
            None => {
                let lives = self.lives.values().filter(|life| life.slot.app == name);
                (Generation(lives.map(|life| life.generation.0).max().unwrap_or(0) + 1), None)
            }
        };
        let failed = old.as_ref().and_then(|old| old.failed);
        let mut slot_ids = old.as_ref().map(|old| old.slot_ids.clone()).unwrap_or_default();
        for index in 0..spec.instances {
            slot_ids.entry(index).or_insert_with(|| {
                self.next_slot_id += 1;
                SlotId(self.next_slot_id)
            });
        }
        let mut slot_wishes = if run { BTreeMap::new() } else { old.map(|old| old.slot_wishes).unwrap_or_default() };
        slot_wishes.retain(|index, _| *index < spec.instances);
        let definition = Arc::new(Definition { spec, session_env: BTreeMap::new(), umask: 0o22, source: None, project: None });
        let app = StoredApp { definition, generation, running: run, slot_wishes, slot_ids, rolling, failed, deleting: false };
        if run {
            self.errored.retain(|slot, _| slot.app != name);
        }
        let (generation, slot_wishes) = (app.generation, app.slot_wishes.clone());
        let (definition, rolling) = (app.definition.clone(), app.rolling.clone());
        let ask = Ask::Define { definition, generation, run, slot_ids: live(&app), slot_wishes, rolling };
        match at {
            Some(at) => self.apps[at] = app,
            None => self.apps.push(app),
        }
        Some(ask)
    }

    fn stored(&mut self, name: &AppName) -> Option<&mut StoredApp> {
        self.apps.iter_mut().find(|app| app.definition.spec.name == *name)
    }

    /// What must survive a power cut.
    pub fn persist(&mut self, note: StoreNote, now: u64) {
        match note {
            StoreNote::Errored { slot, why } => _ = self.errored.insert(slot, why),
            StoreNote::Reserve { until } => self.reserve = self.reserve.max(until),
            StoreNote::Stopped { apps } => {
                for app in apps {
                    self.bereft.remove(&app);
                    self.wish(&Target { app, slots: None }, false);
                }
            }
            StoreNote::Roll { app, generation, rolling } => {
                self.excused.insert(app.clone(), now);
                if let Some(app) = self.stored(&app) {
                    app.failed = app.failed.filter(|failed| *failed != generation);
                    (app.generation, app.rolling) = (generation, Some(rolling));
                }
            }
            StoreNote::Rolled { app, generation } => {
                self.excused.insert(app.clone(), now);
                if let Some(app) = self.stored(&app).filter(|app| app.generation == generation) {
                    let back = app.rolling.take().is_some_and(|rolling| rolling.back);
                    app.failed = app.failed.filter(|_| back);
                }
            }
            StoreNote::RolledBack { app, generation, back, .. } => {
                self.excused.insert(app.clone(), now);
                if let Some(app) = self.stored(&app).filter(|app| app.generation == generation) {
                    app.failed = Some(generation);
                    if let Some(rolling) = app.rolling.take().filter(|rolling| rolling.how.goes_back()) {
                        (app.definition, app.generation) = (rolling.before, rolling.generation);
                        let instances = app.definition.spec.instances;
                        app.slot_wishes.retain(|index, _| *index < instances);
                        app.rolling = back;
                    }
                }
            }
            StoreNote::GivenUp { app, generation } => {
                let known = self.stored(&app).filter(|app| app.generation == generation);
                if let Some(rolling) = known.and_then(|app| app.rolling.as_mut()) {
                    rolling.given_up = true;
                }
            }
            StoreNote::Gone { app } => self.apps.retain(|known| known.definition.spec.name != app || !known.deleting),
        }
    }

    /// What lived.
    pub fn record(&mut self, note: LifeNote) {
        match note {
            LifeNote::Life(life) => {
                self.begun.entry(life.instance).or_insert(life.begun.0);
                self.lives.insert(life.instance, *life);
            }
            LifeNote::Sealed { .. } => {}
            LifeNote::Closed { instance } => _ = self.lives.remove(&instance),
            LifeNote::Memo { slot, memo } => {
                let over = |home: &Home| home.app(&slot.app).is_some_and(|app| is_over(home, app));
                let before = over(self);
                self.memos.insert(slot.clone(), memo);
                if !before && over(self) {
                    bereave(&slot.app, self);
                }
            }
            LifeNote::Forgotten { slot } => _ = self.memos.remove(&slot),
        }
    }

    /// What a new steward is told. Apps that were being deleted are forgotten: what lives of them is stopped all the same.
    pub fn recall(&mut self) -> Recalled {
        self.apps.retain(|app| !app.deleting);
        let names: BTreeSet<&AppName> = self.apps.iter().map(|app| &app.definition.spec.name).collect();
        self.errored.retain(|slot, _| names.contains(&slot.app));
        let mut memos = self.memos.clone();
        for (slot, why) in &self.errored {
            memos.entry(slot.clone()).or_default().rest = Rest::Errored { why: why.clone() };
        }
        let app = |app: &StoredApp| RecalledApp {
            definition: app.definition.clone(),
            generation: app.generation,
            running: app.running,
            slot_wishes: app.slot_wishes.clone(),
            slot_ids: live(app),
            rolling: app.rolling.clone(),
        };
        Recalled {
            apps: self.apps.iter().map(app).collect(),
            lives: self.lives.values().cloned().collect(),
            memos,
            next_instance: self.reserve.max(1),
            next_slot_id: self.next_slot_id + 1,
        }
    }
}

/// Ids of the slots that it has now.
fn live(app: &StoredApp) -> BTreeMap<u32, SlotId> {
    let instances = app.definition.spec.slots_with(app.rolling.as_deref());
    app.slot_ids.iter().filter(|(index, _)| **index < instances).map(|(index, id)| (*index, *id)).collect()
}

fn views<'a>(engine: &'a Engine, app: &AppName) -> Vec<SlotView<'a>> {
    engine.slots().into_iter().filter(|view| view.slot.app == *app).collect()
}
