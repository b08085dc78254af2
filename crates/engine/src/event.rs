//! What the brain is told.

use model::{
    AppName, Definition, End, Generation, InstanceId, LifeRecord, Rolling, SlotId, SlotMemo, SlotRef, Stream, Tick, Wall,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A happening, in the past tense. The first two of a steward's life are [`Event::Recalled`] and [`Event::Dumped`]; until then
/// nothing else is understood.
#[derive(Debug, Clone)]
pub enum Event {
    /// The store and the lives journal have been read.
    Recalled(Box<Recalled>),
    /// The keeper's dump is complete: these services exist, and no other.
    Dumped(Vec<KeeperFact>),
    /// Answer to [`crate::Effect::Inspect`].
    Inspected {
        /// The life asked about.
        instance: InstanceId,
        /// What was found.
        finding: Finding,
    },
    /// A user's wish that the store has accepted (and written).
    Asked(Ask),
    /// The life's program runs.
    Born {
        /// Which life.
        instance: InstanceId,
        /// Its process.
        pid: u32,
        /// Start time of the process in clock ticks since boot.
        ident: u64,
        /// When it was started.
        at: Tick,
    },
    /// The life's process ended, or was never born. Also said when the steward itself failed to prepare it.
    Ended {
        /// Which life.
        instance: InstanceId,
        /// How.
        end: End,
        /// When.
        at: Tick,
    },
    /// The keeper does not watch this life although it was told to adopt it (the process was not the one meant any more).
    AdoptRefused {
        /// Which life.
        instance: InstanceId,
    },
    /// Answer to [`crate::Effect::Sweep`].
    Swept {
        /// The life asked about.
        instance: InstanceId,
        /// How many of its processes are still alive; 0 = provably none.
        left: u32,
    },
    /// The scribe has every byte of this stream in the file.
    Sealed {
        /// Which life.
        instance: InstanceId,
        /// Which stream.
        stream: Stream,
    },
    /// Answer to [`crate::Effect::Probe`].
    Probed {
        /// The life asked.
        instance: InstanceId,
        /// The number of the question.
        number: u64,
        /// What it said.
        outcome: Outcome,
    },
    /// The stop command of a life has failed, or could not be run. See [`crate::Effect::StopBy`].
    StopRefused {
        /// The life.
        instance: InstanceId,
        /// Why.
        why: String,
    },
    /// A life said something about itself, through a channel that was made for that.
    Said {
        /// Which life.
        instance: InstanceId,
        /// What.
        word: Word,
    },
    /// A life has exceeded one of its limits.
    Exceeded {
        /// Which life.
        instance: InstanceId,
        /// Which limit and by what, in words: `memory 612M of 512M (max_memory)`.
        what: String,
    },
    /// The kernel has killed processes of a life because its memory, or the machine's, was short.
    OutOfMemory {
        /// Which life.
        instance: InstanceId,
        /// How many processes, since the last time this was said.
        killed: u32,
    },
    /// A time of an app's `schedule` has come (told after its jitter).
    Due {
        /// The app.
        app: AppName,
        /// That time.
        at: Wall,
        /// It came while nobody looked, and is made up for.
        late: bool,
    },
    /// A time of an app's `cron_restart` has come.
    RestartDue {
        /// The app.
        app: AppName,
    },
    /// Watched files of an app have changed, and have been left alone for `debounce` since.
    Changed {
        /// The app.
        app: AppName,
        /// Some of them, at most three.
        paths: Vec<String>,
    },
    /// The life has been given this port.
    Leased {
        /// Which life.
        instance: InstanceId,
        /// The port.
        port: u16,
    },
    /// Answer to [`crate::Effect::Switch`].
    Switched {
        /// The app.
        app: AppName,
        /// The generation that was to take over.
        generation: Generation,
        /// Why it must not, in words; `None` = it may.
        refused: Option<String>,
    },
    /// [`crate::Engine::deadline`] may have passed.
    TimePassed,
}

/// What a probe has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A good answer.
    Good,
    /// None, or a bad one: which, in words for people, one short line.
    Bad(String),
    /// Another life answered at the address: this counts neither way.
    Elsewhere,
}

/// What a life says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It is ready: the line was printed, the line feed came, `process.send('ready')`, `READY=1`.
    Ready,
    /// `RELOADING=1`: not ready until it says `READY=1` again.
    Reloading,
    /// `STOPPING=1`: it ends by itself.
    Stopping,
    /// `STATUS=…`, one line for people.
    Status(String),
    /// `MAINPID=…`: another of its processes is the one that matters.
    MainPid {
        /// Which; it has been shown to be one of this life.
        pid: u32,
        /// Its start time in clock ticks since boot.
        ident: u64,
    },
    /// `WATCHDOG=1`.
    Alive,
    /// `WATCHDOG=trigger`: it asks to be treated as one whose watchdog has run out.
    Stuck,
    /// `WATCHDOG_USEC=…`: another time between two signs of life.
    AliveEvery(Duration),
    /// `EXTEND_TIMEOUT_USEC=…`: it needs so much time from now on for what it is at.
    Extend(Duration),
}

