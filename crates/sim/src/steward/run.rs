//! The steward's process and its loop. One call does one thing.

use super::around::Around;
use super::link::ScribeLink;
use super::perform::Act;
use super::search::Searches;
use crate::check::Sabotage;
use crate::home::{Home, Op};
use crate::judge;
use crate::kernel::{Ending, HandleId, Kernel, Message};
use crate::trace::tell;
use engine::{Ask, Engine, Event};
use model::{AppSpec, Definition, FromScribe, InstanceId, Strategy, Tick, Wall};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use wire::{Request, ServiceState};

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Locking,
    Asking,
    Open,
}

/// A steward's process.
pub struct Steward {
    pub(super) pid: u32,
    pub(super) keeper_pid: u32,
    keeper: HandleId,
    link: HandleId,
    role_lock: HandleId,
    pub(super) stage: Stage,
    /// The brain.
    pub engine: Engine,
    pub(super) acts: VecDeque<Act>,
    pub(super) events: VecDeque<Event>,
    pub(super) out: Vec<u8>,
    input: Vec<u8>,
    pub(super) tags: BTreeMap<String, Vec<String>>,
    pub(super) services: BTreeMap<String, ServiceState>,
    /// Adoptions that the keeper has not answered.
    pub(super) adopting: usize,
    /// What lived before has not all been found, at most until then.
    pub(super) reconciling: Option<u64>,
    /// Descriptors in the dump.
    pub(super) handles: Vec<String>,
    pub(super) searches: Searches,
    pub(super) scribe: ScribeLink,
    pub(super) around: Around,
    pub(super) terminate_at: Option<u64>,
    /// It was asked to start a new keeper.
    pub rescues: bool,
}

impl Steward {
    /// A process that has just executed.
    pub fn new(kernel: &mut Kernel, pid: u32) -> Option<Steward> {
        let proc = kernel.procs.get(&pid)?;
        let (extra, keeper_pid) = (proc.extra.clone(), proc.parent);
        let [keeper, link] = extra[..] else { return None };
        let role_lock = kernel.open_lock(pid, "run/steward.lock");
        let seed = kernel.dice.roll();
        Some(Steward {
            pid,
            keeper_pid,
            keeper,
            link,
            role_lock,
            stage: Stage::Locking,
            engine: Engine::new(seed),
            acts: VecDeque::new(),
            events: VecDeque::new(),
            out: Vec::new(),
            input: Vec::new(),
            tags: BTreeMap::new(),
            services: BTreeMap::new(),
            adopting: 0,
            reconciling: None,
            handles: Vec::new(),
            searches: Searches::default(),
            scribe: ScribeLink::default(),
            around: Around::default(),
            terminate_at: None,
            rescues: false,
        })
    }

    /// Whether it decides.
    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether it has its role.
    pub fn works(&self) -> bool {
        self.stage != Stage::Locking
    }

    /// When it wants to be run next without anything happening.
    pub fn deadline(&self, kernel: &Kernel) -> Option<u64> {
        let around = [self.around.deadline(), self.around.next_look(kernel)].into_iter().flatten();
        self.engine
            .deadline()
            .map(|at| at.0)
            .into_iter()
            .chain(self.searches.deadline())
            .chain(self.terminate_at)
            .chain(self.reconciling)
            .chain(around.filter(|_| self.stage == Stage::Open))
            .min()
    }

    pub(super) fn say(&mut self, request: &Request) {
        request.write_to(&mut self.out);
    }

    /// Does one thing, if there is any.
    pub fn run(&mut self, kernel: &mut Kernel, home: &mut Home) -> bool {
        if self.stage == Stage::Locking {
            if !kernel.try_lock(self.role_lock) {
                return false;
            }
            self.stage = Stage::Asking;
            self.say(&Request::new("dialect").field("2"));
            self.say(&Request::new("pen.take").field(kernel.now.to_string()));
            self.ask_for_state();
            return true;
        }
        if let Some(act) = self.acts.pop_front() {
            tell!(kernel, "steward p{}: {act:?}", self.pid);
            self.perform(act, kernel, home);
            return true;
        }
        if let Some(event) = self.events.pop_front() {
            judge::foresee(&event, kernel, home);
            let due = if let Event::Due { app, .. } = &event { Some(app.clone()) } else { None };
            let event = self.misled(event, kernel);
            self.step(event, kernel);
            if let Some(app) = due {
                if kernel.checks.has(Sabotage::TwoRuns) {
                    self.step(Event::Due { app: app.clone(), at: Wall(0), late: true }, kernel);
                }
                judge::judge_run(&app, &self.engine, kernel, home);
            }
            return true;
        }
        if kernel.hung_up(self.keeper) && kernel.waiting(self.keeper) == 0 {
            self.rescues = !home.stopped;
            kernel.exit(self.pid, Ending::Code(0));
            return true;
        }
        if self.reconcile(kernel.now) {
            return true;
        }
        // The rest in no certain order.
        let first = kernel.dice.below(5);
        (0..5).any(|at| self.look(kernel, home, (first + at) % 5))
    }

    fn look(&mut self, kernel: &mut Kernel, home: &mut Home, at: u64) -> bool {
        match at {
            0 => self.flush(kernel),
            1 => self.read_keeper(kernel, home),
            2 => self.read_scribe(kernel) || self.scribe.say_one(kernel, self.link),
            // What was said is heard before it is judged that nothing was.
            3 => self.stage == Stage::Open && self.look_around(kernel, home) || self.look_at_clock(kernel),
            _ => self.take_wish(kernel, home),
        }
    }

