//! One piece of work at the rotated files of one log: look, then step by step.

use super::budget::Victim;
use super::care::FIRST_LOOK;
use super::effect::{Answer, Effect, Now, Sibling};
use super::rotate::{is_index_step, without_copies};
use super::state::{Core, Job};
use model::beside::{index_path, rotated_path, unfinished_path, zipped_path};
use std::collections::VecDeque;
use std::time::Duration;

/// A chore that failed is done again after this.
const CHORE_AGAIN: Duration = Duration::from_secs(60);
/// Ages are looked at within these bounds, however near or far the next one is: whoever changes times or clocks is noticed.
const AGES_AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(6 * 3600));

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Whatever this log needs.
    Look(String),
    /// Put a compressed file into its place.
    Commit { log: String, inode: u64 },
    /// Remove a rotated file for want of room.
    Evict(Victim),
}

/// It is being done.
#[derive(Debug)]
pub(crate) struct Chore {
    work: Work,
    looked: bool,
    steps: VecDeque<Effect>,
    /// To be compressed when the steps are done.
    zip: Option<(String, u64)>,
    /// To be told when the steps are done.
    removes: Option<String>,
    again: Option<Duration>,
}

impl Work {
    fn log(&self) -> &str {
        match self {
            Work::Look(log) | Work::Commit { log, .. } => log,
            Work::Evict(victim) => &victim.log,
        }
    }
}

impl Core {
    pub(super) fn begin_chore(&mut self, work: Work, out: &mut Vec<Effect>) {
        out.push(Effect::Siblings { path: work.log().to_owned() });
        self.job = Job::Care(Chore { work, looked: false, steps: VecDeque::new(), zip: None, removes: None, again: None });
    }

    pub(crate) fn chore_answered(&mut self, mut chore: Chore, answer: Answer, now: Now, out: &mut Vec<Effect>) {
        match answer {
            Answer::Siblings(found) if !chore.looked => {
                chore.looked = true;
                self.plan_chore(&mut chore, found, now);
            }
            Answer::Failed(_) if !chore.steps.front().is_some_and(is_index_step) => return self.chore_failed(&chore, now),
            _ => drop(chore.steps.pop_front()),
        }
        match chore.steps.front().cloned() {
            Some(step) => {
                self.job = Job::Care(chore);
                out.push(step);
            }
            None => self.chore_done(chore, now, out),
        }
    }

    fn plan_chore(&mut self, chore: &mut Chore, mut found: Vec<Sibling>, now: Now) {
        let log = chore.work.log().to_owned();
        match &chore.work {
            Work::Look(_) => self.plan_look(chore, &log, &mut found, now),
            Work::Commit { inode, .. } => {
                let temp = unfinished_path(&log);
                match place_of(&found, *inode).filter(|n| found[n - 1].log) {
                    Some(n) => {
                        let plain = rotated_path(&log, n);
                        chore.steps.push_back(Effect::Rename { from: temp, to: zipped_path(&plain) });
                        chore.steps.push_back(Effect::Remove { path: plain });
                    }
                    None => chore.steps.push_back(Effect::Remove { path: temp }),
                }
            }
            Work::Evict(victim) => {
                if let Some(n) = place_of(&found, victim.inode) {
                    chore.removes = remove(&log, n, found[n - 1], &mut chore.steps);
                }
            }
        }
    }

    fn plan_look(&mut self, chore: &mut Chore, log: &str, found: &mut [Sibling], now: Now) {
        let in_hand = self.care.zipping.as_ref().is_some_and(|(other, _)| other == log);
        let believed = self.care.believed(now);
        let Some(kept) = self.care.kept(log) else { return };
        if std::mem::take(&mut kept.unswept) && !in_hand {
            chore.steps.push_back(Effect::Remove { path: unfinished_path(log) });
        }
        let policy = kept.policy.clone();
        without_copies(log, found, &mut chore.steps);
        if let Some(max_age) = policy.max_age {
            chore.again = remove_old(log, found, max_age, believed, &mut chore.steps);
        }
        if policy.compress && !in_hand {
            // The newest: it is kept the longest. The others follow.
            let newest = (1..).zip(found.iter()).find(|(_, one)| one.log && one.inode != 0);
            chore.zip = newest.map(|(n, one)| (rotated_path(log, n), one.inode));
        }
    }

    fn chore_done(&mut self, chore: Chore, now: Now, out: &mut Vec<Effect>) {
        let log = chore.work.log();
        match &chore.work {
            Work::Look(_) => {
                self.care.look_at(log, chore.again.map(|pause| now.tick + pause));
                if let Some((from, inode)) = chore.zip {
                    self.care.zip(log, from, inode, out);
                }
            }
            Work::Commit { .. } => {
                self.care.zipped();
                self.care.work.push_back(Work::Look(log.to_owned()));
                self.care.survey_soon(now);
            }
            Work::Evict(victim) => {
                if let Some(file) = chore.removes {
                    self.evicted(victim, file);
                }
            }
        }
    }

    fn chore_failed(&mut self, chore: &Chore, now: Now) {
        let log = chore.work.log();
        if matches!(chore.work, Work::Commit { .. }) {
            if let Some(kept) = self.care.kept(log) {
                kept.unswept = true;
            }
            self.care.zipped();
        }
        self.care.look_at(log, Some(now.tick + CHORE_AGAIN.max(FIRST_LOOK)));
    }
}

fn place_of(found: &[Sibling], inode: u64) -> Option<usize> {
    found.iter().position(|one| one.is_taken() && one.inode == inode && inode != 0).map(|at| at + 1)
}

/// Removes what stands at a place, in whichever form. Returns the name of the log file that goes.
fn remove(log: &str, n: usize, sibling: Sibling, steps: &mut VecDeque<Effect>) -> Option<String> {
    let plain = rotated_path(log, n);
    let forms = [(sibling.zip, zipped_path(&plain)), (sibling.log, plain.clone())];
    let gone: Vec<String> = forms.into_iter().filter(|(there, _)| *there).map(|(_, path)| path).collect();
    steps.extend(gone.iter().map(|path| Effect::Remove { path: path.clone() }));
    if sibling.index {
        steps.push_back(Effect::Remove { path: index_path(&plain) });
    }
    gone.last().cloned()
}

/// Removes what is too old, the oldest first and as far as the first one that is not: what stays is always the newest, without a gap. Returns
/// the time until the next look.
fn remove_old(
    log: &str,
    found: &mut [Sibling],
    max_age: Duration,
    believed: Result<i64, Duration>,
    steps: &mut VecDeque<Effect>,
) -> Option<Duration> {
    let wall = match believed {
        Ok(wall) => wall,
        Err(rest) => return found.iter().any(Sibling::is_taken).then_some(rest.max(AGES_AGAIN.0)),
    };
    let limit = i64::try_from(max_age.as_millis()).unwrap_or(i64::MAX);
    for n in (1..=found.len()).rev() {
        let one = found[n - 1];
        if !one.is_taken() {
            continue;
        }
        let left = limit.saturating_sub(wall.saturating_sub(one.written.0));
        if left > 0 {
            return Some(Duration::from_millis(left.unsigned_abs()).clamp(AGES_AGAIN.0, AGES_AGAIN.1));
        }
        remove(log, n, one, steps);
        found[n - 1] = Sibling::default();
    }
    None
}