/// What was remembered.
#[derive(Debug, Clone, Default)]
pub struct Recalled {
    /// Every app, in the order of definition.
    pub apps: Vec<RecalledApp>,
    /// Lives of this boot that are not closed (not [`crate::Effect::Close`]d). Of another boot: none, they are gone.
    pub lives: Vec<LifeRecord>,
    /// Memory of slots.
    pub memos: BTreeMap<SlotRef, SlotMemo>,
    /// The next instance number: higher than any that was ever used.
    pub next_instance: u64,
    /// The next slot id: higher than any that was ever used.
    pub next_slot_id: u32,
}

/// One app from the store.
#[derive(Debug, Clone)]
pub struct RecalledApp {
    /// What the user wrote.
    pub definition: Arc<Definition>,
    /// Counts changes of the process-shaping part.
    pub generation: Generation,
    /// Whether it is wished to run.
    pub running: bool,
    /// Wishes for single slots that differ from the app's (`stop web-1`).
    pub slot_wishes: BTreeMap<u32, bool>,
    /// The ids of its slots, by index; while a reload is under way also those of slots that only the old definition has.
    pub slot_ids: BTreeMap<u32, SlotId>,
    /// The reload that is under way.
    pub rolling: Option<Box<Rolling>>,
}

/// A service that the keeper has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeeperFact {
    /// Which life (services with other names are not ours and not told).
    pub instance: InstanceId,
    /// The slot that its tags name: lets a life be recognised when the lives journal was lost.
    pub slot: Option<SlotRef>,
    /// Its state.
    pub state: FactState,
}

/// State of a service in the dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactState {
    /// Defined, never started.
    Defined,
    /// Being started.
    Starting,
    /// It runs.
    Up {
        /// Its process.
        pid: u32,
        /// Start time in clock ticks since boot.
        ident: u64,
        /// When it was started.
        at: Tick,
    },
    /// It ended.
    Down {
        /// How.
        end: End,
        /// When.
        at: Tick,
    },
}

/// What an inspection of a recorded life found (mechanisms.md §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Pid, start time and uid match and it is no zombie: it can be adopted.
    Alive {
        /// Its process (from the record or, for an intent without pid, from the lock file).
        pid: u32,
        /// Start time in clock ticks since boot.
        ident: u64,
    },
    /// Its leader is gone, but lock, cgroup or a descendant shows that something of it lives.
    Foreign,
    /// Nothing of it lives.
    Gone,
}

/// A wish. Every one has been stored before it is told.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Define a new app, or replace a specification. Slots keep their ids; a change of the process-shaping part makes a new
    /// generation and replaces the lives of the old one.
    Define {
        /// The app.
        definition: Arc<Definition>,
        /// Its generation, as stored.
        generation: Generation,
        /// Whether it is wished to run from now on.
        run: bool,
        /// The ids of its slots, as stored.
        slot_ids: BTreeMap<u32, SlotId>,
        /// Wishes for single slots that differ from the app's.
        slot_wishes: BTreeMap<u32, bool>,
        /// How lives of the old definition are replaced; `None` = all of another generation are stopped at once and born anew.
        rolling: Option<Box<Rolling>>,
    },
    /// Replace the lives of an app, whose definition stays, by such of this generation.
    Reload {
        /// The app.
        app: AppName,
        /// The new generation, as stored.
        generation: Generation,
        /// How.
        rolling: Box<Rolling>,
    },
    /// Run these; leaves `errored`, `completed` and backoff behind.
    Start(Target),
    /// Stop these: those that depend on others of them first.
    Stop(Vec<Target>),
    /// Replace the life of each; those that do not run are started.
    Restart(Target),
    /// Stop these apps, those that depend on others of them first, then forget them.
    Delete(Vec<AppName>),
    /// Forget failures, counters and the crash loop of these; what is wished and not given up is left alone.
    Reset(Target),
    /// End of the house: stop every life, those that depend on others first, else in reverse order of starting, and bear no more. Wishes stay as they are.
    Shutdown,
}

/// Whom a wish is about: an app or some of its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The app.
    pub app: AppName,
    /// `None` = all its slots.
    pub slots: Option<Vec<u32>>,
}
