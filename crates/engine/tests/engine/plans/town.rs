//! What there is, and a brain that lives by it.

use engine::{Ask, Decision, Effect, Engine, Event, KnownApp, Recalled, Scope, SlotView, Start, Target, WishedApp, decide};
use model::{
    AppName, AppSpec, Change, Definition, Difference, End, Generation, InstanceId, Plan, Project, SlotId, SlotRef, Status,
    StepAct, Stream, Tick, Verdict,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// What there is, as the store has it, and a brain that lives by it.
pub(super) struct Town {
    pub(super) engine: Engine,
    pub(super) now: Tick,
    pub(super) apps: BTreeMap<AppName, (Definition, Generation, bool)>,
    pub(super) next_id: u32,
    pub(super) alive: BTreeMap<InstanceId, SlotRef>,
    pub(super) ending: BTreeSet<InstanceId>,
    /// What there was before each edit.
    before: Vec<BTreeMap<AppName, (Definition, Generation, bool)>>,
}

pub(super) fn name(text: &str) -> AppName {
    AppName::new(text).expect("name")
}

pub(super) fn shop() -> Project {
    Project { name: "shop".into(), folder: None }
}

pub(super) fn definition(app: &str) -> Definition {
    let spec = AppSpec::new(name(app), vec!["prog".into()], "/".into());
    let source = Some(PathBuf::from("/shop/abide.toml"));
    Definition { spec, session_env: BTreeMap::new(), umask: 0o22, source, project: Some(shop()) }
}

/// Enough for a test: that they differ.
pub(super) fn differ(_: &AppSpec, _: &AppSpec) -> Vec<Difference> {
    vec![Difference { key: "some".into(), from: None, to: None }]
}

pub(super) fn wish(definition: &Definition) -> WishedApp<'_> {
    WishedApp { definition, start: Start::IfAutostart, takes_session: false }
}

impl Town {
    pub(super) fn new() -> Town {
        let (apps, alive, ending) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut town =
            Town { engine: Engine::new(1), now: Tick(1_000_000_000), apps, next_id: 0, alive, ending, before: Vec::new() };
        town.tell(Event::Recalled(Box::new(Recalled { next_instance: 1, ..Recalled::default() })));
        town.tell(Event::Dumped(Vec::new()));
        town
    }

    /// Tells the brain; gives back whom it bears and whom it asks to end.
    pub(super) fn tell(&mut self, event: Event) -> (BTreeSet<SlotRef>, BTreeSet<SlotRef>) {
        let mut effects = Vec::new();
        self.engine.step(event, self.now, &mut effects);
        let (mut borne, mut stopped) = (BTreeSet::new(), BTreeSet::new());
        let mut follow = Vec::new();
        for effect in effects {
            match effect {
                Effect::Bear(bear) => {
                    let instance = bear.life.instance;
                    borne.insert(bear.life.slot.clone());
                    self.alive.insert(instance, bear.life.slot);
                    let pid = u32::try_from(instance.0).expect("small");
                    follow.push(Event::Born { instance, pid, ident: 1, at: self.now });
                }
                Effect::Signal { instance, .. } => {
                    stopped.insert(self.alive[&instance].clone());
                    self.ending.insert(instance);
                }
                Effect::Sweep { instance, .. } => follow.push(Event::Swept { instance, left: 0 }),
                Effect::StreamsEnded { instance } => {
                    follow.extend(Stream::BOTH.map(|stream| Event::Sealed { instance, stream }));
                }
                _ => {}
            }
        }
        for event in follow {
            let (more, less) = self.tell(event);
            borne.extend(more);
            stopped.extend(less);
        }
        (borne, stopped)
    }

    pub(super) fn end(&mut self, instance: InstanceId, code: i32) -> (BTreeSet<SlotRef>, BTreeSet<SlotRef>) {
        self.alive.remove(&instance);
        self.ending.remove(&instance);
        self.tell(Event::Ended { instance, end: End::Exited(Verdict::Code(code)), at: self.now })
    }

    /// Lives that were asked to end do so. Gives back whom the brain bears in their places.
    pub(super) fn let_end(&mut self) -> BTreeSet<SlotRef> {
        let mut borne = BTreeSet::new();
        while let Some(instance) = self.ending.first().copied() {
            borne.extend(self.end(instance, 0).0);
        }
        borne
    }

