//! What the records come to.

use super::past::{Done, Past, PastOps, before, profiles_before, settings_before};
use super::record::{Act, Defined, FailedRoll, Record, StoredRoll, StoredTarget, Track, VERSION};
use super::settings::Settings;
use api::RememberedProfile;
use model::{
    AppName, DaemonSettings, Definition, Generation, InstanceId, Project, Reload, Rest, Rolling, SlotId, SlotMemo, SlotRef,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// So many profiles are remembered; what is more and of no app that there is, is forgotten.
const PROFILES: usize = 500;
/// So many operations can be asked about after a steward died; older ones are forgotten.
const RECENT: usize = 64;

/// Everything that is wished.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    /// Number of the last operation.
    pub(crate) op: u64,
    /// In the order of definition.
    pub(crate) apps: Vec<StoredApp>,
    /// Slots that were given up, and why.
    pub(crate) errored: BTreeMap<SlotRef, String>,
    /// The next free slot id.
    pub(crate) next_slot_id: u32,
    /// Instance numbers below this may have been used.
    pub(crate) reserve: u64,
    /// The manager's own settings.
    pub(crate) settings: Settings,
    /// The newest operations.
    pub(crate) recent: VecDeque<Recent>,
    /// What can be undone.
    pub(crate) past: PastOps,
    /// The profiles that projects were last applied with.
    pub(crate) profiles: BTreeMap<Project, String>,
}

/// One app.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredApp {
    pub(crate) definition: Arc<Definition>,
    pub(crate) generation: Generation,
    pub(crate) running: bool,
    pub(crate) slot_wishes: BTreeMap<u32, bool>,
    pub(crate) slot_ids: BTreeMap<u32, SlotId>,
    /// The first life that can have been born by this generation of it, where it is known.
    pub(crate) first: Option<InstanceId>,
    /// How lives of the definition before are replaced, until that is over.
    pub(crate) rolling: Option<Box<Rolling>>,
    /// The last reload of it that failed, until one succeeds.
    pub(crate) failed: Option<FailedRoll>,
    /// It is to go, and something of it may still be there.
    pub(crate) deleting: bool,
}

/// An operation that may still be asked about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recent {
    pub(crate) op: u64,
    pub(crate) at: i64,
    pub(crate) actor: String,
    pub(crate) key: Option<String>,
    pub(crate) track: Track,
}

impl StoredApp {
    /// The name.
    pub(crate) fn name(&self) -> &AppName {
        &self.definition.spec.name
    }

    /// The number that its next generation gets: one that no life of it ever had.
    pub(crate) fn next_generation(&self) -> Generation {
        let failed = self.failed.as_ref().map_or(0, |failed| failed.generation.0);
        Generation(self.generation.0.max(failed) + 1)
    }

    /// The same definition with another generation, to be stored.
    pub(crate) fn defined_anew(&self, generation: Generation, first: InstanceId, rolling: Box<Rolling>) -> Defined {
        Defined {
            definition: self.definition.clone(),
            generation,
            run: self.running,
            slot_ids: self.slot_ids.clone(),
            slot_wishes: self.slot_wishes.clone(),
            first: Some(first),
            rolling: Some(rolling),
            failed: self.failed.clone(),
        }
    }

    /// A reload of it that begins now.
    pub(crate) fn rolls_by(&self, how: Reload) -> Box<Rolling> {
        Rolling::begun(how, self.rolling.as_deref(), &self.definition, self.generation)
    }

    /// Whether any slot of it is wished to run.
    pub(crate) fn is_wanted(&self) -> bool {
        let wished = |index: u32| self.slot_wishes.get(&index).copied().unwrap_or(self.running);
        !self.deleting && (0..self.definition.spec.instances).any(wished)
    }

    /// Ids of the slots that it has now.
    pub(crate) fn live_slot_ids(&self) -> BTreeMap<u32, SlotId> {
        let instances = self.definition.spec.slots_with(self.rolling.as_deref());
        self.slot_ids.iter().filter(|(index, _)| **index < instances).map(|(index, id)| (*index, *id)).collect()
    }
}

impl State {
    /// The manager's own settings, as far as they are set.
    pub(crate) fn daemon(&self) -> DaemonSettings {
        self.settings.all()
    }

    /// The app of this name.
    pub(crate) fn app(&self, name: &AppName) -> Option<&StoredApp> {
        self.apps.iter().find(|app| app.name() == name)
    }

    fn app_mut(&mut self, name: &AppName) -> Option<&mut StoredApp> {
        self.apps.iter_mut().find(|app| app.name() == name)
    }

    /// Takes the records of a snapshot.
    pub(super) fn restore(&mut self, records: &[Record]) {
        for record in records {
            if let Act::Base { forgotten: None, .. } = &record.act {
                self.past.forget(record.op);
            }
            self.take(record);
        }
    }