    /// Sends a part of what is to be said, so that a kill can fall into the middle of a line.
    fn flush(&mut self, kernel: &mut Kernel) -> bool {
        if self.out.is_empty() {
            return false;
        }
        let whole = self.out.len();
        let part = if kernel.dice.once_in(3) { kernel.dice.between(1, whole as u64) as usize } else { whole };
        let sent = kernel.send(self.keeper, &self.out[..part]).unwrap_or(part);
        self.out.drain(..sent);
        sent > 0
    }

    fn read_keeper(&mut self, kernel: &mut Kernel, home: &mut Home) -> bool {
        let bytes = kernel.receive(self.keeper, 8192);
        if bytes.is_empty() {
            return false;
        }
        self.input.extend(bytes);
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            match wire::decode(&rest[..end]) {
                Ok(numbered) => self.hear(numbered.event, kernel, home),
                Err(error) => kernel.checks.fail(format!("the keeper said what nobody understands: {}", error.0)),
            }
            rest = &rest[end + 1..];
        }
        self.input = rest.to_vec();
        true
    }

    fn read_scribe(&mut self, kernel: &mut Kernel) -> bool {
        let Some(Message::From(message)) = kernel.receive_message(self.link) else { return false };
        match message {
            FromScribe::Hello { .. } => self.scribe.say_all_again(),
            FromScribe::Sealed { id, .. } => {
                self.scribe.sealed(id);
                self.events.push_back(Event::Sealed { instance: id.instance, stream: id.stream });
            }
            // Nothing that is decided depends on these.
            FromScribe::Opened { .. }
            | FromScribe::Grew { .. }
            | FromScribe::Trouble { .. }
            | FromScribe::Resumed { .. }
            | FromScribe::Dropped { .. }
            | FromScribe::Removed { .. }
            | FromScribe::Did { .. } => {}
        }
        true
    }

    fn look_at_clock(&mut self, kernel: &mut Kernel) -> bool {
        if self.terminate_at.is_some_and(|at| at <= kernel.now) {
            self.terminate_at = None;
            self.say(&Request::new("service.keep").field("steward").field("-"));
            self.say(&Request::new("terminate").field("0"));
            return true;
        }
        if self.stage == Stage::Open && self.engine.deadline().is_some_and(|at| at.0 <= kernel.now) {
            self.step(Event::TimePassed, kernel);
            return true;
        }
        self.search(kernel)
    }

    /// Accepts one wish: into the store first, then to the brain. A kill between the two is made good by the next steward.
    fn take_wish(&mut self, kernel: &mut Kernel, home: &mut Home) -> bool {
        if self.stage != Stage::Open || self.reconciling.is_some() || home.stopped {
            return false;
        }
        let Some(op) = home.inbox.pop_front() else { return false };
        tell!(kernel, "steward p{}: accepts {}", self.pid, words(&op));
        if let Some(ask) = home.accept(op, &self.engine, kernel.now) {
            self.events.push_back(Event::Asked(ask));
        }
        self.around.book.look_again(kernel.now);
        true
    }

    pub(super) fn step(&mut self, event: Event, kernel: &mut Kernel) {
        kernel.checks.role_steps += 1;
        tell!(kernel, "steward p{}: - {event:?}", self.pid);
        let mut effects = Vec::new();
        self.engine.step(event, Tick(kernel.now), &mut effects);
        self.acts.extend(effects.into_iter().map(|effect| Act::Effect(Box::new(effect))));
    }

    /// What a defect makes of what is told to the brain.
    pub(super) fn misled(&mut self, mut event: Event, kernel: &Kernel) -> Event {
        let Some(sabotage) = kernel.checks.sabotage else { return event };
        let mislead = |definition: &mut Arc<Definition>| {
            let spec = &mut Arc::make_mut(definition).spec;
            match (sabotage, &mut spec.health, &mut spec.group) {
                (Sabotage::Hasty, Some(health), _) => health.failures = 1,
                (Sabotage::Impatient, ..) => spec.depends_on.clear(),
                (Sabotage::Herd, _, Some(group)) => group.strategy = Strategy::All,
                _ => {}
            }
        };
        match &mut event {
            Event::Asked(Ask::Define { definition, .. }) => mislead(definition),
            Event::Recalled(recalled) => recalled.apps.iter_mut().for_each(|app| mislead(&mut app.definition)),
            _ => {}
        }
        event
    }

    pub(super) fn ask_for_state(&mut self) {
        self.say(&Request::new("statedump"));
        self.say(&Request::new("echo").field("barrier"));
    }

    /// The lives that it has not let go of.
    pub fn open_lives(&self, home: &Home) -> Vec<InstanceId> {
        home.lives.keys().copied().collect()
    }
}

fn words(op: &Op) -> String {
    match op {
        Op::Define(spec, run) => {
            let AppSpec { name, argv, instances, depends_on, group, on_exit, ready, health, schedule, .. } = &**spec;
            let more = (&spec.usage.max_memory, &spec.watch, &spec.watchdog, &spec.cron_restart, spec.restart);
            let care = (depends_on, group, on_exit, ready, spec.start_timeout, health, schedule, more);
            format!("define {name} {argv:?} ×{instances} run={run} {care:?}")
        }
        other => format!("{other:?}"),
    }
}
