//! The state files; nothing outside knows their form.
//!
//! `store/operations` holds what was wished: one line, one write and one fsync for an operation, however many apps it touches.
//! `store/snapshot` is the same thing compacted: lines that replay to the same state. `store/lives` is the journal of lives, without
//! fsync: only the death of a process must not lose it. Every line carries a checksum, so what is damaged is told from what is not, and
//! the rest still counts. `store/schedule` is what the clock has begun, one line that is replaced as a whole.

mod book;
mod disk;
mod frame;
mod lives;
mod past;
mod record;
mod settings;
mod state;
mod writers;

pub(crate) use book::{recall_times, remember_times};
pub(crate) use disk::{SaveError, Store};
pub(crate) use lives::{LivesJournal, Remembered};
pub(crate) use past::{Past, Was};
pub(crate) use record::{Act, Defined, FailedRoll, Goal, StoredRoll, StoredTarget, Told, Track};
pub(crate) use settings::{Conflict, Settings};
pub(crate) use state::StoredApp;
pub(crate) use writers::Writers;

#[cfg(test)]
mod lives_tests;
#[cfg(test)]
mod past_tests;
#[cfg(test)]
mod roll_tests;
#[cfg(test)]
mod tests;
