//! The shell around the engine: what it is ([`Brain`]), how it starts, hears, performs, takes wishes, and answers.

mod ask;
mod bounds;
mod clock;
mod errand;
mod hear;
mod keeping;
mod listen;
mod names;
mod lookups;
mod measuring;
mod listen_log;
mod perform;
mod probe;
mod run;
mod show;
mod signals;
mod start;
mod upgrade;
mod watch;
mod wishes;

pub(crate) use run::{Brain, Identity, Leave};
