//! When apps are begun by the clock or by a changed file.

use crate::spec::{maybe_millis, millis};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// When a job runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// By which rule.
    pub when: When,
    /// IANA name of the time zone of a cron expression; `None` = the machine's.
    pub timezone: Option<String>,
    /// What happens when a run is due and the one before still goes on.
    pub overlap: Overlap,
    /// How long a run may take: then it is stopped, a failed life.
    #[serde(with = "maybe_millis")]
    pub timeout: Option<Duration>,
    /// Whether a time that passed while the machine or the manager was off is made up for, once.
    pub catch_up: bool,
    /// Each run is put off by a random time up to this.
    #[serde(with = "millis")]
    pub jitter: Duration,
    /// Whether it also runs when it is started (by `up` or at boot).
    pub run_at_start: bool,
}

/// The rule of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// A cron expression of 5 or 6 fields, or `@daily` and its kin.
    Cron(String),
    /// So long after the beginning of the run before.
    Every(#[serde(with = "millis")] Duration),
}

/// What happens when a run is due and the one before still goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The new one is left out.
    #[default]
    Skip,
    /// The new one runs afterwards; one waits at most.
    Queue,
    /// The old one is stopped.
    Replace,
}

/// Files whose change restarts an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Files and folders, absolute.
    pub paths: Vec<PathBuf>,
    /// Patterns of what does not count, as in `.gitignore`.
    pub ignore: Vec<String>,
    /// Quiet time after a change.
    #[serde(with = "millis")]
    pub debounce: Duration,
    /// What follows.
    pub action: WatchAction,
    /// Whether apps that depend on this one follow.
    pub cascade: bool,
}

/// What follows when a watched file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchAction {
    /// A restart.
    #[default]
    Restart,
    /// The app's reload strategy.
    Reload,
}
