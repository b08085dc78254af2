//! `scale`: more or fewer instances; what there is beside the difference goes on untouched.

use super::Brain;
use super::apply::{Proposal, Wished};
use super::wishes::Intent;
use crate::select::resolve;
use crate::store::{Act, Defined, Goal, StoredApp};
use api::{MOST_INSTANCES, OperationKind, Problem, ScaleRequest};
use engine::{Ask, Decision, KnownApp, Start};
use model::{AppName, AppSpec, Change, Definition, Origin, Port};
use std::collections::BTreeMap;

/// The key that is changed.
const KEY: &str = "instances";

impl Brain {
    pub(super) fn intend_scale(&self, request: ScaleRequest, selector: &str) -> Result<Intent, Problem> {
        let app = self.scaled_app(selector)?;
        let before = app.definition.spec.instances;
        let after = wanted(&app.definition.spec, request)?;
        if app.rolling.as_ref().is_some_and(|rolling| !rolling.given_up) && before != after {
            let detail = format!("`{}` is being reloaded", app.name());
            return Err(Problem::new(409, "reloading", detail).hint(format!(
                "try again when it is over: `abide wait {0}` waits, `abide status {0}` shows how far it is",
                app.name()
            )));
        }
        let mut definition = (*app.definition).clone();
        definition.spec.instances = after;
        definition.spec.origins.insert(KEY.to_owned(), Origin::Flag);
        let start = Start::As { run: app.running, slots: BTreeMap::new() };
        let wished = vec![Wished { definition, start, takes_session: false, was: None }];
        let proposal = Proposal { wished, ..Proposal::new(OperationKind::Scale) };
        let touched = before.min(after)..before.max(after);
        let mut decisions = self.decide(&proposal);
        for decision in &mut decisions {
            decision.planned.steps.retain(|step| touched.contains(&step.slot.index));
        }
        let mut intent = self.intend_decided(proposal, &decisions)?;
        intent.apply = None;
        intent.goals.retain(|(slot, _)| touched.contains(&slot.index));
        for (_, goal) in &mut intent.goals {
            if let Goal::Run { patient, .. } = goal {
                *patient = false;
            }
        }
        if let Act::Define { apps, .. } = &mut intent.act {
            self.keep_wishes(app, apps, &mut intent.asks);
        }
        Ok(intent)
    }

    fn scaled_app(&self, selector: &str) -> Result<&StoredApp, Problem> {
        let targets = resolve(selector, &self.known())?;
        match targets.as_slice() {
            [one] if one.slots.is_none() => {
                self.store.state().app(&one.app).ok_or_else(|| Problem::new(404, "unknown_app", format!("no app `{}`", one.app)))
            }
            [one] => {
                let detail = format!("only whole apps are scaled, and `{selector}` is a part of `{}`", one.app);
                Err(Problem::new(422, "invalid_request", detail)
                    .hint(format!("`abide scale {} -1` removes its last slot, `abide stop {selector}` stops this one", one.app)))
            }
            _ => Err(Problem::new(422, "invalid_request", format!("`{selector}` does not mean one app"))
                .hint("name one app at a time")),
        }
    }

    /// Slots that were stopped stay stopped when their app is defined anew.
    pub(super) fn keep_wishes(&self, app: &StoredApp, defined: &mut [Defined], asks: &mut [Ask]) {
        let kept = |definition: &Definition| -> Option<BTreeMap<u32, bool>> {
            let is_it = definition.spec.name == *app.name();
            let there = |index: &u32| *index < definition.spec.instances;
            is_it.then(|| app.slot_wishes.iter().filter(|(index, _)| there(index)).map(|(index, run)| (*index, *run)).collect())
        };
        for one in defined {
            if let Some(wishes) = kept(&one.definition) {
                one.slot_wishes = wishes;
            }
        }
        for ask in asks {
            if let Ask::Define { definition, slot_wishes, .. } = ask
                && let Some(wishes) = kept(definition)
            {
                *slot_wishes = wishes;
            }
        }
    }
}

/// Adds to plans that the number of the file wins over that of an earlier `scale`.
pub(super) fn say_undone(decisions: &mut [Decision], wished: &[Wished], there: &BTreeMap<AppName, KnownApp<'_>>) {
    for (decision, wished) in decisions.iter_mut().zip(wished).filter(|(decision, _)| decision.planned.change == Change::Change) {
        let after = &wished.definition.spec;
        let Some(before) = there.get(&after.name).map(|app| app.definition) else { continue };
        let by_scale = |spec: &AppSpec| spec.origins.get(KEY) == Some(&Origin::Flag);
        let undone = before.source.is_some() && by_scale(&before.spec) && !by_scale(after);
        if undone && before.spec.instances != after.instances {
            let (scaled, wins) = (before.spec.instances, after.instances);
            decision.planned.notes.push(format!("`abide scale` had set instances to {scaled}; the {wins} of the file wins"));
        }
    }
}

/// How many it is to have, where it can have so many.
fn wanted(spec: &AppSpec, request: ScaleRequest) -> Result<u32, Problem> {
    let (app, now) = (&spec.name, spec.instances);
    let problem = |detail: String| Problem::new(409, "out_of_range", detail);
    let after = request.to.of(now).map_err(|wanted| {
        problem(format!("`{app}` has {now}, and cannot have {wanted}"))
            .hint(format!("0 to {MOST_INSTANCES} are possible: `abide scale {app} N`, or +N and -N"))
    })?;
    if after <= now {
        return Ok(after);
    }
    if after > spec.port.map_or(u32::MAX, Port::count) {
        let port = spec.port.map(|port| port.to_string()).unwrap_or_default();
        let detail = match spec.port {
            Some(Port::Fixed(_)) => format!("`{app}` has the one port {port}, and {after} instances cannot share it"),
            _ => format!("`{app}` has the ports {port}, and that is too few for {after} instances"),
        };
        return Err(
            problem(detail).hint("set `port` to a larger range or to \"auto\", or let the instances share a socket by `listen`")
        );
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_there_can_be() {
        let mut spec = AppSpec::new(AppName::new("web").expect("name"), vec!["x".into()], "/".into());
        spec.instances = 2;
        let mut check = |port: Option<Port>, to: &str| {
            spec.port = port;
            wanted(&spec, ScaleRequest { to: to.parse().expect(to) }).map_err(|problem| problem.detail)
        };
        assert_eq!(check(None, "4"), Ok(4));
        assert_eq!(check(None, "-2"), Ok(0));
        assert_eq!(check(None, "-3"), Err("`web` has 2, and cannot have -1".into()));
        assert_eq!(check(None, "1001"), Err("`web` has 2, and cannot have 1001".into()));
        assert_eq!(check(Some(Port::Range(8000, 8002)), "+1"), Ok(3));
        assert_eq!(
            check(Some(Port::Range(8000, 8002)), "+2"),
            Err("`web` has the ports 8000-8002, and that is too few for 4 instances".into())
        );
        assert_eq!(check(Some(Port::Fixed(80)), "3"), Err("`web` has the one port 80, and 3 instances cannot share it".into()));
        assert_eq!(check(Some(Port::Fixed(80)), "1"), Ok(1), "fewer is always possible");
    }
}
