//! The end of a stream: everything is in the file, and its last line is a line.

use super::effect::{Effect, Interest, Now};
use super::file::{Owner, Tail, stream_of};
use super::state::Core;
use super::stream::Facts;
use super::turn::{Step, Turn};
use model::IndexRecord;

impl Core {
    /// The FIFO is born and reads as ended, or is gone. Nothing here stands in the way of `Sealed`: if the file cannot be read, or has no
    /// room for a line feed, the next life's first line gets it.
    pub(crate) fn seal(&mut self, turn: Turn, out: &mut Vec<Effect>) {
        if self.log(turn).open {
            self.ask(turn, Step::Stat, Effect::Stat { file: turn.file }, out);
        } else {
            // What is missing is worth a file.
            let create = self.has_gap(turn);
            self.open_log(turn, create, out);
        }
    }

    /// Gives a last line without an end its line feed.
    pub(crate) fn seal_tail(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        let Some(stream) = self.streams.get(turn.stream.0) else { return };
        let (id, formed) = (stream.id, stream.lead.is_some());
        let log = self.log(turn);
        let mine = log.owner == Owner::Stream(turn.stream) || log.owner == Owner::Life(id);
        // In a form the part itself ends with a line feed.
        let cut = |last: &IndexRecord| last.flags.our_newline || (formed && last.flags.partial);
        let ended = log.last.is_some_and(|last| cut(&last) && stream_of(&last) == id && last.offset == log.size);
        let size = log.size;
        if size == 0 || !mine || ended {
            return self.seal_gap(Turn { part: mine && ended, ..turn }, now, out);
        }
        match log.tail {
            Tail::Line => self.seal_gap(turn, now, out),
            Tail::Unknown => self.ask(turn, Step::Tail, Effect::LastByte { file: turn.file, size }, out),
            Tail::Mid => self.end_line(Turn { part: true, ..turn }, now, out),
        }
    }

    pub(crate) fn sealed(&mut self, turn: Turn, partial: bool, out: &mut Vec<Effect>) {
        let size = self.log(turn).size;
        self.say_gap(turn.stream);
        self.say_resumed(turn.stream);
        self.set_due(turn.stream, None);
        self.wake_waiting(turn);
        let Some(stream) = self.streams.get_mut(turn.stream.0) else { return };
        if std::mem::replace(&mut stream.open, false) {
            out.push(Effect::CloseFifo { stream: turn.stream });
        }
        stream.interest = Interest::Level;
        stream.sealed = Some(Facts { size, bytes: stream.bytes, partial, dropped: stream.dropped });
        self.leave(turn.stream, turn.file, out);
        self.say_sealed(turn.stream);
    }
}
