//! What is remembered of the past, so that no time runs twice and a missed one is known: small, and written before a time is told.

use model::{AppName, Tick, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A clock that goes back by more than this was wrong before: what ran by it is no reason to wait.
pub(super) const BELIEVED_MS: i64 = 24 * 3_600_000;
/// Stretches of time that are remembered.
const MARKS: usize = 8;

/// Everything, as it is stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// The boot to which monotonic times belong.
    pub(crate) boot: String,
    /// By app: its schedule, and its restarts by the clock.
    pub(crate) apps: BTreeMap<AppName, [Option<Past>; 2]>,
}

/// The past of one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Past {
    /// The rule, as it was written; with another rule a new past begins.
    pub(super) rule: String,
    /// Until when everything has been seen to, once for each stretch of time that the clock has shown (one, if nobody ever set it by more than
    /// a day). The latest is the last.
    marks: Vec<Wall>,
    /// Of a rule that goes by how long ago the last run was: when the next is due, by both clocks.
    pub(super) coming: Option<(Tick, Wall)>,
}

impl Past {
    /// That of a rule that is followed from now on.
    pub(super) fn new(rule: String, wall: Wall) -> Past {
        Past { rule, marks: vec![wall], coming: None }
    }

    /// Everything until then has been seen to.
    pub(super) fn mark(&mut self, until: Wall) {
        let near = |mark: &Wall| mark.0 <= until.0 && until.0 - mark.0 <= BELIEVED_MS;
        // A mark that is a little later stands for this time too.
        if self.marks.iter().any(|mark| until < *mark && mark.0 - until.0 <= BELIEVED_MS) {
            return;
        }
        self.marks.retain(|mark| !near(mark));
        self.marks.push(until);
        if self.marks.len() > MARKS {
            self.marks.remove(0);
        }
    }

    /// Until when everything has been seen to, as this time knows it. `None`: the clock has never been here, nor shortly after.
    pub(super) fn seen(&self, now: Wall) -> Option<Wall> {
        self.marks.iter().copied().filter(|mark| mark.0.saturating_sub(BELIEVED_MS) <= now.0).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const YEAR: i64 = 365 * 24 * HOUR;

    #[test]
    fn each_stretch_has_its_mark() {
        let now = 20 * YEAR;
        let mut past = Past::new("r".into(), Wall(now));
        past.mark(Wall(now + HOUR));
        assert_eq!(past.marks, [Wall(now + HOUR)]);
        past.mark(Wall(now));
        assert_eq!((past.marks.len(), past.seen(Wall(now))), (1, Some(Wall(now + HOUR))), "an hour back");
        past.mark(Wall(now + 10 * YEAR));
        assert_eq!(past.seen(Wall(now + 10 * YEAR)), Some(Wall(now + 10 * YEAR)));
        assert_eq!(past.seen(Wall(now + 2 * HOUR)), Some(Wall(now + HOUR)), "and back again");
        assert_eq!(past.seen(Wall(now - 10 * YEAR)), None);
        (0..100).for_each(|year| past.mark(Wall(now + year * YEAR)));
        assert_eq!(past.marks.len(), MARKS);
    }
}
