//! The rules, judged from what the world has seen: the processes, the journal, the store.

use super::world::World;
use engine::{Bear, Note, What};
use model::{AppName, Condition, InstanceId, LifeRecord, Reload, Signal, SlotRef};

impl World {
    /// Whether this life fills its slot: its program runs, is ready, and neither stands beside another nor was taken out or told to end.
    pub(super) fn serves(&self, instance: InstanceId) -> bool {
        let Some(process) = self.procs.get(&instance) else { return false };
        let Some(life) = self.lives.get(&instance) else { return false };
        let stays = life.beside.is_none() && life.retired.is_none() && !process.told;
        process.born && process.ended.is_none() && stays && life.ready.is_some()
    }

    fn serving(&self, slot: &SlotRef) -> impl Iterator<Item = InstanceId> {
        let here = self.procs.iter().filter(move |(_, process)| process.slot == *slot).map(|(instance, _)| *instance);
        here.filter(|instance| self.serves(*instance)).collect::<Vec<_>>().into_iter()
    }

    pub(super) fn living(&self, slot: &SlotRef) -> Vec<InstanceId> {
        let here = |process: &super::world::Proc| process.slot == *slot && process.ended.is_none();
        self.procs.iter().filter(|(_, process)| here(process)).map(|(instance, _)| *instance).collect()
    }

    /// A user's wish is a reason to end what there is now.
    pub(super) fn wished(&mut self, app: &AppName, slots: Option<&[u32]>) {
        let meant = |slot: &SlotRef| slot.app == *app && slots.is_none_or(|some| some.contains(&slot.index));
        self.procs.values_mut().filter(|process| meant(&process.slot)).for_each(|process| process.excused = true);
        self.served.retain(|slot| !meant(slot));
    }

    /// What is not gentle is a reason as well, and so is that a slot is not wished any more.
    pub(super) fn excuse(&mut self) {
        let rough: Vec<AppName> = self.store.apps.keys().filter(|name| !self.is_gentle(name)).cloned().collect();
        for name in rough {
            self.wished(&name, None);
        }
        let apps = &self.store.apps;
        let wanted = |slot: &SlotRef| apps.get(&slot.app).is_some_and(|app| app.wants(slot.index));
        for process in self.procs.values_mut().filter(|process| !wanted(&process.slot)) {
            process.excused = true;
        }
        self.served.retain(wanted);
    }

    /// Whether no slot of an app loses its life by what is under way. A signal does not make another process of one.
    fn is_gentle(&self, name: &AppName) -> bool {
        let Some(app) = self.store.apps.get(name) else { return false };
        let by_signal = app.rolling.as_ref().is_some_and(|rolling| rolling.how == Reload::Hup);
        let other = |life: &LifeRecord| life.slot.app == *name && life.ended.is_none() && life.digest != app.spec().digest();
        app.is_gentle() && !(by_signal && self.lives.values().any(other))
    }

    /// After each step.
    pub(super) fn judge(&mut self) {
        self.excuse();
        let slots: std::collections::BTreeSet<SlotRef> =
            self.procs.values().filter(|process| process.ended.is_none()).map(|process| process.slot.clone()).collect();
        for slot in &slots {
            self.judge_slot(slot);
            let gentle = self.store.apps.get(&slot.app).is_some_and(|app| app.wants(slot.index)) && self.is_gentle(&slot.app);
            if gentle && self.serving(slot).next().is_some() {
                self.served.insert(slot.clone());
            }
        }
        for slot in &self.served {
            if self.serving(slot).next().is_none() {
                self.fail(&format!("nobody serves in {slot} any more, and nothing has died by itself"));
            }
        }
    }

    /// I1: one life, and others only where they are declared.
    fn judge_slot(&self, slot: &SlotRef) {
        let declared =
            |instance: &InstanceId| self.lives.get(instance).is_some_and(|life| life.beside.is_some() || life.retired.is_some());
        let all = self.living(slot);
        let plain: Vec<&InstanceId> = all.iter().filter(|instance| !declared(instance)).collect();
        if plain.len() > 1 {
            self.fail(&format!("{slot} has two lives that do not know of each other: {plain:?}"));
        }
    }

