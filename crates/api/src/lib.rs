//! What clients of the steward see: types of requests, replies and events, and a small blocking client.

pub mod client;
mod environment;
mod event;
mod input;
mod log;
mod logs;
mod operation;
mod plan;
mod port;
mod problem;
mod reload;
mod slot;
mod when;

pub use environment::{EnvironmentView, VariableFrom, VariableView};
pub use event::{DaemonStatus, EventLine, ProcessRef, VersionInfo};
pub use input::Sent;
pub use log::{LogItem, LogLine, LogRead, LogReader, LogRemark};
pub use logs::{LogFileRef, LogsDone};
pub use operation::{
    ApplyReply, ApplyRequest, Operation, OperationKind, OperationState, Outcome, RestartRequest, SignalDone, SignalRequest,
    Signalled, SlotOutcome, StartRequest, Until,
};
pub use plan::{HistoryEntry, PlanReply, ProjectView, RememberedProfile, RollbackRequest};
pub use port::{PortKind, PortRow, PortState};
pub use problem::Problem;
pub use reload::{BadScale, FailedReloadView, MOST_INSTANCES, NextLife, ReloadView, ScaleRequest, ScaleTo};
pub use slot::{AppDetail, DependencyView, ExitView, RunView, SlotDetail, SlotRow};
pub use when::{BadTime, TIMES, when};
