//! What the keeper says, in the words of the brain.

use super::run::{Stage, Steward};
use crate::check::Sabotage;
use crate::home::Home;
use crate::judge;
use crate::kernel::Kernel;
use crate::trace::tell;
use engine::{Ask, Event, FactState, KeeperFact};
use model::{End, InstanceId, Signal, SlotRef, Stage as Step, Tick, Verdict};
use wire::{Event as Heard, Request, ServiceState};

/// How long clients wait at the door for the lives of an earlier keeper to be found.
const RECONCILE: u64 = 2_000_000_000;

impl Steward {
    pub(super) fn hear(&mut self, heard: Heard, kernel: &mut Kernel, home: &mut Home) {
        match heard {
            Heard::State { name, state } => self.hear_state(name, state, kernel),
            Heard::Tags { name, tags } => _ = self.tags.insert(name, tags),
            Heard::Other(words) if words[0] == "barrier" && self.stage == Stage::Asking => self.open(kernel, home),
            Heard::Overflow(_) => {
                kernel.checks.reach("an overflow");
                self.say(&Request::new("statedump"));
            }
            Heard::Error(text) => tell!(kernel, "steward p{}: - error {text:?}", self.pid),
            Heard::Other(words) if words[0].starts_with("bear-") || words[0].starts_with("adopt-") => {
                self.after(&words[0], kernel, home)
            }
            Heard::Other(words) if words[0] == "fd.state" && self.stage == Stage::Asking => {
                self.handles.extend(words.into_iter().nth(1))
            }
            Heard::Dialect(_) | Heard::Signal { .. } | Heard::Other(_) => {}
        }
    }

    fn hear_state(&mut self, name: String, state: ServiceState, kernel: &Kernel) {
        if state == ServiceState::Deleted {
            self.services.remove(&name);
            return;
        }
        if self.stage != Stage::Open || self.services.get(&name) == Some(&state) {
            self.services.insert(name, state);
            return;
        }
        self.services.insert(name.clone(), state.clone());
        let Ok(instance) = name.parse::<InstanceId>() else { return };
        match fact(&state, kernel.checks.has(Sabotage::Shortage)) {
            FactState::Up { pid, ident, at } => self.events.push_back(Event::Born { instance, pid, ident, at }),
            FactState::Down { end, at } => self.events.push_back(Event::Ended { instance, end, at }),
            FactState::Defined | FactState::Starting => {}
        }
    }

    /// The barrier after the lines of a birth or an adoption: a service that does not even try has been refused.
    fn after(&mut self, barrier: &str, kernel: &mut Kernel, home: &Home) {
        let Some((verb, name)) = barrier.split_once('-') else { return };
        let Ok(instance) = name.parse::<InstanceId>() else { return };
        let refused = matches!(self.services.get(name), None | Some(ServiceState::Down));
        if verb == "adopt" {
            self.adopting = self.adopting.saturating_sub(1);
        }
        if !refused {
            return;
        }
        self.say(&Request::new("service.delete").field(name));
        if verb == "adopt" {
            kernel.checks.reach("an adoption refused");
            self.events.push_back(Event::AdoptRefused { instance });
            return;
        }
        let end = End::NotBorn { stage: Step::Prepare, errno: "EIO".to_owned() };
        self.events.push_back(Event::Ended { instance, end, at: Tick(kernel.now) });
        let held = wire::handles(name);
        let kept = home.lives.get(&instance).map_or([true; 2], |life| life.log.kept());
        let writers = held.writers.iter().zip(kept).filter(|(_, kept)| *kept).map(|(name, _)| name);
        for handle in writers.chain([&held.lock]) {
            self.say(&Request::new("fd.delete").field(handle));
        }
    }

    /// Whether everything that lived before has been found, so that clients may come in; the keeper is told.
    pub(super) fn reconcile(&mut self, now: u64) -> bool {
        let done = |until: u64| until <= now || (self.adopting == 0 && self.searches.deadline().is_none());
        if self.stage != Stage::Open || !self.reconciling.is_some_and(done) {
            return false;
        }
        self.reconciling = None;
        self.say(&Request::new("hello"));
        true
    }

    /// The dump is complete: the brain begins.
    fn open(&mut self, kernel: &mut Kernel, home: &mut Home) {
        self.stage = Stage::Open;
        let slot_in = |tags: &Vec<String>| {
            let value = |key: &str| tags.iter().find_map(|tag| tag.strip_prefix(key)?.strip_prefix('='));
            Some(SlotRef { app: value("app")?.parse().ok()?, index: value("slot")?.parse().ok()? })
        };
        let fact = |(name, state): (&String, &ServiceState)| {
            let instance = name.parse().ok()?;
            let slot = self.tags.get(name).and_then(slot_in);
            Some(KeeperFact { instance, slot, state: fact(state, false) })
        };
        let facts = self.services.iter().filter_map(fact).collect();
        self.around.looks_since = kernel.now;
        self.around.book.look_again(kernel.now);
        let recalled = self.misled(Event::Recalled(Box::new(home.recall())), kernel);
        judge::foresee_start(kernel, home);
        self.step(recalled, kernel);
        self.step(Event::Dumped(facts), kernel);
        self.reconciling = Some(kernel.now + RECONCILE);
        if home.stopped {
            // The end of the house was asked for, and whoever was asked has died.
            home.shut = kernel.now;
            self.events.push_back(Event::Asked(Ask::Shutdown));
        }
        // Left by a birth that was cut short, or by a life that has been let go of.
        for handle in std::mem::take(&mut self.handles) {
            let Some((life, end)) = handle.split_once('.') else { continue };
            let Ok(instance) = life.parse::<InstanceId>() else { continue };
            if !end.ends_with('r') || !home.lives.contains_key(&instance) {
                self.say(&Request::new("fd.delete").field(&handle));
            }
        }
    }
}

fn fact(state: &ServiceState, shortage_is_failure: bool) -> FactState {
    let down = |verdict, at: &u64| FactState::Down { end: End::Exited(verdict), at: Tick(*at) };
    match state {
        ServiceState::Down | ServiceState::Deleted => FactState::Defined,
        ServiceState::Start => FactState::Starting,
        ServiceState::Up { at, pid, ident } => FactState::Up { pid: *pid, ident: *ident, at: Tick(*at) },
        ServiceState::Exited { at, code, .. } => down(Verdict::Code(*code), at),
        ServiceState::Signalled { at, signal, core, .. } => {
            let number = signal.parse().unwrap_or(Signal::KILL);
            down(Verdict::Signal { number, core: *core }, at)
        }
        ServiceState::Unseen { at, .. } => down(Verdict::Unseen, at),
        ServiceState::Failed { at, stage, errno } => {
            let stage = if shortage_is_failure { Step::Exec } else { Step::from_word(stage).unwrap_or(Step::Exec) };
            let errno = if shortage_is_failure { "ENOENT".to_owned() } else { errno.clone() };
            FactState::Down { end: End::NotBorn { stage, errno }, at: Tick(*at) }
        }
    }
}