    /// What is written of a life: who takes a place is ready, and who gives it away has somebody to give it to.
    pub(super) fn judge_record(&mut self, life: &LifeRecord) {
        let before = self.lives.get(&life.instance);
        let lives = self.procs.get(&life.instance).is_some_and(|process| process.ended.is_none());
        let takes = before.is_some_and(|before| before.beside.is_some()) && life.beside.is_none();
        if takes && life.ready.is_none() {
            self.fail(&format!("{} takes a place and never was ready", life.instance));
        }
        let leaves = lives && before.is_some_and(|before| before.retired.is_none()) && life.retired.is_some();
        if takes {
            self.reach("a place taken");
        }
        if !leaves {
            return;
        }
        let Some(app) = self.store.apps.get(&life.slot.app) else { return };
        let follows = |other: &InstanceId| {
            *other != life.instance && self.lives.get(other).is_some_and(|other| other.generation == app.generation)
        };
        let excused = self.procs[&life.instance].excused;
        if !excused && !self.serving(&life.slot).any(|other| follows(&other)) {
            self.fail(&format!("{} is taken out, and nobody is there in its place", life.instance));
        }
    }

    pub(super) fn judge_birth(&mut self, bear: &Bear) {
        let life = &bear.life;
        if self.procs.contains_key(&life.instance) {
            self.fail(&format!("{} is borne twice", life.instance));
        }
        let Some(app) = self.store.apps.get(&life.slot.app) else { return };
        for need in &app.spec().depends_on {
            if !self.holds(&need.app, need.condition) {
                self.fail(&format!("{} is born although {} is not {}", life.slot, need.app, need.condition.word()));
            }
        }
        if life.digest != bear.definition.spec.digest() {
            self.fail(&format!("{} is not born by what its record says", life.instance));
        }
        let past = app.rolling.as_ref().filter(|rolling| rolling.how.goes_back());
        let known = [Some((&app.definition, app.generation)), past.map(|rolling| (&rolling.before, rolling.generation))];
        if !known
            .into_iter()
            .flatten()
            .any(|(definition, generation)| generation == life.generation && definition.spec.digest() == life.digest)
        {
            self.fail(&format!("{} is born by what the store does not know", life.instance));
        }
    }

    pub(super) fn holds(&self, app: &AppName, condition: Condition) -> bool {
        let Some(known) = self.store.apps.get(app) else { return false };
        let instances = known.spec().instances;
        instances > 0
            && (0..instances).map(|index| SlotRef::new(app, index)).all(|slot| {
                self.living(&slot).iter().filter_map(|instance| self.lives.get(instance)).any(|life| {
                    let fills = life.beside.is_none() && life.retired.is_none() && life.pid.is_some();
                    fills && (life.ready.is_some() || condition == Condition::Started)
                })
            })
    }

    pub(super) fn judge_signal(&mut self, instance: InstanceId, signal: Signal) {
        let deaths = self.deaths;
        let Some(life) = self.lives.get(&instance).cloned() else { self.fail(&format!("{instance} is nobody")) };
        let process = self.procs.get_mut(&instance).expect("it was borne");
        if process.ended.is_some() {
            self.fail(&format!("{instance} is dead and is signalled"));
        }
        if signal == Signal::HUP {
            let generation = self.store.apps.get(&life.slot.app).map(|app| app.generation).unwrap_or_default();
            let (count, since) = process.announced.entry(generation).or_insert((0, deaths));
            *count += 1;
            if *count > 1 + (deaths - *since) {
                self.fail(&format!("{instance} is told twice to take its configuration anew"));
            }
            return self.reach("a life told by a signal");
        }
        if std::mem::replace(&mut process.told, true) {
            self.fail(&format!("{instance} gets the stop signal twice"));
        }
        let excused = process.excused || life.retired.is_some() || life.ready.is_none() || !self.is_gentle(&life.slot.app);
        let Some(app) = self.store.apps.get(&life.slot.app).filter(|_| !excused) else { return };
        let stray = life.beside.is_some()
            && (life.generation != app.generation || app.rolling.as_ref().is_none_or(|rolling| rolling.back));
        if app.wants(life.slot.index) && !stray {
            self.fail(&format!("{instance} is told to end, and nobody has a reason"));
        }
    }

    pub(super) fn hear(&mut self, note: &Note) {
        match &note.what {
            What::RolledBack { .. } => {
                if self.store.apps.get(&note.app).and_then(|app| app.rolling.as_ref()).is_some_and(|rolling| rolling.back) {
                    self.given_up.insert(note.app.clone());
                    self.reach("a way back that failed");
                }
                self.reach("a reload that failed");
            }
            What::RolledOver { .. } => {
                self.given_up.remove(&note.app);
                self.reach("a reload that succeeded");
            }
            What::RollBegun { back, .. } => {
                self.given_up.remove(&note.app);
                self.reach(if *back { "a way back" } else { "a reload" });
            }
            What::Killing { .. } => self.reach("a kill"),
            _ => {}
        }
    }
}
