//! The stage on which screenplays are performed.
//!
//! `@+DUR verb …` lets time pass and tells the brain something; the lines `> …` below it are what it wants done, all of it, in order
//! (journal records and stream messages left out); `~ DUR` is its next deadline from now, `= SLOT STATUS` what users see,
//! `= SLOT STATUS (why)` with the reason that they are told.

use engine::{Ask, Effect, Engine, Event, FactState, Finding, KeeperFact, Recalled, RecalledApp, StoreNote, Target, strategy};
use model::{
    AppName, AppSpec, Backoff, Definition, End, Generation, InstanceId, LifeRecord, LogTarget, Restart, Rolling, Signal, SlotId,
    SlotMemo, SlotRef, Stage, Stream, Tick, Verdict,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub struct Play {
    pub engine: Engine,
    pub now: Tick,
    pub effects: Vec<Effect>,
    apps: BTreeMap<String, Staged>,
    next_slot: u32,
    pub lives: BTreeMap<InstanceId, LifeRecord>,
    memos: BTreeMap<SlotRef, SlotMemo>,
}

/// An app as the store has it.
#[derive(Clone)]
struct Staged {
    spec: AppSpec,
    generation: u64,
    highest: u64,
    rolling: Option<Box<Rolling>>,
}

pub fn check(script: &str) {
    let mut play = Play::cold();
    let mut wanted: Vec<String> = Vec::new();
    let mut line_of = 0;
    let mut pending: Option<Vec<String>> = None;
    let settle = |pending: &mut Option<Vec<String>>, wanted: &mut Vec<String>, line: usize| {
        if let Some(got) = pending.take() {
            assert_eq!(got, *wanted, "what follows line {line}\n got: {got:#?}\nwant: {wanted:#?}");
        }
        wanted.clear();
    };
    for (number, line) in script.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(act) = line.strip_prefix("> ") {
            wanted.push(act.to_owned());
        } else if let Some(span) = line.strip_prefix("~ ") {
            settle(&mut pending, &mut wanted, line_of);
            let got = play.engine.deadline().map(|at| at.since(play.now));
            let want = (span != "never").then(|| model::parse_span(span).expect("span"));
            assert_eq!(got, want, "deadline after line {}", number + 1);
        } else if let Some(rest) = line.strip_prefix("= ") {
            settle(&mut pending, &mut wanted, line_of);
            let (slot, status) = rest.split_once(' ').expect("= SLOT STATUS");
            assert_eq!(play.status(slot, status.contains('(')), status.trim(), "line {}", number + 1);
        } else {
            settle(&mut pending, &mut wanted, line_of);
            line_of = number + 1;
            let rest = line.strip_prefix("@+").unwrap_or_else(|| panic!("line {line_of}: {line}"));
            let (span, act) = rest.split_once(' ').expect("@+DUR act");
            let span = if span == "0" { Duration::ZERO } else { model::parse_span(span).expect("span") };
            play.now = play.now + span;
            let event = play.event(act);
            pending = Some(play.tell(event));
        }
    }
    settle(&mut pending, &mut wanted, line_of);
}

impl Play {
    /// A brain of a home where nothing ever was.
    pub fn cold() -> Play {
        let mut play = Play::ignorant();
        play.tell(Event::Recalled(Box::new(Recalled { next_instance: 1, next_slot_id: 0, ..Recalled::default() })));
        play.tell(Event::Dumped(Vec::new()));
        play
    }

    fn ignorant() -> Play {
        let (apps, lives, memos) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Play { engine: Engine::new(1), now: Tick(1_000_000_000), effects: Vec::new(), apps, next_slot: 0, lives, memos }
    }

    /// What is left when the steward dies: the store and the journal, as a new brain gets them.
    pub fn recalled(&self, running: bool) -> Recalled {
        let count =
            |app: &Staged| app.rolling.as_ref().map_or(0, |rolling| rolling.before.spec.instances).max(app.spec.instances);
        let apps = self.apps.values().map(|app| RecalledApp {
            definition: definition(app.spec.clone()),
            generation: Generation(app.generation),
            running,
            slot_wishes: BTreeMap::new(),
            slot_ids: (0..count(app)).map(|index| (index, SlotId(index))).collect(),
            rolling: app.rolling.clone(),
        });
        let next_instance = self.lives.keys().next_back().map_or(1, |last| last.0 + 1);
        Recalled { apps: apps.collect(), lives: self.lives.values().cloned().collect(), next_instance, ..Recalled::default() }
    }

