//! The scribe's hands: one thread that waits, steps, performs.

mod forms;
mod logs;
mod perform;
mod run;
mod worker;

pub use run::main;
