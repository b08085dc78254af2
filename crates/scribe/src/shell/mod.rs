//! The scribe's hands: a thread that waits, steps, performs; a further one for each further file system; and one in the background.

mod forms;
mod lanes;
mod logs;
mod perform;
mod relay;
mod run;
mod worker;

pub use run::main;
