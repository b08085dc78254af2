//! Reasons for what is done to lives: for an end that nobody asked for, for a birth, for the order of both. Judged by the truth of the fake
//! kernel and by what is on disk, never by what the brain thinks.

use crate::check::Checks;
use crate::home::{Home, StoredApp};
use crate::kernel::Kernel;
use engine::{Ask, Engine, Event, Note, Outcome, SlotView, What};
use model::{
    AppName, AppSpec, ByUser, Condition, Fault, InstanceId, LifeRecord, OnExit, Overlap, Readiness, Rest, Restart, SlotMemo,
    SlotRef, Strategy,
};
use std::time::Duration;

const MS: u64 = 1_000_000;
/// An answer takes so long at most, with everything that delays it: pauses between questions, answers that count neither way, stewards that
/// are not run for a while.
const QUESTIONS: u64 = 6500 * MS;
/// A word takes so long at most.
const WORDS: u64 = 1800 * MS;

impl Checks {
    /// So many happenings are no restlessness.
    pub(crate) fn allow(&mut self, count: u64) {
        self.allowed += count;
    }

    /// An answer reaches a steward.
    pub(crate) fn answered(&mut self, instance: InstanceId, steward: u32, outcome: &Outcome) {
        let bad = self.bad.entry(instance).or_insert((0, steward));
        if bad.1 != steward {
            *bad = (0, steward);
        }
        match outcome {
            Outcome::Good => bad.0 = 0,
            Outcome::Bad(_) => bad.0 += 1,
            Outcome::Elsewhere => self.reach("an answer of another"),
        }
    }

    fn may_run(&mut self, slot: SlotRef) {
        let due = self.due.entry(slot).or_default();
        *due = (*due).max(1);
    }

    fn may_run_again(&mut self, slot: SlotRef) {
        let due = self.due.entry(slot).or_default();
        *due = (*due + 1).min(2);
    }
}

/// The life that a slot has, by the journal.
fn life_in<'a>(home: &'a Home, slot: &SlotRef) -> Option<&'a LifeRecord> {
    let here = |life: &&LifeRecord| life.slot == *slot && life.ended.is_none();
    let fills = |life: &&LifeRecord| here(life) && life.beside.is_none() && life.retired.is_none();
    home.lives.values().rfind(fills).or_else(|| home.lives.values().rfind(here))
}

fn slots(app: &StoredApp) -> impl Iterator<Item = SlotRef> {
    let spec = &app.definition.spec;
    (0..spec.instances).map(|index| SlotRef::new(&spec.name, index))
}

/// Whether a condition holds, by the journal. More than it knows the brain cannot know.
pub(crate) fn holds(home: &Home, app: &AppName, condition: Condition) -> bool {
    let Some(known) = home.app(app).filter(|known| known.definition.spec.instances > 0) else { return false };
    slots(known).all(|slot| {
        let life = life_in(home, &slot);
        let memo = home.memos.get(&slot);
        let rest = memo.map(|memo| memo.rest.clone()).unwrap_or_default();
        let done = life.is_none() && rest == Rest::Completed;
        let runs = life.is_some_and(|life| life.pid.is_some() && life.stopping.is_none());
        match condition {
            Condition::Started => runs || done,
            Condition::Ready => {
                life.is_some_and(|life| life.ready.is_some()) || done && memo.is_some_and(|memo| memo.was_ready.is_some())
            }
            Condition::Completed => done || life.is_none() && matches!(rest, Rest::Errored { .. }),
            Condition::CompletedOk => done,
        }
    })
}

/// The same, where what runs is more than what has been left behind.
pub(crate) fn holds_well(home: &Home, kernel: &Kernel, app: &AppName, condition: Condition) -> bool {
    let lives = home.lives.values().filter(|life| life.slot.app == *app && life.ended.is_none());
    holds(home, app, condition) && lives.into_iter().all(|life| kernel.leads(life.instance))
}

/// Whether the word of a life that it is ready was lost with whoever had it; then nobody will ever know.
pub(crate) fn is_unheard(home: &Home, kernel: &Kernel, slot: &SlotRef) -> bool {
    let Some(life) = life_in(home, slot).filter(|life| life.ready.is_none()) else { return false };
    kernel.voices.get(&life.instance).is_some_and(|voice| voice.lost || voice.reader.is_some())
}

