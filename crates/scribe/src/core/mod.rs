//! The scribe's decisions, pure: no clock, no files, no environment, no randomness.
//!
//! [`Core::step`] takes one [`Happening`] and the time, and appends [`Effect`]s. The contract of whoever performs them:
//!
//! 1. Perform a batch in order. Only its last effect may [ask](Effect::asks); its result is the next happening, at once, before any
//!    other. So a chain of effects runs to its end before something else is looked at, and "the effect in hand" is always finished.
//! 2. When a batch asks nothing, wait for the kernel until [`Core::deadline`], and step with what it reports, or with
//!    [`Happening::Due`].
//! 3. After [`Effect::Exit`] nothing follows.
//!
//! A crash between any two effects is survived by a new core that knows nothing: bytes are in the FIFO or in the file, sizes and line
//! ends are read from the file, the last writer from the index (its record is written *before* the first byte of another life), and a
//! rotation that was cut short is planned again from the names that exist. Raw bytes come once. Of lines in another form, a crash between
//! writing and consuming repeats at most one turn, and so it is of a stream that goes into two files. Bytes that a stream with `LogOverflow::Drop` lets go while its file is in trouble are
//! counted in memory only: a crash forgets the count of a gap that has not been written.

mod age;
mod answer;
mod budget;
mod care;
mod careful;
mod chore;
mod clear;
mod command;
mod cut;
mod drop;
mod effect;
mod file;
mod form;
mod formed;
mod json;
mod opening;
mod outbox;
mod pair;
mod rotate;
mod seal;
mod slab;
mod state;
mod stream;
mod turn;

#[cfg(test)]
mod tests;

pub use age::AGE_AGAIN;
pub use budget::{Piece, Tally};
pub use care::{CLOCK_RESTS, FIRST_LOOK, SURVEY_EVERY, ZIP_AGAIN};
pub use clear::is_beside;
pub use cut::Cut;
pub use effect::{Answer, Cause, Effect, FileKey, Happening, Interest, Now, Sibling, StreamKey, TURN_BYTES};
pub use file::{GREW_EVERY, INDEX_EVERY, ROTATE_AGAIN};
pub use form::{FORM_BUFFER, FORM_ROOM, Laid, Lead, Rest, lay};
pub use rotate::siblings;
pub use state::Core;
pub use stream::{FIRST_PAUSE, LINE_PATIENCE, LONGEST_PAUSE, REST, REST_BELOW, REST_WITHIN, TROUBLE_AGAIN};
