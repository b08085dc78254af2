//! A stream that would rather lose bytes than wait. While its file is in trouble it is read and discarded, and counted: a *gap*. From time
//! to time the file is tried again; when it takes bytes, the first of them are a line that tells of the gap.

use super::cut::Ending;
use super::effect::{Answer, Cause, Effect, Interest, Now, StreamKey};
use super::file::Tail;
use super::form::gap_line;
use super::pair::After;
use super::state::Core;
use super::turn::{Step, Turn};
use model::Tick;

/// What a stream has lost and not yet told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub bytes: u64,
    pub cause: Cause,
    /// Its file is not tried before this.
    pub until: Tick,
}

impl Core {
    /// Whether a line about a gap is to be written.
    pub(crate) fn has_gap(&self, turn: Turn) -> bool {
        self.streams.get(turn.stream.0).is_some_and(|stream| stream.gap.is_some_and(|gap| gap.bytes > 0))
    }

    /// The file is in trouble: until it is tried again, bytes are let go.
    pub(crate) fn gape(&mut self, turn: Turn, path: String, cause: Cause, now: Now, out: &mut Vec<Effect>) {
        self.say_trouble(turn.stream, path, cause, now);
        let Some(stream) = self.streams.get_mut(turn.stream.0) else { return };
        stream.patience_ends = None;
        let until = now.tick + stream.grow_pause();
        stream.gap = Some(Gap { bytes: stream.gap.map_or(0, |gap| gap.bytes), cause, until });
        self.set_due(turn.stream, Some(until));
        self.set_interest(turn.stream, Interest::Level, out);
    }

    pub(crate) fn discarded(&mut self, turn: Turn, answer: Answer, now: Now, out: &mut Vec<Effect>) {
        let Some(stream) = self.streams.get_mut(turn.stream.0) else { return };
        let Some(gap) = &mut stream.gap else { return };
        let mut due = gap.until;
        let paired = stream.twin.is_some();
        match answer {
            Answer::Moved(bytes) => {
                gap.bytes += bytes;
                stream.touched = true;
                if !stream.sure {
                    due = now.tick;
                }
            }
            Answer::Peeked(cut) => {
                gap.bytes += cut.len;
                stream.touched = true;
                return self.advance(Turn { after: After::Gap, ..turn }, cut.len, now, out);
            }
            Answer::Empty => {
                stream.sure = stream.ahead == 0;
                if paired {
                    self.set_interest(turn.stream, Interest::Level, out);
                }
            }
            Answer::End if stream.born => return self.seal(Turn { sealing: true, ..turn }, out),
            Answer::End => self.set_interest(turn.stream, Interest::Edge, out),
            Answer::Failed(cause) => return self.fifo_trouble(turn, cause, now, out),
            _ => return self.fifo_trouble(turn, Cause("EPROTO"), now, out),
        }
        self.set_due(turn.stream, Some(due));
    }

    /// What was let go by one of a pair is consumed as far as it may be.
    pub(crate) fn gapes_on(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        let Some(stream) = self.streams.get(turn.stream.0) else { return };
        let until = stream.gap.map_or(now.tick, |gap| gap.until);
        self.set_due(turn.stream, Some(if stream.sure { until } else { now.tick }));
        self.set_interest(turn.stream, Interest::Level, out);
    }

    /// The file is open: the line about the gap goes before anything else, on a line of its own.
    pub(crate) fn write_gap(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        if self.log(turn).tail == Tail::Unknown {
            let size = self.log(turn).size;
            return self.ask(turn, Step::Tail, Effect::LastByte { file: turn.file, size }, out);
        }
        match self.ending(turn) {
            Ending::Line if self.is_claimed(turn) => self.put_gap(turn, now, out),
            Ending::Line => self.claim(turn, now, out),
            Ending::Theirs | Ending::Orphan if !turn.sealing && self.is_patient(turn, now) => self.wait_for_line(turn, now, out),
            Ending::Theirs | Ending::Orphan | Ending::Mine => self.end_line(turn, now, out),
        }
    }

    pub(crate) fn put_gap(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        let Some(stream) = self.streams.get(turn.stream.0) else { return };
        let Some(gap) = stream.gap else { return };
        let line = gap_line(stream.lead.as_deref(), gap.bytes, gap.cause.0, now.wall);
        let (at, len) = (self.log(turn).size, line.len() as u64);
        self.ask(Turn { len, ..turn }, Step::Gap, Effect::Put { file: turn.file, at, line }, out);
    }

    pub(crate) fn gap_written(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        let log = self.log_mut(turn);
        log.size += turn.len;
        log.tail = Tail::Line;
        self.hint_grew(turn.file, now);
        self.say_gap(turn.stream);
        if turn.sealing {
            self.sealed(turn, turn.part, out);
        } else {
            self.proceed(turn, now, out);
        }
    }

    /// At the end of a stream: a gap that cannot be written is said all the same.
    pub(crate) fn seal_gap(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        if self.has_gap(turn) {
            self.write_gap(turn, now, out);
        } else {
            self.sealed(turn, turn.part, out);
        }
    }

    /// The gap is over, or will never be.
    pub(crate) fn say_gap(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.get_mut(key.0) else { return };
        let Some(gap) = stream.gap.take().filter(|gap| gap.bytes > 0) else { return };
        stream.dropped += gap.bytes;
        // Not heard yet of the one before: both in one word.
        let before = stream.notes.dropped.map_or(0, |(bytes, _)| bytes);
        stream.notes.dropped = Some((before + gap.bytes, gap.cause));
        self.note(key);
    }
}
