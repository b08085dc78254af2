//! The end of a stream: everything is in the file, and its last line is a line.

use super::effect::{Effect, Interest, Now};
use super::file::{Owner, Tail};
use super::state::Core;
use super::stream::Facts;
use super::turn::{Step, Turn};
use model::{IndexFlags, IndexRecord};

impl Core {
    /// The FIFO is born and reads as ended, or is gone. Nothing here stands in the way of `Sealed`: if the file cannot be read, or has no
    /// room for a line feed, the next life's first line gets it.
    pub(crate) fn seal(&mut self, turn: Turn, out: &mut Vec<Effect>) {
        if self.log(turn).open {
            self.ask(turn, Step::Stat, Effect::Stat { file: turn.file }, out);
        } else {
            self.open_log(turn, false, out);
        }
    }

    /// Gives a last line without an end its line feed.
    pub(crate) fn seal_tail(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        let Some(stream) = self.streams.get(turn.stream.0) else { return };
        let instance = stream.id.instance;
        let log = self.log(turn);
        let mine = log.owner == Owner::Stream(turn.stream) || log.owner == Owner::Life(instance);
        let ended = log.last.is_some_and(|last| last.flags.our_newline && last.instance == instance && last.offset == log.size);
        let size = log.size;
        if size == 0 || !mine || ended {
            return self.sealed(turn, mine && ended, out);
        }
        match log.tail {
            Tail::Line => self.sealed(turn, turn.part, out),
            Tail::Unknown => self.ask(turn, Step::Tail, Effect::LastByte { file: turn.file, size }, out),
            Tail::Mid => {
                let flags = IndexFlags { partial: true, our_newline: true, ..IndexFlags::default() };
                let record = IndexRecord { offset: size + 1, wall: now.wall, tick: now.tick, instance, flags };
                // The record first: a line feed of ours is never taken for the app's.
                let turn = Turn { record: Some(record), part: true, ..turn };
                self.write_record(turn, Step::NewlineRecord, now, out);
            }
        }
    }

    pub(crate) fn sealed(&mut self, turn: Turn, partial: bool, out: &mut Vec<Effect>) {
        let size = self.log(turn).size;
        self.say_resumed(turn.stream);
        self.set_due(turn.stream, None);
        self.wake_waiting(turn);
        let Some(stream) = self.streams.get_mut(turn.stream.0) else { return };
        if std::mem::replace(&mut stream.open, false) {
            out.push(Effect::CloseFifo { stream: turn.stream });
        }
        stream.interest = Interest::Level;
        stream.sealed = Some(Facts { size, bytes: stream.bytes, partial });
        stream.notes.sealed = true;
        self.note(turn.stream);
        self.leave(turn.stream, turn.file, out);
    }
}
