//! The keeper's line protocol: fields joined by TAB, lines ended by LF.
//!
//! Dialect 1 is daemonproxy's; dialect 2 is Abide's and adds escapes, event numbers, nanoseconds and long lines
//! (`docs/keeper.md`). This crate holds what both ends share: bounds, escaping, the lines that a controller sends and the events
//! that it gets. How commands are understood is the keeper's business (`keeper::command`).

mod bounds;
mod buffers;
mod command;
mod escape;
mod event;
mod fields;
/// The ledger of an upgrade.
pub mod ledger;
mod line;
mod name;
mod request;
mod script;
mod signals;

pub use bounds::{DIALECT1_LINE, DIALECT2_LINE, Dialect, NAME_LIMIT, is_name};
pub use buffers::{Inbox, Incoming, Outbox};
pub use command::{Ends, command, ends};
pub use escape::{EscapeError, push_field, split_fields};
pub use event::{DecodeError, Event, Numbered, ServiceState, decode};
pub use fields::{FieldError, fields, is_escaped, take_apart};
pub use line::Line;
pub use name::Name;
pub use request::Request;
pub use script::{Birth, Channels, Handles, TooLong, adopt, birth, handles, release};
pub use signals::{signal_name, signal_number};
