//! From wishes to operations: what is stored, what the engine is told, what is waited for. Intent first: a wish counts once it is written.

use super::run::{Brain, KEYS};
use crate::call::{Followed, Verb, Wish};
use crate::home::mark_stopped;
use crate::journal::Entry;
use crate::log::say;
use crate::logfile::last_words;
use crate::scribe_link::ScribeLink;
use crate::select::{Known, resolve};
use crate::store::{Act, Defined, Goal, SaveError, Store, StoredApp, StoredTarget, Track};
use crate::track::{World, floor_of_start};
use api::{ApplyReply, ApplyRequest, OperationKind, Problem};
use engine::{Ask, Engine, Event, SlotView, Target};
use model::{AppName, AppSpec, DaemonSettings, Definition, Generation, InstanceId, SlotId, SlotRef, Status};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use sys::clock::wall_ms;

/// Lines of a failed life's log that are shown.
const TAIL_LINES: usize = 20;

/// The world as the tracker sees it.
pub(super) struct Here<'a> {
    pub(super) engine: &'a Engine,
    pub(super) scribe: &'a ScribeLink,
    pub(super) store: &'a Store,
    pub(super) home: &'a str,
    pub(super) last_ended: &'a BTreeMap<SlotRef, InstanceId>,
}

impl World for Here<'_> {
    fn slot(&self, slot: &SlotRef) -> Option<SlotView<'_>> {
        self.engine.slot(slot)
    }

    fn is_draining(&self, slot: &SlotRef) -> bool {
        self.last_ended.get(slot).is_some_and(|instance| self.scribe.is_draining(*instance))
    }

    fn log_tail(&self, slot: &SlotRef) -> Vec<String> {
        match self.last_ended.get(slot) {
            Some(instance) => {
                let sources = super::ask::logs_of(self.store, slot, self.home);
                last_words(sources, *instance, TAIL_LINES)
            }
            None => Vec::new(),
        }
    }
}

/// What a wish comes to.
struct Plan {
    kind: OperationKind,
    act: Act,
    asks: Vec<Ask>,
    goals: Vec<(SlotRef, Goal)>,
    apply: Option<ApplyReply>,
}

impl Brain {
    pub(super) fn wish(&mut self, wish: Wish, actor: &str, key: Option<String>) -> Result<Followed, Problem> {
        if wish == Wish::Shutdown && self.upgrade.is_none() {
            return self.shut_down(actor);
        }
        if let Some(heard) = key.as_ref().and_then(|key| self.remembered(key)) {
            return Ok(heard);
        }
        if self.shutdown.is_some() {
            return Err(Problem::new(503, "stopping", "the manager is stopping").hint("try again when it has stopped"));
        }
        if wish == Wish::Upgrade {
            return self.begin_upgrade(actor);
        }
        self.refuse_during_upgrade()?;
        let plan = match wish {
            Wish::Define(request) => self.plan_define(request.definition)?,
            Wish::Apply(request) => self.plan_apply(request)?,
            Wish::About(verb, selector) => self.plan_verb(verb, &selector)?,
            Wish::Shutdown | Wish::Upgrade => unreachable!("answered above"),
        };
        self.carry_out(plan, actor, key)
    }

    fn remembered(&self, key: &str) -> Option<Followed> {
        let (_, id) = self.keys.iter().find(|(known, _)| known == key)?;
        self.tracker.get(*id)
    }

