//! What is remembered of lives: the contents of the lives journal.

use crate::{
    AppSpec, End, Generation, InstanceId, LogSpec, Signal, SlotId, SlotRef, Tick,
    spec::{is_true, millis, yes},
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// One of the two output streams of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Whether somebody asked for an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ByUser {
    /// `stop`, `delete`, a smaller `instances`, or the end of the house.
    Stop,
    /// `restart`, or a changed specification: another life follows.
    Restart,
}

/// One life as the journal knows it. The intent (without `pid`) is written before anything is done, so that no process can exist
/// that nobody has recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LifeRecord {
    /// Which life.
    pub instance: InstanceId,
    /// The slot that it fills.
    pub slot: SlotRef,
    /// The slot's number in `list`.
    pub slot_id: SlotId,
    /// Generation of the app's specification.
    pub generation: Generation,
    /// `AppSpec::digest` of that specification.
    pub digest: u64,
    /// When it was begun.
    pub begun: Tick,
    /// Its process, once born.
    pub pid: Option<u32>,
    /// Start time of that process in clock ticks since boot: with the pid it names a process for good.
    pub ident: Option<u64>,
    /// When it was asked to stop, and what for: the signal has been sent once and is never sent again.
    pub stopping: Option<(Tick, ByUser)>,
    /// When it became ready (without readiness: when it had run for `min_uptime`).
    #[serde(default)]
    pub ready: Option<Tick>,
    /// Why we end it although nobody asked: then its end counts as a failed life.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// What it has said of itself that a steward who comes after this one must know, or it would end the life too soon, or
    /// signal the wrong process.
    #[serde(default, skip_serializing_if = "Told::is_empty")]
    pub told: Told,
    /// The life beside which it was born, in the same slot: a declared overlap. It takes the place of that one once it is ready.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub beside: Option<InstanceId>,
    /// When it was taken out: another fills its slot, and it is stopped after `drain`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retired: Option<Tick>,
    /// The port that it was given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<u16>,
    /// How it ended, once it and its descendants are gone.
    pub ended: Option<End>,
    /// What asks it to end (kept here because its app may be deleted meanwhile).
    pub stop_signal: Signal,
    /// A command that is run for that instead, first; names in braces are filled when it is run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stop_command: Option<Vec<String>>,
    /// Whether its descendants end with it.
    #[serde(skip_serializing_if = "is_true", default = "yes")]
    pub kill_tree: bool,
    /// How long it then has.
    #[serde(with = "millis")]
    pub stop_timeout: Duration,
    /// What becomes of what it prints.
    pub log: LogSpec,
}

/// What a life has said of itself, as far as it must outlive a steward.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// Another of its processes that is the main one (`MAINPID=`), by pid and start time: a pid alone may come to be a stranger's.
    pub main: Option<(u32, u64)>,
    /// How often it says that it lives (`WATCHDOG_USEC=`), where it has said so itself.
    pub alive_every: Option<Duration>,
    /// Until when it needs time for what it is at (`EXTEND_TIMEOUT_USEC=`).
    pub extended: Option<Tick>,
}

impl Told {
    fn is_empty(&self) -> bool {
        *self == Told::default()
    }
}

/// Why a life is ended by the manager itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It did not become ready within `start_timeout`.
    StartTimeout,
    /// Its health check failed; what the last answer was.
    Unhealthy(String),
    /// It did not send `WATCHDOG=1` in time.
    Watchdog,
    /// It asked for this end itself (`WATCHDOG=trigger`).
    Trigger,
    /// It exceeded a limit; which, in words.
    Limit(String),
    /// A run of a job took longer than `schedule.timeout`.
    RunTimeout,
    /// The kernel ended a process of it because memory was short (it is not ended by us then).
    OutOfMemory,
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The life.
    pub instance: InstanceId,
    /// When its program began.
    pub at: Tick,
    /// How long it took.
    #[serde(with = "millis")]
    pub took: Duration,
    /// How it ended.
    pub end: End,
}

/// What a slot remembers of its lives; written whole with each change, so the last one stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SlotMemo {
    /// Restarts that were not asked for, since the counters were last reset.
    pub restarts: u32,
    /// Restarts in the current streak.
    pub streak: u32,
    /// When the failed lives inside the window ended.
    pub failures: Vec<Tick>,
    /// Why nothing is born although it is wished.
    pub rest: Rest,
    /// How the last life ended.
    pub last_end: Option<End>,
    /// The newest life that ran.
    pub ran: Option<InstanceId>,
    /// The newest life that was ready.
    #[serde(default)]
    pub was_ready: Option<InstanceId>,
    /// Why the last life was ended by us, if it was.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// The last runs of a job, the oldest first.
    #[serde(default)]
    pub runs: Vec<Run>,
}

/// Why a slot that should be filled is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rest {
    /// No reason: bear at once.
    #[default]
    None,
    /// A restart is due at this time.
    Backoff {
        /// When.
        at: Tick,
    },
    /// It ended with success and the policy asks for no other.
    Completed,
    /// It was given up.
    Errored {
        /// In words.
        why: String,
    },
}

impl LifeRecord {
    /// The intent of a life by this specification: nothing has happened yet.
    pub fn intent(
        instance: InstanceId,
        slot: SlotRef,
        slot_id: SlotId,
        generation: Generation,
        spec: &AppSpec,
        begun: Tick,
    ) -> LifeRecord {
        LifeRecord {
            instance,
            slot,
            slot_id,
            generation,
            digest: spec.digest(),
            begun,
            pid: None,
            ident: None,
            stopping: None,
            ready: None,
            fault: None,
            told: Told::default(),
            beside: None,
            retired: None,
            port: None,
            ended: None,
            stop_signal: spec.stop_signal,
            stop_command: spec.stop_command.clone(),
            kill_tree: spec.kill_tree,
            stop_timeout: spec.stop_timeout,
            log: spec.log.clone(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::StartTimeout => f.write_str("not ready within start_timeout"),
            Fault::Unhealthy(answer) => write!(f, "unhealthy: {answer}"),
            Fault::Watchdog => f.write_str("no WATCHDOG=1 in time"),
            Fault::Trigger => f.write_str("it asked for a restart itself (WATCHDOG=trigger)"),
            Fault::Limit(which) => f.write_str(which),
            Fault::RunTimeout => f.write_str("the run took longer than schedule.timeout"),
            Fault::OutOfMemory => f.write_str("out of memory: killed by the kernel"),
        }
    }
}

impl Stream {
    /// Both, standard output first.
    pub const BOTH: [Stream; 2] = [Stream::Out, Stream::Err];

    /// `out` or `err`, as in file names.
    pub fn word(self) -> &'static str {
        match self {
            Stream::Out => "out",
            Stream::Err => "err",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
