//! From wishes to operations: what is stored, what the engine is told, what is waited for. Intent first: a wish counts once it is written.

use super::parked::Heard;
use super::run::{Brain, KEYS};
use crate::call::{Followed, Wish};
use crate::home::mark_stopped;
use crate::journal::Entry;
use crate::log::say;
use crate::logfile::last_words;
use crate::scribe_link::ScribeLink;
use crate::select::Known;
use crate::store::{Act, Goal, SaveError, Store, StoredApp, Told, Track};
use crate::track::{Course, World};
use api::{ApplyReply, OperationKind, Problem};
use engine::{Ask, Engine, Event, SlotView};
use model::{AppName, InstanceId, SlotId, SlotRef, Status};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
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

    fn course(&self, app: &AppName) -> Option<Course<'_>> {
        let app = self.store.state().app(app).filter(|app| !app.deleting)?;
        Some(Course { generation: app.generation, rolling: app.rolling.as_deref(), failed: app.failed.as_ref() })
    }

    fn last_life(&self, slot: &SlotRef) -> Option<InstanceId> {
        self.last_ended.get(slot).copied()
    }

    fn is_draining(&self, instance: InstanceId) -> bool {
        self.scribe.is_draining(instance)
    }

    fn log_tail(&self, slot: &SlotRef, instance: InstanceId) -> Vec<String> {
        last_words(super::ask::logs_of(self.store, slot, self.home), instance, TAIL_LINES)
    }
}

/// What a wish comes to: what is stored of it, what the engine is told, what is waited for.
pub(super) struct Intent {
    pub(super) kind: OperationKind,
    pub(super) act: Act,
    /// For what defines or removes apps.
    pub(super) told: Option<Told>,
    pub(super) asks: Vec<Ask>,
    pub(super) goals: Vec<(SlotRef, Goal)>,
    pub(super) apply: Option<ApplyReply>,
}

impl Brain {
    pub(super) fn wish(&mut self, wish: Wish, actor: &str, key: Option<String>) -> Result<Heard, Problem> {
        if wish == Wish::Shutdown && self.upgrade.is_none() {
            return self.shut_down(actor).map(Heard::Accepted);
        }
        if let Some(heard) = key.as_ref().and_then(|key| self.remembered(key)) {
            return Ok(Heard::Accepted(heard));
        }
        if self.shutdown.is_some() {
            return Err(Problem::new(503, "stopping", "the manager is stopping").hint("try again when it has stopped"));
        }
        if wish == Wish::Upgrade {
            return self.begin_upgrade(actor).map(Heard::Accepted);
        }
        self.refuse_during_upgrade()?;
        if matches!(wish, Wish::Apply(_) | Wish::Rollback(..)) {
            self.look_at_own_file();
        }
        let intent = match wish {
            Wish::Define(request) => self.intend_define(request.definition)?,
            Wish::Apply(request) => self.intend_apply(request)?,
            Wish::Rollback(back, plan) => self.intend_rollback(&back, plan.as_deref())?,
            Wish::About(verb, selector) => self.intend_verb(verb, &selector)?,
            Wish::Renew(request, selector) => self.intend_renewal(request, &selector)?,
            Wish::Reload(session, selector) => self.intend_reload(&selector, session.as_ref())?,
            Wish::Scale(request, selector) => self.intend_scale(request, &selector)?,
            Wish::Shutdown | Wish::Upgrade => unreachable!("answered above"),
        };
        let waits = self.bind_beforehand(&intent.asks)?;
        if !waits.is_empty() {
            return Ok(Heard::Later(waits));
        }
        self.carry_out(intent, actor, key).map(Heard::Accepted)
    }

    fn remembered(&self, key: &str) -> Option<Followed> {
        let (_, id) = self.keys.iter().find(|(known, _)| known == key)?;
        self.tracker.get(*id)
    }

    fn carry_out(&mut self, intent: Intent, actor: &str, key: Option<String>) -> Result<Followed, Problem> {
        self.check_ports(&intent.asks)?;
        let Intent { kind, act, told, asks, goals, apply } = intent;
        let settings = matches!(&act, Act::Define { settings, .. } if !settings.is_empty());
        let track = Track { kind, slots: goals, apply };
        let wall = wall_ms();
        let entry = entry_of(kind, &act, told.as_ref(), &asks);
        let defined = asks.iter().any(|ask| matches!(ask, Ask::Define { .. }));
        let id = self.store.save(act, actor, key.as_deref(), Some(track.clone()), told, wall).map_err(|error| {
            say!("{error}");
            refused(&error)
        })?;
        self.journal.write(entry(id, actor), wall);
        if let Some(key) = key {
            self.keys.push_back((key, id));
            if self.keys.len() > KEYS {
                self.keys.pop_front();
            }
        }
        if settings {
            self.follow_settings();
        } else {
            self.say_budget();
        }
        self.follow_wishes();
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
            labels: app.definition.spec.labels.clone(),
            slots: slots.remove(app.name()).unwrap_or_default(),
        };
        self.store.state().apps.iter().filter(|app| !app.deleting).map(known).collect()
    }
}

fn apps_of(ask: &Ask) -> Vec<&AppName> {
    match ask {
        Ask::Define { definition, .. } => vec![&definition.spec.name],
        Ask::Start(target) | Ask::Restart(target) | Ask::Reset(target) => vec![&target.app],
        Ask::Reload { app, .. } => vec![app],
        Ask::Stop(targets) => targets.iter().map(|target| &target.app).collect(),
        Ask::Delete(apps) => apps.iter().collect(),
        Ask::Shutdown => Vec::new(),
    }
}

/// What the journal says of an operation, once it has its number.
fn entry_of(kind: OperationKind, act: &Act, told: Option<&Told>, asks: &[Ask]) -> impl FnOnce(u64, &str) -> Entry + use<> {
    let apps: BTreeSet<String> = asks.iter().flat_map(apps_of).map(ToString::to_string).collect();
    let defines = matches!(act, Act::Define { apps, remove, .. } if !apps.is_empty() || !remove.is_empty());
    let event = if defines { "defined" } else { "asked" };
    let mut data = json!({ "kind": kind, "apps": apps });
    if let Some(told) = told.filter(|told| !told.plan.is_empty()) {
        data["changes"] = json!(told.plan);
    }
    if let Some(back_to) = told.and_then(|told| told.back_to) {
        data["back_to"] = json!(back_to);
    }
    let app = if apps.len() == 1 { apps.into_iter().next() } else { None };
    move |id, actor| {
        data["operation"] = json!(id);
        Entry { app, event, actor: Some(actor.to_owned()), data, ..Entry::default() }
    }
}

fn refused(error: &SaveError) -> Problem {
    let problem = Problem::new(507, "read_only", error.to_string());
    match error {
        SaveError::Refused(_) => problem,
        SaveError::Io(_) => problem.hint("nothing was changed, and apps run on; make room in the home and try again"),
    }
}
