//! The careful half of a turn: who wrote last, what may go, and the record that says so.

use super::cut::{Choice, Ending, Scene};
use super::effect::{Answer, Effect, Interest, Now, StreamKey};
use super::file::{Owner, Tail};
use super::state::Core;
use super::stream::LINE_PATIENCE;
use super::turn::{Step, Turn};
use model::{IndexFlags, IndexRecord};

impl Core {
    /// Whether the index says already that this stream writes.
    pub(crate) fn is_claimed(&self, turn: Turn) -> bool {
        let log = self.log(turn);
        log.owner == Owner::Stream(turn.stream) && (log.last.is_some() || !log.has_index)
    }

    pub(crate) fn is_shared(&self, turn: Turn) -> bool {
        let others = self.log(turn).writers.iter().filter(|key| **key != turn.stream);
        others.filter_map(|key| self.streams.get(key.0)).any(|stream| stream.writes())
    }

    pub(crate) fn choose(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        let Some(stream) = self.streams.get(turn.stream.0) else { return };
        let log = self.log(turn);
        let scene = Scene {
            cut: turn.cut,
            size: log.size,
            budget: log.budget(now.tick),
            ending: self.ending(turn),
            shared: self.is_shared(turn),
            patient: self.finishing.is_none() && stream.patience_ends.is_none_or(|at| now.tick < at),
            full: stream.is_full(turn.cut.len),
            over: log.over,
        };
        let (instance, size) = (stream.id.instance, log.size);
        let record = IndexRecord { offset: size, wall: now.wall, tick: now.tick, instance, flags: IndexFlags::default() };
        match scene.choose() {
            Choice::Move { len, part } => {
                let ends_line = [turn.cut.first, turn.cut.within, turn.cut.last].contains(&len);
                let turn = Turn { len, part, ends_line, careful: true, record: Some(record), ..turn };
                if self.is_claimed(turn) {
                    self.move_bytes(turn, out);
                } else {
                    // Before the first byte, so that a crash never leaves bytes under another's name.
                    self.log_mut(turn).owner = Owner::Stream(turn.stream);
                    self.write_record(turn, Step::Claim, now, out);
                }
            }
            Choice::Rotate { part: false } => self.rotation_look(turn, out),
            Choice::Rotate { part: true } => {
                let flags = IndexFlags { partial: true, our_newline: false, ..IndexFlags::default() };
                let turn = Turn { record: Some(IndexRecord { flags, ..record }), ..turn };
                self.write_record(turn, Step::PartRecord, now, out);
            }
            Choice::Newline => {
                let instance = self.owner_of(turn).unwrap_or(instance);
                let flags = IndexFlags { partial: true, our_newline: true, ..IndexFlags::default() };
                let turn = Turn { record: Some(IndexRecord { offset: size + 1, instance, flags, ..record }), ..turn };
                self.write_record(turn, Step::NewlineRecord, now, out);
            }
            Choice::Wait => {
                let ends = stream.patience_ends.unwrap_or(now.tick + LINE_PATIENCE);
                self.with_stream(turn.stream, |stream| stream.patience_ends = Some(ends));
                self.set_due(turn.stream, Some(ends));
                self.set_interest(turn.stream, Interest::Edge, out);
            }
        }
    }

    fn ending(&self, turn: Turn) -> Ending {
        let log = self.log(turn);
        let instance_of = |key: &StreamKey| self.streams.get(key.0).map(|stream| stream.id.instance);
        match (log.tail, log.owner) {
            (Tail::Line, _) => Ending::Line,
            (Tail::Unknown | Tail::Mid, Owner::Unknown) => Ending::Mine,
            (Tail::Unknown | Tail::Mid, Owner::Stream(key)) if key == turn.stream => Ending::Mine,
            (Tail::Unknown | Tail::Mid, Owner::Stream(_)) => Ending::Theirs,
            (Tail::Unknown | Tail::Mid, Owner::Life(life)) if instance_of(&turn.stream) == Some(life) => Ending::Mine,
            (Tail::Unknown | Tail::Mid, Owner::Life(life)) if log.writers.iter().any(|key| instance_of(key) == Some(life)) => {
                Ending::Theirs
            }
            (Tail::Unknown | Tail::Mid, Owner::Life(_)) => Ending::Orphan,
        }
    }

    /// Writes `turn.record` unless there is no index or it says the same already, and goes on as if it were written.
    pub(crate) fn write_record(&mut self, turn: Turn, step: Step, now: Now, out: &mut Vec<Effect>) {
        let log = self.log(turn);
        let same = |a: &IndexRecord, b: &IndexRecord| (a.offset, a.instance, a.flags) == (b.offset, b.instance, b.flags);
        match turn.record {
            Some(record) if log.has_index && !log.last.is_some_and(|last| same(&last, &record)) => {
                self.ask(turn, step, Effect::AppendIndex { file: turn.file, record }, out);
            }
            _ => self.turn_answered(Turn { step, record: None, ..turn }, Answer::Done, now, out),
        }
    }

    pub(crate) fn recorded(&mut self, turn: Turn, answer: &Answer, now: Now) {
        if let (Some(record), Answer::Done) = (turn.record, answer) {
            self.log_mut(turn).last = Some(record);
            self.with_stream(turn.stream, |stream| {
                if stream.id.instance == record.instance {
                    stream.indexed = Some(now.tick);
                }
            });
        }
    }
}