    pub fn tell(&mut self, event: Event) -> Vec<String> {
        self.effects.clear();
        self.engine.step(event, self.now, &mut self.effects);
        for effect in &self.effects {
            match effect {
                Effect::Record(engine::LifeNote::Life(life)) => drop(self.lives.insert(life.instance, (**life).clone())),
                Effect::Record(engine::LifeNote::Closed { instance }) => drop(self.lives.remove(instance)),
                Effect::Record(engine::LifeNote::Memo { slot, memo }) => drop(self.memos.insert(slot.clone(), memo.clone())),
                Effect::Persist(note) => persist(&mut self.apps, note),
                _ => {}
            }
        }
        self.effects.iter().filter_map(short).collect()
    }

    /// One act, now; gives back what follows.
    pub fn act(&mut self, act: &str) -> Vec<String> {
        let event = self.event(act);
        self.tell(event)
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: &str) -> Vec<String> {
        self.now = self.now + model::parse_span(span).expect("span");
        self.act("time")
    }

    /// The status of a slot, with what is said about it where that is asked for.
    pub fn status(&self, slot: &str, why: bool) -> String {
        let Some(view) = self.engine.slot(&slot_ref(slot)) else { return "absent".into() };
        match view.why.filter(|_| why) {
            Some(why) => format!("{} ({why})", view.status),
            None => view.status.to_string(),
        }
    }

    fn event(&mut self, act: &str) -> Event {
        let words: Vec<&str> = act.split_whitespace().collect();
        let instance = || words[1].parse::<InstanceId>().expect("instance");
        let target = || target_of(words[1]);
        match words[0] {
            "define" => Event::Asked(self.define(words[1], &words[2..])),
            "reload" => Event::Asked(self.reload(words[1])),
            "switched" => {
                let app = AppName::new(words[1]).expect("name");
                let generation = Generation(self.apps[words[1]].generation);
                Event::Switched { app, generation, refused: words.get(2).map(|why| (*why).to_owned()) }
            }
            "leased" => Event::Leased { instance: instance(), port: words[2].parse().expect("port") },
            "start" => Event::Asked(Ask::Start(target())),
            "stop" => Event::Asked(Ask::Stop(words[1..].iter().map(|word| target_of(word)).collect())),
            "reset" => Event::Asked(Ask::Reset(target())),
            "restart" => Event::Asked(Ask::Restart(target())),
            "delete" => {
                self.apps.remove(words[1]);
                Event::Asked(Ask::Delete(vec![target().app]))
            }
            "shutdown" => Event::Asked(Ask::Shutdown),
            // With a number: that process. With a time: it runs for so long already.
            "up" => {
                let word = words.get(2).copied().unwrap_or("0s");
                let named: Option<u32> = word.parse().ok();
                let before = named.map_or_else(|| model::parse_span(word).expect("span").as_nanos() as u64, |_| 0);
                let pid = named.unwrap_or(100 + instance().0 as u32);
                Event::Born { instance: instance(), pid, ident: 7, at: Tick(self.now.0 - before) }
            }
            "unstopped" => Event::StopRefused { instance: instance(), why: words[2..].join(" ") },
            "end" => Event::Ended { instance: instance(), end: end(words[2]), at: self.now },
            "swept" => Event::Swept { instance: instance(), left: words[2].parse().expect("number") },
            "sealed" => Event::Sealed { instance: instance(), stream: if words[2] == "out" { Stream::Out } else { Stream::Err } },
            "alive" => {
                Event::Inspected { instance: instance(), finding: Finding::Alive { pid: 100 + instance().0 as u32, ident: 7 } }
            }
            "foreign" => Event::Inspected { instance: instance(), finding: Finding::Foreign },
            "gone" => Event::Inspected { instance: instance(), finding: Finding::Gone },
            "refused" => Event::AdoptRefused { instance: instance() },
            "time" => Event::TimePassed,
            // The steward dies and another comes; the keeper's dump follows.
            "amnesia" => {
                let mut recalled = self.recalled(!words.contains(&"stopped"));
                if words.contains(&"memos") {
                    recalled.memos = self.memos.clone();
                }
                self.engine = Engine::new(2);
                Event::Recalled(Box::new(recalled))
            }
            "probed" | "said" | "exceeded" | "oom" | "due" | "cron" | "changed" => crate::settings::fact(&words),
            "dump" => Event::Dumped(words[1..].iter().map(|word| fact(word, self.now)).collect()),
            other => panic!("no such act: {other}"),
        }
    }

