//! Faults and bad input: the rows of `reliability.md` that name the keeper, asked of the real executable alone. Tests are named by row.
//!
//! A system call that fails is made to fail by strace, attached to the keeper when it is idle; where no strace or no tracing is allowed the
//! test says aloud that it is skipped.

mod child;
mod desk;
mod disk;
mod exec;
mod fork;
mod full;
mod memory;
mod orphans;
mod signals;
mod sweep;