    fn carry_out(&mut self, plan: Plan, actor: &str, key: Option<String>) -> Result<Followed, Problem> {
        let Plan { kind, act, asks, goals, apply } = plan;
        let settings = apply.as_ref().is_some_and(|apply| apply.daemon);
        let track = Track { kind, slots: goals, apply };
        let wall = wall_ms();
        let apps: BTreeSet<String> = asks.iter().flat_map(apps_of).map(ToString::to_string).collect();
        let id = self.store.save(act, actor, key.as_deref(), Some(track.clone()), wall).map_err(|error| {
            say!("{error}");
            refused(&error)
        })?;
        let data = json!({ "operation": id, "kind": kind, "apps": apps });
        let app = if apps.len() == 1 { apps.into_iter().next() } else { None };
        let defined = asks.iter().any(|ask| matches!(ask, Ask::Define { .. }));
        let event = if defined { "defined" } else { "asked" };
        self.journal.write(Entry { app, event, actor: Some(actor.to_owned()), data, ..Entry::default() }, wall);
        if let Some(key) = key {
            self.keys.push_back((key, id));
            if self.keys.len() > KEYS {
                self.keys.pop_front();
            }
        }
        self.say_budget();
        self.follow_wishes();
        if settings {
            self.open_own_log();
        }
        // Told before it is followed, so that the operation is judged by what comes of it and not by what was.
        self.happenings.extend(asks.into_iter().map(Event::Asked));
        self.settle();
        if defined {
            self.review_bounds();
        }
        let heard = self.tracker.begin(id, track);
        self.settle();
        Ok(heard)
    }

    /// Ends the house: says so on disk first, so that nobody starts it again.
    pub(super) fn shut_down(&mut self, actor: &str) -> Result<Followed, Problem> {
        if let Some(heard) = self.shutdown.and_then(|id| self.tracker.get(id)) {
            return Ok(heard);
        }
        mark_stopped().map_err(|error| {
            Problem::new(507, "read_only", format!("failed to write the marker `stopped`: {error}"))
                .hint("make room in the home and try again")
        })?;
        let id = self.store.state().op + 1;
        let data = json!({ "operation": id });
        let entry = Entry { event: "manager.stopping", actor: Some(actor.to_owned()), data, ..Entry::default() };
        self.journal.write(entry, wall_ms());
        let slots = self.engine.slots().into_iter().filter(|view| view.instance.is_some());
        let goals = slots.map(|view| (view.slot, Goal::Stop)).collect();
        self.shutdown = Some(id);
        self.follow_wishes();
        let heard = self.tracker.begin(id, Track { kind: OperationKind::Shutdown, slots: goals, apply: None });
        self.happenings.push_back(Event::Asked(Ask::Shutdown));
        Ok(heard)
    }

    /// Apps as selectors see them.
    pub(super) fn known(&self) -> Vec<Known> {
        let mut slots: BTreeMap<AppName, Vec<(u32, SlotId, Status)>> = BTreeMap::new();
        for view in self.engine.slots() {
            slots.entry(view.slot.app.clone()).or_default().push((view.slot.index, view.id, view.status));
        }
        let known = |app: &StoredApp| Known {
            app: app.name().clone(),
            namespace: app.definition.spec.namespace.clone(),
            slots: slots.remove(app.name()).unwrap_or_default(),
        };
        self.store.state().apps.iter().filter(|app| !app.deleting).map(known).collect()
    }

    fn plan_define(&self, definition: Definition) -> Result<Plan, Problem> {
        self.check_names(std::slice::from_ref(&definition))?;
        let name = definition.spec.name.clone();
        if let Some(known) = self.store.state().app(&name) {
            if !same_spec(&known.definition.spec, &definition.spec) {
                let detail = format!("there is an app `{name}` already, with another specification");
                let hint = format!(
                    "`abide restart {name}` runs it as it is, `abide up FILE` to apply a changed file, `abide delete {name}` makes room for a new one"
                );
                return Err(Problem::new(409, "name_taken", detail).hint(hint));
            }
            let target = StoredTarget { app: name, slots: None };
            return Ok(self.plan_targets(Verb::Start, vec![target]));
        }
        let mut next_id = self.store.state().next_slot_id;
        let defined = self.defined(definition, true, &mut next_id);
        let next = self.engine.next_instance();
        let ready = must_be_ready(&defined.definition.spec);
        let begun = slots_of(&defined).filter(|_| begins_at_once(&defined.definition.spec));
        let goals = begun.map(|slot| (slot, Goal::Run { floor: next, patient: false, ready })).collect();
        let asks = vec![ask_define(&defined)];
        Ok(Plan {
            kind: OperationKind::Start,
            act: Act::Define { apps: vec![defined], start: Vec::new(), daemon: DaemonSettings::default() },
            asks,
            goals,
            apply: None,
        })
    }

