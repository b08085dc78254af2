//! Journals and the manager itself.

use model::DaemonSettings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One entry of the event journal: a line of `events --json`, of `GET /api/v1/events`, and of the files under `events/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventLine {
    /// Counts entries of this home.
    pub seq: u64,
    /// RFC 3339 in UTC with milliseconds.
    pub time: String,
    /// The app; `null` for the manager itself.
    pub app: Option<String>,
    /// The slot, `web-0`.
    pub slot: Option<String>,
    /// The life, `i91`.
    pub instance: Option<String>,
    /// `defined starting running ready reloading unhealthy healthy adopted foreign faulted limit oom stopping killing stuck exited backoff
    /// completed errored stopped deleted due overlap restarting changed reset`, for wishes `asked` and `signalled`, for the manager `manager.started`, `manager.stopping`, `manager.upgrading`, `manager.upgraded`, `manager.not_upgraded`, `store.damaged`, `log.trouble`, `log.resumed`; for hooks `hook.failed`.
    pub event: String,
    /// Why, in words.
    pub reason: Option<String>,
    /// Who asked: `uid 1000`, or `abide` itself.
    pub actor: String,
    /// Details by event: `pid`, `code`, `signal`, `lived_ms`, `restart`, `operation`, …
    pub data: serde_json::Value,
}

/// `GET /api/v1/daemon`: the manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// The home.
    pub home: String,
    /// Version of the steward.
    pub version: String,
    /// How long the keeper has been running, in milliseconds.
    pub uptime_ms: u64,
    /// Decides.
    pub steward: ProcessRef,
    /// Moves log bytes.
    pub scribe: Option<ProcessRef>,
    /// Is the parent.
    pub keeper: ProcessRef,
    /// The keeper is the one of before the last upgrade, started again because the new one broke.
    #[serde(default)]
    pub recovered: bool,
    /// The manager's own settings, each with the value that holds.
    #[serde(default)]
    pub settings: DaemonSettings,
    /// Who set those that are not at their default: key and source.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub settings_from: BTreeMap<String, String>,
    /// Why `daemon.toml` of the home does not count as it is; what was known of it before still does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settings_trouble: Option<String>,
    /// Set while the store cannot be written: why.
    pub read_only: Option<String>,
}

/// One of our processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRef {
    /// Its process id.
    pub pid: u32,
    /// Its version, where it says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
}

/// `GET /api/v1/version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionInfo {
    /// Version of the steward.
    pub version: String,
}
