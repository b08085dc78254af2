//! At random.

use super::world::{Proc, World};
use engine::{Ask, Event, Target, Word};
use model::{AppName, AppSpec, Backoff, End, InstanceId, Reload, Restart, Signal, Stage, Verdict};
use std::collections::BTreeMap;
use std::time::Duration;

const SEEDS: u64 = 800;
const STEPS: usize = 160;

/// Ways to be reloaded.
pub(super) const STRATEGIES: [&str; 9] = [
    "reload=restart",
    "reload=hup",
    "reload=rolling",
    "reload=rolling auto=99",
    "reload=rolling port=80",
    "reload=bluegreen",
    "reload=bluegreen auto=99 on_switch=x",
    "reload=socket",
    "reload=rolling parallel=2",
];

#[test]
fn a_hundred_thousand_steps() {
    let only = std::env::var("ROLLS_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let mut reached: BTreeMap<&'static str, u32> = BTreeMap::new();
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let mut world = World::new(seed, format!("ROLLS_SEED={seed}"));
        for _ in 0..STEPS {
            world.act();
        }
        world.calm_down();
        for (what, count) in world.reached {
            *reached.entry(what).or_default() += count;
        }
    }
    let rare = ["a place taken", "a life told by a signal", "a way back", "a kill"];
    let often = ["a reload", "a reload that failed", "a reload that succeeded"];
    for what in rare.iter().chain(&often).filter(|_| only.is_none()) {
        assert!(reached.get(what).is_some_and(|count| *count > 20), "{what} hardly ever happened: {reached:?}");
    }
}

impl World {
    pub(super) fn act(&mut self) {
        let app = AppName::new(self.dice.pick(&["a", "a", "b"])).expect("name");
        let known = self.store.apps.get(&app).filter(|app| !app.deleting).map(|app| app.spec().instances);
        let Some(instances) = known else {
            let spec = self.any_spec(&app);
            return self.define(spec);
        };
        let slots = (instances > 0 && self.dice.roll(3) == 0).then(|| vec![self.dice.roll(instances as usize) as u32]);
        let target = Target { app: app.clone(), slots };
        match self.dice.roll(64) {
            0..=1 => {
                let spec = self.any_spec(&app);
                self.define(spec);
            }
            2..=3 => {
                let mut spec = self.store.apps[&app].spec().clone();
                spec.argv = vec![self.version()];
                self.define(spec);
            }
            4 => {
                let mut spec = self.store.apps[&app].spec().clone();
                spec.instances = self.dice.roll(4) as u32;
                self.define(spec);
            }
            5..=6 => self.reload(&app),
            7 => self.wish(Ask::Start(target)),
            8 if self.dice.roll(2) == 0 => self.wish(Ask::Stop(vec![target])),
            9 if self.dice.roll(2) == 0 => self.wish(Ask::Restart(target)),
            10 if self.dice.roll(3) == 0 => self.delete(&app),
            11 => self.arise(),
            12..=14 => self.dies_after = Some(self.dice.roll(12)),
            15..=20 => self.pass(Duration::from_millis(300)),
            21..=22 => self.pass(Duration::from_secs(3)),
            23 => self.die(),
            24 => {
                // By the clock what has no other strategy is restarted.
                if self.store.apps[&app].spec().renewal.strategy == Reload::Restart {
                    self.wished(&app, None);
                }
                self.tell(Event::RestartDue { app });
            }
            25..=34 => self.be_born(),
            35..=44 => {
                let some = self.some(|process| process.born && process.ended.is_none());
                if let Some(instance) = some {
                    self.tell(Event::Said { instance, word: Word::Ready });
                }
            }
            _ => {
                let at = self.dice.roll(self.owed.len().max(1));
                self.answer(at);
            }
        }
    }

    fn be_born(&mut self) {
        let Some(instance) = self.some(|process| !process.born && process.ended.is_none()) else { return };
        let failure = match self.dice.roll(16) {
            0 => Some((Stage::Exec, "ENOENT")),
            1 => Some((Stage::Fork, "EAGAIN")),
            2 => Some((Stage::Port, "busy")),
            _ => None,
        };
        self.begin(instance, failure);
    }

    fn die(&mut self) {
        let Some(instance) = self.some(|process| process.born && process.ended.is_none()) else { return };
        let verdict = match self.dice.roll(3) {
            0 => Verdict::Code(0),
            1 => Verdict::Code(1),
            _ => Verdict::Signal { number: Signal::KILL, core: false },
        };
        self.end(instance, End::Exited(verdict));
    }