    fn plan_apply(&self, request: ApplyRequest) -> Result<Plan, Problem> {
        let ApplyRequest { definitions, daemon, .. } = request;
        let known_settings = &self.store.state().daemon;
        let settings_changed = daemon.over(known_settings) != *known_settings;
        self.check_names(&definitions)?;
        let mut next_id = self.store.state().next_slot_id;
        let next = self.engine.next_instance();
        let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
        let (mut apps, mut start, mut asks, mut goals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for definition in definitions {
            let name = definition.spec.name.clone();
            let autostart = definition.spec.autostart;
            let (instances, ready) = (definition.spec.instances, must_be_ready(&definition.spec));
            let known = self.store.state().app(&name);
            let same = known.is_some_and(|known| same_spec(&known.definition.spec, &definition.spec));
            let runs = known.is_some_and(|known| known.running);
            let mut renewed = false;
            let mut begins = !same && begins_at_once(&definition.spec) || definition.spec.schedule.is_none();
            if !same {
                renewed = known.is_some_and(|known| !known.definition.spec.same_process(&definition.spec));
                let defined = self.defined(definition, autostart || runs, &mut next_id);
                asks.push(ask_define(&defined));
                apps.push(defined);
                changed.push(name.to_string());
            } else if autostart && self.is_at_rest(&name) {
                let target = StoredTarget { app: name.clone(), slots: None };
                asks.push(Ask::Start(Target::from(&target)));
                start.push(target);
                begins = true;
                changed.push(name.to_string());
            } else {
                unchanged.push(name.to_string());
            }
            if begins && (autostart || (runs && !same)) {
                goals.extend((0..instances).map(|index| {
                    let slot = SlotRef::new(&name, index);
                    let floor = if renewed { next } else { floor_of_start(self.engine.slot(&slot).as_ref(), next) };
                    (slot, Goal::Run { floor, patient: true, ready })
                }));
            }
        }
        let apply = Some(ApplyReply { changed, unchanged, removed: Vec::new(), daemon: settings_changed });
        Ok(Plan { kind: OperationKind::Apply, act: Act::Define { apps, start, daemon }, asks, goals, apply })
    }

    /// Whether an `up` has to start something of the app: stopped, given up, or in a pause after a crash.
    fn is_at_rest(&self, name: &AppName) -> bool {
        let stored = self.store.state().app(name);
        let instances = stored.map_or(0, |app| app.definition.spec.instances);
        (0..instances).any(|index| match self.engine.slot(&SlotRef::new(name, index)) {
            Some(view) => !view.wished || matches!(view.status, Status::Stopped | Status::Errored | Status::Backoff),
            None => true,
        })
    }

    fn plan_verb(&self, verb: Verb, selector: &str) -> Result<Plan, Problem> {
        let known = self.known();
        let targets = resolve(selector, &known)?;
        if verb == Verb::Delete {
            let all = |target: &StoredTarget| match &target.slots {
                None => true,
                Some(some) => known.iter().any(|app| app.app == target.app && app.slots.len() == some.len()),
            };
            if let Some(part) = targets.iter().find(|target| !all(target)) {
                let detail = format!("only whole apps can be deleted, and that is a part of `{}`", part.app);
                return Err(Problem::new(422, "invalid_request", detail).hint("stop the slot, or lower `instances`"));
            }
        }
        Ok(self.plan_targets(verb, targets))
    }

    fn plan_targets(&self, verb: Verb, targets: Vec<StoredTarget>) -> Plan {
        let next = self.engine.next_instance();
        let slots = self.engine.slots().into_iter().filter(|view| crate::select::includes(&targets, &view.slot));
        let goal = |view: &SlotView<'_>| {
            let run = |floor| Some(Goal::Run { floor, patient: false, ready: must_be_ready(view.spec) });
            match verb {
                Verb::Start => run(floor_of_start(Some(view), next)),
                Verb::Restart => run(next),
                // What was given up, or waits for its next try, is tried at once.
                Verb::Reset if view.wished && matches!(view.status, Status::Errored | Status::Backoff) => run(next),
                Verb::Reset => None,
                Verb::Stop => Some(Goal::Stop),
                Verb::Delete => Some(Goal::Gone),
            }
        };
        let goals = slots.filter_map(|view| Some((view.slot.clone(), goal(&view)?))).collect();
        let asks = match verb {
            Verb::Start => targets.iter().map(|target| Ask::Start(target.into())).collect(),
            Verb::Restart => targets.iter().map(|target| Ask::Restart(target.into())).collect(),
            Verb::Reset => targets.iter().map(|target| Ask::Reset(target.into())).collect(),
            Verb::Stop => vec![Ask::Stop(targets.iter().map(Target::from).collect())],
            Verb::Delete => vec![Ask::Delete(targets.iter().map(|target| target.app.clone()).collect())],
        };
        let (kind, act) = match verb {
            Verb::Start => (OperationKind::Start, Act::Wish { targets, run: true }),
            Verb::Restart => (OperationKind::Restart, Act::Wish { targets, run: true }),
            Verb::Stop => (OperationKind::Stop, Act::Wish { targets, run: false }),
            Verb::Reset => (OperationKind::Reset, Act::Reset { targets }),
            Verb::Delete => (OperationKind::Delete, Act::Delete { apps: targets.into_iter().map(|target| target.app).collect() }),
        };
        Plan { kind, act, asks, goals, apply: None }
    }

