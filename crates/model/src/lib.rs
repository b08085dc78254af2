//! Abide's vocabulary: what every other crate means by *app, slot, instance, generation, wish, verdict*.
//!
//! Plain data and its validation only: no clock, no files, no environment, no randomness.

pub mod base64;
pub mod beside;
mod bounds;
mod care;
mod hook;
mod id;
mod in_millis;
mod index;
mod life;
mod link;
mod log;
mod manager;
mod name;
mod order;
mod pattern;
mod plan;
mod port;
mod reload;
mod secret;
mod signal;
mod size;
mod span;
mod spec;
mod status;
mod time;
mod verdict;
mod when;

pub use bounds::{CgroupUse, Identity, OnLimit, Rlimit, Usage};
pub use care::{Check, Health, HealthAction, Probe, Readiness};
pub use hook::{Hook, HookPoint, Hooks};
pub use id::{Generation, InstanceId, OperationId, ParseIdError, SlotId};
pub use index::{INDEX_RECORD_BYTES, IndexFlags, IndexRecord};
pub use life::{ByUser, Fault, LifeRecord, Rest, Run, SlotMemo, Stream, Told};
pub use link::{FromScribe, LINK_MESSAGE_LIMIT, LogForm, StreamId, ToScribe};
pub use log::{LogFormat, LogOverflow, LogPolicy, LogSpec, LogTarget};
pub use manager::{DaemonSettings, SettingsOf};
pub use name::{AppName, NameError, SlotRef};
pub use order::{Condition, Dependency, Group, OnExit, Strategy, cycle};
pub use pattern::fits;
pub use plan::{Change, Difference, Plan, Planned, Step, StepAct};
pub use port::{AUTO_PORTS, BACKLOG, Listen, ListenAddress, Port, Sticky};
pub use reload::{Reload, Renewal, Rolling};
pub use secret::MASK;
pub use signal::{Signal, UnknownSignal};
pub use size::{ParseSizeError, format_size, parse_size};
pub use span::{ParseSpanError, format_span, parse_span};
pub use spec::{AppSpec, Backoff, Definition, InheritEnv, Origin, Project, Restart};
pub use status::Status;
pub use time::{Tick, Wall};
pub use verdict::{End, Stage, Verdict};
pub use when::{Overlap, Schedule, Watch, WatchAction, When};
