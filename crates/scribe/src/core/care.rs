//! What becomes of rotated files: they are compressed, and removed when they are too old or too many bytes.
//!
//! Nothing here is in a hurry. Each piece of work is a [`Chore`] of one log file: look what is there, then rename and remove step by step,
//! between the turns of streams. Counting and compressing are done elsewhere, in the background ([`Effect::Compress`],
//! [`Effect::Survey`]); what comes of them is done here, because only here it is known which name a file has at this moment.
//!
//! *The commit of a compressed file.* The background writes `FILE.1.gz.tmp`, brings it to the disk and tells. Meanwhile the rotated
//! file may have got another number or be gone: it is found by its inode. Then `FILE.1.gz.tmp → FILE.n.gz`, then `FILE.n` is removed, in
//! this order, so that the lines stand under one name at least at every moment. A crash between the two leaves both, and then the plain one is the
//! truth: the copy is removed by the next look or rotation and made again. So a plain file is removed by nobody but by who has just
//! made its copy, and no trust is put in a compressed file of unknown origin.

use super::budget::{Limits, Tally, Victim};
use super::chore::Work;
use super::effect::{Cause, Effect, FileKey, Now};
use super::state::Core;
use model::{LogPolicy, Tick, ToScribe};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub(crate) use super::chore::Chore;

/// The first look at the rotated files of a log after it was heard of.
pub const FIRST_LOOK: Duration = Duration::from_secs(1);
/// After a failure to compress (no room, say) the same log is looked at again.
pub const ZIP_AGAIN: Duration = Duration::from_secs(300);
/// All log files are counted at least so often while there is a limit.
pub const SURVEY_EVERY: Duration = Duration::from_secs(300);
/// A rotation or a compression is followed by a count after this, so that a flood does not count all the time.
const SURVEY_SOON: Duration = Duration::from_secs(1);
/// So long no file is too old after the wall clock has jumped: a jump that is taken back within this time removes nothing.
pub const CLOCK_RESTS: Duration = Duration::from_secs(3600);
/// The wall clock has jumped when it went so much faster or slower than ticks.
const CLOCK_JUMP_MS: i64 = 60_000;
/// Turns of streams after which care has one, should streams never rest.
const PATIENCE_TURNS: u64 = 64;
/// Log files without a writer of which care is taken.
const ORPHANS: usize = 1024;

/// Everything about rotated files.
#[derive(Debug, Default)]
pub(crate) struct Care {
    kept: BTreeMap<String, Kept>,
    dues: BTreeSet<(Tick, String)>,
    pub(super) work: VecDeque<Work>,
    /// Logs with something to compress, for when the background is free.
    waiting: VecDeque<String>,
    /// What is being compressed.
    pub(super) zipping: Option<(String, u64)>,
    limits: Limits,
    survey_due: Option<Tick>,
    surveying: bool,
    survey_again: bool,
    /// The clocks when they were last compared, and until when the wall clock is not believed.
    clock: Option<Now>,
    rests_until: Option<Tick>,
    /// The number of turns when care had one.
    turn: u64,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub policy: LogPolicy,
    /// Nothing has been looked at yet in this life of ours, or a commit went wrong: there may be half a compressed file.
    pub unswept: bool,
    due: Option<Tick>,
}

impl Kept {
    fn matters(&self) -> bool {
        self.policy.compress || self.policy.max_age.is_some()
    }
}

impl Care {
    pub fn deadline(&self) -> Option<Tick> {
        self.dues.first().map(|(at, _)| *at).into_iter().chain(self.survey_due.filter(|_| !self.surveying)).min()
    }

    pub fn collect_due(&mut self, now: Now) {
        while let Some((_, log)) = self.dues.first().filter(|(at, _)| *at <= now.tick).cloned() {
            self.look_at(&log, None);
            self.work.push_back(Work::Look(log));
        }
    }

    /// Sets or clears the time of the next look.
    pub(super) fn look_at(&mut self, log: &str, at: Option<Tick>) {
        let Some(kept) = self.kept.get_mut(log) else { return };
        if let Some(old) = std::mem::replace(&mut kept.due, at) {
            self.dues.remove(&(old, log.to_owned()));
        }
        if let Some(at) = at {
            self.dues.insert((at, log.to_owned()));
        }
    }

    fn look_by(&mut self, log: &str, at: Tick) {
        if let Some(kept) = self.kept.get(log).filter(|kept| kept.matters()) {
            let at = kept.due.map_or(at, |due| due.min(at));
            self.look_at(log, Some(at));
        }
    }

    pub(super) fn kept(&mut self, log: &str) -> Option<&mut Kept> {
        self.kept.get_mut(log)
    }

    /// What the wall clock says, unless it has jumped lately; then the time until it is believed again.
    pub(super) fn believed(&mut self, now: Now) -> Result<i64, Duration> {
        if let Some(last) = self.clock.replace(now) {
            let ticked = i64::try_from(now.tick.since(last.tick).as_millis()).unwrap_or(i64::MAX);
            let jump = now.wall.0.saturating_sub(last.wall.0).saturating_sub(ticked);
            if jump.abs() > CLOCK_JUMP_MS {
                self.rests_until = Some(now.tick + CLOCK_RESTS);
            }
        }
        match self.rests_until.filter(|until| now.tick < *until) {
            Some(until) => Err(until.since(now.tick)),
            None => Ok(now.wall.0),
        }
    }

