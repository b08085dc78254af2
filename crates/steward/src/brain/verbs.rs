//! Verbs about apps that there are.

use super::Brain;
use super::apply::{Proposal, Wished};
use super::wishes::Intent;
use crate::call::Verb;
use crate::select::{inherited, resolve};
use crate::store::{Act, Goal, StoredTarget};
use crate::track::floor_of_start;
use api::{OperationKind, Problem, RestartRequest};
use engine::{Ask, SlotView, Start, Target};
use model::{AppName, AppSpec, Origin, Port, Status};

impl Brain {
    pub(super) fn intend_verb(&self, verb: Verb, selector: &str) -> Result<Intent, Problem> {
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
        Ok(self.intend_targets(verb, targets))
    }

    pub(super) fn intend_targets(&self, verb: Verb, targets: Vec<StoredTarget>) -> Intent {
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
        let told = (verb == Verb::Delete).then(|| {
            let remove: Vec<AppName> = targets.iter().map(|target| target.app.clone()).collect();
            self.told_of(&self.decide(&Proposal { remove, ..Proposal::new(OperationKind::Delete) }))
        });
        let (kind, act) = match verb {
            Verb::Start => (OperationKind::Start, Act::Wish { targets, run: true }),
            Verb::Restart => (OperationKind::Restart, Act::Wish { targets, run: true }),
            Verb::Stop => (OperationKind::Stop, Act::Wish { targets, run: false }),
            Verb::Reset => (OperationKind::Reset, Act::Reset { targets }),
            Verb::Delete => (OperationKind::Delete, Act::Delete { apps: targets.into_iter().map(|target| target.app).collect() }),
        };
        Intent { kind, act, told, asks, goals, apply: None }
    }

    /// `restart … --update-env`, `restart … --port N`: apps whose captured session or port is another now are defined anew with it, which replaces
    /// their lives; the others are restarted as they are.
    pub(super) fn intend_renewal(&self, request: RestartRequest, selector: &str) -> Result<Intent, Problem> {
        let targets = resolve(selector, &self.known())?;
        if let Some(part) = targets.iter().find(|target| target.slots.is_some()) {
            let detail = format!("variables and ports belong to whole apps, and that is a part of `{}`", part.app);
            return Err(
                Problem::new(422, "invalid_request", detail).hint(format!("name the app: `abide restart {} …`", part.app))
            );
        }
        if let (Some(_), [_, other, ..]) = (request.port, targets.as_slice()) {
            let detail = format!("a port is for one app, and that means {} of them, `{}` too", targets.len(), other.app);
            return Err(Problem::new(422, "invalid_request", detail).hint("name one app"));
        }
        let mut proposal = Proposal::new(OperationKind::Restart);
        for target in &targets {
            let Some(app) = self.store.state().app(&target.app) else { continue };
            let mut definition = (*app.definition).clone();
            if !request.keep_env {
                definition.session_env = inherited(&definition.spec.inherit_env, &request);
                definition.umask = request.umask;
            }
            if let Some(port) = request.port {
                give_port(&mut definition.spec, port)?;
            }
            proposal.wished.push(Wished { definition, start: Start::Run, takes_session: !request.keep_env, was: None });
        }
        let mut intent = self.intend_targets(Verb::Restart, targets);
        let mut renewed = self.intend(proposal)?;
        intent.asks.retain(|ask| !matches!(ask, Ask::Restart(target) if is_defined(&renewed.asks, &target.app)));
        if let (Act::Wish { targets, .. }, Act::Define { start, .. }) = (intent.act, &mut renewed.act) {
            start.extend(targets.into_iter().filter(|target| !is_defined(&renewed.asks, &target.app)));
        }
        renewed.asks.extend(intent.asks);
        Ok(Intent { goals: intent.goals, apply: None, ..renewed })
    }
}

/// The app has this port from now on.
fn give_port(spec: &mut AppSpec, port: u16) -> Result<(), Problem> {
    let refused = |detail| Err(Problem::new(422, "invalid_request", detail));
    if port == 0 {
        return refused("port 0 is none".to_owned());
    }
    if !spec.listen.is_empty() && spec.port.is_none() {
        return refused(format!("`{}` gets its sockets by `listen`, and binds no port itself", spec.name));
    }
    // The same number again is no other definition.
    if spec.port != Some(Port::Fixed(port)) {
        spec.port = Some(Port::Fixed(port));
        spec.origins.insert("port".to_owned(), Origin::Flag);
    }
    Ok(())
}

fn is_defined(asks: &[Ask], app: &AppName) -> bool {
    asks.iter().any(|ask| matches!(ask, Ask::Define { definition, .. } if definition.spec.name == *app))
}

/// Whether it is in order only once it was ready. Without a readiness of its own that is when it has run for `min_uptime`.
pub(super) fn must_be_ready(spec: &AppSpec) -> bool {
    spec.has_readiness() || !spec.min_uptime.is_zero()
}