/// Nothing is born before what it depends on, and no job without a time that has come.
pub(crate) fn judge_birth(slot: &SlotRef, spec: &AppSpec, kernel: &mut Kernel, home: &Home) {
    let failed = |need: &&model::Dependency| need.required && !holds(home, &need.app, need.condition);
    if let Some(need) = spec.depends_on.iter().find(failed) {
        kernel.checks.fail(format!("order: {slot} is born although {} is not {}", need.app, need.condition.word()));
    }
    if !spec.depends_on.is_empty() {
        kernel.checks.reach("a birth of a dependent");
    }
    if spec.schedule.is_some() {
        kernel.checks.reach("a run of a job");
        let due = kernel.checks.due.entry(slot.clone()).or_default();
        *due = due.checked_sub(1).unwrap_or(u32::MAX);
        if *due == u32::MAX {
            *due = 0;
            kernel.checks.fail(format!("jobs: {slot} runs and nothing was due"));
        }
    }
}

/// What depends on an app and is stopped as well ends before it.
pub(crate) fn judge_order(life: &LifeRecord, engine: &Engine, kernel: &mut Kernel, home: &Home) {
    let ends = |app: &StoredApp, index: u32| home.stopped || !app.wants(index);
    let by_wish = life.fault.is_none() && life.stopping.is_some_and(|(_, by)| by == ByUser::Stop);
    let Some(app) = home.app(&life.slot.app).filter(|app| by_wish && ends(app, life.slot.index)) else { return };
    // One of a slot that is no more is ended at once.
    if engine.slot(&life.slot).is_none_or(|view| view.instance != Some(life.instance)) {
        return;
    }
    let name = &app.definition.spec.name;
    let stuck = |view: &SlotView<'_>| view.why.as_ref().is_some_and(|why| why.contains("stuck"));
    for view in engine.slots() {
        let Some(other) = home.app(&view.slot.app) else { continue };
        let depends = other.definition.spec.depends_on.iter().any(|need| need.app == *name);
        let lives = view.instance.is_some_and(|instance| kernel.leads(instance));
        if depends && lives && ends(other, view.slot.index) && !stuck(&view) {
            return kernel.checks.fail(format!("order: {} is stopped before {}, which depends on it", life.slot, view.slot));
        }
        if depends && ends(other, view.slot.index) {
            kernel.checks.reach("an end in turn");
        }
    }
}

/// I2: a life is ended for its own good, and the reason must be true.
pub(crate) fn judge_fault(life: &LifeRecord, fault: &Fault, steward: u32, kernel: &mut Kernel, home: &Home) {
    kernel.checks.reach(match fault {
        Fault::StartTimeout => "a start timeout",
        Fault::Unhealthy(_) => "an unhealthy life",
        Fault::Watchdog => "a watchdog",
        Fault::Trigger => "a life that asks to be ended",
        Fault::Limit(_) => "a limit",
        Fault::RunTimeout => "a run that took too long",
        Fault::OutOfMemory => "out of memory",
    });
    let Some(spec) = home.app(&life.slot.app).map(|app| &app.definition.spec) else { return };
    let (now, instance) = (kernel.now, life.instance);
    let Some(voice) = kernel.voices.get(&instance) else { return };
    // It ends by itself just now.
    if !kernel.leads(instance) {
        return;
    }
    let began = voice.leader.and_then(|pid| kernel.procs.get(&pid)).map_or(0, |proc| proc.began);
    let wrong = match fault {
        Fault::StartTimeout => {
            let asked = matches!(spec.ready, None | Some(Readiness::Probe(_)));
            let patience = if asked { QUESTIONS } else { WORDS };
            let well =
                if asked { voice.sick_until.max(voice.ready_since.unwrap_or(now)) } else { voice.ready_since.unwrap_or(now) };
            // A word that was read by a steward that died of it is a known loss.
            let lost = voice.lost || voice.reader.is_some_and(|reader| reader != steward) && life.ready.is_none();
            if lost && !asked {
                return kernel.checks.reach("a ready word lost with whoever had it");
            }
            (now > well + patience).then(|| format!("it has been ready for {} ms", (now - well) / MS))
        }
        Fault::Unhealthy(_) => {
            let bad = kernel.checks.bad.get(&instance).map_or(0, |(bad, _)| *bad);
            let most = spec.health.as_ref().map_or(1, |health| health.failures);
            (bad < most).then(|| format!("of {most} bad answers in a row it has given {bad}"))
        }
        Fault::Watchdog => {
            let every = voice_every(spec);
            let quiet = now - voice.sign.min(now);
            (!voice.stuck && quiet + 1000 * MS < every).then(|| format!("it gave a sign of life {} ms ago", quiet / MS))
        }
        Fault::Trigger => (!voice.stuck).then(|| "it has not asked for that".to_owned()),
        Fault::Limit(_) => (!voice.fat).then(|| "it uses little".to_owned()),
        Fault::RunTimeout => {
            let timeout = spec.schedule.as_ref().and_then(|job| job.timeout).unwrap_or(Duration::MAX);
            let runs = now - began.min(now);
            (Duration::from_nanos(runs + 20 * MS) < timeout).then(|| format!("it runs for {} ms", runs / MS))
        }
        Fault::OutOfMemory => None,
    };
    if let Some(wrong) = wrong {
        kernel.checks.fail(format!("I2: {instance} in {} is ended ({fault}), and {wrong}", life.slot));
    }
}

