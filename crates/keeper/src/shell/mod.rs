//! The loop around the core: wait for the kernel, step, perform.
//!
//! Exits are taken first in every round, so that nothing dead is ever signalled; then reports of children, then connections. Nothing here
//! waits but the one `wait`, which has a limit only when something is planned: an idle keeper is never woken.

mod kernel;
mod rounds;

pub use rounds::{Shell, run_with};
