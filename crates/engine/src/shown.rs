//! What users are shown of slots and reloads.

use model::{AppSpec, End, Fault, Generation, InstanceId, Reload, Run, SlotId, SlotRef, Tick};

/// One slot, as `list` shows it. Everything that is not known is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotView<'a> {
    /// The slot.
    pub slot: SlotRef,
    /// Its number.
    pub id: SlotId,
    /// The app's specification.
    pub spec: &'a AppSpec,
    /// Generation of the life (or of the app where there is none).
    pub generation: Generation,
    /// Its status.
    pub status: model::Status,
    /// More about the status, for people: `stopping (stuck)`, why it errored, what it waits for.
    pub why: Option<String>,
    /// It waits for what will not come by itself (a dependency that was given up, is stopped or unknown); `why` says which.
    pub hopeless: bool,
    /// The life that fills it.
    pub instance: Option<InstanceId>,
    /// That life has been told to end, or its process has ended already: it will not stay, whatever is wished from now on.
    pub ending: bool,
    /// Its process.
    pub pid: Option<u32>,
    /// Start time of the process in clock ticks since boot.
    pub ident: Option<u64>,
    /// When the life's program began to run.
    pub since: Option<Tick>,
    /// Restarts that nobody asked for.
    pub restarts: u32,
    /// How its last life ended.
    pub exit: Option<&'a End>,
    /// When the next life is due.
    pub next_at: Option<Tick>,
    /// The newest life that ran.
    pub ran: Option<InstanceId>,
    /// The newest life that was ready (in an app without readiness: that ran for `min_uptime`).
    pub was_ready: Option<InstanceId>,
    /// Whether it is wished to run.
    pub wished: bool,
    /// Its health, where the app has a check.
    pub health: Option<HealthView>,
    /// What the life last said of itself (`STATUS=`).
    pub said: Option<&'a str>,
    /// The last bad answer of a probe to this life.
    pub bad_answer: Option<&'a str>,
    /// Answers of probes that came when nobody waited for them any more, of all lives of this slot since this steward began.
    pub late_answers: u64,
    /// Why the last life was ended by us, if it was.
    pub fault: Option<&'a Fault>,
    /// The last runs of a job, the oldest first.
    pub runs: &'a [Run],
    /// Another process that the life named as its main one (`MAINPID=`): pid and start time.
    pub main: Option<(u32, u64)>,
    /// The port that its life was given.
    pub port: Option<u16>,
    /// The life that is to take the place of the one that fills it.
    pub next: Option<NextView<'a>>,
    /// Lives that were taken out and are not gone yet.
    pub leaving: Vec<InstanceId>,
}

/// A life that is to take the place of another.
#[derive(Debug, Clone, PartialEq)]
pub struct NextView<'a> {
    /// Which.
    pub instance: InstanceId,
    /// Its process.
    pub pid: Option<u32>,
    /// Its status.
    pub status: model::Status,
    /// More about it, for people.
    pub why: Option<String>,
    /// The last bad answer of a probe to it.
    pub bad_answer: Option<&'a str>,
    /// The port that it was given.
    pub port: Option<u16>,
}

/// A reload that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollView {
    /// How.
    pub how: Reload,
    /// To which generation.
    pub generation: Generation,
    /// It is the way back from one that failed.
    pub back: bool,
    /// That has failed too, and what lives is left alone.
    pub given_up: bool,
}

/// The health of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthView {
    /// Nothing is known yet.
    Starting,
    /// The check succeeds.
    Healthy,
    /// It fails.
    Unhealthy,
}
