//! What a process may use, and as whom it runs.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Limits on what the whole tree of a life uses.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Bytes of memory.
    pub max_memory: Option<u64>,
    /// Percent of one core.
    pub max_cpu: Option<f64>,
    /// Processes and threads.
    pub max_tasks: Option<u64>,
    /// What follows when one is exceeded.
    pub on_limit: OnLimit,
    /// Whether a cgroup is used.
    pub cgroup: CgroupUse,
}

/// What follows when a limit is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLimit {
    /// It is stopped as ever, and the restart rule goes on from there.
    #[default]
    Restart,
    /// SIGKILL to its tree at once, and the restart rule.
    Kill,
    /// It is only told.
    None,
}

/// Whether a life gets a cgroup of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CgroupUse {
    /// Where one can be had.
    #[default]
    Auto,
    /// Or the app is not started.
    Required,
    /// No.
    Off,
}

/// What the child becomes before its program begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// User by name or number.
    pub user: Option<String>,
    /// Primary group by name or number; without it that of the user.
    pub group: Option<String>,
    /// Supplementary groups; without them those of the user.
    pub groups: Option<Vec<String>>,
    /// File mode mask; without it that of the defining session.
    pub umask: Option<u32>,
    /// Niceness, -20 to 19.
    pub nice: Option<i32>,
    /// How soon the kernel ends it when memory is short, -1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// Resource limits by their name in `limits` (`nofile`, `nproc`, `core`, `memlock`, `stack`, `as`, `fsize`, `cpu`).
    pub limits: BTreeMap<String, Rlimit>,
}

/// One resource limit; `None` = unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// What holds now.
    pub soft: Option<u64>,
    /// How far the program itself may raise it.
    pub hard: Option<u64>,
}

impl Identity {
    /// The names that `limits` knows.
    pub const LIMITS: [&'static str; 8] = ["nofile", "nproc", "core", "memlock", "stack", "as", "fsize", "cpu"];
}
