//! The keeper: the parent of everything that Abide runs.
//!
//! It spawns, reaps, signals and holds named descriptors, as it is told in a line protocol (`wire`). It has no policy, writes to no disk,
//! has one thread, and survives everybody it talks to.
//!
//! [`core`] is the ledger and its step function, pure: happenings and the time go in, effects come out as plain data. [`shell`] is the
//! loop around it that waits for the kernel and performs the effects. [`main`] is the program.

pub mod core;
#[cfg(any())]
mod home;
#[cfg(any())]
mod program;
#[cfg(any())]
pub mod shell;

#[cfg(any())]
pub use program::main;
