//! One turn of one stream: look, choose, move, note in the index.

use super::cut::Cut;
use super::effect::{Answer, Cause, Effect, FileKey, Interest, Now, StreamKey, TURN_BYTES};
use super::file::flags_of;
use super::file::{INDEX_EVERY, LogFile, Tail};
use super::form::Rest;
use super::formed::Outlook;
use super::pair::After;
use super::state::{Core, Job};
use super::stream::REST;
use model::beside::{index_path, rotated_path};
use model::{IndexFlags, IndexRecord};

/// A turn in hand. It begins with `Stat` when the log file is open. Then comes either the *plain* move (nobody else writes the file, this
/// stream wrote last, and no rotation is near): whatever is there goes, unseen. Or the *careful* one: peek, find out how the file ends,
/// [`Scene::choose`], note the change of writer in the index, then move.
///
/// A log file is opened when its first bytes are there, not before: what never prints leaves no empty file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    pub stream: StreamKey,
    pub file: FileKey,
    pub step: Step,
    pub cut: Cut,
    /// Bytes to move, from this offset on.
    pub len: u64,
    pub at: u64,
    pub careful: bool,
    pub ends_line: bool,
    pub part: bool,
    /// In a form: what becomes of an unfinished line.
    pub rest: Rest,
    /// What is known of its writers.
    pub outlook: Outlook,
    /// The record that is being written.
    pub record: Option<IndexRecord>,
    pub sealing: bool,
    /// A rotation by hand while nothing is to be moved.
    pub idle: bool,
    /// What follows when bytes of a pair have been consumed.
    pub after: After,
}

/// Which answer a turn waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    OpenFifo,
    FirstLook,
    OpenLog,
    OpenIndex,
    Age,
    StaleLook,
    StaleRename,
    StaleReset,
    Stat,
    Look,
    Tail,
    NewlineRecord,
    Newline,
    Claim,
    Move,
    Record,
    PartRecord,
    Writers,
    Discard,
    Consume,
    Gap,
    LookAround,
    Renamed,
}

impl Core {
    pub(crate) fn begin(&mut self, key: StreamKey, now: Now, out: &mut Vec<Effect>) {
        let Some(stream) = self.streams.get(key.0).filter(|stream| stream.sealed.is_none()) else { return };
        let turn = Turn {
            stream: key,
            file: stream.file,
            step: Step::OpenFifo,
            cut: Cut::default(),
            len: 0,
            at: 0,
            careful: false,
            ends_line: false,
            part: false,
            rest: Rest::Stay,
            outlook: Outlook::Unknown,
            record: None,
            sealing: false,
            idle: false,
            after: After::Enter,
        };
        self.turns += 1;
        let turns = self.turns;
        let (gapes, paired) = (stream.open && stream.gap.is_some_and(|gap| now.tick < gap.until), stream.twin.is_some());
        if stream.open && stream.ahead > 0 && self.common(key) > 0 {
            self.advance(turn, 0, now, out);
        } else if gapes && paired {
            self.peek(turn, Step::Discard, 0, out);
        } else if gapes {
            self.ask(turn, Step::Discard, Effect::Discard { stream: key, len: TURN_BYTES }, out);
        } else if stream.open {
            self.log_mut(turn).used = turns;
            self.enter(turn, out);
        } else {
            let path = stream.fifo.clone();
            self.ask(turn, Step::OpenFifo, Effect::OpenFifo { stream: key, path }, out);
        }
    }

    pub(crate) fn ask(&mut self, turn: Turn, step: Step, effect: Effect, out: &mut Vec<Effect>) {
        self.job = Job::Turn(Turn { step, ..turn });
        out.push(effect);
    }

    pub(crate) fn log(&self, turn: Turn) -> &LogFile {
        self.files.get(turn.file.0).expect("a turn's file has a writer, so it is in the table")
    }

    pub(crate) fn log_mut(&mut self, turn: Turn) -> &mut LogFile {
        self.files.get_mut(turn.file.0).expect("a turn's file has a writer, so it is in the table")
    }

