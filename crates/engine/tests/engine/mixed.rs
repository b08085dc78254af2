//! Everything at once, at random: apps that depend on each other, are asked whether they are well, run by the clock, share groups; users who
//! change their minds; lives that ignore signals; stewards that die. After each step the rules are checked by a world that knows nothing of
//! the engine's own state, and at the end, when nobody wishes anything any more, nothing may be left undone.
//!
//! A failing seed prints its last steps: `MIXED_SEED=N cargo nextest run -p abide-engine mixed`.

use engine::{Ask, Effect, Engine, Event, FactState, KeeperFact, LifeNote, Outcome, RecalledApp, Target, Word};
use model::{
    AppName, AppSpec, Definition, End, Generation, InstanceId, LifeRecord, Signal, SlotId, SlotMemo, SlotRef, Stream, Tick,
    Verdict, Wall,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

mod rules;

use crate::dice::Dice;

const SEEDS: u64 = 400;
const STEPS: usize = 250;
const APPS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A process of the world.
#[derive(Debug, Clone)]
struct Proc {
    slot: SlotRef,
    born: bool,
    signalled: bool,
    ended: Option<End>,
    forgotten: bool,
    open: Option<u64>,
}

struct World {
    engine: Engine,
    now: Tick,
    dice: Dice,
    apps: BTreeMap<AppName, RecalledApp>,
    next_slot: u32,
    lives: BTreeMap<InstanceId, LifeRecord>,
    memos: BTreeMap<SlotRef, SlotMemo>,
    procs: BTreeMap<InstanceId, Proc>,
    /// What the world will say, in any order.
    answers: VecDeque<Event>,
    story: VecDeque<String>,
    seed: u64,
    kind: bool,
    /// After so many of the next effects the steward dies.
    dies_after: Option<usize>,
}

#[test]
fn a_hundred_thousand_steps() {
    let only = std::env::var("MIXED_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.act();
        }
        world.calm_down();
    }
}

impl World {
    fn new(seed: u64) -> World {
        let mut world = World {
            engine: Engine::new(seed),
            now: Tick(1_000_000_000),
            dice: Dice(seed),
            apps: BTreeMap::new(),
            next_slot: 0,
            lives: BTreeMap::new(),
            memos: BTreeMap::new(),
            procs: BTreeMap::new(),
            answers: VecDeque::new(),
            story: VecDeque::new(),
            seed,
            kind: false,
            dies_after: None,
        };
        world.arise();
        world
    }

    fn fail(&self, what: &str) -> ! {
        let story: Vec<&str> = self.story.iter().map(String::as_str).collect();
        panic!("seed {}: {what}\n{}", self.seed, story.join("\n"));
    }

