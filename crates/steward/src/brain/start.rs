//! The start: what was wished, what lived, what the keeper says. Cold start, crash and upgrade take this one path.

use super::bounds::Bounds;
use super::clock::Clock;
use super::errand::Errands;
use super::listen::Voices;
use super::listen_log::LogListeners;
use super::probe::Probes;
use super::run::{Brain, Ending, Identity, RECONCILE};
use super::run_command::command_number;
use super::watch::Watch;
use crate::birth::slot_in;
use crate::home::{EVENTS, STOPPED, STORE, clear_stale_lives};
use crate::hush::Hush;
use crate::journal::{Entry, Journal};
use crate::keeper_link::KeeperLink;
use crate::log::{self, say};
use crate::scribe_link::ScribeLink;
use crate::store::{LivesJournal, Remembered, Store, StoredApp};
use crate::sweep::Searches;
use crate::time::now;
use crate::track::Tracker;
use crate::usage::Samples;
use engine::{Engine, Event, FactState, KeeperFact, Recalled, RecalledApp};
use model::{InstanceId, SlotRef, Tick};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use sys::clock::wall_ms;
use tokio::sync::{broadcast, mpsc};
use wire::{Event as Said, Request, ServiceState};

/// Log files that grew and were not yet looked at by a follower.
const GROWN: usize = 256;