    /// Takes the record of an operation.
    pub(super) fn apply(&mut self, record: &Record) {
        match (&record.act, &record.told) {
            (Act::Define { apps, remove, settings, profiles, .. }, Some(told)) => {
                let defined = apps.iter().map(|defined| &defined.definition.spec.name);
                let mut done = Done::of(record, told, before(defined.chain(remove), |name| self.app(name), told));
                done.settings = settings_before(settings, &self.settings);
                done.profiles = profiles_before(profiles, &self.profiles);
                self.remember(record, done);
            }
            (Act::Delete { apps }, Some(told)) => {
                let before = before(apps.iter(), |name| self.app(name), told);
                self.remember(record, Done::of(record, told, before));
            }
            (Act::Define { .. } | Act::Delete { .. }, None) => self.past.forget(record.op),
            _ => {}
        }
        self.take(record);
    }

    fn remember(&mut self, record: &Record, done: Done) {
        // One that defines nothing is no reason to forget another.
        if !done.is_empty() {
            self.past.push(Past { op: record.op, at: record.at, actor: record.actor.clone(), done });
        }
    }

    fn take(&mut self, record: &Record) {
        self.op = self.op.max(record.op);
        if let Some(track) = &record.track {
            let (actor, key, track) = (record.actor.clone(), record.key.clone(), track.clone());
            self.recent.push_back(Recent { op: record.op, at: record.at, actor, key, track });
            if self.recent.len() > RECENT {
                self.recent.pop_front();
            }
        }
        match &record.act {
            Act::Base { next_slot_id, reserve, daemon, settings, profiles, forgotten } => {
                self.settings.set_nameless(daemon);
                settings.iter().for_each(|of| self.settings.set(of));
                self.next_slot_id = self.next_slot_id.max(*next_slot_id);
                self.reserve = self.reserve.max(*reserve);
                self.profile(profiles);
                self.past.forget(forgotten.unwrap_or(0));
            }
            Act::Define { apps, start, daemon, settings, remove, profiles } => {
                self.settings.set_nameless(daemon);
                settings.iter().for_each(|of| self.settings.set(of));
                apps.iter().for_each(|defined| self.define(defined));
                start.iter().for_each(|target| self.wish(target, true));
                self.delete(remove);
                self.profile(profiles);
            }
            Act::Settings { of } => self.settings.set(of),
            Act::Wish { targets, run } => targets.iter().for_each(|target| self.wish(target, *run)),
            Act::Reset { targets } => targets.iter().for_each(|target| self.forgive(target)),
            Act::Delete { apps } => self.delete(apps),
            Act::Gone { app } => {
                // The name may have been given again meanwhile.
                self.apps.retain(|known| known.name() != app || !known.deleting);
            }
            Act::Errored { slot, why } => _ = self.errored.insert(slot.clone(), why.clone()),
            Act::Reserve { until } => self.reserve = self.reserve.max(*until),
            Act::Past(done) => {
                let (op, at, actor, done) = (record.op, record.at, record.actor.clone(), (**done).clone());
                self.past.push(Past { op, at, actor, done });
            }
            Act::Roll { apps, start } => {
                apps.iter().for_each(|roll| self.roll(roll));
                start.iter().for_each(|target| self.wish(target, true));
            }
            Act::Rolled { app, generation } => self.rolled(app, *generation),
            Act::RolledBack { app, failed, back } => self.roll_back(app, failed, back.as_deref()),
            Act::GivenUp { app, generation } => self.give_up(app, *generation),
            Act::Nothing => {}
        }
    }

    fn roll(&mut self, roll: &StoredRoll) {
        let Some(app) = self.app_mut(&roll.app) else { return };
        app.generation = roll.generation;
        app.failed = app.failed.take().filter(|failed| failed.generation != roll.generation);
        app.first = Some(roll.first);
        app.rolling = Some(roll.rolling.clone());
    }

    fn rolled(&mut self, name: &AppName, generation: Generation) {
        let Some(app) = self.app_mut(name).filter(|app| app.generation == generation) else { return };
        // The way back is no reload that has succeeded: why it was taken is still worth knowing.
        if !app.rolling.take().is_some_and(|rolling| rolling.back) {
            app.failed = None;
        }
    }

    /// An app is again what it was before its reload.
    fn roll_back(&mut self, name: &AppName, failed: &FailedRoll, back: Option<&Rolling>) {
        let Some(app) = self.app_mut(name).filter(|app| app.generation == failed.generation) else { return };
        app.failed = Some(failed.clone());
        // Where nobody is replaced there is nothing to go back to.
        if let Some(rolling) = app.rolling.take().filter(|rolling| rolling.how.goes_back()) {
            (app.definition, app.generation) = (rolling.before, rolling.generation);
            app.first = None;
            let instances = app.definition.spec.instances;
            app.slot_wishes.retain(|index, _| *index < instances);
            app.rolling = back.cloned().map(Box::new);
        }
    }

    fn give_up(&mut self, name: &AppName, generation: Generation) {
        let Some(app) = self.app_mut(name).filter(|app| app.generation == generation) else { return };
        if let Some(rolling) = app.rolling.as_mut().filter(|rolling| rolling.back) {
            rolling.given_up = true;
        }
    }

    fn delete(&mut self, names: &[AppName]) {
        for name in names {
            if let Some(app) = self.app_mut(name) {
                app.deleting = true;
            }
            self.errored.retain(|slot, _| slot.app != *name);
        }
    }