fn voice_every(spec: &AppSpec) -> u64 {
    spec.watchdog.map_or(u64::MAX, |every| every.as_nanos() as u64)
}

/// What is about to be told to the brain: which ends and births it makes legitimate.
pub(crate) fn foresee(event: &Event, kernel: &mut Kernel, home: &mut Home) {
    let now = kernel.now;
    match event {
        Event::RestartDue { app } => {
            kernel.checks.reach("a restart by the clock");
            home.excused.insert(app.clone(), now);
        }
        Event::Changed { app, .. } => {
            kernel.checks.reach("a changed file");
            let mut all = vec![app.clone()];
            let watch = home.app(app).and_then(|app| app.definition.spec.watch.as_ref());
            if watch.is_some_and(|watch| watch.cascade) {
                let depends = |other: &&StoredApp, all: &[AppName]| {
                    let spec = &other.definition.spec;
                    !all.contains(&spec.name) && spec.depends_on.iter().any(|need| all.contains(&need.app))
                };
                while let Some(next) = home.apps.iter().find(|other| depends(other, &all)) {
                    all.push(next.definition.spec.name.clone());
                }
            }
            home.excused.extend(all.into_iter().map(|app| (app, now)));
        }
        Event::Due { app, .. } => foresee_runs(app, kernel, home),
        Event::Asked(ask) => {
            let (app, again) = match ask {
                Ask::Define { definition, run: true, .. } => (&definition.spec.name, false),
                Ask::Start(target) => (&target.app, false),
                Ask::Restart(target) => (&target.app, true),
                _ => return,
            };
            for slot in home.app(app).into_iter().flat_map(slots) {
                if again { kernel.checks.may_run_again(slot) } else { kernel.checks.may_run(slot) }
            }
        }
        _ => {}
    }
}

fn foresee_runs(app: &AppName, kernel: &mut Kernel, home: &mut Home) {
    let Some(known) = home.app(app) else { return };
    let Some(overlap) = known.definition.spec.schedule.as_ref().map(|job| job.overlap) else { return };
    let mut replaced = false;
    for slot in slots(known).filter(|slot| known.wants(slot.index)) {
        match (life_in(home, &slot), overlap) {
            (Some(_), Overlap::Skip) => {}
            (Some(_), Overlap::Queue) => kernel.checks.may_run_again(slot),
            (Some(_), Overlap::Replace) => {
                replaced = true;
                kernel.checks.may_run_again(slot);
            }
            (None, _) => kernel.checks.may_run(slot),
        }
    }
    if replaced {
        home.excused.insert(app.clone(), kernel.now);
    }
}

/// After a time was told: what may run runs.
pub(crate) fn judge_run(app: &AppName, engine: &Engine, kernel: &mut Kernel, home: &Home) {
    let Some(known) = home.app(app).filter(|_| !home.stopped) else { return };
    let spec = &known.definition.spec;
    if spec.schedule.is_none() || !spec.depends_on.is_empty() || !spec.start_delay.is_zero() {
        return;
    }
    for slot in slots(known).filter(|slot| known.wants(slot.index)) {
        if engine.slot(&slot).is_none_or(|view| view.instance.is_none()) {
            kernel.checks.fail(format!("jobs: a run of {slot} was due and has not begun"));
        }
    }
}

