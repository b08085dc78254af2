//! The careful half of a turn: who wrote last, what may go, and the record that says so.

use super::cut::{Choice, Ending, Scene};
use super::effect::{Answer, Effect, Interest, Now, StreamKey};
use super::file::{Owner, Tail, flags_of};
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
        if stream.lead.is_some() {
            return self.choose_formed(turn, now, out);
        }
        let log = self.log(turn);
        let scene = Scene {
            cut: turn.cut,
            size: log.size,
            budget: log.budget(now.tick),
            ending: self.ending(turn),
            // After a crash a part of a pair's line would be ended by us (see `ending`), so that parts are to be rare.
            shared: self.is_shared(turn) || self.is_paired(turn),
            patient: self.is_patient(turn, now),
            full: stream.is_full(turn.cut.len),
            over: log.over,
        };
        let (id, size) = (stream.id, log.size);
        let record = IndexRecord { offset: size, wall: now.wall, tick: now.tick, instance: id.instance, flags: flags_of(id) };
        match scene.choose() {
            Choice::Move { len, part } => {
                let ends_line = [turn.cut.first, turn.cut.within, turn.cut.last].contains(&len);
                let turn = Turn { len, part, ends_line, careful: true, ..turn };
                if self.is_claimed(turn) {
                    self.move_bytes(turn, now, out);
                } else {
                    self.claim(turn, now, out);
                }
            }
            Choice::Rotate { part: false } => self.rotation_look(turn, out),
            Choice::Rotate { part: true } => {
                let flags = IndexFlags { partial: true, ..record.flags };
                let turn = Turn { record: Some(IndexRecord { flags, ..record }), ..turn };
                self.write_record(turn, Step::PartRecord, now, out);
            }
            Choice::Newline => self.end_line(turn, now, out),
            Choice::Wait => self.wait_for_line(turn, now, out),
        }
    }

    /// Ends the line in which the file ends, whoever's it is, by a line feed of ours. The record comes first: a line feed of ours is never
    /// taken for the app's.
    pub(crate) fn end_line(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        let Some(id) = self.owner_of(turn).or_else(|| self.streams.get(turn.stream.0).map(|stream| stream.id)) else { return };
        let flags = IndexFlags { partial: true, our_newline: true, ..flags_of(id) };
        let offset = self.log(turn).size + 1;
        let record = IndexRecord { offset, wall: now.wall, tick: now.tick, instance: id.instance, flags };
        self.write_record(Turn { record: Some(record), ..turn }, Step::NewlineRecord, now, out);
    }

    /// Leaves the bytes where they are until the line is complete or the patience is over.
    pub(crate) fn wait_for_line(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        let Some(stream) = self.streams.get(turn.stream.0) else { return };
        let ends = stream.patience_ends.unwrap_or(now.tick + LINE_PATIENCE);
        self.with_stream(turn.stream, |stream| stream.patience_ends = Some(ends));
        self.set_due(turn.stream, Some(ends));
        self.set_interest(turn.stream, Interest::Edge, out);
    }

    /// Whether it may still wait for the end of a line.
    pub(crate) fn is_patient(&self, turn: Turn, now: Now) -> bool {
        let Some(stream) = self.streams.get(turn.stream.0) else { return false };
        self.finishing.is_none() && stream.patience_ends.is_none_or(|at| now.tick < at)
    }

    /// How the file ends, seen from this stream.
    pub(crate) fn ending(&self, turn: Turn) -> Ending {
        let log = self.log(turn);
        let id_of = |key: &StreamKey| self.streams.get(key.0).map(|stream| stream.id);
        match (log.tail, log.owner) {
            (Tail::Line, _) => Ending::Line,
            (Tail::Unknown | Tail::Mid, Owner::Unknown) => Ending::Mine,
            (Tail::Unknown | Tail::Mid, Owner::Stream(key)) if key == turn.stream => Ending::Mine,
            (Tail::Unknown | Tail::Mid, Owner::Stream(_)) => Ending::Theirs,
            // Of a pair's line a part may be there that comes again.
            (Tail::Unknown | Tail::Mid, Owner::Life(life)) if id_of(&turn.stream) == Some(life) => match self.is_paired(turn) {
                true => Ending::Orphan,
                false => Ending::Mine,
            },
            (Tail::Unknown | Tail::Mid, Owner::Life(life)) if log.writers.iter().any(|key| id_of(key) == Some(life)) => {
                Ending::Theirs
            }
            (Tail::Unknown | Tail::Mid, Owner::Life(_)) => Ending::Orphan,
        }
    }

    /// Says in the index that this stream writes from here on, before the first byte, so that a crash never leaves bytes under another's
    /// name.
    pub(crate) fn claim(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        let Some(id) = self.streams.get(turn.stream.0).map(|stream| stream.id) else { return };
        let log = self.log_mut(turn);
        log.owner = Owner::Stream(turn.stream);
        let offset = log.size;
        let record = IndexRecord { offset, wall: now.wall, tick: now.tick, instance: id.instance, flags: flags_of(id) };
        self.write_record(Turn { record: Some(record), ..turn }, Step::Claim, now, out);
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