    pub(crate) fn enter(&mut self, turn: Turn, out: &mut Vec<Effect>) {
        if self.log(turn).open {
            self.ask(turn, Step::Stat, Effect::Stat { file: turn.file }, out);
        } else if self.has_gap(turn) {
            self.open_log(turn, true, out);
        } else {
            self.peek(turn, Step::FirstLook, 0, out);
        }
    }

    /// Looks at what is there and not yet in our file.
    pub(crate) fn peek(&mut self, turn: Turn, step: Step, budget: u64, out: &mut Vec<Effect>) {
        let skip = self.streams.get(turn.stream.0).map_or(0, |stream| stream.ahead);
        self.ask(turn, step, Effect::Peek { stream: turn.stream, skip, budget }, out);
    }

    pub(crate) fn open_log(&mut self, turn: Turn, create: bool, out: &mut Vec<Effect>) {
        let path = self.log(turn).path.clone();
        self.ask(turn, Step::OpenLog, Effect::OpenLog { file: turn.file, path, create }, out);
    }

    pub(crate) fn turn_answered(&mut self, turn: Turn, answer: Answer, now: Now, out: &mut Vec<Effect>) {
        match (turn.step, answer) {
            (Step::OpenFifo, Answer::Fifo { capacity }) => {
                self.with_stream(turn.stream, |stream| {
                    stream.open = true;
                    stream.capacity = capacity;
                    stream.interest = Interest::Level;
                    stream.sure = false;
                    stream.notes.opened = !stream.second;
                });
                self.note(turn.stream);
                self.enter(turn, out);
            }
            (Step::OpenFifo, Answer::Missing) => {
                if self.streams.get(turn.stream.0).is_some_and(|stream| stream.born) {
                    // Sealed and released before; the steward has not heard of it.
                    self.seal(Turn { sealing: true, ..turn }, out);
                } else {
                    self.fifo_trouble(turn, Cause("ENOENT"), now, out);
                }
            }
            (Step::FirstLook, Answer::Peeked(_)) => self.open_log(turn, true, out),
            (Step::Look, Answer::Peeked(cut)) => {
                self.with_stream(turn.stream, |stream| stream.touched = true);
                let turn = Turn { cut, ..turn };
                if self.log(turn).tail == Tail::Unknown {
                    let size = self.log(turn).size;
                    self.ask(turn, Step::Tail, Effect::LastByte { file: turn.file, size }, out);
                } else {
                    self.choose(turn, now, out);
                }
            }
            (Step::Writers, answer) => self.writers_answered(turn, &answer, now, out),
            (Step::Discard, answer) => self.discarded(turn, answer, now, out),
            (Step::Consume, answer) => self.consumed(turn, &answer, now, out),
            (Step::Gap, Answer::Done) => self.gap_written(turn, now, out),
            (Step::Gap, _) if turn.sealing => self.sealed(turn, turn.part, out),
            (Step::FirstLook | Step::Look | Step::Move, Answer::Empty) => self.quiet(turn, now, out),
            (Step::FirstLook | Step::Look | Step::Move, Answer::End) => self.stream_ended(turn, now, out),
            (Step::OpenFifo | Step::FirstLook | Step::Look, Answer::Failed(cause)) => self.fifo_trouble(turn, cause, now, out),

            (Step::OpenLog, Answer::Log { size }) => self.log_opened(turn, size, out),
            (Step::OpenLog, Answer::Missing) => {
                let log = self.log_mut(turn);
                (log.rotate_wanted, log.age_wanted) = (false, false);
                if turn.sealing {
                    self.sealed(turn, false, out);
                }
            }
            (Step::OpenLog, Answer::Failed(_)) if turn.sealing => self.sealed(turn, false, out),
            (Step::OpenIndex, Answer::Index { last }) => self.index_opened(turn, last, now, out),
            (Step::OpenIndex, _) => self.log_known(turn, now, out),
            (Step::Age, answer) => self.age_told(turn, &answer, now, out),
            (Step::StaleLook, Answer::Siblings(found)) => {
                // A rotation was cut short after its first rename: the index belongs to the file that has none.
                let first = found.first().copied().unwrap_or_default();
                if self.log(turn).size == 0 && first.is_taken() && !first.index {
                    let path = &self.log(turn).path;
                    let (from, to) = (index_path(path), index_path(&rotated_path(path, 1)));
                    self.ask(turn, Step::StaleRename, Effect::Rename { from, to }, out);
                } else {
                    self.ask(turn, Step::StaleReset, Effect::ResetIndex { file: turn.file }, out);
                }
            }
            (Step::StaleRename, Answer::Done) => {
                self.ask(turn, Step::OpenIndex, Effect::OpenIndex { file: turn.file }, out);
            }
            (Step::StaleLook | Step::StaleRename, _) => {
                self.ask(turn, Step::StaleReset, Effect::ResetIndex { file: turn.file }, out);
            }
            (Step::StaleReset, _) => {
                self.log_mut(turn).last = None;
                self.log_known(turn, now, out);
            }

            (Step::Stat, Answer::Size(size)) => {
                if self.log_mut(turn).believe(size) && self.log(turn).has_index {
                    self.ask(turn, Step::StaleReset, Effect::ResetIndex { file: turn.file }, out);
                } else {
                    self.proceed(turn, now, out);
                }
            }
            (Step::Stat, Answer::Missing) => {
                self.close_log(turn.file, out);
                if turn.sealing {
                    self.sealed(turn, false, out);
                } else {
                    self.enter(turn, out);
                }
            }
            (Step::Tail, Answer::Tail(byte)) => {
                self.log_mut(turn).tail = if byte == b'\n' { Tail::Line } else { Tail::Mid };
                self.proceed(turn, now, out);
            }
            (Step::Stat | Step::Tail, _) if turn.sealing => self.sealed(turn, false, out),
            (Step::NewlineRecord, answer) => {
                self.recorded(turn, &answer, now);
                let at = self.log(turn).size;
                self.ask(turn, Step::Newline, Effect::PutNewline { file: turn.file, at }, out);
            }
            (Step::Newline, Answer::Done) => {
                let log = self.log_mut(turn);
                log.size += 1;
                log.tail = Tail::Line;
                self.proceed(turn, now, out);
            }
            (Step::Newline, _) if turn.sealing => self.sealed(turn, true, out),

            (Step::Claim, answer) => {
                self.recorded(turn, &answer, now);
                if self.has_gap(turn) { self.put_gap(turn, now, out) } else { self.move_bytes(turn, now, out) }
            }
            (Step::Move, Answer::Moved(bytes)) => self.moved(turn, bytes, bytes, now, out),
            (Step::Move, Answer::Formed { taken, written, part }) => {
                let turn = Turn { part: part || turn.part, after: After::Moved { taken, written }, ..turn };
                if self.is_paired(turn) {
                    self.advance(turn, taken, now, out)
                } else {
                    self.moved(turn, taken, written, now, out)
                }
            }
            (Step::Move, Answer::Failed(Cause("EINVAL"))) if !self.log(turn).by_copy && !self.is_formed(turn) => {
                self.log_mut(turn).by_copy = true;
                self.move_bytes(turn, now, out);
            }
            (Step::Record, answer) => self.recorded(turn, &answer, now),

            (Step::PartRecord, answer) => {
                self.recorded(turn, &answer, now);
                self.rotation_look(turn, out);
            }
            (Step::LookAround, Answer::Siblings(found)) => self.rotation_begins(turn, &found, now, out),
            (Step::Renamed, answer) => self.rotation_stepped(turn, answer, now, out),
            (Step::LookAround, Answer::Failed(cause)) => self.rotation_failed(turn, cause, now, out),
            (_, Answer::Failed(cause)) => self.file_trouble(turn, cause, now, out),
            // Whoever performs the effects broke the contract; the stream is tried again later, no byte is touched.
            (_, _) => self.file_trouble(turn, Cause("EPROTO"), now, out),
        }
    }