    /// A definition with what the store adds. Session and umask stay those of the first definition.
    fn defined(&self, mut definition: Definition, run: bool, next_id: &mut u32) -> Defined {
        let known = self.store.state().app(&definition.spec.name);
        let mut slot_ids = known.map(|app| app.slot_ids.clone()).unwrap_or_default();
        let mut generation = Generation(1);
        if let Some(known) = known {
            definition.session_env = known.definition.session_env.clone();
            definition.umask = known.definition.umask;
            let renewed = !known.definition.spec.same_process(&definition.spec);
            generation = Generation(known.generation.0 + u64::from(renewed));
        }
        for index in 0..definition.spec.instances {
            slot_ids.entry(index).or_insert_with(|| {
                *next_id += 1;
                SlotId(*next_id - 1)
            });
        }
        Defined { definition: Arc::new(definition), generation, run, slot_ids, slot_wishes: BTreeMap::new() }
    }
}

/// Whether it is begun when it is defined: a job waits for its time, unless it says otherwise.
fn begins_at_once(spec: &AppSpec) -> bool {
    spec.schedule.as_ref().is_none_or(|job| job.run_at_start)
}

/// Equal in everything but where the values came from.
fn same_spec(one: &AppSpec, other: &AppSpec) -> bool {
    let mut one = one.clone();
    one.origins = other.origins.clone();
    one == *other
}

/// Whether it is in order only once it was ready. Without a readiness of its own that is when it has run for `min_uptime`.
fn must_be_ready(spec: &AppSpec) -> bool {
    spec.has_readiness() || !spec.min_uptime.is_zero()
}

fn slots_of(defined: &Defined) -> impl Iterator<Item = SlotRef> {
    let spec = &defined.definition.spec;
    (0..spec.instances).map(|index| SlotRef::new(&spec.name, index))
}

fn ask_define(defined: &Defined) -> Ask {
    let instances = defined.definition.spec.instances;
    Ask::Define {
        definition: defined.definition.clone(),
        generation: defined.generation,
        run: defined.run,
        slot_ids: defined.slot_ids.iter().filter(|(index, _)| **index < instances).map(|(index, id)| (*index, *id)).collect(),
    }
}

fn apps_of(ask: &Ask) -> Vec<&AppName> {
    match ask {
        Ask::Define { definition, .. } => vec![&definition.spec.name],
        Ask::Start(target) | Ask::Restart(target) | Ask::Reset(target) => vec![&target.app],
        Ask::Stop(targets) => targets.iter().map(|target| &target.app).collect(),
        Ask::Delete(apps) => apps.iter().collect(),
        Ask::Shutdown => Vec::new(),
    }
}

fn refused(error: &SaveError) -> Problem {
    let problem = Problem::new(507, "read_only", error.to_string());
    match error {
        SaveError::Refused(_) => problem,
        SaveError::Io(_) => problem.hint("nothing was changed, and apps run on; make room in the home and try again"),
    }
}
