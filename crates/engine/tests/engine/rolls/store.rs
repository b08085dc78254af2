//! The store of this world: what is wished, and what a reload has made of it. Its notes mean what they mean in the steward's.

use engine::{Ask, RecalledApp, SlotView, StoreNote, Target, strategy};
use model::{AppName, AppSpec, Definition, Generation, Reload, Rolling, SlotId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An app as the store has it.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) definition: Arc<Definition>,
    pub(super) generation: Generation,
    pub(super) running: bool,
    pub(super) slot_wishes: BTreeMap<u32, bool>,
    slot_ids: BTreeMap<u32, SlotId>,
    pub(super) rolling: Option<Box<Rolling>>,
    failed: Option<Generation>,
    pub(super) deleting: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    pub(super) apps: BTreeMap<AppName, Stored>,
    next_slot: u32,
}

impl Stored {
    pub(super) fn spec(&self) -> &AppSpec {
        &self.definition.spec
    }

    /// Whether this slot is wished to have a life.
    pub(super) fn wants(&self, index: u32) -> bool {
        let wished = self.slot_wishes.get(&index).copied().unwrap_or(self.running);
        wished && !self.deleting && index < self.spec().instances
    }

    /// Whether no slot loses its life by what is under way.
    pub(super) fn is_gentle(&self) -> bool {
        let Some(rolling) = &self.rolling else { return true };
        rolling.how == Reload::Hup || rolling.how != Reload::Restart && !matches!(self.spec().port, Some(model::Port::Fixed(_)))
    }

    /// How many slots it has, those of before with them.
    pub(super) fn slots(&self) -> u32 {
        self.rolling.as_ref().map_or(0, |rolling| rolling.before.spec.instances).max(self.spec().instances)
    }

    fn next_generation(&self) -> Generation {
        Generation(self.generation.max(self.failed.unwrap_or_default()).0 + 1)
    }

    fn rolling_from(&self, how: Reload) -> Box<Rolling> {
        Rolling::begun(how, self.rolling.as_deref(), &self.definition, self.generation)
    }

    fn ids(&self) -> BTreeMap<u32, SlotId> {
        self.slot_ids.range(..self.slots()).map(|(index, id)| (*index, *id)).collect()
    }
}

impl Store {
    /// A definition is accepted. `None`: it is refused.
    pub(super) fn define(&mut self, spec: AppSpec, views: &[SlotView<'_>]) -> Option<Ask> {
        let name = spec.name.clone();
        let known = self.apps.get(&name).filter(|app| !app.deleting).cloned();
        let same = known.as_ref().filter(|known| known.spec().argv == spec.argv);
        let (generation, rolling) = match (&known, same) {
            (_, Some(same)) => (same.generation, same.rolling.clone()),
            (Some(known), None) => {
                let found = strategy(known.spec(), &spec, true, views);
                if found.refused.is_some() {
                    return None;
                }
                (known.next_generation(), found.rolls.then(|| known.rolling_from(found.how)))
            }
            // Lives of an app that had this name may still be there.
            (None, None) => (Generation(self.apps.get(&name).map_or(1, |gone| gone.next_generation().0)), None),
        };
        let mut slot_ids = known.as_ref().map(|known| known.slot_ids.clone()).unwrap_or_default();
        for index in 0..spec.instances {
            slot_ids.entry(index).or_insert_with(|| {
                self.next_slot += 1;
                SlotId(self.next_slot)
            });
        }
        let definition = Arc::new(Definition { spec, session_env: BTreeMap::new(), umask: 0o22, source: None, project: None });
        let failed = known.and_then(|known| known.failed);
        let slot_wishes = BTreeMap::new();
        let app = Stored {
            definition: definition.clone(),
            generation,
            running: true,
            slot_wishes: slot_wishes.clone(),
            slot_ids,
            rolling: rolling.clone(),
            failed,
            deleting: false,
        };
        let slot_ids = app.ids();
        self.apps.insert(name, app);
        Some(Ask::Define { definition, generation, run: true, slot_ids, slot_wishes, rolling })
    }

    /// A reload is accepted; a plain restart where nothing is to be replaced bit by bit. `None`: it is refused.
    pub(super) fn reload(&mut self, name: &AppName, views: &[SlotView<'_>]) -> Option<Ask> {
        let app = self.apps.get_mut(name).filter(|app| !app.deleting)?;
        let found = strategy(app.spec(), app.spec(), false, views);
        if found.refused.is_some() {
            return None;
        }
        if !found.rolls {
            let target = Target { app: name.clone(), slots: None };
            self.wish(&target, true);
            return Some(Ask::Restart(target));
        }
        let rolling = app.rolling_from(found.how);
        app.generation = app.next_generation();
        app.rolling = Some(rolling.clone());
        Some(Ask::Reload { app: name.clone(), generation: app.generation, rolling })
    }

    pub(super) fn wish(&mut self, target: &Target, run: bool) {
        let Some(app) = self.apps.get_mut(&target.app) else { return };
        match &target.slots {
            None => {
                app.running = run;
                app.slot_wishes.clear();
            }
            Some(some) => app.slot_wishes.extend(some.iter().map(|index| (*index, run))),
        }
    }

    pub(super) fn note(&mut self, note: &StoreNote) {
        match note {
            StoreNote::Roll { app, generation, rolling } => {
                if let Some(app) = self.apps.get_mut(app) {
                    app.failed = app.failed.filter(|failed| failed != generation);
                    (app.generation, app.rolling) = (*generation, Some(rolling.clone()));
                }
            }
            StoreNote::Rolled { app, generation } => {
                if let Some(app) = self.apps.get_mut(app).filter(|app| app.generation == *generation) {
                    let back = app.rolling.take().is_some_and(|rolling| rolling.back);
                    app.failed = app.failed.filter(|_| back);
                }
            }
            StoreNote::RolledBack { app, generation, back, .. } => {
                if let Some(app) = self.apps.get_mut(app).filter(|app| app.generation == *generation) {
                    app.failed = Some(*generation);
                    if let Some(rolling) = app.rolling.take().filter(|rolling| rolling.how.goes_back()) {
                        (app.definition, app.generation) = (rolling.before, rolling.generation);
                        let instances = app.definition.spec.instances;
                        app.slot_wishes.retain(|index, _| *index < instances);
                        app.rolling = back.clone();
                    }
                }
            }
            StoreNote::GivenUp { app, generation } => {
                let known = self.apps.get_mut(app).filter(|app| app.generation == *generation);
                if let Some(rolling) = known.and_then(|app| app.rolling.as_mut()) {
                    rolling.given_up = true;
                }
            }
            StoreNote::Gone { app } => {
                if self.apps.get(app).is_some_and(|app| app.deleting) {
                    self.apps.remove(app);
                }
            }
            StoreNote::Errored { .. } | StoreNote::Reserve { .. } | StoreNote::Stopped { .. } => {}
        }
    }

    /// What a new steward is told of the apps, in any order.
    pub(super) fn recall(&mut self) -> (Vec<RecalledApp>, u32) {
        self.apps.retain(|_, app| !app.deleting);
        let apps = self.apps.values().map(|app| RecalledApp {
            definition: app.definition.clone(),
            generation: app.generation,
            running: app.running,
            slot_wishes: app.slot_wishes.clone(),
            slot_ids: app.ids(),
            rolling: app.rolling.clone(),
        });
        (apps.collect(), self.next_slot + 1)
    }
}
