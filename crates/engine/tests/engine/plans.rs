//! Plans: what they say, and that the brain does with them what they say.
//!
//! The town is an engine with apps that run, rest and fail; each edit is decided by [`engine::decide`], told to the engine as asks, and what the
//! engine then wants done is compared with the steps.

mod town;

use engine::{Event, Scope, WishedApp, begins_at_once};
use model::{AppName, AppSpec, Change, Definition, InstanceId, LogPolicy, Plan, Project, SlotRef, Status, StepAct};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use town::{Edit, Town, definition, name, shop, wish};

fn words(plan: &Plan) -> Vec<String> {
    let steps = plan.apps.iter().map(|app| {
        let steps: Vec<String> = app.steps.iter().map(|step| format!("{:?} {}", step.act, step.slot)).collect();
        format!("{:?} {}: {}", app.change, app.app, steps.join(", ")).to_lowercase().trim_end_matches([':', ' ']).to_owned()
    });
    steps.collect()
}

#[test]
fn what_is_said_of_each_kind_of_change() {
    let mut town = Town::new();
    let [web, db, off] = ["web", "db", "off"].map(definition);
    let web = Definition { spec: AppSpec { instances: 3, ..web.spec }, ..web };
    let off = Definition { spec: AppSpec { autostart: false, ..off.spec }, ..off };
    let all = [web.clone(), db.clone(), off.clone()];
    let said = words(&town.apply(&all, false));
    assert_eq!(said, ["add web: start web-0, start web-1, start web-2", "add db: start db-0", "add off"]);
    assert!(town.plan(&all, true).is_empty());

    // Only slots that come or go.
    let mut wide = web.clone();
    wide.spec.instances = 5;
    assert_eq!(words(&town.apply(std::slice::from_ref(&wide), false)), ["change web: start web-3, start web-4"]);
    wide.spec.instances = 2;
    let said = words(&town.apply(std::slice::from_ref(&wide), false));
    assert_eq!(said, ["change web: stop web-2, stop web-3, stop web-4"]);

    // What the process does not see is applied to what runs.
    let mut quiet = wide.clone();
    quiet.spec.log.policy = LogPolicy { max_files: 2, ..quiet.spec.log.policy };
    quiet.spec.usage.max_memory = Some(64 << 20);
    quiet.spec.stop_timeout = Duration::from_secs(3);
    assert_eq!(words(&town.apply(std::slice::from_ref(&quiet), false)), ["change web"]);
    let mut other = quiet.clone();
    other.spec.env.insert("A".into(), "1".into());
    assert_eq!(words(&town.apply(std::slice::from_ref(&other), false)), ["change web: restart web-0, restart web-1"]);

    // What rests is started, and what is defined not to start is not.
    town.stop("web");
    assert_eq!(words(&town.plan(&[other.clone(), off.clone()], false)), ["start web: start web-0, start web-1", "keep off"]);
    town.let_end();
    assert_eq!(words(&town.apply(&[other.clone(), off], false)), ["start web: start web-0, start web-1", "keep off"]);
    let lives: Vec<InstanceId> = town.alive.iter().filter(|(_, slot)| slot.app == name("db")).map(|(id, _)| *id).collect();
    town.end(lives[0], 0);
    assert_eq!(town.engine.slot(&SlotRef::new(&name("db"), 0)).map(|view| view.status), Some(Status::Completed));
    assert_eq!(words(&town.plan(&[db], false)), ["keep db"], "what has completed is not begun again");

    let plan = town.apply(std::slice::from_ref(&other), true);
    assert_eq!(words(&plan), ["keep web", "remove db", "remove off"]);
    assert!(plan.stops_something());
}

