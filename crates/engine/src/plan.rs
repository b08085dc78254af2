//! What an apply comes to, decided before anything is done.
//!
//! Planner and executor are apart: [`decide`] looks at what there is and at what is wished and says, app by app and slot by slot, what is to be
//! done; it is what `abide plan` shows. Whoever carries a plan out has no choices left: each [`Decision`] is one [`crate::Ask`], and the brain does with
//! it what the steps say. That both agree is a test (`tests/engine/plans.rs`), for the brain has to come to the same end after a crash in the
//! middle, when no plan is left but only wishes.

use crate::{HealthView, SlotView, Strategy, strategy};
use model::{
    AppName, AppSpec, Change, Definition, Difference, Generation, InstanceId, Planned, Project, Reload, SlotRef, Status, Step,
    StepAct,
};
use std::collections::BTreeMap;

mod notes;
mod steps;

/// An app that there is, and what is known of it.
#[derive(Debug, Clone)]
pub struct KnownApp<'a> {
    /// Its definition.
    pub definition: &'a Definition,
    /// Its generation.
    pub generation: Generation,
    /// The generation that it gets if its lives are replaced: a number that none of them ever had.
    pub next: Generation,
    /// Whether it is wished to run, where no slot says otherwise.
    pub running: bool,
    /// Its slots.
    pub slots: Vec<SlotView<'a>>,
}

/// An app as it is to be.
#[derive(Debug, Clone)]
pub struct WishedApp<'a> {
    /// Its definition. The captured session counts only where it is taken.
    pub definition: &'a Definition,
    /// Whether it is to run.
    pub start: Start,
    /// Whether the captured session of the definition is taken also by an app that has one.
    pub takes_session: bool,
}

/// Whether an app is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It runs if its `autostart` says so, whatever it was at: stopped, given up, in a pause after a crash. One that runs goes on running.
    IfAutostart,
    /// It runs.
    Run,
    /// A new one runs or not, each of its slots as is said here; one that there is goes on as it was wished.
    As {
        /// Where no slot says otherwise.
        run: bool,
        /// Wishes for single slots.
        slots: BTreeMap<u32, bool>,
    },
}

/// Which apps are removed because they are not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scope<'a> {
    /// Those of these projects.
    pub prune: &'a [Project],
    /// Of those only these, if any is named here.
    pub only: &'a [AppName],
    /// And these in any case.
    pub remove: &'a [AppName],
}

/// What becomes of one app, and how it is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What users see of it.
    pub planned: Planned,
    /// Whether it is wished to run from then on.
    pub run: bool,
    /// Its generation from then on: another than before if lives have to be replaced.
    pub generation: Generation,
    /// Whether the captured session is that of the new definition.
    pub takes_session: bool,
    /// How lives are replaced, where that is a reload in several moves.
    pub rolling: Option<Reload>,
    /// Why it cannot be done.
    pub refused: Option<String>,
}

/// Says which keys differ, as a file would name them.
pub type Differ<'a> = &'a dyn Fn(&AppSpec, &AppSpec) -> Vec<Difference>;

/// Decides. First the wished apps in their order, then the removed ones by name.
pub fn decide(
    known: &BTreeMap<AppName, KnownApp<'_>>,
    wished: &[WishedApp<'_>],
    scope: Scope<'_>,
    differ: Differ<'_>,
) -> Vec<Decision> {
    let of = |app: &WishedApp<'_>| match known.get(&app.definition.spec.name) {
        None => add(app),
        Some(old) if is_as_wished(old, app) => keep(old, app),
        Some(old) => change(old, app, differ),
    };
    let mut decisions: Vec<Decision> = wished.iter().map(of).collect();
    for (app, decision) in wished.iter().zip(&mut decisions).filter(|(_, decision)| decision.planned.change != Change::Keep) {
        decision.planned.notes.extend(notes::of_missing(&app.definition.spec, known, wished));
    }
    let is_named = |name: &AppName| wished.iter().any(|app| app.definition.spec.name == *name);
    let goes = |name: &AppName, app: &KnownApp<'_>| {
        let scoped = app.definition.project.as_ref().is_some_and(|project| scope.prune.contains(project));
        let pruned = scoped && (scope.only.is_empty() || scope.only.contains(name));
        (pruned || scope.remove.contains(name)) && !is_named(name)
    };
    let gone: Vec<&AppName> = known.iter().filter(|(name, app)| goes(name, app)).map(|(name, _)| name).collect();
    for name in &gone {
        decisions.push(remove(&known[*name], notes::of_dependents(name, &gone, known, wished)));
    }
    decisions
}

