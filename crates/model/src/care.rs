//! How it is known that an app is ready, and that it is still well.

use crate::spec::millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// One question to a running life, answered by asking it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// `GET`, and a good answer.
    Http {
        /// `http://HOST[:PORT]/PATH`; `{{port}}` and its kin are filled at each birth.
        url: String,
        /// Statuses that are good, as closed ranges; empty = 200 to 399.
        status: Vec<(u16, u16)>,
        /// Headers to send.
        headers: BTreeMap<String, String>,
        /// A regular expression that must be found in the body (of which the first 64 KiB count).
        body: Option<String>,
    },
    /// Something accepts a connection.
    Tcp {
        /// `HOST:PORT`.
        address: String,
    },
    /// A command ends with 0.
    Exec {
        /// Program and arguments.
        argv: Vec<String>,
    },
}

/// What makes a life ready. Without it a life is ready once it has run for `min_uptime`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// A good answer.
    Probe(Probe),
    /// A line of its output in which this regular expression is found.
    Log {
        /// The expression.
        pattern: String,
    },
    /// `READY=1` on the socket named by `NOTIFY_SOCKET` (sd_notify).
    Notify,
    /// A line feed on this descriptor; `None` = on one that we choose and name in `READY_FD`.
    Fd {
        /// Its number.
        number: Option<u32>,
    },
    /// `process.send('ready')` of Node.
    NodeIpc,
    /// So much time.
    After(#[serde(with = "millis")] Duration),
}

/// What is watched while an app runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// What is asked.
    pub check: Check,
    /// From one question to the next.
    #[serde(with = "millis")]
    pub interval: Duration,
    /// How long an answer may take.
    #[serde(with = "millis")]
    pub timeout: Duration,
    /// So many bad answers in a row make it unhealthy.
    pub failures: u32,
    /// So many good ones in a row make it healthy again.
    pub successes: u32,
    /// After the birth bad answers are not counted for so long.
    #[serde(with = "millis")]
    pub start_period: Duration,
    /// What follows when it is unhealthy.
    pub action: HealthAction,
}

/// What a health check asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The app itself.
    Probe(Probe),
    /// Whether it has printed anything for so long.
    LogSilence(#[serde(with = "millis")] Duration),
}

/// What follows when an app is unhealthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthAction {
    /// It is stopped, and the restart rule goes on from there.
    #[default]
    Restart,
    /// It is replaced by the app's reload strategy.
    Replace,
    /// It is only shown.
    None,
}

impl Health {
    /// A check with every default.
    pub fn new(check: Check) -> Health {
        Health {
            check,
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            failures: 3,
            successes: 1,
            start_period: Duration::ZERO,
            action: HealthAction::Restart,
        }
    }
}