/// A new steward: what an earlier one meant to begin is forgotten, but for runs that are tried again.
pub(crate) fn foresee_start(kernel: &mut Kernel, home: &Home) {
    kernel.checks.due.clear();
    for app in &home.apps {
        let Some(job) = &app.definition.spec.schedule else { continue };
        for slot in slots(app) {
            let memo = home.memos.get(&slot);
            let retries = memo.is_some_and(|memo| matches!(memo.rest, Rest::Backoff { .. }));
            if retries || (job.run_at_start && memo.is_none_or(|memo| *memo == SlotMemo::default())) {
                kernel.checks.may_run(slot);
            }
        }
    }
}

/// What followers are told: which ends of others it makes legitimate.
pub(crate) fn take_note(note: &Note, kernel: &mut Kernel, home: &mut Home) {
    let (Some(slot), What::Exited { end, asked, failed, .. }) = (&note.slot, &note.what) else { return };
    let always = home.app(&slot.app).is_some_and(|app| app.definition.spec.restart == Restart::Always);
    if !asked && (*failed || always || end.is_shortage()) {
        kernel.checks.may_run(slot.clone());
    }
    let now = kernel.now;
    let Some(app) = home.app(&slot.app).filter(|_| *failed) else { return };
    let Some(group) = app.definition.spec.group.clone().filter(|group| group.strategy != Strategy::One) else { return };
    kernel.checks.reach("a failure in a group");
    let order = |at: usize| (home.apps[at].definition.spec.start_order, at);
    let place = home.apps.iter().position(|other| other.definition.spec.name == slot.app).map(order);
    let follows = |at: &usize| {
        let spec = &home.apps[*at].definition.spec;
        let member = spec.group.as_ref().is_some_and(|of| of.name == group.name);
        member && (group.strategy == Strategy::All || place.is_some_and(|place| order(*at) > place))
    };
    let apps: Vec<AppName> = (0..home.apps.len()).filter(follows).map(|at| home.apps[at].definition.spec.name.clone()).collect();
    home.excused.extend(apps.into_iter().map(|app| (app, now)));
}

/// Whether all slots of an app are over, by the journal.
pub(crate) fn is_over(home: &Home, app: &StoredApp) -> bool {
    let over = |slot: SlotRef| {
        let rest = home.memos.get(&slot).map(|memo| memo.rest.clone()).unwrap_or_default();
        life_in(home, &slot).is_none() && matches!(rest, Rest::Completed | Rest::Errored { .. })
    };
    app.definition.spec.instances > 0 && slots(app).all(over)
}

/// The last life of an app is over: with `on_exit` that concerns others.
pub(crate) fn bereave(app: &AppName, home: &mut Home) {
    let Some(app) = home.app(app) else { return };
    let spec = &app.definition.spec;
    let (Some(OnExit::StopGroup), Some(group), false) = (spec.on_exit, &spec.group, home.stopped) else { return };
    let member = |other: &&StoredApp| {
        let of = &other.definition.spec;
        of.name != spec.name && of.group.as_ref().is_some_and(|of| of.name == group.name) && other.is_wanted()
    };
    let members: Vec<AppName> = home.apps.iter().filter(member).map(|other| other.definition.spec.name.clone()).collect();
    let by = spec.name.clone();
    home.bereft.extend(members.into_iter().map(|app| (app, by.clone())));
}

/// Apps are stopped because another has ended: there must be one.
pub(crate) fn judge_stopped(apps: &[AppName], kernel: &mut Kernel, home: &mut Home) {
    kernel.checks.reach("a group stopped");
    for name in apps {
        // One that is being deleted is stopped all the same.
        let Some(app) = home.app(name) else { continue };
        let group = app.definition.spec.group.clone();
        let ended = |app: &StoredApp| {
            let spec = &app.definition.spec;
            let same = group.is_some() && spec.group.as_ref().map(|of| &of.name) == group.as_ref().map(|of| &of.name);
            // Its end is written down after this: else a steward that dies between the two leaves the others for ever.
            let lives = |slot: SlotRef| life_in(home, &slot).is_some_and(|life| kernel.leads(life.instance));
            same && spec.name != *name && spec.on_exit.is_some() && !slots(app).any(lives)
        };
        if !home.apps.iter().any(ended) {
            kernel.checks.fail(format!("I2: {name} is stopped with its group, and none of it has ended"));
        }
        home.excused.insert(name.clone(), kernel.now);
    }
}
