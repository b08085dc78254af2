//! The world: processes, the keeper that knows of them, the journal, and stewards that come and go.

use super::store::Store;
use crate::dice::Dice;
use engine::{Ask, Effect, Engine, Event, FactState, Finding, KeeperFact, LifeNote, Recalled};
use model::{AppName, End, Generation, InstanceId, LifeRecord, Signal, SlotMemo, SlotRef, Stream, Tick, Verdict};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// A process of the world, from the birth that was ordered to its end.
#[derive(Debug, Clone)]
pub(super) struct Proc {
    pub(super) slot: SlotRef,
    pub(super) born: bool,
    pub(super) ended: Option<End>,
    forgotten: bool,
    /// It was told to end.
    pub(super) told: bool,
    /// How often each generation was announced to it by a signal, and the stewards that died meanwhile.
    pub(super) announced: BTreeMap<Generation, (u32, u32)>,
    /// Somebody else than a reload has a reason to end it.
    pub(super) excused: bool,
    /// It does not end when it is told to.
    pub(super) stubborn: bool,
}

/// What the world has still to say.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Owed {
    Swept(InstanceId),
    Sealed(InstanceId, Stream),
    End(InstanceId, Signal),
    Switched(AppName, Generation),
}

#[derive(Clone)]
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) now: Tick,
    pub(super) dice: Dice,
    pub(super) store: Store,
    pub(super) lives: BTreeMap<InstanceId, LifeRecord>,
    pub(super) memos: BTreeMap<SlotRef, SlotMemo>,
    pub(super) procs: BTreeMap<InstanceId, Proc>,
    pub(super) owed: VecDeque<Owed>,
    pub(super) story: VecDeque<String>,
    pub(super) title: String,
    /// Every answer is a good one, and nothing happens by itself.
    pub(super) kind: bool,
    /// After so many of the next effects the steward dies.
    pub(super) dies_after: Option<usize>,
    /// How many have died.
    pub(super) deaths: u32,
    /// Slots that have a life that is ready, and nobody has a reason to take it.
    pub(super) served: BTreeSet<SlotRef>,
    /// Ways back that have failed.
    pub(super) given_up: BTreeSet<AppName>,
    /// Programs so far.
    pub(super) versions: u32,
    /// From which life on each name is that of the app that has it now.
    pub(super) since: BTreeMap<AppName, InstanceId>,
    /// How many lines of the story are kept.
    pub(super) lines: usize,
    /// How often what happened, for the test that something happens at all.
    pub(super) reached: BTreeMap<&'static str, u32>,
}

impl World {
    pub(super) fn new(seed: u64, title: String) -> World {
        let mut world = World {
            engine: Engine::new(seed),
            now: Tick(1_000_000_000),
            dice: Dice(seed),
            store: Store::default(),
            lives: BTreeMap::new(),
            memos: BTreeMap::new(),
            procs: BTreeMap::new(),
            owed: VecDeque::new(),
            story: VecDeque::new(),
            title,
            kind: false,
            dies_after: None,
            deaths: 0,
            served: BTreeSet::new(),
            given_up: BTreeSet::new(),
            versions: 0,
            since: BTreeMap::new(),
            lines: std::env::var("ROLLS_LINES").ok().and_then(|lines| lines.parse().ok()).unwrap_or(90),
            reached: BTreeMap::new(),
        };
        world.arise();
        world.deaths = 0;
        world
    }

    pub(super) fn fail(&self, what: &str) -> ! {
        let story: Vec<&str> = self.story.iter().map(String::as_str).collect();
        panic!("{}: {what}\n{}", self.title, story.join("\n"));
    }

    pub(super) fn reach(&mut self, what: &'static str) {
        *self.reached.entry(what).or_default() += 1;
    }

    /// A steward begins: the store, the journal, the dump.
    pub(super) fn arise(&mut self) {
        self.engine = Engine::new(1);
        self.deaths += 1;
        // Questions of a steward that is dead are answered to nobody.
        self.owed.retain(|owed| !matches!(owed, Owed::Swept(_) | Owed::Switched(..)));
        let (apps, next_slot_id) = self.store.recall();
        let recalled = Recalled {
            apps,
            lives: self.lives.values().cloned().collect(),
            memos: self.memos.clone(),
            next_instance: self.procs.keys().next_back().map_or(1, |last| last.0 + 1),
            next_slot_id,
        };
        self.engine.step(Event::Recalled(Box::new(recalled)), self.now, &mut Vec::new());
        let fact = |(instance, process): (&InstanceId, &Proc)| KeeperFact {
            instance: *instance,
            slot: Some(process.slot.clone()),
            state: match (&process.ended, process.born) {
                (Some(end), _) => FactState::Down { end: end.clone(), at: self.now },
                (None, true) => FactState::Up { pid: instance.0 as u32, ident: 1, at: self.now },
                (None, false) => FactState::Starting,
            },
        };
        let facts = self.procs.iter().filter(|(_, process)| !process.forgotten).map(fact).collect();
        self.tell(Event::Dumped(facts));
    }

