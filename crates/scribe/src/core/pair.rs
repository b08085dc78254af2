//! A stream that goes into two files: its own, and one that takes both streams of an app (`LogForm::also`).
//!
//! It is a *pair* of streams over one FIFO, each with a descriptor, a file, turns, pauses and gaps of its own. None of the two consumes what
//! it has written: it is *ahead* by so many bytes and looks past them. What both have written is consumed. So trouble with one file
//! holds up the other only when the FIFO is full (`block`), or not at all (`drop`: the gap is that of the one file). A crash repeats
//! what was written and not consumed, in either file, and loses nothing.

use super::effect::{Answer, Effect, Interest, Now, StreamKey};
use super::state::Core;
use super::stream::Stream;
use super::turn::{Step, Turn};
use model::{LogForm, LogPolicy, StreamId};

/// What follows when bytes have been consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// The turn begins.
    Enter,
    /// The end of a move.
    Moved { taken: u64, written: u64 },
    /// The bytes were let go.
    Gap,
}

impl Core {
    /// The streams by this name: one, or a pair.
    pub(crate) fn both(&self, id: StreamId) -> Vec<StreamKey> {
        let first = self.by_id.get(&id).copied();
        let second = first.and_then(|key| self.streams.get(key.0)?.twin);
        first.into_iter().chain(second).collect()
    }

    pub(crate) fn is_paired(&self, turn: Turn) -> bool {
        self.streams.get(turn.stream.0).is_some_and(|stream| stream.twin.is_some())
    }

    pub(crate) fn is_ahead(&self, turn: Turn) -> bool {
        self.streams.get(turn.stream.0).is_some_and(|stream| stream.ahead > 0)
    }

    fn twin_of(&self, key: StreamKey) -> Option<&Stream> {
        self.streams.get(self.streams.get(key.0)?.twin?.0)
    }

    /// Makes a stream one of a pair, or no longer, as the steward says.
    pub(crate) fn pair(
        &mut self,
        key: StreamKey,
        (own, policy): (String, LogPolicy),
        form: &LogForm,
        born: bool,
        out: &mut Vec<Effect>,
    ) {
        let Some(stream) = self.streams.get(key.0) else { return };
        let (id, fifo) = (stream.id, stream.fifo.clone());
        match (stream.twin, form.also.clone().filter(|also| *also != own)) {
            (None, None) => {}
            (None, Some(_)) if stream.sealed.is_some() => {}
            (None, Some(path)) => {
                let file = self.file_of(path, policy);
                let second = Stream { twin: Some(key), second: true, ..Stream::new(id, fifo, file, form, born) };
                let twin = StreamKey(self.streams.insert(second));
                self.with_stream(key, |stream| stream.twin = Some(twin));
                self.join(twin, file);
                self.try_soon(twin);
            }
            (Some(twin), Some(path)) => self.renew(twin, (path, policy), form, born, out),
            (Some(twin), None) => {
                self.let_go(twin, out);
                self.strike(twin);
                self.with_stream(key, |stream| stream.twin = None);
                self.try_soon(key);
            }
        }
    }

    /// Bytes at the head of the FIFO that are wherever they are to be.
    pub(crate) fn common(&self, key: StreamKey) -> u64 {
        let ahead = self.streams.get(key.0).map_or(0, |stream| stream.ahead);
        self.twin_of(key).filter(|twin| twin.sealed.is_none()).map_or(ahead, |twin| twin.ahead.min(ahead))
    }

    /// So many bytes more are in our file, or let go. `turn.after` follows.
    pub(crate) fn advance(&mut self, turn: Turn, bytes: u64, now: Now, out: &mut Vec<Effect>) {
        self.with_stream(turn.stream, |stream| stream.ahead += bytes);
        self.wake_twin(turn.stream);
        match self.common(turn.stream) {
            0 => self.consumed(turn, &Answer::Empty, now, out),
            len => self.ask(turn, Step::Consume, Effect::Discard { stream: turn.stream, len }, out),
        }
    }

    pub(crate) fn consumed(&mut self, turn: Turn, answer: &Answer, now: Now, out: &mut Vec<Effect>) {
        let twin = self.streams.get(turn.stream.0).and_then(|stream| stream.twin);
        match answer {
            Answer::Moved(bytes) => {
                for key in [turn.stream].into_iter().chain(twin) {
                    self.with_stream(key, |stream| stream.ahead = stream.ahead.saturating_sub(*bytes));
                }
                self.wake_twin(turn.stream);
            }
            Answer::Failed(cause) => return self.fifo_trouble(turn, *cause, now, out),
            _ => {}
        }
        match turn.after {
            After::Enter => self.enter(turn, out),
            After::Moved { taken, written } => self.moved(turn, taken, written, now, out),
            After::Gap => self.gapes_on(turn, now, out),
        }
    }

    /// Lets the other look, unless it waits for its own time.
    fn wake_twin(&mut self, key: StreamKey) {
        if let Some(twin) = self.streams.get(key.0).and_then(|stream| stream.twin)
            && self.streams.get(twin.0).is_some_and(|twin| twin.open && twin.interest != Interest::Off)
        {
            self.try_soon(twin);
        }
    }

    /// Whether every byte is in every file.
    pub(crate) fn is_over(&self, key: StreamKey) -> bool {
        let sealed = |stream: &Stream| stream.sealed.is_some();
        self.streams.get(key.0).is_some_and(sealed) && self.twin_of(key).is_none_or(sealed)
    }

    /// Says that a stream is sealed, if it is: of a pair, when both are.
    pub(crate) fn say_sealed(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.get(key.0) else { return };
        let first = if stream.second { stream.twin.unwrap_or(key) } else { key };
        if self.is_over(key) {
            self.with_stream(first, |stream| stream.notes.sealed = true);
            self.note(first);
        } else {
            self.wake_twin(key);
        }
    }
}
