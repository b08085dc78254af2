//! The steward: decides what runs, keeps what is wished, serves the API.
//!
//! A shell around the engine (`brain`: one owner, one loop) with its ways out and in: the keeper's line (`keeper_link`), the link to the
//! scribe (`scribe_link`; both over a `duplex`), the state files (`store`), the event journal (`journal`), looks at /proc (`sweep`), questions to lives
//! (`probe`), commands beside the apps (`runner`), what the outside is told (`hooks`), changed files (`watch`), and the door (`http`) whose
//! handlers only ask (`call`). Pure parts beside it: selectors (`select`), operations on their way (`track`), names in commands (`fill`),
//! what the clock begins (`clock`), which port a life gets (`ports`).
//! [`main`] is the program; a start, a crash and an upgrade take the same path (`brain::start`).

mod birth;
mod brain;
mod call;
mod channel;
mod clock;
mod duplex;
mod entry;
mod environment;
mod fill;
mod home;
mod hooks;
mod http;
mod hush;
mod identity;
mod journal;
mod keeper_link;
mod limits;
mod log;
mod logfile;
mod note;
mod own_file;
mod ports;
mod preflight;
mod previous;
mod probe;
mod runner;
mod scribe_link;
mod select;
mod sockets;
mod store;
mod sweep;
mod time;
mod track;
mod usage;
mod watch;

pub use entry::main;
