//! Wishes and how they come true.

use crate::ExitView;
use crate::plan::RememberedProfile;
use model::{AppName, DaemonSettings, Definition, Project, SettingsOf, Signal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `POST /api/v1/apps`: define one app and start it. An existing app of the same name with the same specification is
/// started; with another it is refused (409 `name_taken`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartRequest {
    /// The app.
    pub definition: Definition,
}

/// `POST /api/v1/apply`: define (or redefine) these apps in one operation, and start those whose `autostart` is true. Apps that
/// are not named stay as they are, but for `prune`. All or nothing: one app that cannot be refuses all. `POST /api/v1/plan` takes the same
/// and changes nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ApplyRequest {
    /// The apps in the order of the file.
    pub definitions: Vec<Definition>,
    /// The manager's own settings from who has no file; what is not set stays as it is.
    #[serde(skip_serializing_if = "DaemonSettings::is_empty", default)]
    pub daemon: DaemonSettings,
    /// The manager's own settings of each file that is applied: all that it sets, so that what it set before and does not set now goes. Two
    /// sources that want different things are refused (409 `settings_differ`).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub settings: Vec<SettingsOf>,
    /// Apps of these projects that are not named are removed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub prune: Vec<Project>,
    /// Only these are removed, if any are named here (`--only`).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub prune_only: Vec<AppName>,
    /// The profile that was chosen for each project, to be remembered.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub profiles: Vec<RememberedProfile>,
    /// Take the captured session of these definitions also where an app has one already (`--update-env`).
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub update_env: bool,
    /// The id of the plan that was agreed to. If the plan would be another by now, the apply is refused (409 `plan_changed`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan: Option<String>,
}

/// `POST /api/v1/apps/{selector}/restart` may carry this: the apps take the variables and the umask of another session (`--update-env`), or one app
/// another port (`--port`). Without a body they keep what they were defined with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RestartRequest {
    /// What an app gets that says nothing of `inherit_env`.
    pub session_env: BTreeMap<String, String>,
    /// All that may be captured of the session, for apps that name what they want.
    pub nameable_env: BTreeMap<String, String>,
    /// The session's umask.
    pub umask: u32,
    /// The port that the app has from now on; for one app alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<u16>,
    /// The variables and the umask stay what they were.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub keep_env: bool,
}

/// What an apply comes to; also the first line of its stream.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ApplyReply {
    /// Apps that are new or changed, or that were started.
    pub changed: Vec<String>,
    /// Apps that were as wished and run.
    pub unchanged: Vec<String>,
    /// Apps that go.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub removed: Vec<String>,
    /// Whether the manager's own settings have changed.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub daemon: bool,
    /// Why `daemon.toml` of the home does not count as it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settings_trouble: Option<String>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// `up`, `apply`.
    Apply,
    /// `rollback`.
    Rollback,
    /// `start`.
    Start,
    /// `stop`.
    Stop,
    /// `restart`.
    Restart,
    /// `reload`.
    Reload,
    /// `scale`.
    Scale,
    /// `delete`.
    Delete,
    /// `reset`.
    Reset,
    /// `wait`: nothing is wished, so it is no operation of the store and its number is 0.
    Wait,
    /// `daemon stop`.
    Shutdown,
    /// `daemon upgrade`. A new steward does not know it: see [`Operation`].
    Upgrade,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Not every slot has got there.
    Running,
    /// Every slot is as wished.
    Done,
    /// Every slot has got somewhere, at least one not where it should.
    Failed,
}

/// How far one slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// On the way.
    Pending,
    /// As wished.
    Ok,
    /// Not as wished; `detail` says why.
    Failed,
}

/// An accepted wish. Writes answer 202 with one; with `?follow=true` the answer is a stream of them
/// (`application/x-ndjson`), one at once and one after each change, the last with a state other than `running`.
///
/// An upgrade says `done` when keeper and scribe are new; then the steward makes room for its successor, which `GET /daemon` shows. A stream
/// that breaks off before tells nothing: another keeper (its pid) is a new one that broke and was recovered from, another steward with
/// the same keeper is to be asked again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its number in the store.
    pub id: u64,
    /// What was asked for.
    pub kind: OperationKind,
    /// How far it is.
    pub state: OperationState,
    /// The slots that it is about.
    pub slots: Vec<SlotOutcome>,
    /// For `apply`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub apply: Option<ApplyReply>,
    /// Why it failed, where that is not about a slot.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
}

/// A slot within an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotOutcome {
    /// Its app.
    pub app: String,
    /// Its name, `web-0`.
    pub slot: String,
    /// How far it is.
    pub outcome: Outcome,
    /// Its status now, or why it failed, in words.
    pub detail: String,
    /// For a failed slot: the last 20 lines of the log of the life that failed, escaped for a terminal.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub log_tail: Vec<String>,
    /// For `wait`: the life that is looked at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instance: Option<String>,
    /// For `wait` with `for=exit`, once it has ended: how.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exit: Option<ExitView>,
}

/// What `wait` waits for: `GET /api/v1/apps/{selector}/wait?for=…&follow=true`. The answer is a stream of [`Operation`]s as after a wish. Who
/// asks again after the stream broke names the lives of before, `lives=web-0:i9,db-0:i4` ([`SlotOutcome::instance`]), so that an end in
/// between is not missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Each is ready; without a readiness of its own: it runs.
    #[default]
    Ready,
    /// Each rests: stopped, completed or errored.
    Stopped,
    /// The life of each, or else its next one, has ended.
    Exit,
}

impl Until {
    /// The word in commands and queries.
    pub fn word(self) -> &'static str {
        match self {
            Until::Ready => "ready",
            Until::Stopped => "stopped",
            Until::Exit => "exit",
        }
    }
}

/// `POST /api/v1/apps/{selector}/signal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalRequest {
    /// Its name or number, as a string.
    pub signal: Signal,
}

/// To whom a signal was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalDone {
    /// Which.
    pub signal: Signal,
    /// One process of each slot that runs.
    pub sent: Vec<Signalled>,
}

/// One process that a signal was sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signalled {
    /// Its app.
    pub app: String,
    /// Its slot.
    pub slot: String,
    /// Its life.
    pub instance: String,
    /// Its process id: of the life's leader, or of the process that the life named as its main one.
    pub pid: u32,
}