    /// The log file is open and its size is fresh.
    pub(crate) fn proceed(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        if turn.sealing {
            self.seal_tail(turn, now, out);
        } else if turn.idle {
            self.rotate_idle(turn, now, out);
        } else if self.has_gap(turn) {
            self.write_gap(turn, now, out);
        } else if turn.cut.len > 0 {
            self.choose(turn, now, out);
        } else {
            let log = self.log(turn);
            let budget = log.budget(now.tick);
            if !self.is_formed(turn)
                && !self.is_paired(turn)
                && self.is_claimed(turn)
                && budget >= TURN_BYTES
                && !self.is_shared(turn)
            {
                self.move_bytes(Turn { len: TURN_BYTES, careful: false, ..turn }, now, out);
            } else {
                self.peek(turn, Step::Look, budget, out);
            }
        }
    }

    pub(crate) fn move_bytes(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        let lead = self.streams.get(turn.stream.0).and_then(|stream| stream.lead.clone());
        if lead.is_some() || self.is_paired(turn) {
            return self.move_formed(turn, lead, now, out);
        }
        let (stream, file, len) = (turn.stream, turn.file, turn.len);
        let (at, by_copy) = (self.log(turn).size, self.log(turn).by_copy);
        let turn = Turn { at, ..turn };
        if by_copy {
            self.ask(turn, Step::Move, Effect::Copy { stream, file, at, len }, out);
        } else {
            self.ask(turn, Step::Move, Effect::Splice { stream, file, at, len }, out);
        }
    }

