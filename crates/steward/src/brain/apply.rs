//! From definitions to what is done about them: `apply`, `start CMD`, and (see `rollback`) the way back.
//!
//! What is decided is decided in [`engine::decide`]; here it is turned into what is stored, told and waited for, without a choice of its own.

use super::Brain;
use super::ports::note_port;
use super::scale::say_undone;
use super::verbs::must_be_ready;
use super::wishes::Intent;
use crate::call::Verb;
use crate::store::{Act, Defined, Goal, StoredTarget, Told};
use crate::track::floor_of_start;
use api::{ApplyReply, ApplyRequest, OperationKind, PlanReply, Problem, RememberedProfile};
use engine::{Ask, Decision, KnownApp, Scope, Start, WishedApp, decide, is_proven, same_spec};
use model::{
    AppName, Change, DaemonSettings, Definition, Difference, Generation, InstanceId, Plan, Project, SettingsOf, SlotId, SlotRef,
    StepAct,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What somebody wants to be so.
#[derive(Debug, Clone)]
pub(super) struct Proposal {
    pub(super) kind: OperationKind,
    pub(super) wished: Vec<Wished>,
    pub(super) prune: Vec<Project>,
    pub(super) prune_only: Vec<AppName>,
    pub(super) remove: Vec<AppName>,
    pub(super) daemon: DaemonSettings,
    pub(super) settings: Vec<SettingsOf>,
    /// Why `daemon.toml` is left out.
    pub(super) trouble: Option<String>,
    pub(super) profiles: Vec<RememberedProfile>,
    pub(super) back_to: Option<u64>,
}

/// One app of it.
#[derive(Debug, Clone)]
pub(super) struct Wished {
    pub(super) definition: Definition,
    pub(super) start: Start,
    pub(super) takes_session: bool,
    /// The generation that it had when it was there before.
    pub(super) was: Option<Generation>,
}

impl Proposal {
    /// Nothing yet.
    pub(super) fn new(kind: OperationKind) -> Proposal {
        Proposal {
            kind,
            wished: Vec::new(),
            prune: Vec::new(),
            prune_only: Vec::new(),
            remove: Vec::new(),
            daemon: DaemonSettings::default(),
            settings: Vec::new(),
            trouble: None,
            profiles: Vec::new(),
            back_to: None,
        }
    }

    fn of(request: ApplyRequest) -> Proposal {
        let ApplyRequest { definitions, daemon, settings, prune, prune_only, profiles, update_env: takes_session, plan: _ } =
            request;
        let wished = |definition| Wished { definition, start: Start::IfAutostart, takes_session, was: None };
        let wished = definitions.into_iter().map(wished).collect();
        Proposal { wished, prune, prune_only, daemon, settings, profiles, ..Proposal::new(OperationKind::Apply) }
    }
}

impl Brain {
    /// `POST /plan`.
    pub(super) fn plan(&self, request: ApplyRequest) -> Result<PlanReply, Problem> {
        let proposal = self.with_settings(Proposal::of(request))?;
        let decisions = self.decide(&proposal);
        self.check(&proposal, &decisions)?;
        let wished = || proposal.wished.iter().map(|app| &app.definition);
        self.check_planned_sockets(wished(), &decisions)?;
        self.check_planned_ports(wished(), &decisions)?;
        Ok(self.reply_of(&proposal, &decisions))
    }

    pub(super) fn intend_define(&self, definition: Definition) -> Result<Intent, Problem> {
        let name = definition.spec.name.clone();
        if let Some(known) = self.store.state().app(&name).filter(|app| !app.deleting) {
            if !same_spec(&known.definition.spec, &definition.spec) {
                let detail = format!("there is an app `{name}` already, with another specification");
                let hint = format!(
                    "`abide restart {name}` runs it as it is, `abide up FILE` to apply a changed file, `abide delete {name}` makes room for a new one"
                );
                return Err(Problem::new(409, "name_taken", detail).hint(hint));
            }
            return Ok(self.intend_targets(Verb::Start, vec![StoredTarget { app: name, slots: None }]));
        }
        let wished = vec![Wished { definition, start: Start::Run, takes_session: true, was: None }];
        let mut intent = self.intend(Proposal { wished, ..Proposal::new(OperationKind::Start) })?;
        intent.apply = None;
        for (_, goal) in &mut intent.goals {
            if let Goal::Run { patient, .. } = goal {
                *patient = false;
            }
        }
        Ok(intent)
    }

    pub(super) fn intend_apply(&self, request: ApplyRequest) -> Result<Intent, Problem> {
        let agreed = request.plan.clone();
        self.intend_agreed(Proposal::of(request), agreed.as_deref())
    }

    /// What a proposal comes to, if it is still what was agreed to.
    pub(super) fn intend_agreed(&self, proposal: Proposal, agreed: Option<&str>) -> Result<Intent, Problem> {
        let proposal = self.with_settings(proposal)?;
        let decisions = self.decide(&proposal);
        if let Some(agreed) = agreed
            && self.reply_of(&proposal, &decisions).id != agreed
        {
            let detail = format!("what would be done is not what plan {agreed} said any more");
            return Err(Problem::new(409, "plan_changed", detail).hint("nothing was changed; look at the plan again"));
        }
        self.intend_decided(proposal, &decisions)
    }

    /// The apps that there are, as plans see them.
    fn there(&self) -> BTreeMap<AppName, KnownApp<'_>> {
        let apps = self.store.state().apps.iter().filter(|app| !app.deleting);
        let mut there: BTreeMap<AppName, KnownApp<'_>> = apps
            .map(|app| {
                let (definition, generation, running) = (&*app.definition, app.generation, app.running);
                let next = app.next_generation();
                (app.name().clone(), KnownApp { definition, generation, next, running, slots: Vec::new() })
            })
            .collect();
        for view in self.engine.slots() {
            if let Some(app) = there.get_mut(&view.slot.app) {
                app.slots.push(view);
            }
        }
        there
    }

    /// What is to be done about a proposal.
    pub(super) fn decide(&self, proposal: &Proposal) -> Vec<Decision> {
        let wished: Vec<WishedApp<'_>> = proposal
            .wished
            .iter()
            .map(|app| WishedApp { definition: &app.definition, start: app.start.clone(), takes_session: app.takes_session })
            .collect();
        let scope = Scope { prune: &proposal.prune, only: &proposal.prune_only, remove: &proposal.remove };
        let there = self.there();
        let mut decisions = decide(&there, &wished, scope, &config::differences);
        say_undone(&mut decisions, &proposal.wished, &there);
        for (app, decision) in proposal.wished.iter().zip(&mut decisions) {
            note_port(&app.definition.spec, &mut decision.planned);
            if proposal.kind == OperationKind::Restart {
                restarts_plainly(decision);
            }
        }
        decisions
    }

    fn check(&self, proposal: &Proposal, decisions: &[Decision]) -> Result<(), Problem> {
        if let Some((app, why)) = decisions.iter().find_map(|decision| Some((&decision.planned.app, decision.refused.as_ref()?)))
        {
            return Err(cannot_reload(app, why));
        }
        let definitions: Vec<&Definition> = proposal.wished.iter().map(|app| &app.definition).collect();
        let gone = decisions.iter().filter(|decision| decision.planned.change == Change::Remove);
        let gone: Vec<&AppName> = gone.map(|decision| &decision.planned.app).collect();
        self.check_names(&definitions, &gone)
    }

    fn settings_of(&self, proposal: &Proposal) -> Vec<Difference> {
        let known = &self.store.state().settings;
        let mut after = known.clone();
        proposal.settings.iter().for_each(|of| after.set(of));
        config::setting_differences(&known.all(), &after.all())
    }

    /// A plan and its name.
    pub(super) fn reply_of(&self, proposal: &Proposal, decisions: &[Decision]) -> PlanReply {
        let apps = decisions.iter().map(|decision| decision.planned.clone()).collect();
        let plan = Plan { apps, settings: self.settings_of(proposal) };
        // Values of secrets are not in the plan; that they are the same is seen in the definitions.
        let definitions: Vec<&Definition> = proposal.wished.iter().map(|app| &app.definition).collect();
        let id = plan_id(&(&plan, definitions, &proposal.settings, &proposal.profiles));
        let remembers = plan.is_empty() && !(proposal.settings.is_empty() && proposal.profiles.is_empty());
        PlanReply { id, plan, remembers, profiles: proposal.profiles.clone(), settings_trouble: proposal.trouble.clone() }
    }

    /// What is told of decisions, for the history.
    pub(super) fn told_of(&self, decisions: &[Decision]) -> Told {
        let there = self.there();
        let first = |name: &AppName| self.store.state().app(name).and_then(|app| app.first).unwrap_or(InstanceId(0));
        let proven = |name: &&AppName| there.get(*name).is_some_and(|app| is_proven(&app.slots, first(name)));
        let planned = decisions.iter().map(|decision| &decision.planned);
        let apps: Vec<_> = planned.filter(|planned| planned.change != Change::Keep).cloned().collect();
        let proven = apps.iter().map(|planned| &planned.app).filter(proven).cloned().collect();
        Told { plan: Plan { apps, settings: Vec::new() }, proven, back_to: None }
    }

    /// What a proposal comes to.
    pub(super) fn intend(&self, proposal: Proposal) -> Result<Intent, Problem> {
        let decisions = self.decide(&proposal);
        self.intend_decided(proposal, &decisions)
    }

    pub(super) fn intend_decided(&self, proposal: Proposal, decisions: &[Decision]) -> Result<Intent, Problem> {
        self.check(&proposal, decisions)?;
        let settings = self.settings_of(&proposal);
        let mut told = self.told_of(decisions);
        told.back_to = proposal.back_to;
        let mut made = Made { next_id: self.store.state().next_slot_id, ..Made::default() };
        made.reply.daemon = !settings.is_empty();
        made.reply.settings_trouble = proposal.trouble.clone();
        told.plan.settings = settings;
        let removed = decisions.iter().skip(proposal.wished.len()).map(|decision| decision.planned.app.clone());
        self.remove(removed.collect(), &mut made);
        for (wished, decision) in proposal.wished.into_iter().zip(decisions) {
            self.goals_of(&wished, decision, &mut made.goals);
            self.make(wished, decision, &mut made);
        }
        let Made { apps, start, remove, asks, goals, reply, .. } = made;
        let (daemon, settings) = (DaemonSettings::default(), proposal.settings);
        let act = Act::Define { apps, start, daemon, settings, remove, profiles: proposal.profiles };
        Ok(Intent { kind: proposal.kind, act, told: Some(told), asks, goals, apply: Some(reply) })
    }

    fn remove(&self, apps: Vec<AppName>, made: &mut Made) {
        if apps.is_empty() {
            return;
        }
        let slots = self.engine.slots().into_iter().filter(|view| apps.contains(&view.slot.app));
        made.goals.extend(slots.map(|view| (view.slot, Goal::Gone)));
        made.reply.removed = apps.iter().map(ToString::to_string).collect();
        made.asks.push(Ask::Delete(apps.clone()));
        made.remove = apps;
    }

    fn make(&self, wished: Wished, decision: &Decision, made: &mut Made) {
        let name = wished.definition.spec.name.clone();
        match decision.planned.change {
            Change::Keep | Change::Remove | Change::Reload => made.reply.unchanged.push(name.to_string()),
            Change::Start => {
                if let Some(known) = self.store.state().app(&name) {
                    made.asks.push(Ask::Define {
                        definition: known.definition.clone(),
                        generation: known.generation,
                        run: true,
                        slot_ids: known.live_slot_ids(),
                        slot_wishes: BTreeMap::new(),
                        rolling: known.rolling.clone(),
                    });
                }
                made.reply.changed.push(name.to_string());
                made.start.push(StoredTarget { app: name, slots: None });
            }
            Change::Add | Change::Change => {
                let defined = self.defined(wished, decision, &mut made.next_id);
                made.asks.push(ask_define(&defined));
                made.apps.push(defined);
                made.reply.changed.push(name.to_string());
            }
        }
    }

    /// What is waited for: what is begun; what goes on and is to run; what goes.
    fn goals_of(&self, wished: &Wished, decision: &Decision, goals: &mut Vec<(SlotRef, Goal)>) {
        let spec = &wished.definition.spec;
        let next = self.engine.next_instance();
        let steps = &decision.planned.steps;
        let goes_on = spec.schedule.is_none()
            && match decision.planned.change {
                Change::Change => decision.run,
                Change::Start | Change::Keep => wished.start == Start::IfAutostart && spec.autostart,
                Change::Add | Change::Remove | Change::Reload => false,
            };
        let rolls = self.rolls(decision);
        for index in 0..spec.instances {
            let slot = SlotRef::new(&spec.name, index);
            let begun = steps.iter().any(|step| step.slot == slot && step.act != StepAct::Stop);
            if begun || goes_on {
                let floor = if begun { next } else { floor_of_start(self.engine.slot(&slot).as_ref(), next) };
                let ready = must_be_ready(spec);
                let run = Goal::Run { floor, patient: true, ready };
                goals.push((slot, rolls.map_or(run, |generation| Goal::Roll { generation, floor, ready })));
            }
        }
        let gone = steps.iter().filter(|step| step.act == StepAct::Stop);
        // What is to go stays if the reload fails.
        let goal = rolls.map_or(Goal::Gone, |generation| Goal::Roll { generation, floor: next, ready: false });
        goals.extend(gone.map(|step| (step.slot.clone(), goal)));
    }

    /// The generation that an app gets by a reload, if it gets one.
    fn rolls(&self, decision: &Decision) -> Option<Generation> {
        let known = self.store.state().app(&decision.planned.app)?;
        decision.rolling.map(|_| known.next_generation())
    }

    /// A definition with what the store adds.
    fn defined(&self, wished: Wished, decision: &Decision, next_id: &mut u32) -> Defined {
        let Wished { mut definition, start, was, .. } = wished;
        let known = self.store.state().app(&definition.spec.name).filter(|_| decision.planned.change == Change::Change);
        if let Some(known) = known.filter(|_| !decision.takes_session) {
            definition.session_env = known.definition.session_env.clone();
            definition.umask = known.definition.umask;
        }
        let mut slot_ids = known.map(|app| app.slot_ids.clone()).unwrap_or_default();
        for index in 0..definition.spec.instances {
            slot_ids.entry(index).or_insert_with(|| {
                *next_id += 1;
                SlotId(*next_id - 1)
            });
        }
        let same = known.filter(|known| known.generation == decision.generation);
        let first = same.map_or(Some(self.engine.next_instance()), |known| known.first);
        let rolling = match (known, decision.rolling) {
            (Some(known), Some(how)) => Some(known.rolls_by(how)),
            // One that is under way goes on where nothing is replaced.
            (Some(known), None) if known.generation == decision.generation => known.rolling.clone(),
            _ => None,
        };
        // The number of one that failed is remembered until a higher one is there for good.
        let same_or_rolling = same.is_some() || rolling.is_some();
        let failed = known.and_then(|known| known.failed.clone()).filter(|_| same_or_rolling);
        // A life of an app of this name that is no more, which is still there or is still found, is not one of now.
        let earlier = was.max(self.lives.highest_generation(&definition.spec.name)).filter(|_| known.is_none());
        let generation = earlier.map_or(decision.generation, |earlier| decision.generation.max(Generation(earlier.0 + 1)));
        let slot_wishes = match start {
            Start::As { slots, .. } if known.is_none() => slots,
            _ => BTreeMap::new(),
        };
        Defined { definition: Arc::new(definition), generation, run: decision.run, slot_ids, slot_wishes, first, rolling, failed }
    }
}

