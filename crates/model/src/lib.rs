//! Abide's vocabulary: what every other crate means by *app, slot, instance, generation, wish, verdict*.
//!
//! Plain data and its validation only: no clock, no files, no environment, no randomness.

pub mod base64;
pub mod beside;
mod id;
mod index;
mod life;
mod link;
mod log;
mod manager;
mod name;
mod signal;
mod size;
mod span;
mod spec;
mod status;
mod time;
mod verdict;

pub use id::{Generation, InstanceId, OperationId, ParseIdError, SlotId};
pub use index::{INDEX_RECORD_BYTES, IndexFlags, IndexRecord};
pub use life::{ByUser, LifeRecord, Rest, SlotMemo, Stream};
pub use link::{FromScribe, LINK_MESSAGE_LIMIT, LogForm, StreamId, ToScribe};
pub use log::{LogFormat, LogOverflow, LogPolicy, LogSpec, LogTarget};
pub use manager::DaemonSettings;
pub use name::{AppName, NameError, SlotRef};
pub use signal::{Signal, UnknownSignal};
pub use size::{ParseSizeError, format_size, parse_size};
pub use span::{ParseSpanError, format_span, parse_span};
pub use spec::{AppSpec, Backoff, Definition, Origin, Restart};
pub use status::Status;
pub use time::{Tick, Wall};
pub use verdict::{End, Stage, Verdict};
