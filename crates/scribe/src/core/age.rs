//! Rotation by age: a file whose first byte is too old is rotated at the next line end.
//!
//! The wall clock is asked once for each opening of a file, and what it says is turned into an age at a tick. From then on ticks count. So
//! a clock that jumps can at worst rotate one file too early, or too late by one period: an age is never less than nothing.

use super::effect::{Answer, Effect, FileKey, Now};
use super::state::{Core, Due};
use super::turn::{Step, Turn};
use model::Tick;
use std::time::Duration;

/// After a scribe has heard of a file, or of a new age for it, how long it waits until it looks.
pub const AGE_AGAIN: Duration = Duration::from_secs(1);

impl Core {
    fn rotate_every(&self, key: FileKey) -> Option<Duration> {
        self.files.get(key.0)?.policy.rotate_every.filter(|every| !every.is_zero())
    }

    /// The steward said how this file is kept, perhaps anew: its age is looked at soon, even if nothing is ever written again.
    pub(crate) fn age_matters(&mut self, path: &str, now: Now) {
        if let Some(key) = self.by_path.get(path).copied()
            && self.rotate_every(key).is_some()
        {
            self.age_again(key, Some(now.tick + AGE_AGAIN));
        }
    }

    /// Sets or clears the time at which the age is looked at.
    pub(crate) fn age_again(&mut self, key: FileKey, at: Option<Tick>) {
        let at = at.filter(|_| self.rotate_every(key).is_some());
        let Some(file) = self.files.get_mut(key.0) else { return };
        if let Some(old) = std::mem::replace(&mut file.age_due, at) {
            self.dues.remove(&(old, Due::Age(key)));
        }
        if let Some(at) = at {
            self.dues.insert((at, Due::Age(key)));
        }
    }

    /// The file is open and has no byte yet; the first one comes now.
    pub(crate) fn age_begins(&mut self, key: FileKey, now: Now) {
        if let Some(every) = self.rotate_every(key) {
            if let Some(file) = self.files.get_mut(key.0) {
                file.age = Some((now.tick, Duration::ZERO));
            }
            self.age_again(key, Some(now.tick + every));
        }
    }

    /// The time to look has come. Somebody must have a turn for what follows, and any writer will do.
    pub(crate) fn age_is_due(&mut self, key: FileKey, now: Now) {
        let every = self.rotate_every(key);
        let Some(file) = self.files.get_mut(key.0) else { return };
        file.age_due = None;
        let Some(every) = every else { return };
        match file.age {
            Some((at, age)) if age + now.tick.since(at) < every => {
                let left = every - (age + now.tick.since(at));
                return self.age_again(key, Some(now.tick + left));
            }
            Some(_) => file.rotate_wanted = true,
            None => file.age_wanted = true,
        }
        if let Some(writer) = file.writers.first().copied() {
            self.try_soon(writer);
        }
    }

    /// Asks how old an open file is, if that matters and is not known.
    pub(crate) fn ask_age(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) -> bool {
        let matters = self.rotate_every(turn.file).is_some();
        let log = self.log_mut(turn);
        log.age_wanted = false;
        if !matters || log.age.is_some() {
            return false;
        }
        if log.size == 0 {
            self.age_begins(turn.file, now);
            return false;
        }
        self.ask(turn, Step::Age, Effect::Begun { file: turn.file }, out);
        true
    }

    pub(crate) fn age_told(&mut self, turn: Turn, answer: &Answer, now: Now, out: &mut Vec<Effect>) {
        // Who cannot tell is not asked again until the file is opened again: it begins now.
        let begun = if let Answer::Begun(wall) = answer { wall.0 } else { now.wall.0 };
        let age = Duration::from_millis(u64::try_from(now.wall.0.saturating_sub(begun)).unwrap_or(0));
        self.log_mut(turn).age = Some((now.tick, age));
        self.age_is_due(turn.file, now);
        self.proceed(turn, now, out);
    }
}
