//! The steward: decides what runs, keeps what is wished, serves the API.
//!
//! A shell around the engine (`brain`: one owner, one loop) with its ways out and in: the keeper's line (`keeper_link`), the link to the
//! scribe (`scribe_link`), the state files (`store`), the event journal (`journal`), looks at /proc (`sweep`), and the door (`http`) whose
//! handlers only ask (`call`). Pure parts beside it: selectors (`select`), operations on their way (`track`), names in commands (`fill`).
//! [`main`] is the program; a start, a crash and an upgrade take the same path (`brain::start`).

mod birth;
mod brain;
mod call;
mod channel;
mod entry;
mod fill;
mod home;
mod http;
mod hush;
mod journal;
mod keeper_link;
mod log;
mod logfile;
mod mask;
mod note;
mod preflight;
mod previous;
mod scribe_link;
mod select;
mod store;
mod sweep;
mod time;
mod track;
mod usage;

pub use entry::main;