#[test]
fn what_somebody_should_know() {
    let mut town = Town::new();
    let web = definition("web");
    let mut api = definition("api");
    api.spec.depends_on = vec![model::Dependency { app: name("web"), condition: model::Condition::Ready, required: true }];
    api.project = None;
    let plan = town.plan(std::slice::from_ref(&api), false);
    assert_eq!(plan.apps[0].notes, ["waits for what is not defined: web"]);
    assert!(town.plan(&[web.clone(), api.clone()], false).apps.iter().all(|app| app.notes.is_empty()));
    api.spec.depends_on[0].required = false;
    assert!(town.plan(std::slice::from_ref(&api), false).apps[0].notes.is_empty(), "waited for only while it is on its way");
    api.spec.depends_on[0].required = true;
    town.apply(&[web.clone(), api], false);
    let mut moved = web.clone();
    moved.source = Some("/other/abide.toml".into());
    moved.project = Some(Project { name: "other".into(), folder: Some("/other".into()) });
    let plan = town.plan(std::slice::from_ref(&moved), false);
    assert_eq!(plan.apps[0].notes, ["was defined by /shop/abide.toml", "moves from project shop to other (/other)"]);
    assert!(plan.apps[0].steps.is_empty() && plan.apps[0].differences.is_empty() && !plan.is_empty());
    let plan = town.plan(&[], true);
    assert_eq!(
        (words(&plan), &plan.apps[0].notes),
        (vec!["remove web: stop web-0".into()], &vec!["still waited for by api".into()])
    );

    let mut taken = web.clone();
    taken.session_env.insert("SECRET".into(), "hunter2".into());
    assert!(town.plan(std::slice::from_ref(&taken), false).is_empty(), "apply never restarts for captured values");
    let wished = WishedApp { takes_session: true, ..wish(&taken) };
    let decided = town.decide(&[wished], Scope::default());
    assert_eq!(decided[0].planned.notes, ["takes the variables of this session anew: SECRET"]);
    assert!(decided[0].takes_session && decided[0].planned.steps[0].act == StepAct::Restart);
    // Who says which variables it wants gets those of today.
    taken.spec.inherit_env = model::InheritEnv::Named(vec!["SECRET".into()]);
    let decided = town.decide(&[wish(&taken)], Scope::default());
    assert!(decided[0].takes_session && decided[0].planned.steps[0].act == StepAct::Restart);
}

#[test]
fn pruning_keeps_to_its_scope() {
    let mut town = Town::new();
    let mut foreign = definition("foreign");
    foreign.project = Some(Project { name: "shop".into(), folder: Some("/elsewhere".into()) });
    let by_hand = Definition { source: None, project: None, ..definition("by-hand") };
    town.apply(&[definition("a"), definition("b"), foreign, by_hand], false);
    let of =
        |scope| words(&Plan { apps: town.decide(&[], scope).into_iter().map(|d| d.planned).collect(), settings: Vec::new() });
    let projects = [shop()];
    assert_eq!(of(Scope { prune: &projects, ..Scope::default() }), ["remove a: stop a-0", "remove b: stop b-0"]);
    let only = [name("b"), name("foreign")];
    assert_eq!(of(Scope { prune: &projects, only: &only, ..Scope::default() }), ["remove b: stop b-0"]);
    assert_eq!(of(Scope { remove: &only[1..], ..Scope::default() }), ["remove foreign: stop foreign-0"]);
    assert!(of(Scope::default()).is_empty());
}

/// An app as a file may say it, small enough that edits meet.
fn arbitrary_app(app: usize) -> impl Strategy<Value = Definition> {
    let knobs = (0u32..4, prop::bool::weighted(0.8), 0u32..3, 0u64..3, 0u32..6);
    knobs.prop_map(move |(instances, autostart, env, quiet, kind)| {
        let mut definition = definition(&format!("app{app}"));
        let spec = &mut definition.spec;
        (spec.instances, spec.autostart) = (instances, autostart);
        spec.env.insert("V".into(), env.to_string());
        spec.stop_timeout = Duration::from_secs(5 + quiet);
        if kind == 0 {
            let when = model::When::Every(Duration::from_secs(3600));
            let (overlap, jitter) = (model::Overlap::Skip, Duration::ZERO);
            let (timezone, timeout, catch_up, run_at_start) = (None, None, false, env == 0);
            spec.schedule = Some(model::Schedule { when, timezone, overlap, timeout, catch_up, jitter, run_at_start });
        }
        definition
    })
}

/// A file: some of the apps.
fn arbitrary_file() -> impl Strategy<Value = Vec<Definition>> {
    let apps: Vec<_> = (0..5).map(|app| prop::option::weighted(0.7, arbitrary_app(app))).collect();
    apps.prop_map(|apps| apps.into_iter().flatten().collect())
}

