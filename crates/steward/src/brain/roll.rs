//! `reload`: every life of an app is replaced, and the app stays what it is.
//!
//! Only what is wished to run is reloaded. An app of which nothing runs is started where it is wished to run, or named itself: who says `reload web` wants it
//! to run from then on, who says `reload all` does not mean what was stopped.

use super::Brain;
use super::apply::{Proposal, Wished, cannot_reload, plan_id};
use super::verbs::must_be_ready;
use super::wishes::Intent;
use crate::select::{inherited, names_itself, resolve};
use crate::store::{Act, Goal, StoredApp, StoredRoll, StoredTarget};
use crate::track::floor_of_start;
use api::{OperationKind, PlanReply, Problem, RestartRequest};
use engine::{Ask, SlotView, Start, Strategy, Target, strategy};
use model::{Change, Plan, Planned, Reload, Renewal, SlotRef, Step, StepAct, format_span};
use std::collections::BTreeMap;

/// What becomes of one app.
#[derive(Clone)]
struct Reloading<'a> {
    app: &'a StoredApp,
    /// Its slots that are wished to run, or all, where it is started as a whole.
    slots: Vec<SlotView<'a>>,
    does: Does,
}

/// What is done about it.
#[derive(Clone)]
enum Does {
    /// Nothing; why, as a sentence without a stop.
    Nothing(&'static str),
    /// Nothing of it runs: it is started.
    Start(StoredTarget),
    /// What runs is stopped and born anew at once.
    Restart(StoredTarget, Strategy),
    /// One move after the other.
    Roll(Strategy),
}

impl Brain {
    /// What a reload would do.
    pub(super) fn plan_reload(&self, selector: &str) -> Result<PlanReply, Problem> {
        let reloads = self.reloads(selector)?;
        let rolls = reloads.iter().filter_map(|reloading| match &reloading.does {
            Does::Roll(strategy) => Some((reloading.app.name(), strategy.how)),
            Does::Nothing(_) | Does::Start(_) | Does::Restart(..) => None,
        });
        self.check_reload_ports(rolls)?;
        let apps = reloads.iter().map(planned).collect();
        let plan = Plan { apps, settings: Vec::new() };
        Ok(PlanReply { id: plan_id(&plan), plan, remembers: false, profiles: Vec::new(), settings_trouble: None })
    }

    /// `reload`; with a session: its variables are taken.
    pub(super) fn intend_reload(&self, selector: &str, session: Option<&RestartRequest>) -> Result<Intent, Problem> {
        let reloads = self.reloads(selector)?;
        match session {
            None => Ok(self.reload_as_they_are(&reloads)),
            Some(session) => self.reload_with(&reloads, session),
        }
    }