/// Whether the present definition of an app has proven itself: a life of it was ready, and now it is not given up, in a pause after a crash, or
/// unwell. `first` is the first life that can have been born by it.
pub fn is_proven(slots: &[SlotView<'_>], first: InstanceId) -> bool {
    let good = |view: &SlotView<'_>| {
        let was = view.was_ready.is_some_and(|life| life >= first);
        was && !matches!(view.status, Status::Errored | Status::Backoff) && view.health != Some(HealthView::Unhealthy)
    };
    slots.iter().any(good)
}

/// Equal in everything but where the values came from.
pub fn same_spec(one: &AppSpec, other: &AppSpec) -> bool {
    if one.origins == other.origins {
        return one == other;
    }
    let mut one = one.clone();
    one.origins = other.origins.clone();
    one == *other
}

/// Whether it is begun when it is defined: a job waits for its time, unless it says otherwise.
pub fn begins_at_once(spec: &AppSpec) -> bool {
    spec.schedule.as_ref().is_none_or(|job| job.run_at_start)
}

fn is_as_wished(old: &KnownApp<'_>, app: &WishedApp<'_>) -> bool {
    let (before, after) = (old.definition, app.definition);
    let same = same_spec(&before.spec, &after.spec) && before.source == after.source && before.project == after.project;
    same && !(app.takes_session && other_session(before, after))
}

fn other_session(before: &Definition, after: &Definition) -> bool {
    before.session_env != after.session_env || before.umask != after.umask
}

fn add(app: &WishedApp<'_>) -> Decision {
    let spec = &app.definition.spec;
    let (run, slots) = match &app.start {
        Start::IfAutostart => (spec.autostart, None),
        Start::Run => (true, None),
        Start::As { run, slots } => (*run, Some(slots)),
    };
    let steps = steps::of_new(spec, run, slots);
    let planned = Planned { app: spec.name.clone(), change: Change::Add, differences: Vec::new(), steps, notes: Vec::new() };
    Decision { takes_session: true, ..Decision::of(planned, run, Generation(1)) }
}

fn keep(old: &KnownApp<'_>, app: &WishedApp<'_>) -> Decision {
    let spec = &app.definition.spec;
    let starts = app.start == Start::IfAutostart && spec.autostart && steps::is_at_rest(spec, &old.slots);
    let (change, steps) = if starts { (Change::Start, steps::of_start(spec, &old.slots)) } else { (Change::Keep, Vec::new()) };
    let planned = Planned { app: spec.name.clone(), change, differences: Vec::new(), steps, notes: Vec::new() };
    Decision::of(planned, old.running || starts, old.generation)
}

fn change(old: &KnownApp<'_>, app: &WishedApp<'_>, differ: Differ<'_>) -> Decision {
    let (before, after) = (old.definition, app.definition);
    let spec = &after.spec;
    let run = old.running
        || match app.start {
            Start::IfAutostart => spec.autostart,
            Start::Run => true,
            Start::As { .. } => false,
        };
    // Who says which variables of the session an app gets wants those of today.
    let takes_session = app.takes_session || before.spec.inherit_env != spec.inherit_env;
    let other = takes_session && other_session(before, after);
    let renewed = other || !before.spec.same_process(spec);
    let found = renewed.then(|| strategy(&before.spec, spec, true, &old.slots));
    let act = found.as_ref().map(Strategy::act);
    let steps = steps::of_change(&before.spec, spec, &old.slots, run, act);
    let mut said = notes::of_origin(before, after);
    said.extend(other.then(|| notes::of_session(before, after)));
    // Only who is replaced wants to know how.
    let found = found.filter(|_| steps.iter().any(|step| matches!(step.act, StepAct::Restart | StepAct::Replace)));
    said.extend(found.iter().flat_map(|found| found.notes.iter().cloned()));
    let differences = if same_spec(&before.spec, spec) { Vec::new() } else { differ(&before.spec, spec) };
    let planned = Planned { app: spec.name.clone(), change: Change::Change, differences, steps, notes: said };
    let generation = if renewed { old.next } else { old.generation };
    let rolling = found.as_ref().filter(|found| found.rolls).map(|found| found.how);
    let refused = found.and_then(|found| found.refused);
    Decision { takes_session, rolling, refused, ..Decision::of(planned, run, generation) }
}

impl Decision {
    /// Nothing special.
    fn of(planned: Planned, run: bool, generation: Generation) -> Decision {
        Decision { planned, run, generation, takes_session: false, rolling: None, refused: None }
    }
}

fn remove(old: &KnownApp<'_>, notes: Vec<String>) -> Decision {
    let app = old.definition.spec.name.clone();
    let lives = old.slots.iter().filter(|view| steps::lives(view));
    let steps = lives.map(|view| step(&app, view.slot.index, StepAct::Stop)).collect();
    let planned = Planned { app, change: Change::Remove, differences: Vec::new(), steps, notes };
    Decision::of(planned, false, old.generation)
}

fn step(app: &AppName, index: u32, act: StepAct) -> Step {
    Step { slot: SlotRef::new(app, index), act }
}
