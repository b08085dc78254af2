//! Slots and apps as clients see them.

use crate::{EventLine, FailedReloadView, NextLife, ReloadView};
use model::{Project, Status};
use serde::{Deserialize, Serialize};

/// One slot: a row of `abide list`, an element of `list --json` and of `GET /api/v1/apps`. `null` where there is no value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotRow {
    /// Name of the app.
    pub app: String,
    /// Name of the slot, `web-0`.
    pub slot: String,
    /// The slot's number; never reused in a home.
    pub id: u32,
    /// Its status.
    pub status: Status,
    /// Process id of its life.
    pub pid: Option<u32>,
    /// Its life, `i91`.
    pub instance: Option<String>,
    /// How long its program has been running, in milliseconds.
    pub uptime_ms: Option<u64>,
    /// Restarts that nobody asked for, since the counters were last reset.
    pub restarts: u32,
    /// Processor use, 100 = one core.
    pub cpu_percent: Option<f64>,
    /// Resident memory of the life's process in bytes.
    pub memory_bytes: Option<u64>,
    /// Its port, where Abide gave it one.
    pub port: Option<u16>,
    /// `starting`, `healthy` or `unhealthy`; `null` without a health check.
    pub health: Option<String>,
    /// How its last life ended.
    pub exit: Option<ExitView>,
}

/// How a life ended: `{"code":1}`, `{"signal":"SIGKILL"}`, `{"unseen":true}`, `{"failed":"exec","errno":"ENOENT"}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExitView {
    /// Exit code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<i32>,
    /// Name of the signal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signal: Option<String>,
    /// Whether a core file was written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub core: Option<bool>,
    /// Whether it ended while nobody could see how.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unseen: Option<bool>,
    /// The step of the birth that failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failed: Option<String>,
    /// The system's error of that step.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub errno: Option<String>,
}

/// Everything known of one app: `abide status APP`, `GET /api/v1/apps/{app}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppDetail {
    /// Name of the app.
    pub app: String,
    /// The effective specification; values of variables are masked as `•••`. `origins` says where values came from.
    pub spec: serde_json::Value,
    /// The group of apps that it belongs to, if a file defined it.
    #[serde(default)]
    pub project: Option<Project>,
    /// That file.
    #[serde(default)]
    pub source: Option<String>,
    /// The profile that shaped it.
    #[serde(default)]
    pub profile: Option<String>,
    /// Its slots.
    pub slots: Vec<SlotDetail>,
    /// Milliseconds since 1970 of the next restart that is due in any slot.
    pub next_restart_at: Option<i64>,
    /// Milliseconds since 1970 of the next run that the app's schedule asks for.
    #[serde(default)]
    pub next_run_at: Option<i64>,
    /// The reload that is under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reload: Option<ReloadView>,
    /// The last reload that failed, if none has succeeded since.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failed_reload: Option<FailedReloadView>,
    /// The apps that it waits for before each birth.
    #[serde(default)]
    pub depends_on: Vec<DependencyView>,
    /// The newest events of the app, oldest first.
    pub last_events: Vec<EventLine>,
}

/// A slot with what only `status` shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotDetail {
    /// What `list` shows.
    #[serde(flatten)]
    pub row: SlotRow,
    /// More about the status in words.
    pub why: Option<String>,
    /// Milliseconds since 1970 of the next restart.
    pub next_restart_at: Option<i64>,
    /// Another process than `pid` that the life named as its main one (`MAINPID=`).
    #[serde(default)]
    pub main_pid: Option<u32>,
    /// What the life last said of itself (`STATUS=`).
    #[serde(default)]
    pub said: Option<String>,
    /// The last bad answer of a probe to this life.
    #[serde(default)]
    pub bad_answer: Option<String>,
    /// Answers of probes that came when nobody waited for them any more.
    #[serde(default)]
    pub late_answers: u64,
    /// Why the last life was ended by Abide itself, if it was.
    #[serde(default)]
    pub fault: Option<String>,
    /// The last runs of a job, the oldest first.
    #[serde(default)]
    pub runs: Vec<RunView>,
    /// The life that is to take the place of the one in this slot.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<NextLife>,
    /// Lives whose place another has taken, and that are not gone yet.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub leaving: Vec<String>,
    /// The last lines of its log, both streams, oldest first; escaped for a terminal.
    pub last_lines: Vec<String>,
    /// The log files of its standard output and its standard error; `null` where a stream goes nowhere, the same twice where one file takes both.
    /// A third one takes both in addition.
    pub log_files: Vec<Option<String>>,
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    /// The life.
    pub instance: String,
    /// When its program began, in milliseconds since 1970.
    pub at: i64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// How it ended.
    pub exit: ExitView,
}

/// An app that another waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyView {
    /// Which app.
    pub app: String,
    /// How far it must be: `started`, `ready`, `completed`, `completed_ok`.
    pub condition: String,
    /// Whether it holds its dependents back even when it is not on its way.
    pub required: bool,
    /// Whether it is so far.
    pub holds: bool,
    /// If it is not: why, in words.
    pub why: Option<String>,
}

impl From<&model::End> for ExitView {
    fn from(end: &model::End) -> ExitView {
        use model::{End, Verdict};
        match end {
            End::Exited(Verdict::Code(code)) => ExitView { code: Some(*code), ..ExitView::default() },
            End::Exited(Verdict::Signal { number, core }) => {
                ExitView { signal: Some(number.to_string()), core: core.then_some(true), ..ExitView::default() }
            }
            End::Exited(Verdict::Unseen) => ExitView { unseen: Some(true), ..ExitView::default() },
            End::NotBorn { stage, errno } => {
                ExitView { failed: Some(stage.word().to_owned()), errno: Some(errno.clone()), ..ExitView::default() }
            }
        }
    }
}