impl Brain {
    /// Reads the store, takes the pen, and waits for the keeper's dump. `None`: the keeper is gone.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn begin(me: Identity, mut keeper: KeeperLink, scribe: ScribeLink) -> io::Result<Option<Brain>> {
        let folder = Path::new(STORE);
        let store = Store::open(folder, wall_ms())?;
        let lives = LivesJournal::open(folder, &me.boot);
        if lives.is_of_other_boot() {
            say!("this is another boot: nothing that lived is left");
            clear_stale_lives()?;
        }
        let journal = Journal::open(Path::new(EVENTS));
        let epoch = sys::clock::now();
        let barrier = format!("barrier-{epoch}");
        for request in [
            Request::new("dialect").field("2"),
            Request::new("pen.take").field(epoch.to_string()),
            Request::new("statedump"),
            Request::new("version"),
            Request::new("echo").field(&barrier),
        ] {
            keeper.say(&request);
        }
        let (tell, told) = mpsc::unbounded_channel();
        let bounds = Bounds::new(&me.home);
        let clock = Clock::new(&me.home, &me.boot);
        let mut brain = Brain {
            me,
            engine: Engine::new(epoch),
            store,
            lives,
            journal,
            own: Default::default(),
            keeper,
            scribe,
            services: BTreeMap::new(),
            happenings: VecDeque::new(),
            tell,
            told,
            commands: Default::default(),
            outside: Default::default(),
            voices: Voices::new(),
            sockets: Default::default(),
            effects: Vec::new(),
            clock,
            watch: Watch::new(),
            probes: Probes::default(),
            log_listeners: LogListeners::default(),
            searches: Searches::default(),
            census: None,
            tracker: Tracker::default(),
            keys: VecDeque::new(),
            samples: Samples::default(),
            bounds,
            last_ended: BTreeMap::new(),
            errands: Errands::new(epoch),
            hush: Hush::default(),
            sent: super::signals::Sent::default(),
            grew: broadcast::channel(GROWN).0,
            keeper_version: None,
            refusal: None,
            held: BTreeSet::new(),
            redump: None,
            upgrade: None,
            unproven: None,
            shutdown: None,
            ending: Ending::Not,
            lives_failing: false,
            scribe_gone: false,
            adopting: 0,
            reconciling: Some(now() + RECONCILE),
            hearing: None,
        };
        brain.begin_settings();
        brain.follow_settings();
        let Some((tags, later)) = brain.await_dump(&barrier).await? else { return Ok(None) };
        log::attended(matches!(brain.services.get("scribe"), Some(ServiceState::Up { .. })));
        brain.recall_boxes();
        brain.reconcile(&tags);
        brain.settle();
        brain.review_bounds();
        for said in later {
            brain.take_event(said);
        }
        brain.follow_wishes();
        brain.settle();
        Ok(Some(brain))
    }

    /// Collects the dump. State events may overtake it: the last word on a service counts. What is no state is looked at later.
    async fn await_dump(&mut self, barrier: &str) -> io::Result<Option<(BTreeMap<String, SlotRef>, Vec<Said>)>> {
        let mut tags = BTreeMap::new();
        let mut later = Vec::new();
        loop {
            self.keeper.flush();
            self.keeper.ready().await?;
            let mut heard = Vec::new();
            if !self.keeper.read(&mut heard) {
                return Ok(None);
            }
            let mut done = false;
            for said in heard {
                match said {
                    // What comes with the barrier in one reading happened after the dump.
                    said if done => later.push(said),
                    Said::Other(fields) if fields.first().is_some_and(|first| first == barrier) => done = true,
                    Said::State { name, state: ServiceState::Deleted } => _ = self.services.remove(&name),
                    Said::State { name, state } => _ = self.services.insert(name, state),
                    Said::Tags { name, tags: words } => {
                        if let Some(slot) = slot_in(&words) {
                            tags.insert(name, slot);
                        }
                    }
                    Said::Overflow(_) => {
                        self.keeper.say(&Request::new("statedump"));
                        self.keeper.say(&Request::new("echo").field(barrier));
                    }
                    Said::Other(fields) if fields.first().is_some_and(|first| first == "fd.state") => {
                        self.sockets.recall(&fields);
                        let gone = fields.get(2).is_some_and(|kind| kind == "deleted");
                        let Some(name) = fields.into_iter().nth(1) else { continue };
                        _ = if gone { self.held.remove(&name) } else { self.held.insert(name) };
                    }
                    said => later.push(said),
                }
            }
            if done {
                return Ok(Some((tags, later)));
            }
        }
    }

    fn reconcile(&mut self, tags: &BTreeMap<String, SlotRef>) {
        let wall = wall_ms();
        for what in self.store.damage().to_vec() {
            say!("{what}");
            self.journal.write(Entry { event: "store.damaged", reason: Some(what), ..Entry::default() }, wall);
        }
        if self.lives.damaged() > 0 {
            say!("{} places of the lives journal are damaged; what they said is learnt from the keeper", self.lives.damaged());
        }
        let state = self.store.state();
        let known = self.lives.remembered();
        let mut memos = known.memos.clone();
        state.put_errored(&mut memos);
        // The house was being ended, or has been, when a keeper that had waited for its lock came in: it is ended to the end. Nothing is
        // born; what still lives is stopped. The store keeps what is wished for the next start.
        let stopped = Path::new(STOPPED).exists();
        let app = |stored: &StoredApp| RecalledApp {
            definition: stored.definition.clone(),
            generation: stored.generation,
            running: stored.running && !stopped,
            slot_wishes: if stopped { BTreeMap::new() } else { stored.slot_wishes.clone() },
            slot_ids: stored.live_slot_ids(),
            rolling: stored.rolling.clone(),
        };
        let recalled = Recalled {
            apps: state.apps.iter().map(app).collect(),
            lives: known.lives.values().cloned().collect(),
            memos,
            next_instance: state.reserve.max(known.next).max(1),
            next_slot_id: state.next_slot_id,
        };
        let sealed: Vec<_> = known.sealed.iter().copied().collect();
        let (unwanted, held): (BTreeSet<String>, _) =
            std::mem::take(&mut self.held).into_iter().partition(|name| is_left_over(name, known));
        unwanted.iter().for_each(|name| self.keeper.say(&Request::new("fd.delete").field(name)));
        for recent in &state.recent {
            self.tracker.begin(recent.op, recent.track.clone());
            if let Some(key) = &recent.key {
                self.keys.push_back((key.clone(), recent.op));
            }
        }
        let mut facts: Vec<KeeperFact> = self.services.iter().filter_map(|(name, state)| fact(name, state, tags)).collect();
        let ends = self.hold_ends_back(&mut facts, &held);
        self.recall_channels(held);
        self.regain_sockets();
        let data = json!({ "pid": std::process::id(), "keeper": self.me.keeper_pid, "apps": recalled.apps.len() });
        self.end_left_commands();
        self.journal.write(Entry { event: "manager.started", data, ..Entry::default() }, wall);
        self.happenings.push_back(Event::Recalled(Box::new(recalled)));
        self.happenings.push_back(Event::Dumped(facts));
        // What the kernel did while nobody was there to see it.
        self.hear_boxes();
        ends.into_iter().for_each(|(instance, ended)| self.hear_to_the_end(instance, ended));
        // Told after the streams of every life have been opened: these need no opening.
        self.happenings.extend(sealed.into_iter().map(|(instance, stream)| Event::Sealed { instance, stream }));
        if stopped {
            say!("the house was stopped; what is left of it is ended");
            if let Err(problem) = self.shut_down("abide") {
                say!("failed to end the house: {problem}");
            }
        }
    }
}

/// Whether a descriptor of the dump is one that nobody will let go of: of a life that is closed, or of a birth that was cut short (what a
/// child gets is let go of by its birth).
fn is_left_over(name: &str, known: &Remembered) -> bool {
    let Some((life, part)) = name.split_once('.') else { return false };
    if command_number(life).is_some() {
        return true;
    }
    let Ok(instance) = life.parse::<InstanceId>() else { return false };
    let of_child = part.ends_with(".w") || part == "lock";
    of_child || !known.lives.contains_key(&instance)
}

fn fact(name: &str, state: &ServiceState, tags: &BTreeMap<String, SlotRef>) -> Option<KeeperFact> {
    let instance: InstanceId = name.parse().ok()?;
    let state = match state {
        ServiceState::Down => FactState::Defined,
        ServiceState::Start => FactState::Starting,
        ServiceState::Up { at, pid, ident } => FactState::Up { pid: *pid, ident: *ident, at: Tick(*at) },
        ended => {
            let (end, at) = super::hear::end_of(ended)?;
            FactState::Down { end, at: at.unwrap_or_else(now) }
        }
    };
    Some(KeeperFact { instance, slot: tags.get(name).cloned(), state })
}
