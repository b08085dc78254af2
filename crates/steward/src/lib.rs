//! The steward.

mod birth;
mod brain;
mod call;
mod entry;
mod fill;
mod home;
mod http;
mod journal;
mod keeper_link;
mod log;
mod logfile;
mod note;
mod preflight;
mod scribe_link;
mod select;
mod store;
mod sweep;
mod time;
mod track;
mod usage;

pub use entry::main;
