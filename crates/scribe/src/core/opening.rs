//! The turn's quieter parts: opening a log, rotating it, being at ease or in trouble.

use super::effect::{Answer, Cause, Effect, Interest, Now, Sibling, StreamKey};
use super::file::{Owner, ROTATE_AGAIN, Tail, stream_of};
use super::rotate::{is_index_step, plan};
use super::state::Core;
use super::turn::{Step, Turn};
use model::{IndexRecord, StreamId};

impl Core {
    pub(crate) fn log_opened(&mut self, turn: Turn, size: u64, out: &mut Vec<Effect>) {
        let turns = self.turns;
        let log = self.log_mut(turn);
        log.open = true;
        log.used = turns;
        log.size = size;
        log.tail = if size == 0 { Tail::Line } else { Tail::Unknown };
        self.open_files += 1;
        if self.open_files > self.open_files_limit {
            let others = self.files.iter().map(|(_, file)| file).filter(|file| file.open && file.key != turn.file);
            if let Some(oldest) = others.min_by_key(|file| file.used).map(|file| file.key) {
                self.close_log(oldest, out);
            }
        }
        self.ask(turn, Step::OpenIndex, Effect::OpenIndex { file: turn.file }, out);
    }

    pub(crate) fn index_opened(&mut self, turn: Turn, last: Option<IndexRecord>, now: Now, out: &mut Vec<Effect>) {
        let log = self.log_mut(turn);
        log.has_index = true;
        log.last = last;
        if let (Owner::Unknown | Owner::Life(_), Some(last)) = (log.owner, last) {
            log.owner = Owner::Life(stream_of(&last));
        }
        // A record may speak of the line feed that was to come next, of nothing further.
        let size = log.size;
        if last.is_some_and(|last| size == 0 || last.offset > size + 1) {
            let path = log.path.clone();
            self.ask(turn, Step::StaleLook, Effect::Siblings { path }, out);
        } else {
            self.log_known(turn, now, out);
        }
    }

    /// The file and its index are open, and belong together.
    pub(crate) fn log_known(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        if !self.ask_age(turn, now, out) {
            self.proceed(turn, now, out);
        }
    }

    /// The stream that wrote the file last.
    pub(crate) fn owner_of(&self, turn: Turn) -> Option<StreamId> {
        match self.log(turn).owner {
            Owner::Unknown => None,
            Owner::Life(life) => Some(life),
            Owner::Stream(key) => self.streams.get(key.0).map(|stream| stream.id),
        }
    }

    /// Nothing there for now.
    pub(crate) fn quiet(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        self.at_ease(turn, Interest::Level, out);
        self.with_stream(turn.stream, |stream| stream.sure = stream.ahead == 0);
        self.consider_idle_rotation(turn, now, out);
    }

    /// The FIFO reads as ended.
    pub(crate) fn stream_ended(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        if self.streams.get(turn.stream.0).is_some_and(|stream| stream.born) {
            return self.seal(Turn { sealing: true, ..turn }, out);
        }
        // Nobody yet, or nobody any more for now: the hang-up stays, so it is to be reported once only.
        self.at_ease(turn, Interest::Edge, out);
        self.consider_idle_rotation(turn, now, out);
    }

    fn consider_idle_rotation(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        let log = self.log(turn);
        if !(log.rotate_wanted || log.age_wanted) || log.no_rotation_before.is_some_and(|at| now.tick < at) {
            return;
        }
        let turn = Turn { idle: true, ..turn };
        if log.open {
            self.ask(turn, Step::Stat, Effect::Stat { file: turn.file }, out);
        } else {
            self.open_log(turn, false, out);
        }
    }

    pub(crate) fn rotate_idle(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        if self.ask_age(turn, now, out) {
            return;
        }
        let log = self.log_mut(turn);
        match log.tail {
            _ if !log.rotate_wanted => {}
            _ if log.size == 0 => log.rotate_wanted = false,
            Tail::Unknown => {
                let effect = Effect::LastByte { file: turn.file, size: log.size };
                self.ask(turn, Step::Tail, effect, out);
            }
            Tail::Line => self.rotation_look(turn, out),
            // At the end of the line.
            Tail::Mid => {}
        }
    }

    pub(crate) fn rotation_look(&mut self, turn: Turn, out: &mut Vec<Effect>) {
        let path = self.log(turn).path.clone();
        self.ask(turn, Step::LookAround, Effect::Siblings { path }, out);
    }

