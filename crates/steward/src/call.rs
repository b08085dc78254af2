//! What the API asks of the brain.

use crate::environment::Given;
use crate::ports::Shown;
use crate::store::Writers;
use api::{
    AppDetail, ApplyRequest, DaemonStatus, EventLine, HistoryEntry, LogsDone, Operation, PlanReply, Problem, ProjectView,
    RestartRequest, ScaleRequest, Sent, SignalDone, SlotRow, StartRequest, Until,
};
use logs::Source;
use model::{Definition, InstanceId, Signal, Stream};
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// So many questions wait for the brain at most; further ones wait at the door.
pub(crate) const CALLS: usize = 64;

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Problem>>;
/// An operation that can be followed.
pub(crate) type Followed = watch::Receiver<Arc<Operation>>;
/// Names of log files that grew.
pub(crate) type Grown = broadcast::Receiver<Arc<str>>;

/// Log files.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    /// Which.
    pub(crate) sources: Vec<Source>,
    /// What grows, asked for.
    pub(crate) grown: Option<Grown>,
    /// Who writes to those that are shared.
    pub(crate) writers: Writers,
}

/// A question or a wish.
#[derive(Debug)]
pub(crate) enum Call {
    /// Slots, all or those that a selector means.
    Rows {
        /// The selector.
        select: Option<String>,
        /// The answer.
        reply: Reply<Vec<SlotRow>>,
    },
    /// One app; what stands in files is left empty.
    Detail {
        /// Its name.
        app: String,
        /// Whether secrets are told.
        reveal: bool,
        /// The answer.
        reply: Reply<AppDetail>,
    },
    /// What lives of an app or slot are born from.
    Given {
        /// Its name.
        select: String,
        /// The answer.
        reply: Reply<Given>,
    },
    /// A wish.
    Wish {
        /// What.
        wish: Box<Wish>,
        /// Who.
        actor: String,
        /// The `Idempotency-Key`.
        key: Option<String>,
        /// The accepted operation.
        reply: Reply<Followed>,
    },
    /// What an apply would do.
    Plan {
        /// The apply.
        request: Box<ApplyRequest>,
        /// The answer.
        reply: Reply<PlanReply>,
    },
    /// What a rollback would do.
    PlanRollback {
        /// Where to.
        back: Back,
        /// The answer.
        reply: Reply<PlanReply>,
    },
    /// What a reload would do.
    PlanReload {
        /// The selector.
        select: String,
        /// The answer.
        reply: Reply<PlanReply>,
    },
    /// The definitions that a rollback goes back to.
    Definitions {
        /// Where to.
        back: Back,
        /// The answer.
        reply: Reply<Vec<Definition>>,
    },
    /// What was done.
    History {
        /// Only what is about these apps.
        select: Option<String>,
        /// At most so many, the newest.
        lines: usize,
        /// The answer, the oldest first.
        reply: Reply<Vec<HistoryEntry>>,
    },
    /// The projects.
    Projects {
        /// The answer.
        reply: Reply<Vec<ProjectView>>,
    },
    /// An operation by number.
    Operation {
        /// Its number.
        id: u64,
        /// The answer.
        reply: Reply<Followed>,
    },
    /// What is waited for without being wished.
    Wait {
        /// The selector.
        select: String,
        /// What.
        until: Until,
        /// Lives that were looked at before, by the names of their slots.
        lives: Vec<(String, InstanceId)>,
        /// What can be followed.
        reply: Reply<Followed>,
    },
    /// A signal for what runs.
    Signal {
        /// The selector.
        select: String,
        /// Which.
        signal: Signal,
        /// Who.
        actor: String,
        /// The `Idempotency-Key`.
        key: Option<String>,
        /// To whom it was sent.
        reply: Reply<SignalDone>,
    },
    /// Ports and sockets; what the machine says of them is left open.
    Ports {
        /// The answer.
        reply: Reply<Vec<Shown>>,
    },
    /// The manager itself.
    Daemon {
        /// The answer.
        reply: Reply<DaemonStatus>,
    },
    /// The log files that a selector means, and (asked for) what grows.
    Logs {
        /// The selector.
        select: String,
        /// One stream only.
        stream: Option<Stream>,
        /// Whether they are to be followed.
        follow: bool,
        /// The answer.
        reply: Reply<Logs>,
    },
    /// Something about log files that the scribe does at once.
    Errand {
        /// What.
        errand: Errand,
        /// Who.
        actor: String,
        /// The `Idempotency-Key`.
        key: Option<String>,
        /// The answer, once it is done.
        reply: Reply<LogsDone>,
    },
    /// Bytes for the standard input of what a selector means.
    Send {
        /// The selector.
        select: String,
        /// The bytes.
        bytes: Vec<u8>,
        /// Who got them.
        reply: Reply<Sent>,
    },
    /// The event journal from now on.
    Events {
        /// The answer.
        reply: Reply<broadcast::Receiver<Arc<EventLine>>>,
    },
}

/// A wish as it comes from a client.
#[expect(clippy::large_enum_variant, reason = "always in a box")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wish {
    /// `POST /apps`.
    Define(StartRequest),
    /// `POST /apply`.
    Apply(ApplyRequest),
    /// `POST /apps/{selector}/rollback`, `POST /operations/{id}/rollback`, and the plan that was agreed to.
    Rollback(Back, Option<String>),
    /// A verb about what a selector means.
    About(Verb, String),
    /// A restart with the variables of another session, or with another port.
    Renew(RestartRequest, String),
    /// `POST /apps/{selector}/reload`, with or without the variables of another session.
    Reload(Option<RestartRequest>, String),
    /// `POST /apps/{app}/scale`.
    Scale(ScaleRequest, String),
    /// `POST /daemon/stop`.
    Shutdown,
    /// `POST /daemon/upgrade`.
    Upgrade,
}

/// Where a rollback goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Back {
    /// These apps go back to the last definition of theirs that was ready.
    Apps(String),
    /// Everything goes back to how it was after this operation.
    Operation(u64),
}

/// Something about log files that the scribe does at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Errand {
    /// `DELETE /apps/{selector}/logs`.
    Clear {
        /// The selector.
        select: String,
        /// One stream only.
        stream: Option<Stream>,
    },
    /// `POST /logs/reopen`.
    Reopen,
}

/// What is wished of known apps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Start,
    Stop,
    Restart,
    Reset,
    Delete,
}

/// The way to the brain.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    calls: mpsc::Sender<Call>,
}

impl Door {
    /// The way, and where the brain listens.
    pub(crate) fn new() -> (Door, mpsc::Receiver<Call>) {
        let (calls, heard) = mpsc::channel(CALLS);
        (Door { calls }, heard)
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask<T>(&self, call: impl FnOnce(Reply<T>) -> Call) -> Result<T, Problem> {
        let gone = || Problem::new(503, "stopping", "the manager is ending").hint("try again in a moment");
        let (reply, answer) = oneshot::channel();
        self.calls.send(call(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