fn arbitrary_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (arbitrary_file(), any::<bool>()).prop_map(|(file, prune)| Edit::Apply(file, prune)),
        1 => (0usize..5).prop_map(Edit::Stop),
        1 => (0usize..20).prop_map(Edit::Crash),
        1 => (0usize..20).prop_map(Edit::End),
        1 => (0usize..5).prop_map(Edit::Restart),
        2 => (0usize..20).prop_map(Edit::Back),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Applied twice, a file changes nothing the second time; and after any history an apply leads to what the file says.
    #[test]
    fn any_history_converges_and_a_plan_of_a_plan_is_empty(
        history in prop::collection::vec(arbitrary_edit(), 0..8), last in arbitrary_file()
    ) {
        let mut town = Town::new();
        history.iter().for_each(|edit| town.edit(edit));
        let planned = town.plan(&last, true);
        let done = town.apply(&last, true);
        prop_assert_eq!(planned, done);
        prop_assert!(town.plan(&last, true).is_empty(), "{:#?}", town.plan(&last, true));
        let names: BTreeSet<AppName> = last.iter().map(|app| app.spec.name.clone()).collect();
        prop_assert_eq!(town.apps.keys().cloned().collect::<BTreeSet<_>>(), names);
        for app in last.iter().filter(|app| app.spec.autostart && app.spec.schedule.is_none()) {
            for index in 0..app.spec.instances {
                let view = town.engine.slot(&SlotRef::new(&app.spec.name, index)).expect("it is there");
                prop_assert!(matches!(view.status, Status::Starting | Status::Running | Status::Completed), "{} {}", view.slot, view.status);
            }
            let beyond = town.running().into_iter().filter(|slot| slot.starts_with(app.spec.name.as_str())).count();
            prop_assert!(beyond <= app.spec.instances as usize);
        }
    }

    /// What is not named is not touched; the order of the file decides the order of the answer and nothing else.
    #[test]
    fn only_what_is_named_and_changed_is_touched(
        first in arbitrary_file(), second in arbitrary_file(), order in any::<prop::sample::Index>()
    ) {
        let mut town = Town::new();
        town.apply(&first, false);
        let plan = town.plan(&second, false);
        let named: BTreeSet<&AppName> = second.iter().map(|app| &app.spec.name).collect();
        for step in plan.steps() {
            prop_assert!(named.contains(&step.slot.app));
        }
        for (app, planned) in second.iter().zip(&plan.apps) {
            let same = first.iter().any(|old| old == app);
            prop_assert_eq!(same, planned.change == Change::Keep, "{}", planned.app);
            prop_assert!(!same || planned.steps.is_empty());
        }
        let mut turned = second.clone();
        if !turned.is_empty() {
            turned.rotate_left(order.index(second.len()));
        }
        let by_name = |plan: Plan| plan.apps.into_iter().map(|app| (app.app.clone(), app)).collect::<BTreeMap<_, _>>();
        prop_assert_eq!(by_name(plan), by_name(town.plan(&turned, false)));
    }

    /// Of n apps k get another process: steps for exactly those.
    #[test]
    fn k_of_n(n in 1usize..40, picks in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let mut town = Town::new();
        let mut file: Vec<Definition> = (0..n).map(|app| definition(&format!("app{app}"))).collect();
        town.apply(&file, false);
        let changed: BTreeSet<usize> = picks.iter().map(|pick| pick.index(n)).collect();
        for at in &changed {
            file[*at].spec.argv.push("--other".into());
        }
        let plan = town.apply(&file, true);
        let steps: BTreeSet<String> = plan.steps().map(|step| step.slot.app.to_string()).collect();
        prop_assert_eq!(steps, changed.iter().map(|at| format!("app{at}")).collect::<BTreeSet<_>>());
        prop_assert!(plan.steps().all(|step| step.act == StepAct::Restart));
    }
}

#[test]
fn a_job_waits_for_its_time() {
    let mut job = definition("job");
    let (when, overlap) = (model::When::Every(Duration::from_secs(60)), model::Overlap::Skip);
    let (timezone, timeout, catch_up, jitter, run_at_start) = (None, None, false, Duration::ZERO, false);
    job.spec.schedule = Some(model::Schedule { when, timezone, overlap, timeout, catch_up, jitter, run_at_start });
    assert!(!begins_at_once(&job.spec));
    let mut town = Town::new();
    assert_eq!(words(&town.apply(std::slice::from_ref(&job), false)), ["add job"]);
    town.stop("job");
    // Its schedule goes on again; it is not run for that.
    assert_eq!(words(&town.apply(std::slice::from_ref(&job), false)), ["start job"]);
    assert!(town.running().is_empty() && town.plan(std::slice::from_ref(&job), false).is_empty());
    // Another program for a run that goes on: it is run again with it.
    town.tell(Event::Due { app: name("job"), at: model::Wall(0), late: false });
    job.spec.argv.push("x".into());
    assert_eq!(words(&town.apply(std::slice::from_ref(&job), false)), ["change job: restart job-0"]);
    // What was a job and is none any more runs.
    town.let_end();
    let life = *town.alive.keys().next().expect("it runs");
    town.end(life, 0);
    job.spec.schedule = None;
    assert_eq!(words(&town.apply(std::slice::from_ref(&job), false)), ["change job: start job-0"]);
}