    pub(crate) fn rotation_begins(&mut self, turn: Turn, found: &[Sibling], now: Now, out: &mut Vec<Effect>) {
        let log = self.log_mut(turn);
        log.steps = plan(&log.path, found, log.policy.max_files);
        self.rotation_goes_on(turn, now, out);
    }

    fn rotation_goes_on(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        if let Some(step) = self.log(turn).steps.front().cloned() {
            return self.ask(turn, Step::Renamed, step, out);
        }
        self.close_log(turn.file, out);
        let log = self.log_mut(turn);
        log.over = 0;
        log.rotate_wanted = false;
        log.no_rotation_before = None;
        if let Some(key) = log.rotation_trouble.take() {
            self.say_resumed(key);
        }
        self.age_again(turn.file, None);
        self.care_rotated(turn.file, now);
        if !turn.idle {
            self.open_log(Turn { cut: Default::default(), ..turn }, true, out);
        }
    }

    pub(crate) fn rotation_stepped(&mut self, turn: Turn, answer: Answer, now: Now, out: &mut Vec<Effect>) {
        let step = self.log_mut(turn).steps.pop_front();
        match answer {
            Answer::Failed(cause) if cause != Cause("ENOENT") && !step.as_ref().is_some_and(is_index_step) => {
                self.rotation_failed(turn, cause, now, out);
            }
            _ => self.rotation_goes_on(turn, now, out),
        }
    }

    /// The file grows on beyond its size: a log that is too long is better than an app that stands still.
    pub(crate) fn rotation_failed(&mut self, turn: Turn, cause: Cause, now: Now, out: &mut Vec<Effect>) {
        let log = self.log_mut(turn);
        log.steps.clear();
        log.no_rotation_before = Some(now.tick + ROTATE_AGAIN);
        log.rotation_trouble = Some(turn.stream);
        let path = log.path.clone();
        self.say_trouble(turn.stream, path, cause, now);
        self.age_again(turn.file, Some(now.tick + ROTATE_AGAIN));
        if !turn.idle {
            self.enter(Turn { cut: Default::default(), ..turn }, out);
        }
    }

    pub(crate) fn set_interest(&mut self, key: StreamKey, interest: Interest, out: &mut Vec<Effect>) {
        let Some(stream) = self.streams.get_mut(key.0) else { return };
        // What is in our file already is no news.
        let interest = if interest == Interest::Level && stream.ahead > 0 { Interest::Edge } else { interest };
        if stream.open && stream.interest != interest {
            stream.interest = interest;
            out.push(Effect::Watch { stream: key, interest });
        }
    }

    /// No wait, no pause. To be said once in a turn: each change of the interest brings one more report.
    pub(crate) fn at_ease(&mut self, turn: Turn, interest: Interest, out: &mut Vec<Effect>) {
        self.set_due(turn.stream, None);
        self.with_stream(turn.stream, |stream| (stream.patience_ends, stream.pause, stream.gap) = (None, None, None));
        self.set_interest(turn.stream, interest, out);
        if self.log(turn).rotation_trouble != Some(turn.stream) {
            self.say_resumed(turn.stream);
        }
    }

    /// Others that wait for the end of a line in this file may look again.
    pub(crate) fn wake_waiting(&mut self, turn: Turn) {
        for key in self.log(turn).writers.clone() {
            if key != turn.stream && self.streams.get(key.0).is_some_and(|stream| stream.patience_ends.is_some()) {
                self.try_soon(key);
            }
        }
    }

    pub(crate) fn fifo_trouble(&mut self, turn: Turn, cause: Cause, now: Now, out: &mut Vec<Effect>) {
        let path = self.streams.get(turn.stream.0).map_or_else(String::new, |stream| stream.fifo.clone());
        self.pause(turn, path, cause, now, out);
    }

    pub(crate) fn file_trouble(&mut self, turn: Turn, cause: Cause, now: Now, out: &mut Vec<Effect>) {
        let path = self.log(turn).path.clone();
        self.close_log(turn.file, out);
        match self.streams.get(turn.stream.0) {
            Some(stream) if stream.drops => self.gape(turn, path, cause, now, out),
            _ => self.pause(turn, path, cause, now, out),
        }
    }

    fn pause(&mut self, turn: Turn, path: String, cause: Cause, now: Now, out: &mut Vec<Effect>) {
        self.say_trouble(turn.stream, path, cause, now);
        self.set_interest(turn.stream, Interest::Off, out);
        let Some(stream) = self.streams.get_mut(turn.stream.0) else { return };
        stream.patience_ends = None;
        let pause = stream.grow_pause();
        self.set_due(turn.stream, Some(now.tick + pause));
    }
}
