//! The shell around the engine: what it is ([`Brain`]), how it starts, hears, performs, takes wishes, and answers.

mod apply;
mod ask;
mod bounds;
mod clock;
mod errand;
mod hear;
mod hooks;
mod input;
mod keeping;
mod last_words;
mod listen;
mod listen_log;
mod lookups;
mod measuring;
mod names;
mod parked;
mod perform;
mod planned_sockets;
mod ports;
mod probe;
mod roll;
mod rollback;
mod run;
mod run_command;
mod scale;
mod settings;
mod show;
mod signals;
mod sockets;
mod start;
mod switch;
mod upgrade;
mod verbs;
mod watch;
mod wishes;

pub(crate) use run::{Brain, Identity, Leave};
