//! The loop around the core: wait for the kernel, step, perform.
//!
//! Exits are taken first in every round, so that nothing dead is ever signalled; then reports of children, then connections. Nothing here
//! waits but the one `wait`, which has a limit only when something is planned: an idle keeper is never woken. Tables and buffers have
//! their size from the start when the pools are fixed; from then on only an upgrade asks for memory.

mod birth;
mod exits;
mod kernel;
mod ledger;
mod links;
mod listener;
mod outlets;
mod rounds;
mod spare;
mod tables;
mod upgrade;

pub use ledger::check_ledger;
pub use rounds::{Shell, ShellSettings, run_with};