    pub fn define(&mut self, name: &str, settings: &[&str]) -> Ask {
        let known = self.apps.get(name).cloned();
        let mut spec = AppSpec::new(AppName::new(name).expect("name"), vec!["prog".into()], "/".into());
        spec.backoff = Backoff { jitter: false, ..Backoff::default() };
        let (mut run, mut renewed) = (true, 0);
        for setting in settings {
            let (key, value) = setting.split_once('=').expect("key=value");
            let span = || model::parse_span(value).expect("span");
            match key {
                "instances" => spec.instances = value.parse().expect("number"),
                "restart" => {
                    spec.restart = [Restart::Always, Restart::OnFailure, Restart::Never]
                        [["always", "on-failure", "never"].iter().position(|w| *w == value).expect("policy")]
                }
                "threshold" => spec.backoff.threshold = Some(value.parse().expect("number")),
                "stop_timeout" => spec.stop_timeout = span(),
                "stop_command" => spec.stop_command = Some(vec![value.into()]),
                "kill_tree" => spec.kill_tree = value == "true",
                "start_delay" => spec.start_delay = span(),
                "run" => run = value == "true",
                "log" => spec.log.out = LogTarget::File(value.into()),
                "nowhere" => {
                    renewed = 1;
                    for word in value.split(',') {
                        *(if word == "out" { &mut spec.log.out } else { &mut spec.log.err }) = LogTarget::Nowhere;
                    }
                }
                "cmd" => (spec.argv, renewed) = (vec![value.into()], 1),
                _ => crate::settings::set(&mut spec, key, value),
            }
        }
        let first = self.next_slot;
        self.next_slot += spec.instances;
        let slot_ids = (0..spec.instances).map(|index| (index, SlotId(first + index))).collect();
        let (generation, highest, rolling) = match known {
            None => (1 + renewed, 1 + renewed, None),
            Some(known) if renewed == 0 => (known.generation, known.highest, known.rolling),
            Some(known) => {
                let found = strategy(&known.spec, &spec, true, &self.views(name));
                let rolling = found.rolls.then(|| rolling(&known, found.how));
                (known.highest + 1, known.highest + 1, rolling)
            }
        };
        self.apps.insert(name.to_owned(), Staged { spec: spec.clone(), generation, highest, rolling: rolling.clone() });
        Ask::Define {
            definition: definition(spec),
            generation: Generation(generation),
            run,
            slot_ids,
            slot_wishes: BTreeMap::new(),
            rolling,
        }
    }

    fn views(&self, name: &str) -> Vec<engine::SlotView<'_>> {
        self.engine.slots().into_iter().filter(|view| view.slot.app.as_str() == name).collect()
    }

    fn reload(&mut self, name: &str) -> Ask {
        let found = strategy(&self.apps[name].spec, &self.apps[name].spec, false, &self.views(name));
        assert!(found.rolls, "a plain restart is another act: {found:?}");
        let known = self.apps.get_mut(name).expect("known");
        let rolling = rolling(known, found.how);
        known.highest += 1;
        (known.generation, known.rolling) = (known.highest, Some(rolling.clone()));
        Ask::Reload { app: AppName::new(name).expect("name"), generation: Generation(known.generation), rolling }
    }
}

fn rolling(known: &Staged, how: model::Reload) -> Box<Rolling> {
    let (now, generation) = (definition(known.spec.clone()), Generation(known.generation));
    Rolling::begun(how, known.rolling.as_deref(), &now, generation)
}

/// What the store makes of a note.
fn persist(apps: &mut BTreeMap<String, Staged>, note: &StoreNote) {
    match note {
        StoreNote::Roll { app, generation, rolling } => {
            let known = apps.get_mut(app.as_str()).expect("known");
            known.generation = generation.0;
            known.highest = known.highest.max(generation.0);
            known.rolling = Some(rolling.clone());
        }
        StoreNote::Rolled { app, .. } => apps.get_mut(app.as_str()).expect("known").rolling = None,
        StoreNote::RolledBack { app, back, .. } => {
            let known = apps.get_mut(app.as_str()).expect("known");
            let rolling = known.rolling.take().expect("it was under way");
            if rolling.how.goes_back() {
                (known.spec, known.generation) = (rolling.before.spec.clone(), rolling.generation.0);
                known.rolling = back.clone();
            }
        }
        StoreNote::GivenUp { app, .. } => {
            let known = apps.get_mut(app.as_str()).expect("known");
            known.rolling.as_mut().expect("it was under way").given_up = true;
        }
        _ => {}
    }
}

