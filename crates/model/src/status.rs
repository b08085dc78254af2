//! The few states that users see.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The public status of a slot: a total projection of the engine's many fine states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A life has been begun and does not run yet.
    Starting,
    /// It runs (the app has no readiness).
    Running,
    /// It runs and said that it is ready.
    Ready,
    /// It runs and its health check fails.
    Unhealthy,
    /// A new generation is taking over.
    Reloading,
    /// It was told to stop and has not ended.
    Stopping,
    /// Nothing runs, by wish.
    Stopped,
    /// Nothing runs; a restart is due.
    Backoff,
    /// Nothing runs; it waits for a dependency, port, resource, delay or schedule.
    Waiting,
    /// Nothing runs: it failed and no restart is due.
    Errored,
    /// Nothing runs: it ended with success and no restart is due.
    Completed,
    /// Something of an earlier life is still there that Abide cannot prove to be its own leader.
    Foreign,
}

impl Status {
    /// The word in tables and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Status::Starting => "starting",
            Status::Running => "running",
            Status::Ready => "ready",
            Status::Unhealthy => "unhealthy",
            Status::Reloading => "reloading",
            Status::Stopping => "stopping",
            Status::Stopped => "stopped",
            Status::Backoff => "backoff",
            Status::Waiting => "waiting",
            Status::Errored => "errored",
            Status::Completed => "completed",
            Status::Foreign => "foreign",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