    fn reload_as_they_are(&self, reloads: &[Reloading<'_>]) -> Intent {
        let first = self.engine.next_instance();
        let (mut apps, mut start, mut asks, mut goals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for Reloading { app, slots, does } in reloads {
            match does {
                Does::Nothing(_) => {}
                Does::Start(target) | Does::Restart(target, _) => {
                    let begins = matches!(does, Does::Start(_));
                    start.push(target.clone());
                    let meant = Target::from(target);
                    asks.push(if begins { Ask::Start(meant) } else { Ask::Restart(meant) });
                    goals.extend(slots.iter().map(|view| {
                        let floor = if begins { floor_of_start(Some(view), first) } else { first };
                        (view.slot.clone(), Goal::Run { floor, patient: false, ready: must_be_ready(view.spec) })
                    }));
                }
                Does::Roll(strategy) => {
                    let generation = app.next_generation();
                    let rolling = app.rolls_by(strategy.how);
                    let name = app.name().clone();
                    asks.push(Ask::Reload { app: name.clone(), generation, rolling: rolling.clone() });
                    apps.push(StoredRoll { app: name, generation, first, rolling });
                    goals.extend(slots.iter().map(|view| {
                        let told = strategy.how == Reload::Hup;
                        let floor = if told { floor_of_start(Some(view), first) } else { first };
                        (view.slot.clone(), Goal::Roll { generation, floor, ready: must_be_ready(view.spec) })
                    }));
                }
            }
        }
        Intent { kind: OperationKind::Reload, act: Act::Roll { apps, start }, told: None, asks, goals, apply: None }
    }

    /// Apps that get other variables by it are defined anew with them, and replaced for that; the others are replaced as they are.
    fn reload_with(&self, reloads: &[Reloading<'_>], session: &RestartRequest) -> Result<Intent, Problem> {
        let mut proposal = Proposal::new(OperationKind::Reload);
        for Reloading { app, does, .. } in reloads {
            let start = match does {
                Does::Nothing(_) => continue,
                Does::Start(_) => Start::Run,
                Does::Restart(..) | Does::Roll(_) => Start::As { run: app.running, slots: BTreeMap::new() },
            };
            let mut definition = (*app.definition).clone();
            definition.session_env = inherited(&definition.spec.inherit_env, session);
            definition.umask = session.umask;
            proposal.wished.push(Wished { definition, start, takes_session: true, was: None });
        }
        let mut renewed = self.intend(proposal)?;
        let Act::Define { apps, start, .. } = &mut renewed.act else { return Ok(renewed) };
        let other =
            |reloading: &&Reloading<'_>| !apps.iter().any(|defined| defined.definition.spec.name == *reloading.app.name());
        let others: Vec<Reloading<'_>> = reloads.iter().filter(other).cloned().collect();
        for Reloading { app, .. } in reloads.iter().filter(|reloading| !matches!(reloading.does, Does::Start(_))) {
            self.keep_wishes(app, apps, &mut renewed.asks);
        }
        let as_they_are = self.reload_as_they_are(&others);
        if let Act::Roll { apps: rolled, start: begun } = as_they_are.act {
            for roll in rolled {
                let Some(app) = self.store.state().app(&roll.app) else { continue };
                apps.push(app.defined_anew(roll.generation, roll.first, roll.rolling));
            }
            start.extend(begun);
        }
        let is_other = |slot: &SlotRef| others.iter().any(|reloading| *reloading.app.name() == slot.app);
        renewed.goals.retain(|(slot, _)| !is_other(slot));
        renewed.goals.extend(as_they_are.goals);
        renewed.asks.retain(|ask| !matches!(ask, Ask::Define { definition, .. } if others.iter().any(|reloading| *reloading.app.name() == definition.spec.name)));
        renewed.asks.extend(as_they_are.asks);
        renewed.apply = None;
        Ok(renewed)
    }

    fn reloads(&self, selector: &str) -> Result<Vec<Reloading<'_>>, Problem> {
        let targets = resolve(selector, &self.known())?;
        if let Some(part) = targets.iter().find(|target| target.slots.is_some()) {
            let detail = format!("only whole apps are reloaded, and that is a part of `{}`", part.app);
            let hint = format!("`abide reload {0}` replaces all of it; `abide restart` gives a slot alone a new life", part.app);
            return Err(Problem::new(422, "invalid_request", detail).hint(hint));
        }
        let known = targets.iter().filter_map(|target| self.store.state().app(&target.app));
        known.map(|app| self.reloading(app, names_itself(selector, app.name()))).collect()
    }

    fn reloading<'a>(&'a self, app: &'a StoredApp, is_named: bool) -> Result<Reloading<'a>, Problem> {
        let spec = &app.definition.spec;
        let all: Vec<SlotView<'a>> = self.engine.slots().into_iter().filter(|view| view.slot.app == *app.name()).collect();
        let wished = all.iter().filter(|view| view.wished).count();
        let whole = wished == all.len() || wished == 0;
        let target = StoredTarget {
            app: app.name().clone(),
            slots: (!whole).then(|| all.iter().filter(|view| view.wished).map(|view| view.slot.index).collect()),
        };
        let runs = |view: &SlotView<'_>| view.instance.is_some() && !view.ending;
        let found = strategy(spec, spec, false, &all);
        if let Some(why) = found.refused {
            return Err(cannot_reload(app.name(), &why));
        }
        let does = if spec.schedule.is_some() {
            Does::Nothing("is a job: each of its runs is a new life")
        } else if wished == 0 && !is_named {
            Does::Nothing("is stopped; name it, and it is started")
        } else if !all.iter().any(runs) {
            Does::Start(target)
        } else if found.rolls {
            Does::Roll(found)
        } else {
            Does::Restart(target, found)
        };
        let slots = all.into_iter().filter(|view| view.wished || wished == 0).collect();
        Ok(Reloading { app, slots, does })
    }
}

fn planned(reloading: &Reloading<'_>) -> Planned {
    let spec = &reloading.app.definition.spec;
    let (change, mut notes) = match &reloading.does {
        Does::Nothing(why) => (Change::Keep, vec![(*why).to_owned()]),
        Does::Start(_) => (Change::Start, Vec::new()),
        Does::Restart(_, strategy) => (Change::Reload, strategy.notes.clone()),
        Does::Roll(strategy) => {
            (Change::Reload, [said(&spec.renewal, strategy)].into_iter().chain(strategy.notes.clone()).collect())
        }
    };
    let act = |view: &SlotView<'_>| match &reloading.does {
        Does::Nothing(_) => None,
        Does::Start(_) => Some(StepAct::Start),
        Does::Restart(..) | Does::Roll(_) if view.instance.is_none() => Some(StepAct::Start),
        Does::Restart(_, strategy) | Does::Roll(strategy) => Some(strategy.act()),
    };
    let steps = reloading.slots.iter().filter_map(|view| Some(Step { slot: view.slot.clone(), act: act(view)? })).collect();
    let differences = Vec::new();
    notes.dedup();
    Planned { app: spec.name.clone(), change, differences, steps, notes }
}

/// The moves in words.
fn said(renewal: &Renewal, strategy: &Strategy) -> String {
    let at_a_time = match renewal.max_parallel {
        1 => "one slot at a time".to_owned(),
        more => format!("{more} slots at a time"),
    };
    let soak =
        if renewal.soak.is_zero() { String::new() } else { format!(" and has stayed so for {}", format_span(renewal.soak)) };
    let drain = if renewal.drain.is_zero() { String::new() } else { format!(" {} later", format_span(renewal.drain)) };
    match strategy.how {
        Reload::Restart => format!("restart, {at_a_time}: the old life is stopped, then a new one is born"),
        Reload::Hup => format!("hup: each life gets {} and has to be ready again", renewal.signal),
        Reload::Rolling if !strategy.overlaps => {
            format!(
                "rolling, {at_a_time}: the old life is stopped, then a new one is born; the next follows once that is ready{soak}"
            )
        }
        Reload::Rolling => {
            format!(
                "rolling, {at_a_time}: a new life beside the old one, which is stopped{drain} once the new one is ready{soak}"
            )
        }
        Reload::Bluegreen => {
            format!("bluegreen: all new lives beside the old ones, which are stopped{drain} once every new one is ready{soak}")
        }
        Reload::Socket => format!(
            "socket: all new lives on the same sockets; the old ones get the stop signal once every new one is ready{soak}{}",
            if renewal.drain.is_zero() {
                String::new()
            } else {
                format!(", and have {} more to end", format_span(renewal.drain))
            }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_moves_in_words() {
        let strategy = |how, overlaps| Strategy { how, overlaps, rolls: true, notes: Vec::new(), refused: None };
        let plain = Renewal::default();
        let slow = Renewal { drain: Duration::from_secs(5), soak: Duration::from_secs(2), max_parallel: 3, ..Renewal::default() };
        for (renewal, how, overlaps, want) in [
            (&plain, Reload::Restart, false, "restart, one slot at a time: the old life is stopped, then a new one is born"),
            (&plain, Reload::Hup, false, "hup: each life gets SIGHUP and has to be ready again"),
            (
                &slow,
                Reload::Rolling,
                true,
                "rolling, 3 slots at a time: a new life beside the old one, which is stopped 5s later once the new one is ready and has \
                 stayed so for 2s",
            ),
            (
                &plain,
                Reload::Bluegreen,
                true,
                "bluegreen: all new lives beside the old ones, which are stopped once every new one is ready",
            ),
            (
                &slow,
                Reload::Socket,
                true,
                "socket: all new lives on the same sockets; the old ones get the stop signal once every new one is ready and has stayed so \
                 for 2s, and have 5s more to end",
            ),
        ] {
            assert_eq!(said(renewal, &strategy(how, overlaps)), want);
        }
    }
}