fn target_of(word: &str) -> Target {
    let (app, slots) = match word.rsplit_once('-').and_then(|(app, n)| Some((app, n.parse().ok()?))) {
        Some((app, index)) => (app, Some(vec![index])),
        None => (word, None),
    };
    Target { app: AppName::new(app).expect("name"), slots }
}

fn definition(spec: AppSpec) -> Arc<Definition> {
    Arc::new(Definition { spec, session_env: BTreeMap::new(), umask: 0o022, source: None, project: None })
}

fn slot_ref(text: &str) -> SlotRef {
    let (app, index) = text.rsplit_once('-').expect("slot");
    SlotRef::new(&AppName::new(app).expect("name"), index.parse().expect("index"))
}

fn end(word: &str) -> End {
    if let Some((stage, errno)) = word.split_once(':') {
        return End::NotBorn { stage: Stage::from_word(stage).expect("stage"), errno: errno.to_owned() };
    }
    End::Exited(match word.parse() {
        Ok(code) => Verdict::Code(code),
        Err(_) if word == "unseen" => Verdict::Unseen,
        Err(_) => Verdict::Signal { number: word.parse::<Signal>().expect("signal"), core: false },
    })
}

fn fact(word: &str, now: Tick) -> KeeperFact {
    let (instance, state) = word.split_once('=').expect("i1=up");
    let instance: InstanceId = instance.parse().expect("instance");
    let state = match state {
        "up" => FactState::Up { pid: 100 + instance.0 as u32, ident: 7, at: now },
        "starting" => FactState::Starting,
        "defined" => FactState::Defined,
        down => FactState::Down { end: end(down), at: now },
    };
    KeeperFact { instance, slot: None, state }
}

pub fn short(effect: &Effect) -> Option<String> {
    Some(match effect {
        Effect::Bear(bear) => format!("bear {} in {}", bear.life.instance, bear.life.slot),
        Effect::Signal { instance, signal } => format!("signal {instance} {signal}"),
        Effect::StopBy { instance } => format!("stop {instance} by its command"),
        Effect::Sweep { instance, signal: None } => format!("look for {instance}"),
        Effect::Sweep { instance, signal: Some(signal) } => format!("sweep {instance} {signal}"),
        Effect::Adopt { instance, .. } => format!("adopt {instance}"),
        Effect::Forget { instance } => format!("forget {instance}"),
        Effect::Inspect { life } => format!("inspect {}", life.instance),
        Effect::Close { instance } => format!("close {instance}"),
        // Which file is said only where a test gave one.
        Effect::OpenStreams { life } => match &life.log.out {
            LogTarget::File(path) => format!("open {} {path}", life.instance),
            _ => return None,
        },
        Effect::Persist(StoreNote::Errored { slot, .. }) => format!("errored {slot}"),
        Effect::Persist(StoreNote::Gone { app }) => format!("gone {app}"),
        Effect::Farewell => "farewell".into(),
        Effect::Probe { instance, number, .. } => format!("probe {instance} #{number}"),
        Effect::Listen { instance, .. } => format!("listen to {instance}"),
        Effect::Persist(StoreNote::Stopped { apps }) => {
            format!("no more: {}", apps.iter().map(|app| app.as_str()).collect::<Vec<_>>().join(" "))
        }
        Effect::Switch { app, from, to, .. } => format!("switch {app} {from:?} {to:?}"),
        Effect::Persist(StoreNote::Roll { app, generation, rolling }) => format!("roll {app} {} to {generation}", rolling.how),
        Effect::Persist(StoreNote::Rolled { app, generation }) => format!("rolled {app} to {generation}"),
        Effect::Persist(StoreNote::RolledBack { app, generation, back: None, .. }) => {
            format!("rolled back {app} from {generation}")
        }
        Effect::Persist(StoreNote::RolledBack { app, generation, back: Some(back), .. }) => {
            format!("rolled back {app} from {generation}, {} of slots that have it", back.how)
        }
        Effect::Persist(StoreNote::GivenUp { app, .. }) => format!("given up {app}"),
        Effect::Persist(StoreNote::Reserve { .. })
        | Effect::Record(_)
        | Effect::Journal(_)
        | Effect::StreamsBorn { .. }
        | Effect::StreamsEnded { .. } => return None,
    })
}

impl Play {
    /// The same play, to go on differently.
    pub fn fork(&self) -> Play {
        Play {
            engine: self.engine.clone(),
            now: self.now,
            effects: Vec::new(),
            apps: self.apps.clone(),
            next_slot: self.next_slot,
            lives: self.lives.clone(),
            memos: self.memos.clone(),
        }
    }
}