    fn profile(&mut self, chosen: &[RememberedProfile]) {
        for RememberedProfile { project, profile } in chosen {
            match profile {
                Some(profile) => _ = self.profiles.insert(project.clone(), profile.clone()),
                None => _ = self.profiles.remove(project),
            }
        }
        if self.profiles.len() > PROFILES {
            let known: BTreeSet<&Project> = self.apps.iter().filter_map(|app| app.definition.project.as_ref()).collect();
            self.profiles.retain(|project, _| known.contains(project));
        }
    }

    fn define(&mut self, defined: &Defined) {
        let Defined { definition, run, slot_ids, slot_wishes, .. } = defined;
        let highest = slot_ids.values().map(|id| id.0 + 1).max().unwrap_or(0);
        self.next_slot_id = self.next_slot_id.max(highest);
        let name = &definition.spec.name;
        let mut wishes = slot_wishes.clone();
        let instances = definition.spec.slots_with(defined.rolling.as_deref());
        match self.apps.iter().position(|app| app.name() == name) {
            Some(at) => {
                if !run {
                    wishes.extend(&self.apps[at].slot_wishes);
                }
                // A slot that comes back later is a new one.
                wishes.retain(|index, _| *index < instances);
                self.apps[at] = stored(defined, wishes);
            }
            None => self.apps.push(stored(defined, wishes)),
        }
        if *run {
            self.errored.retain(|slot, _| slot.app != *name);
        }
    }

    fn wish(&mut self, target: &StoredTarget, run: bool) {
        self.forgive(target);
        let Some(app) = self.app_mut(&target.app) else { return };
        match &target.slots {
            None => {
                app.running = run;
                app.slot_wishes.clear();
            }
            Some(some) => app.slot_wishes.extend(some.iter().map(|index| (*index, run))),
        }
    }

    fn forgive(&mut self, target: &StoredTarget) {
        let meant = |index: u32| target.slots.as_ref().is_none_or(|some| some.contains(&index));
        self.errored.retain(|slot, _| slot.app != target.app || !meant(slot.index));
    }

    /// Ends what was under way when the last steward ended: a deleted app whose lives are found again is stopped all the same.
    pub(super) fn settle(&mut self) {
        self.apps.retain(|app| !app.deleting);
        let names: BTreeSet<&AppName> = self.apps.iter().map(StoredApp::name).collect();
        self.errored.retain(|slot, _| names.contains(&slot.app));
    }

    /// Records that replay to this state.
    pub(super) fn records(&self, at: i64) -> Vec<Record> {
        let record =
            |act| Record { v: VERSION, op: self.op, at, actor: "abide".to_owned(), key: None, track: None, told: None, act };
        let profile = |(project, profile): (&Project, &String)| RememberedProfile {
            project: project.clone(),
            profile: Some(profile.clone()),
        };
        let mut all = vec![record(Act::Base {
            next_slot_id: self.next_slot_id,
            reserve: self.reserve,
            daemon: self.settings.nameless().clone(),
            settings: self.settings.sources(),
            profiles: self.profiles.iter().map(profile).collect(),
            forgotten: Some(self.past.earliest()),
        })];
        for app in &self.apps {
            let defined = Defined {
                definition: app.definition.clone(),
                generation: app.generation,
                run: app.running,
                slot_ids: app.slot_ids.clone(),
                slot_wishes: app.slot_wishes.clone(),
                first: app.first,
                rolling: app.rolling.clone(),
                failed: app.failed.clone(),
            };
            all.push(record(Act::define(vec![defined])));
            if app.deleting {
                all.push(record(Act::Delete { apps: vec![app.name().clone()] }));
            }
        }
        all.extend(self.errored.iter().map(|(slot, why)| record(Act::Errored { slot: slot.clone(), why: why.clone() })));
        all.extend(self.recent.iter().map(|recent| Record {
            v: VERSION,
            op: recent.op,
            at: recent.at,
            actor: recent.actor.clone(),
            key: recent.key.clone(),
            track: Some(recent.track.clone()),
            told: None,
            act: Act::Nothing,
        }));
        all.extend(self.past.iter().map(|past| Record {
            op: past.op,
            at: past.at,
            actor: past.actor.clone(),
            ..record(Act::Past(Box::new(past.done.clone())))
        }));
        all
    }

    /// What the slots that were given up rest on, whatever the lives journal still knows.
    pub(crate) fn put_errored(&self, memos: &mut BTreeMap<SlotRef, SlotMemo>) {
        for (slot, why) in &self.errored {
            memos.entry(slot.clone()).or_default().rest = Rest::Errored { why: why.clone() };
        }
    }
}

fn stored(defined: &Defined, slot_wishes: BTreeMap<u32, bool>) -> StoredApp {
    StoredApp {
        definition: defined.definition.clone(),
        generation: defined.generation,
        running: defined.run,
        slot_wishes,
        slot_ids: defined.slot_ids.clone(),
        first: defined.first,
        rolling: defined.rolling.clone(),
        failed: defined.failed.clone(),
        deleting: false,
    }
}
