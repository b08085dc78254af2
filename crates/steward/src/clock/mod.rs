//! What the wall clock begins: the calendar of cron expressions (`rule`), a rule that is followed (`line`), what is remembered of the past
//! (`memory`), and the book of it all. All of it is pure: both clocks are handed in. The rules for people stand in `docs/schedule.md`.

mod book;
mod line;
mod memory;
mod rule;

pub(crate) use book::{Begins, Book, Word};
pub(crate) use line::{Now, Terms};
#[cfg(test)]
pub(crate) use memory::Memory;
pub(crate) use rule::Rule;

#[cfg(test)]
mod book_tests;
#[cfg(test)]
mod rule_tests;