/// A restart stops and bears, whatever the app's strategy for reloads.
fn restarts_plainly(decision: &mut Decision) {
    (decision.rolling, decision.refused) = (None, None);
    let replaced = decision.planned.steps.iter_mut().filter(|step| matches!(step.act, StepAct::Replace | StepAct::Signal));
    replaced.for_each(|step| step.act = StepAct::Restart);
}

/// The strategy of an app cannot be carried out.
pub(super) fn cannot_reload(app: &AppName, why: &str) -> Problem {
    let hint = "give it more ports, `listen`, or another `reload`; nothing was changed";
    Problem::new(409, "cannot_reload", format!("`{app}` cannot be reloaded: {why}")).hint(hint)
}

/// What has been made of decisions so far.
#[derive(Default)]
struct Made {
    next_id: u32,
    apps: Vec<Defined>,
    start: Vec<StoredTarget>,
    remove: Vec<AppName>,
    asks: Vec<Ask>,
    goals: Vec<(SlotRef, Goal)>,
    reply: ApplyReply,
}

/// A name for what is planned: as long as it is the same, the plan is.
pub(super) fn plan_id(whole: &impl serde::Serialize) -> String {
    let whole = serde_json::to_vec(whole).unwrap_or_default();
    let digest = ring::digest::digest(&ring::digest::SHA256, &whole);
    digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn ask_define(defined: &Defined) -> Ask {
    // Slots that only the old definition has are there until the reload is over.
    let instances = defined.definition.spec.slots_with(defined.rolling.as_deref());
    Ask::Define {
        definition: defined.definition.clone(),
        generation: defined.generation,
        run: defined.run,
        slot_ids: defined.slot_ids.iter().filter(|(index, _)| **index < instances).map(|(index, id)| (*index, *id)).collect(),
        slot_wishes: defined.slot_wishes.clone(),
        rolling: defined.rolling.clone(),
    }
}
