//! The shell around the engine: what it is ([`Brain`]), how it starts, hears, performs, takes wishes, and answers.

mod ask;
mod errand;
mod hear;
mod input;
mod keeping;
mod listen;
mod names;
mod perform;
mod probe;
mod run;
mod show;
mod signals;
mod start;
mod upgrade;
mod wishes;

pub(crate) use run::{Brain, Identity, Leave};
