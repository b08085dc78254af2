//! Bearing a process.
//!
//! The plan is complete before the fork: every string, every pointer, every number, in buffers of a `Workshop` that are used again for
//! the next child. Between fork and exec the child makes system calls only; it neither allocates nor takes a lock, so it cannot hang on one
//! that another thread held. Once its buffers are large enough the workshop does not allocate either.

mod child;
mod prepare;
mod report;
mod wish;

pub use prepare::Workshop;
pub use report::{Born, Report, Step, read_report};
pub use wish::{Place, User, Wish, resource};