    /// Tells the steward something, does what it wants done, and judges.
    pub(super) fn tell(&mut self, event: Event) {
        let short = match &event {
            Event::Dumped(_) => "another steward".to_owned(),
            Event::Asked(Ask::Define { definition, generation, rolling, .. }) => {
                let (spec, how) = (&definition.spec, rolling.as_ref().map(|rolling| rolling.how));
                let renewal = (&spec.renewal, &spec.port, &spec.ready);
                format!("define {} ×{} generation {generation} {how:?} {renewal:?}", spec.name, spec.instances)
            }
            Event::Asked(Ask::Reload { app, generation, rolling }) => format!("reload {app} to {generation} {}", rolling.how),
            other => format!("{other:?}"),
        };
        self.story.push_back(format!("{} ms: {short}", self.now.0 / 1_000_000));
        while self.story.len() > self.lines {
            self.story.pop_front();
        }
        self.excuse();
        let mut effects = Vec::new();
        self.engine.step(event, self.now, &mut effects);
        let dies = self.dies_after.take();
        if let Some(done) = dies {
            effects.truncate(done);
        }
        for effect in effects {
            if let Some(short) = crate::stage::short(&effect) {
                self.story.push_back(format!("    {short}"));
            }
            self.perform(effect);
        }
        match dies {
            Some(done) => {
                self.story.push_back(format!("    (the steward dies after {done} effects)"));
                self.arise();
            }
            None => self.judge(),
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Record(LifeNote::Life(life)) => {
                self.judge_record(&life);
                self.lives.insert(life.instance, *life);
            }
            Effect::Record(LifeNote::Closed { instance }) => _ = self.lives.remove(&instance),
            Effect::Record(LifeNote::Memo { slot, memo }) => _ = self.memos.insert(slot, memo),
            Effect::Record(LifeNote::Forgotten { slot }) => _ = self.memos.remove(&slot),
            Effect::Persist(note) => self.store.note(&note),
            Effect::Journal(note) => self.hear(&note),
            Effect::Bear(bear) => self.bear(&bear),
            Effect::Signal { instance, signal } => {
                self.judge_signal(instance, signal);
                let process = self.procs.get(&instance).expect("it was borne");
                if signal == Signal::TERM && (self.kind || !process.stubborn) {
                    self.owed.push_back(Owed::End(instance, signal));
                }
            }
            Effect::Sweep { instance, signal } => {
                if signal == Some(Signal::KILL) {
                    self.owed.push_back(Owed::End(instance, Signal::KILL));
                }
                self.owed.push_back(Owed::Swept(instance));
            }
            Effect::Forget { instance } => {
                if let Some(process) = self.procs.get_mut(&instance) {
                    process.forgotten = true;
                }
            }
            Effect::StreamsEnded { instance } => {
                self.owed.extend([Stream::Out, Stream::Err].map(|stream| Owed::Sealed(instance, stream)));
            }
            Effect::Switch { app, generation, .. } => self.owed.push_back(Owed::Switched(app, generation)),
            // Only a life whose keeper is gone is looked for, and no keeper dies here: it was never begun.
            Effect::Inspect { life } => self.tell(Event::Inspected { instance: life.instance, finding: Finding::Gone }),
            _ => {}
        }
    }

    fn bear(&mut self, bear: &engine::Bear) {
        self.judge_birth(bear);
        let stubborn = self.dice.roll(4) == 0;
        let (slot, announced) = (bear.life.slot.clone(), BTreeMap::new());
        let process = Proc { slot, born: false, ended: None, forgotten: false, told: false, announced, excused: false, stubborn };
        self.procs.insert(bear.life.instance, process);
    }

    /// The program of a life begins to run, or it is not born at all.
    pub(super) fn begin(&mut self, instance: InstanceId, failure: Option<(model::Stage, &str)>) {
        let Some(process) = self.procs.get_mut(&instance).filter(|process| !process.born && process.ended.is_none()) else {
            return;
        };
        if let Some((stage, errno)) = failure {
            return self.end(instance, End::NotBorn { stage, errno: errno.into() });
        }
        process.born = true;
        let (at, pid, has_port) = (self.now, instance.0 as u32, self.has_port(instance));
        if has_port && self.lives.get(&instance).is_some_and(|life| life.port.is_none()) {
            self.tell(Event::Leased { instance, port: pid as u16 });
        }
        self.tell(Event::Born { instance, pid, ident: 1, at });
    }

    fn has_port(&self, instance: InstanceId) -> bool {
        let app = self.procs.get(&instance).and_then(|process| self.store.apps.get(&process.slot.app));
        app.is_some_and(|app| app.spec().port.is_some())
    }

    /// A process ends.
    pub(super) fn end(&mut self, instance: InstanceId, end: End) {
        let serves = self.serves(instance);
        let Some(process) = self.procs.get_mut(&instance).filter(|process| process.ended.is_none()) else { return };
        process.ended = Some(end.clone());
        if serves {
            self.served.remove(&process.slot);
        }
        let at = self.now;
        self.tell(Event::Ended { instance, end, at });
    }

    /// The world says one of the things that it owes.
    pub(super) fn answer(&mut self, at: usize) {
        match self.owed.remove(at) {
            Some(Owed::Swept(instance)) => {
                let left = u32::from(self.procs[&instance].ended.is_none());
                self.tell(Event::Swept { instance, left });
            }
            Some(Owed::Sealed(instance, stream)) => self.tell(Event::Sealed { instance, stream }),
            Some(Owed::End(instance, number)) => {
                self.end(instance, End::Exited(Verdict::Signal { number, core: false }));
            }
            Some(Owed::Switched(app, generation)) => {
                let refused = (!self.kind && self.dice.roll(3) == 0).then(|| "no".to_owned());
                self.tell(Event::Switched { app, generation, refused });
            }
            None => {}
        }
    }

    pub(super) fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        self.tell(Event::TimePassed);
    }
}
