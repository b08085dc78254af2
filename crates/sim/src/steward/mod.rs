//! A stand-in for the steward: the real engine and the real lines to the keeper, on a fake disk. What it does, and in which order, is what
//! `crates/steward` does.

mod around;
mod book;
mod find;
mod gate;
mod hear;
mod link;
mod perform;
mod run;
mod search;

pub use run::Steward;