    /// A steward begins: the store, the journal, the dump.
    fn arise(&mut self) {
        self.engine = Engine::new(self.seed);
        // Questions of a steward that is dead are answered to nobody.
        self.answers.retain(|event| !matches!(event, Event::Probed { .. } | Event::Swept { .. } | Event::Inspected { .. }));
        self.procs.values_mut().for_each(|process| process.open = None);
        let recalled = engine::Recalled {
            apps: self.apps.values().cloned().collect(),
            lives: self.lives.values().cloned().collect(),
            memos: self.memos.clone(),
            next_instance: self.procs.keys().next_back().map_or(1, |last| last.0 + 1),
            next_slot_id: self.next_slot,
        };
        self.tell(Event::Recalled(Box::new(recalled)));
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

    fn act(&mut self) {
        let app = AppName::new(self.dice.pick(&APPS)).expect("name");
        let target = Target { app: app.clone(), slots: None };
        let known = self.apps.contains_key(&app);
        match self.dice.roll(40) {
            0..=2 => self.define(&app),
            3 if known => self.wish(&app, true, Ask::Start(target)),
            4 if known => {
                let other = AppName::new(self.dice.pick(&APPS)).expect("name");
                let apps: BTreeSet<AppName> = [app, other].into_iter().filter(|app| self.apps.contains_key(app)).collect();
                apps.iter().for_each(|app| self.apps.get_mut(app).expect("known").running = false);
                let targets = apps.into_iter().map(|app| Target { app, slots: None }).collect();
                self.tell(Event::Asked(Ask::Stop(targets)));
            }
            5 if known => self.wish(&app, true, Ask::Restart(target)),
            6 if known => self.tell(Event::Asked(Ask::Reset(target))),
            7 => self.tell(Event::Due { app, at: Wall(0), late: false }),
            8 => self.tell(Event::RestartDue { app }),
            9 => self.tell(Event::Changed { app, paths: Vec::new() }),
            10 => self.arise(),
            // A steward that dies in the middle of what it does next.
            22 => self.dies_after = Some(self.dice.roll(6)),
            11..=14 => self.pass(),
            15..=18 => self.die(),
            19..=21 => self.speak(),
            _ => self.answer(),
        }
    }

    fn wish(&mut self, app: &AppName, run: bool, ask: Ask) {
        self.apps.get_mut(app).expect("known").running = run;
        self.tell(Event::Asked(ask));
    }

    fn define(&mut self, name: &AppName) {
        let mut spec = AppSpec::new(name.clone(), vec!["prog".into()], "/".into());
        spec.instances = self.dice.roll(3) as u32;
        let set = |spec: &mut AppSpec, text: &str| {
            text.split_whitespace()
                .filter_map(|word| word.split_once('='))
                .for_each(|(key, value)| crate::settings::set(spec, key, value));
        };
        let ready = ["", "", "ready=tcp", "ready=log:x start_timeout=5s", "ready=after:1s", "min_uptime=2s", "health=2s/2/1"];
        set(&mut spec, self.dice.pick(&ready));
        set(&mut spec, self.dice.pick(&["", "group=g:one", "group=g:all", "group=g:rest", "group=g on_exit=stop-group"]));
        set(&mut spec, self.dice.pick(&["", "", "", "job=skip", "job=queue at_start=yes", "job=replace timeout=5s"]));
        set(&mut spec, self.dice.pick(&["", "watch=cascade", "no_restart=3", "order=3"]));
        // Only on those before it by name: no cycles.
        for earlier in APPS.iter().filter(|earlier| **earlier < name.as_str()) {
            if self.dice.roll(3) == 0 {
                let condition = self.dice.pick(&["started", "ready", "completed", "completed_ok"]);
                let soft = if self.dice.roll(3) == 0 { "?" } else { "" };
                let mut needs = AppSpec::new(name.clone(), Vec::new(), "/".into());
                set(&mut needs, &format!("needs={earlier}:{condition}{soft}"));
                spec.depends_on.append(&mut needs.depends_on);
            }
        }
        let known = self.apps.get(name);
        let generation = Generation(known.map_or(1, |known| known.generation.0 + u64::from(self.dice.roll(2) == 0)));
        let mut slot_ids = known.map(|known| known.slot_ids.clone()).unwrap_or_default();
        for index in 0..spec.instances {
            slot_ids.entry(index).or_insert_with(|| {
                self.next_slot += 1;
                SlotId(self.next_slot)
            });
        }
        let live = slot_ids.range(..spec.instances).map(|(index, id)| (*index, *id)).collect::<BTreeMap<u32, SlotId>>();
        let definition = Arc::new(Definition { spec, session_env: BTreeMap::new(), umask: 0o22, source: None, project: None });
        let app = RecalledApp {
            definition: definition.clone(),
            generation,
            running: true,
            slot_wishes: BTreeMap::new(),
            slot_ids: live.clone(),
            rolling: None,
        };
        self.apps.insert(name.clone(), app);
        self.tell(Event::Asked(Ask::Define {
            definition,
            generation,
            run: true,
            slot_ids: live,
            slot_wishes: BTreeMap::new(),
            rolling: None,
        }));
    }

    fn pass(&mut self) {
        let span = if self.dice.roll(2) == 0 { 100 } else { 3000 };
        self.now = self.now + Duration::from_millis(span);
        self.tell(Event::TimePassed);
    }

    fn some(&mut self, which: impl Fn(&Proc) -> bool) -> Option<InstanceId> {
        let all: Vec<InstanceId> = self.procs.iter().filter(|(_, process)| which(process)).map(|(id, _)| *id).collect();
        (!all.is_empty()).then(|| all[self.dice.roll(all.len())])
    }

    /// A process ends: by itself, or because it was told to.
    fn die(&mut self) {
        let Some(instance) = self.some(|process| process.born && process.ended.is_none()) else { return };
        let end = match self.dice.roll(5) {
            0 | 1 => Verdict::Code(0),
            2 => Verdict::Code(1),
            3 => Verdict::Code(3),
            _ => Verdict::Signal { number: Signal::KILL, core: false },
        };
        self.end(instance, End::Exited(end));
    }

    fn end(&mut self, instance: InstanceId, end: End) {
        let process = self.procs.get_mut(&instance).expect("known");
        process.ended = Some(end.clone());
        let at = self.now;
        self.tell(Event::Ended { instance, end, at });
    }

    fn speak(&mut self) {
        let Some(instance) = self.some(|process| process.born) else { return };
        let event = match self.dice.roll(7) {
            0..=2 => Event::Said { instance, word: Word::Ready },
            3 => Event::Said { instance, word: Word::Reloading },
            4 => {
                // Itself, a process that lives, or one that does not.
                let pid = 100 + self.dice.roll(40) as u32;
                Event::Said { instance, word: Word::MainPid { pid, ident: 7 } }
            }
            5 => Event::Exceeded { instance, what: "memory".into() },
            _ => Event::OutOfMemory { instance, killed: 1 },
        };
        self.tell(event);
    }

    /// The world says one of the things that it owes.
    fn answer(&mut self) {
        let at = self.dice.roll(self.answers.len().max(1));
        match self.answers.remove(at) {
            Some(Event::Born { instance, pid, ident, .. }) if self.procs[&instance].ended.is_none() => {
                if !self.kind && self.dice.roll(8) == 0 {
                    let shortage = self.dice.roll(2) == 0;
                    let (stage, errno) = if shortage { (model::Stage::Fork, "EAGAIN") } else { (model::Stage::Exec, "ENOENT") };
                    return self.end(instance, End::NotBorn { stage, errno: errno.into() });
                }
                self.procs.get_mut(&instance).expect("known").born = true;
                let at = self.now;
                self.tell(Event::Born { instance, pid, ident, at });
            }
            Some(Event::Probed { instance, number, .. }) => {
                let process = self.procs.get_mut(&instance).expect("known");
                if process.open == Some(number) {
                    process.open = None;
                }
                let outcome = match self.dice.roll(if self.kind { 1 } else { 4 }) {
                    0 | 1 => Outcome::Good,
                    2 => Outcome::Bad("no".into()),
                    _ => Outcome::Elsewhere,
                };
                self.tell(Event::Probed { instance, number, outcome });
            }
            Some(Event::Swept { instance, .. }) => {
                let left = u32::from(self.procs[&instance].ended.is_none());
                self.tell(Event::Swept { instance, left });
            }
            Some(event @ (Event::Sealed { .. } | Event::AdoptRefused { .. })) => self.tell(event),
            Some(Event::Ended { instance, end, .. }) if self.procs[&instance].ended.is_none() => self.end(instance, end),
            Some(_) | None => {}
        }
    }

    fn tell(&mut self, event: Event) {
        let short = match &event {
            Event::Recalled(_) => "another steward".to_owned(),
            Event::Dumped(_) => "dumped".to_owned(),
            Event::Asked(Ask::Define { definition, generation, .. }) => {
                let spec = &definition.spec;
                let parts = (&spec.depends_on, &spec.group, &spec.schedule, &spec.ready, &spec.health);
                format!("define {} ×{} generation {generation}: {parts:?}", spec.name, spec.instances)
            }
            other => format!("{other:?}"),
        };
        if !self.kind || short != "TimePassed" {
            self.story.push_back(format!("{} ms: {short}", self.now.0 / 1_000_000));
        }
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
        while self.story.len() > 120 {
            self.story.pop_front();
        }
        if dies.is_some() {
            self.arise();
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Record(LifeNote::Life(life)) => _ = self.lives.insert(life.instance, *life),
            Effect::Record(LifeNote::Closed { instance }) => _ = self.lives.remove(&instance),
            Effect::Record(LifeNote::Memo { slot, memo }) => _ = self.memos.insert(slot, memo),
            Effect::Record(LifeNote::Forgotten { slot }) => _ = self.memos.remove(&slot),
            Effect::Persist(engine::StoreNote::Stopped { apps }) => {
                apps.iter().for_each(|app| self.apps.get_mut(app).expect("known").running = false);
            }
            Effect::Bear(bear) => self.bear(&bear),
            Effect::Signal { instance, .. } => {
                self.judge_signal(instance);
                let process = self.procs.get_mut(&instance).expect("it was borne");
                if std::mem::replace(&mut process.signalled, true) {
                    self.fail("the stop signal is sent twice to one life");
                }
                if self.kind || self.dice.roll(3) > 0 {
                    let end = End::Exited(Verdict::Signal { number: Signal::TERM, core: false });
                    self.answers.push_back(Event::Ended { instance, end, at: self.now });
                }
            }
            Effect::Sweep { instance, signal } => {
                if signal == Some(Signal::KILL) {
                    let end = End::Exited(Verdict::Signal { number: Signal::KILL, core: false });
                    self.answers.push_back(Event::Ended { instance, end, at: self.now });
                }
                self.answers.push_back(Event::Swept { instance, left: 0 });
            }
            Effect::Forget { instance } => {
                if let Some(process) = self.procs.get_mut(&instance) {
                    process.forgotten = true;
                }
            }
            Effect::StreamsEnded { instance } => {
                self.answers.extend([Stream::Out, Stream::Err].map(|stream| Event::Sealed { instance, stream }));
            }
            Effect::Probe { instance, number, .. } => {
                let process = self.procs.get_mut(&instance).expect("it was borne");
                if process.open.replace(number).is_some() {
                    self.fail("two questions to one life at a time");
                }
                if self.lives.get(&instance).is_none_or(|life| life.stopping.is_some()) {
                    self.fail("a life that ends is asked");
                }
                self.answers.push_back(Event::Probed { instance, number, outcome: Outcome::Good });
            }
            // The process that a life has named as its main one lives, or does not.
            Effect::Adopt { instance, .. } if self.kind || self.dice.roll(2) == 0 => {
                self.answers.push_back(Event::AdoptRefused { instance });
            }
            Effect::Adopt { instance, pid, ident } => {
                self.procs.get_mut(&instance).expect("it was borne").ended = None;
                self.answers.push_back(Event::Born { instance, pid, ident, at: self.now });
            }
            Effect::Inspect { life } => {
                // Only a life whose keeper is gone is looked for, and no keeper dies here: it was never begun.
                let instance = life.instance;
                self.tell(Event::Inspected { instance, finding: engine::Finding::Gone });
            }
            _ => {}
        }
    }

    fn bear(&mut self, bear: &engine::Bear) {
        let (slot, instance) = (bear.life.slot.clone(), bear.life.instance);
        if self.procs.values().any(|process| process.slot == slot && process.ended.is_none()) {
            self.fail(&format!("{slot} has two lives"));
        }
        for need in &bear.definition.spec.depends_on {
            if !self.holds(&need.app, need.condition) && need.required {
                self.fail(&format!("{slot} is born although {} is not {}", need.app, need.condition.word()));
            }
        }
        let process = Proc { slot, born: false, signalled: false, ended: None, forgotten: false, open: None };
        self.procs.insert(instance, process);
        self.answers.push_back(Event::Born { instance, pid: instance.0 as u32, ident: 1, at: self.now });
    }
}
