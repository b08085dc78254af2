//! The shell around the engine: one owner of everything that decides, one loop.
//!
//! Wait for a happening, step the engine, perform its effects in order; failures come back as happenings. Nothing in here waits for
//! anybody: what takes time is a state with a deadline.

use super::bounds::Bounds;
use super::clock::Clock;
use super::errand::Errands;
use super::hooks::Outside;
use super::listen::Voices;
use super::listen_log::LogListeners;
use super::probe::Probes;
use super::run_command::Commands;
use super::sockets::Sockets;
use super::upgrade::{Upgrade, copied};
use super::watch::Watch;
use crate::call::Call;
use crate::hush::Hush;
use crate::journal::Journal;
use crate::keeper_link::KeeperLink;
use crate::log::say;
use crate::scribe_link::ScribeLink;
use crate::store::{LivesJournal, Store};
use crate::sweep::{Findings, Outcome, Searches, look};
use crate::time::{instant, now};
use crate::track::Tracker;
use crate::usage::Samples;
use engine::{Effect, Engine, Event};
use model::{InstanceId, SlotRef, Stream, StreamId, Tick};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use sys::lives::Spared;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use wire::{Request, ServiceState};

/// How long the scribe may take to move what is left when the house ends.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long clients wait at the door for the lives of an earlier keeper to be found.
pub(super) const RECONCILE: Duration = Duration::from_secs(2);
/// So late we must be for a deadline to have been held up.
const HELD_UP: Duration = Duration::from_millis(100);
/// How long lives are heard first then: what they said meanwhile still lies in their sockets.
const HEAR_FIRST: Duration = Duration::from_millis(500);
/// Idempotency keys that are remembered.
pub(super) const KEYS: usize = 256;

/// The manager's own log among the scribe's streams: a life that is nobody's.
pub(super) const OWN: StreamId = StreamId { instance: InstanceId(0), stream: Stream::Out };

/// What the steward is, for itself and its clients.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The home, canonical, as children are told.
    pub(crate) home: String,
    /// This boot.
    pub(crate) boot: String,
    /// The keeper's process.
    pub(crate) keeper_pid: u32,
    /// Its start time; lives that began later were born under it.
    pub(crate) keeper_ident: u64,
    /// The executable that the keeper goes over to in an upgrade: beside our own.
    pub(crate) keeper_exe: PathBuf,
}

/// Everything that decides, and the ways out.
#[derive(Debug)]
pub(crate) struct Brain {
    pub(super) me: Identity,
    pub(super) engine: Engine,
    pub(super) store: Store,
    pub(super) lives: LivesJournal,
    pub(super) journal: Journal,
    pub(super) own: super::settings::OwnSettings,
    pub(super) keeper: KeeperLink,
    pub(super) scribe: ScribeLink,
    /// What the keeper says of its services.
    pub(super) services: BTreeMap<String, ServiceState>,
    /// What is to be told to the engine next.
    pub(super) happenings: VecDeque<Event>,
    /// By which tasks of ours tell what has happened: few words for each life, never more than the task's own bounds allow.
    pub(super) tell: mpsc::UnboundedSender<Event>,
    /// What they told.
    pub(super) told: mpsc::UnboundedReceiver<Event>,
    /// Probes and hooks that run.
    pub(super) commands: Commands,
    /// What is told to the outside.
    pub(super) outside: Outside,
    /// The channels by which lives speak.
    pub(super) voices: Voices,
    /// Listening sockets of apps.
    pub(super) sockets: Sockets,
    pub(super) effects: Vec<Effect>,
    /// What the clock begins.
    pub(super) clock: Clock,
    /// What changed files begin.
    pub(super) watch: Watch,
    pub(super) probes: Probes,
    pub(super) log_listeners: LogListeners,
    pub(super) searches: Searches,
    /// A reading of /proc for them under way: it outlives a run of the loop, for the searches wait for it.
    pub(super) census: Option<JoinHandle<io::Result<Findings>>>,
    pub(super) tracker: Tracker,
    pub(super) keys: VecDeque<(String, u64)>,
    pub(super) samples: Samples,
    /// As whom lives run, and within which limits.
    pub(super) bounds: Bounds,
    /// The last life of each slot that ended.
    pub(super) last_ended: BTreeMap<SlotRef, InstanceId>,
    pub(super) errands: Errands,
    pub(super) hush: Hush,
    /// Signals that users have sent.
    pub(super) sent: super::signals::Sent,
    pub(super) grew: broadcast::Sender<Arc<str>>,
    pub(super) keeper_version: Option<String>,
    /// Descriptors that the keeper held when it was asked.
    pub(super) held: BTreeSet<String>,
    /// The errno of the last refusal, until the next barrier.
    pub(super) refusal: Option<&'static str>,
    /// A dump after an overflow: services seen in it so far.
    pub(super) redump: Option<Vec<String>>,
    /// An upgrade on its way.
    pub(super) upgrade: Option<Upgrade>,
    /// How long the keeper's executable of before an upgrade is kept.
    pub(super) unproven: Option<Tick>,
    /// The operation that ends the house.
    pub(super) shutdown: Option<u64>,
    pub(super) ending: Ending,
    pub(super) lives_failing: bool,
    pub(super) scribe_gone: bool,
    /// Adoptions that the keeper has not answered.
    pub(super) adopting: usize,
    /// What lived before us has not all been found, at most until then.
    pub(super) reconciling: Option<Tick>,
    /// We were held up: no deadline of a life is over before then.
    pub(super) hearing: Option<Tick>,
}