    /// `taken` bytes of the stream are `written` bytes of the file.
    pub(crate) fn moved(&mut self, turn: Turn, taken: u64, written: u64, now: Now, out: &mut Vec<Effect>) {
        let size = turn.at + written;
        let formed = self.is_formed(turn);
        let log = self.log_mut(turn);
        log.size = size;
        log.tail = match (turn.careful && taken == turn.len || formed, turn.ends_line || formed) {
            (true, true) => Tail::Line,
            (true, false) => Tail::Mid,
            (false, _) => Tail::Unknown,
        };
        let crosses = turn.careful && !turn.ends_line && !formed && log.budget(now.tick) == 0;
        log.over = if crosses { log.over + taken } else { 0 };
        if log.tail == Tail::Line && log.writers.len() > 1 {
            self.wake_waiting(turn);
        }
        self.hint_grew(turn.file, now);
        let finishing = self.finishing.is_some();
        let Some(stream) = self.streams.get_mut(turn.stream.0) else { return };
        let rests = stream.moves(taken, now);
        let sure = stream.sure;
        let record_due = stream.indexed.is_none_or(|last| now.tick.since(last) >= INDEX_EVERY);
        let again = finishing && stream.rounds > 0;
        stream.rounds = stream.rounds.saturating_sub(1);
        let id = stream.id;
        let interest = if rests && sure && !finishing { Interest::Off } else { Interest::Level };
        self.at_ease(turn, interest, out);
        if again {
            self.try_soon(turn.stream);
        } else if !sure {
            // By way of the deadline, so that the others have their turn first.
            self.set_due(turn.stream, Some(now.tick));
        } else if interest == Interest::Off {
            self.set_due(turn.stream, Some(now.tick + REST));
        }
        let flags = IndexFlags { partial: turn.part, ..flags_of(id) };
        let offset = if turn.part { size } else { turn.at };
        if turn.part || record_due {
            let record = IndexRecord { offset, wall: now.wall, tick: now.tick, instance: id.instance, flags };
            let turn = Turn { record: Some(record), ..turn };
            if self.log(turn).has_index {
                self.ask(turn, Step::Record, Effect::AppendIndex { file: turn.file, record }, out);
            }
        }
    }
}
