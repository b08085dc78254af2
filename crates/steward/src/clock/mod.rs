//! What the wall clock begins: the calendar of cron expressions, and the book of what is due when. Both are pure; the brain asks the clock.

mod rule;

pub(crate) use rule::Rule;

#[cfg(test)]
mod rule_tests;
