//! What clients of the steward see: types of requests, replies and events, and a small blocking client.

pub mod client;
mod event;
mod logs;
mod operation;
mod problem;
mod slot;

pub use event::{DaemonStatus, EventLine, LogLine, ProcessRef, VersionInfo};
pub use logs::{LogFileRef, LogsDone};
pub use operation::{ApplyReply, ApplyRequest, Operation, OperationKind, OperationState, Outcome, SlotOutcome, StartRequest};
pub use problem::Problem;
pub use slot::{AppDetail, ExitView, SlotDetail, SlotRow};