/// How far the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The house stands.
    Not,
    /// It is empty; the scribe moves what is left, at most until then.
    Draining(Tick),
    /// Nothing is left to do.
    Over,
}

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// The keeper is gone.
    Orphaned,
    /// The keeper is gone while the house was being ended: a last keeper and steward end it to the end.
    Unfinished,
    /// The house was ended by wish.
    Stopped,
    /// Somebody asked the steward alone to end; the keeper starts another.
    Asked,
    /// Keeper and scribe are new after an upgrade, and the keeper starts a new steward.
    Renewed,
    /// Not yet: everything that lived before us has been found, and clients may be let in.
    Reconciled,
}

impl Brain {
    /// Runs until there is a reason to leave.
    pub(crate) async fn run(&mut self, calls: &mut mpsc::Receiver<Call>, asked: &mut impl AsyncFnMut()) -> Leave {
        let mut calls_open = true;
        loop {
            // However busy the loop is, the system is asked now and then what else has happened.
            tokio::task::consume_budget().await;
            self.settle();
            self.serve_parked();
            if self.ending == Ending::Over {
                return Leave::Stopped;
            }
            if let Some(leave) = self.leave_for_upgrade() {
                return leave;
            }
            if self.reconciling.is_some_and(|until| until <= now() || (self.adopting == 0 && self.searches.is_empty())) {
                self.reconciling = None;
                self.keeper.say(&Request::new("hello"));
                self.keeper.flush();
                self.prove_keeper();
                return Leave::Reconciled;
            }
            if self.census.is_none()
                && let Some(next) = self.searches.begin(now(), &self.spared())
            {
                self.census = Some(tokio::task::spawn_blocking(move || look(&next)));
            }
            self.begin_measuring();
            let deadline = self.deadline().map(instant);
            let doze = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let census = self.census.as_mut();
            let counted = async {
                match census {
                    Some(task) => task.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Exits first: nothing dead is ever signalled.
                biased;
                _ = self.keeper.ready() => {
                    if !self.hear_keeper() {
                        let unfinished = self.shutdown.is_some() && self.engine.open_lives() > 0;
                        return if unfinished { Leave::Unfinished } else { Leave::Orphaned };
                    }
                }
                Some(event) = self.told.recv() => self.happenings.push_back(event),
                Some(told) = self.outside.told() => self.take_told(told),
                gift = self.voices.next() => self.take_gift(gift),
                (handle, why) = self.sockets.explained() => self.socket_refused(&handle, why),
                _ = self.scribe.ready(), if !self.scribe_gone => self.hear_scribe(),
                found = counted => {
                    self.census = None;
                    self.take_findings(found.unwrap_or_else(|error| Err(io::Error::other(error))));
                }
                happened = self.bounds.next() => self.take_bounds(happened),
                kept = copied(&mut self.upgrade) => self.take_copied(kept),
                () = self.clock.rings() => self.look_at_clock(),
                (app, word) = self.watch.hears() => self.take_change(app, word),
                () = asked() => return Leave::Asked,
                () = doze => self.time_passed(),
                call = calls.recv(), if calls_open => match call {
                    Some(call) => self.answer(call),
                    None => calls_open = false,
                },
            }
        }
    }

    /// Tells the engine everything that has happened and performs what follows, until nothing follows.
    pub(crate) fn settle(&mut self) {
        let mut stepped = false;
        while let Some(event) = self.happenings.pop_front() {
            stepped = true;
            let mut effects = std::mem::take(&mut self.effects);
            self.engine.step(event, now(), &mut effects);
            for effect in effects.drain(..) {
                self.perform(effect);
            }
            self.effects = effects;
            self.update_operations();
        }
        if !stepped {
            self.update_operations();
        }
        self.keeper.flush();
        self.scribe.flush();
    }

    fn update_operations(&mut self) {
        let world = super::wishes::Here {
            engine: &self.engine,
            scribe: &self.scribe,
            store: &self.store,
            home: &self.me.home,
            last_ended: &self.last_ended,
        };
        self.tracker.update(&world, now());
    }

    fn deadline(&self) -> Option<Tick> {
        let ending = match self.ending {
            Ending::Draining(until) => Some(until),
            Ending::Not | Ending::Over => None,
        };
        let upgrade = self.upgrade_deadline();
        let others = [self.errands.deadline(), self.hush.deadline(), self.bounds.deadline(), self.clock.deadline()];
        let more = [self.commands.deadline(), self.outside.deadline(), self.last_words_deadline()];
        let engine = self.engine.deadline().map(|at| self.hearing.map_or(at, |until| at.max(until)));
        [engine, self.searches.deadline(), self.tracker.deadline(), ending, self.reconciling, upgrade]
            .into_iter()
            .chain(others)
            .chain(more)
            .flatten()
            .min()
    }

    fn time_passed(&mut self) {
        let now = now();
        if let Some(due) = self.engine.deadline().filter(|due| *due <= now) {
            // A machine that had no time for us had some for them: who has said in time that it is ready, or alive, is heard before it is judged.
            match self.hearing {
                None if now.since(due) > HELD_UP => self.hearing = Some(now + HEAR_FIRST),
                Some(until) if until > now => {}
                _ => {
                    self.hearing = None;
                    self.happenings.push_back(Event::TimePassed);
                }
            }
        }
        self.late_errands(now);
        self.clock_time(now);
        self.say_losses();
        self.late_commands(now);
        self.after_hooks(now);
        self.bounds_time(now);
        self.late_last_words(now);
        self.upgrade_time();
        if matches!(self.ending, Ending::Draining(until) if until <= now) {
            say!("the scribe did not end in time; it is left to itself");
            self.ending = Ending::Over;
        }
    }

    fn take_findings(&mut self, findings: io::Result<Findings>) {
        if let Err(error) = &findings {
            say!("failed to look for processes: {error}");
        }
        let mut outcomes = Vec::new();
        self.searches.take(findings, now(), &mut outcomes);
        for outcome in outcomes {
            match outcome {
                Outcome::Tell(event) => self.happenings.push_back(event),
                Outcome::Command(number, left) => self.command_cleared(number, left),
                Outcome::Signal(subject, member, signal) => {
                    let request = Request::new("service.signal").field(subject.to_string()).field(signal.number().to_string());
                    self.keeper.say(&request.field("pid").field(member.pid.to_string()).field(member.ident.to_string()));
                }
            }
        }
    }

    /// Our own processes.
    pub(super) fn spared(&self) -> Spared {
        let pid = |name: &str| match self.services.get(name) {
            Some(ServiceState::Up { pid, .. }) => Some(*pid),
            _ => None,
        };
        Spared { keeper: self.me.keeper_pid, others: [pid("scribe"), pid("steward")].into_iter().flatten().collect() }
    }
}