    pub(super) fn decide(&self, wished: &[WishedApp<'_>], scope: Scope<'_>) -> Vec<Decision> {
        let mut known: BTreeMap<AppName, KnownApp<'_>> = BTreeMap::new();
        for (name, (definition, generation, running)) in &self.apps {
            let slots = self.engine.slots().into_iter().filter(|view| view.slot.app == *name).collect();
            known.insert(
                name.clone(),
                KnownApp { definition, generation: *generation, next: Generation(generation.0 + 1), running: *running, slots },
            );
        }
        decide(&known, wished, scope, &differ)
    }

    pub(super) fn plan(&self, wished: &[Definition], prune: bool) -> Plan {
        let wished: Vec<WishedApp<'_>> = wished.iter().map(wish).collect();
        let projects = [shop()];
        let scope = Scope { prune: if prune { &projects } else { &[] }, ..Scope::default() };
        let apps = self.decide(&wished, scope).into_iter().map(|decision| decision.planned).collect();
        Plan { apps, settings: Vec::new() }
    }

    /// Carries out what was decided, and checks that the brain does what the steps say and nothing else.
    pub(super) fn apply(&mut self, wished: &[Definition], prune: bool) -> Plan {
        let projects = [shop()];
        let scope = Scope { prune: if prune { &projects } else { &[] }, ..Scope::default() };
        let decisions = self.decide(&wished.iter().map(wish).collect::<Vec<_>>(), scope);
        self.carry_out(wished, decisions)
    }

    /// Everything goes back to how it was: what was not there goes, what is not there any more comes as it was wished then.
    pub(super) fn go_back(&mut self, then: &BTreeMap<AppName, (Definition, Generation, bool)>) {
        let definitions: Vec<Definition> = then.values().map(|(definition, ..)| definition.clone()).collect();
        let start = |app: &AppName| Start::As { run: then[app].2, slots: BTreeMap::new() };
        let wished: Vec<WishedApp<'_>> = definitions
            .iter()
            .map(|definition| WishedApp { definition, start: start(&definition.spec.name), takes_session: true })
            .collect();
        let remove: Vec<AppName> = self.apps.keys().filter(|app| !then.contains_key(*app)).cloned().collect();
        let decisions = self.decide(&wished, Scope { remove: &remove, ..Scope::default() });
        self.carry_out(&definitions, decisions);
        let specs = |apps: &BTreeMap<AppName, (Definition, Generation, bool)>| -> Vec<AppSpec> {
            apps.values().map(|(definition, ..)| definition.spec.clone()).collect()
        };
        assert_eq!(specs(&self.apps), specs(then));
    }

    fn carry_out(&mut self, wished: &[Definition], decisions: Vec<Decision>) -> Plan {
        let (mut borne, mut stopped) = (BTreeSet::new(), BTreeSet::new());
        let waiting = |town: &Town| {
            let waits = |view: &SlotView<'_>| view.status == Status::Waiting;
            town.engine.slots().iter().filter(|view| waits(view)).map(|view| view.slot.clone()).collect::<BTreeSet<_>>()
        };
        for (at, decision) in decisions.iter().enumerate() {
            let Some(ask) = self.ask(wished.get(at), decision) else { continue };
            let (more, less) = self.tell(Event::Asked(ask));
            borne.extend(more);
            stopped.extend(less);
        }
        let in_place = self.let_end();
        let plan = Plan { apps: decisions.into_iter().map(|decision| decision.planned).collect(), settings: Vec::new() };
        let said = |acts: &[StepAct]| -> BTreeSet<SlotRef> {
            plan.steps().filter(|step| acts.contains(&step.act)).map(|step| step.slot.clone()).collect()
        };
        assert_eq!(stopped, said(&[StepAct::Stop, StepAct::Restart]), "who is asked to end: {plan:#?}");
        borne.extend(in_place);
        let begun: BTreeSet<SlotRef> = borne.union(&waiting(self)).cloned().collect();
        let missing: Vec<_> = said(&[StepAct::Start, StepAct::Restart]).difference(&begun).cloned().collect();
        assert!(missing.is_empty(), "not begun: {missing:?} of {plan:#?}");
        let unsaid: Vec<_> = borne.difference(&said(&[StepAct::Start, StepAct::Restart])).cloned().collect();
        assert!(unsaid.is_empty(), "begun without a step: {unsaid:?} of {plan:#?}");
        plan
    }

    pub(super) fn ask(&mut self, wished: Option<&Definition>, decision: &Decision) -> Option<Ask> {
        let app = &decision.planned.app;
        match decision.planned.change {
            Change::Keep => None,
            Change::Remove => {
                self.apps.remove(app);
                Some(Ask::Delete(vec![app.clone()]))
            }
            Change::Add | Change::Change | Change::Start | Change::Reload => {
                let definition = wished.expect("it was wished").clone();
                let instances = definition.spec.instances;
                self.apps.insert(app.clone(), (definition.clone(), decision.generation, decision.run));
                self.next_id += instances;
                let slot_ids = (0..instances).map(|index| (index, SlotId(self.next_id + index))).collect();
                let (definition, generation, run) = (Arc::new(definition), decision.generation, decision.run);
                Some(Ask::Define { definition, generation, run, slot_ids, slot_wishes: BTreeMap::new(), rolling: None })
            }
        }
    }

    pub(super) fn running(&self) -> BTreeSet<String> {
        let lives = |view: &SlotView<'_>| view.instance.is_some() && !view.ending;
        self.engine.slots().iter().filter(|view| lives(view)).map(|view| view.slot.to_string()).collect()
    }

    pub(super) fn stop(&mut self, app: &str) {
        let target = Target { app: name(app), slots: None };
        self.apps.get_mut(&name(app)).expect("known").2 = false;
        self.tell(Event::Asked(Ask::Stop(vec![target])));
    }
}

/// What happens between two applies.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    Apply(Vec<Definition>, bool),
    Stop(usize),
    Crash(usize),
    End(usize),
    Restart(usize),
    /// To how it was after so many of the edits.
    Back(usize),
}

impl Town {
    pub(super) fn edit(&mut self, edit: &Edit) {
        self.before.push(self.apps.clone());
        match edit {
            Edit::Back(at) => {
                let then = self.before[at % self.before.len()].clone();
                self.go_back(&then);
            }
            Edit::Apply(file, prune) => _ = self.apply(file, *prune),
            Edit::Stop(app) if self.apps.contains_key(&name(&format!("app{app}"))) => self.stop(&format!("app{app}")),
            Edit::Crash(at) | Edit::End(at) if !self.alive.is_empty() => {
                let instance = *self.alive.keys().nth(at % self.alive.len()).expect("not empty");
                self.end(instance, i32::from(matches!(edit, Edit::Crash(_))));
            }
            Edit::Restart(app) => {
                let target = Target { app: name(&format!("app{app}")), slots: None };
                if let Some(known) = self.apps.get_mut(&target.app) {
                    known.2 = true;
                    self.tell(Event::Asked(Ask::Restart(target)));
                }
            }
            _ => {}
        }
        // Nothing is left halfway: what a crash in the middle comes to is shown by the mixed runs.
        self.let_end();
    }
}