    fn some(&mut self, which: impl Fn(&Proc) -> bool) -> Option<InstanceId> {
        let all: Vec<InstanceId> = self.procs.iter().filter(|(_, process)| which(process)).map(|(id, _)| *id).collect();
        (!all.is_empty()).then(|| all[self.dice.roll(all.len())])
    }

    fn version(&mut self) -> String {
        self.versions += 1;
        format!("v{}", self.versions)
    }

    fn any_spec(&mut self, name: &AppName) -> AppSpec {
        let mut words = self.dice.pick(&STRATEGIES).to_owned();
        for choice in [&["", "ready=log:up", "ready=log:up", "min_uptime=1s"][..], &["", "drain=2s"], &["", "soak=1s"]] {
            words = format!("{words} {}", self.dice.pick(choice));
        }
        if name.as_str() == "b" && self.dice.roll(4) > 0 {
            words.push_str(" needs=a:ready");
        }
        let instances = 1 + self.dice.roll(3) as u32;
        let argv = self.version();
        spec(name, &argv, instances, &words)
    }

    pub(super) fn define(&mut self, spec: AppSpec) {
        let name = spec.name.clone();
        let engine = self.engine.clone();
        let views: Vec<_> = engine.slots().into_iter().filter(|view| view.slot.app == name).collect();
        let before = self.store.apps.get(&name).filter(|app| !app.deleting).map(|app| app.generation);
        let Some(ask) = self.store.define(spec, &views) else { return };
        let app = &self.store.apps[&name];
        let (generation, rolls) = (app.generation, app.rolling.is_some());
        let fresh = before != Some(generation);
        if before.is_none() {
            self.since.insert(name.clone(), engine.next_instance());
        }
        if fresh {
            self.is_new(&name, generation);
        }
        if fresh && !rolls {
            self.wished(&name, None);
        }
        self.tell(Event::Asked(ask));
    }

    /// A generation has a number that no life ever had.
    fn is_new(&self, name: &AppName, generation: model::Generation) {
        let since = self.since[name];
        let has = |life: &model::LifeRecord| life.slot.app == *name && life.instance >= since && life.generation >= generation;
        if self.lives.values().any(has) {
            self.fail(&format!("{name} is to have generation {generation}, and there are lives of it"));
        }
    }

    pub(super) fn reload(&mut self, name: &AppName) {
        let engine = self.engine.clone();
        let views: Vec<_> = engine.slots().into_iter().filter(|view| view.slot.app == *name).collect();
        let Some(ask) = self.store.reload(name, &views) else { return };
        match &ask {
            Ask::Reload { generation, .. } => self.is_new(name, *generation),
            _ => self.wished(name, None),
        }
        self.tell(Event::Asked(ask));
    }

    pub(super) fn wish(&mut self, ask: Ask) {
        let (Ask::Start(target) | Ask::Restart(target)) = &ask else {
            let Ask::Stop(targets) = &ask else { return };
            for target in targets {
                self.store.wish(target, false);
                self.wished(&target.app, target.slots.as_deref());
            }
            return self.tell(Event::Asked(ask));
        };
        // What was stopped and is started is replaced if it is of another generation, also where it had not ended.
        let app = &self.store.apps[&target.app];
        let stopped = (0..app.spec().instances).any(|index| !app.wants(index));
        self.store.wish(target, true);
        if matches!(ask, Ask::Restart(_)) || stopped {
            self.wished(&target.app, target.slots.as_deref());
        }
        self.tell(Event::Asked(ask));
    }

    pub(super) fn delete(&mut self, name: &AppName) {
        self.store.apps.get_mut(name).expect("known").deleting = true;
        self.wished(name, None);
        self.tell(Event::Asked(Ask::Delete(vec![name.clone()])));
    }
}

/// An app by its settings.
pub(super) fn spec(name: &AppName, argv: &str, instances: u32, words: &str) -> AppSpec {
    let mut spec = AppSpec::new(name.clone(), vec![argv.into()], "/".into());
    spec.instances = instances;
    spec.restart = Restart::Always;
    let (min, max) = (Duration::from_millis(100), Duration::from_secs(1));
    spec.backoff = Backoff { min, max, jitter: false, threshold: None, ..Backoff::default() };
    (spec.stop_timeout, spec.start_timeout) = (Duration::from_secs(2), Duration::from_secs(5));
    for (key, value) in words.split_whitespace().filter_map(|word| word.split_once('=')) {
        crate::settings::set(&mut spec, key, value);
    }
    spec
}