    pub(super) fn survey_soon(&mut self, now: Now) {
        if self.limits.any() {
            let soon = now.tick + SURVEY_SOON;
            self.survey_due = Some(self.survey_due.map_or(soon, |due| due.min(soon)));
            self.survey_again = self.surveying;
        }
    }

    /// Gives the background the next file, if it is free; or notes that there is one.
    pub(super) fn zip(&mut self, log: &str, from: String, inode: u64, out: &mut Vec<Effect>) {
        if self.zipping.is_none() {
            self.zipping = Some((log.to_owned(), inode));
            out.push(Effect::Compress { log: log.to_owned(), from, inode });
        } else if !self.waiting.iter().any(|one| one == log) {
            self.waiting.push_back(log.to_owned());
        }
    }

    /// The background is free again.
    pub(super) fn zipped(&mut self) {
        self.zipping = None;
        if let Some(log) = self.waiting.pop_front() {
            self.work.push_back(Work::Look(log));
        }
    }
}

impl Core {
    /// The steward says something. Returns the log files whose policy was told.
    pub(crate) fn care_hears(&mut self, message: &ToScribe, now: Now) -> Vec<String> {
        match message {
            ToScribe::Open { file, policy, form, .. } => {
                let files: Vec<String> = [file].into_iter().chain(&form.also).cloned().collect();
                files.iter().for_each(|file| self.care_about(file, policy, now));
                files
            }
            ToScribe::Policy { file, policy } => {
                self.care_about(file, policy, now);
                vec![file.clone()]
            }
            ToScribe::Budget { total, apps } => {
                let limits = Limits { total: *total, apps: apps.clone() };
                self.care.survey_due = limits.any().then_some(now.tick);
                self.care.survey_again = self.care.surveying;
                self.care.limits = limits;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn care_about(&mut self, file: &str, policy: &LogPolicy, now: Now) {
        let news = match self.care.kept.get_mut(file) {
            Some(kept) => std::mem::replace(&mut kept.policy, policy.clone()) != *policy,
            None => {
                self.forget_orphans();
                self.care.kept.insert(file.to_owned(), Kept { policy: policy.clone(), unswept: true, due: None });
                true
            }
        };
        if news {
            self.care.look_by(file, now.tick + FIRST_LOOK);
        }
    }

    /// A path with an instance in it is another one for each life, so their number has to be bounded.
    fn forget_orphans(&mut self) {
        if self.care.kept.len() < self.by_path.len() + ORPHANS {
            return;
        }
        let care = &mut self.care;
        care.kept.retain(|file, _| self.by_path.contains_key(file));
        care.dues.retain(|(_, file)| care.kept.contains_key(file));
        care.waiting.retain(|file| care.kept.contains_key(file));
    }

    pub(crate) fn care_rotated(&mut self, key: FileKey, now: Now) {
        if let Some(file) = self.files.get(key.0) {
            self.care.look_by(&file.path, now.tick);
            self.care.survey_soon(now);
        }
    }

    /// Whether there is work, and streams have kept us from it for long.
    pub(crate) fn care_has_waited(&self) -> bool {
        !self.care.work.is_empty() && self.turns.saturating_sub(self.care.turn) >= PATIENCE_TURNS
    }

    /// Begins the next piece of work. False when there is none.
    pub(crate) fn care_next(&mut self, now: Now, out: &mut Vec<Effect>) -> bool {
        self.care.turn = self.turns;
        // What is left undone is found by the next scribe.
        if self.finishing.is_some() {
            return false;
        }
        if !self.care.surveying && self.care.survey_due.is_some_and(|at| at <= now.tick) {
            (self.care.surveying, self.care.survey_due) = (true, None);
            out.push(Effect::Survey { files: self.care.kept.keys().cloned().collect() });
        }
        let Some(work) = self.care.work.pop_front() else { return false };
        self.begin_chore(work, out);
        true
    }

    pub(crate) fn compressed(&mut self, log: String, inode: u64, result: Result<(), Cause>, now: Now) {
        match result {
            Ok(()) => self.care.work.push_front(Work::Commit { log, inode }),
            Err(cause) => {
                if cause == Cause("ESTALE") {
                    // A rotation has moved it before it was opened.
                    self.care.work.push_back(Work::Look(log));
                } else {
                    self.care.look_by(&log, now.tick + ZIP_AGAIN);
                }
                self.care.zipped();
            }
        }
    }

    pub(crate) fn surveyed(&mut self, logs: Vec<Tally>, elsewhere: u64, now: Now) {
        let care = &mut self.care;
        care.surveying = false;
        let pause = if std::mem::take(&mut care.survey_again) { SURVEY_SOON } else { SURVEY_EVERY };
        care.survey_due = care.limits.any().then_some(now.tick + pause);
        care.work.retain(|work| !matches!(work, Work::Evict(_)));
        care.work.extend(care.limits.victims(logs, elsewhere).into_iter().map(Work::Evict));
    }

    pub(crate) fn evicted(&mut self, victim: &Victim, file: String) {
        self.say_removed(file, victim.bytes);
    }
}
