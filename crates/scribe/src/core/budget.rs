//! What goes first when all log files together have too many bytes. Pure counting.

use std::collections::VecDeque;

/// A log file with what belongs to it, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The log file, as named by the steward.
    pub log: String,
    /// Bytes of the current file, its index included.
    pub current: u64,
    /// Its rotated files, the newest first.
    pub rotated: Vec<Piece>,
}

/// One rotated file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// What it is, wherever it has been moved since.
    pub inode: u64,
    /// Its bytes on the disk, its index included.
    pub bytes: u64,
}

/// A rotated file that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Victim {
    pub log: String,
    pub inode: u64,
    pub bytes: u64,
}

/// How much there may be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Limits {
    /// Of all; 0 = any number.
    pub total: u64,
    /// Of some together.
    pub apps: Vec<(Vec<String>, u64)>,
}

impl Tally {
    /// All its bytes.
    pub fn sum(&self) -> u64 {
        self.rotated.iter().fold(self.current, |sum, piece| sum.saturating_add(piece.bytes))
    }
}

impl Limits {
    /// Whether there is any limit.
    pub fn any(&self) -> bool {
        self.total > 0 || self.apps.iter().any(|(_, limit)| *limit > 0)
    }

    /// What has to go: of the largest log that has a rotated file its oldest one, again and again. The limits of single apps come first,
    /// since what goes for them is gone for the sum of all as well. `elsewhere` are bytes that count and cannot be removed from here.
    pub fn victims(&self, mut logs: Vec<Tally>, elsewhere: u64) -> VecDeque<Victim> {
        let mut victims = VecDeque::new();
        for (files, limit) in self.apps.iter().filter(|(_, limit)| *limit > 0) {
            shrink(&mut logs, |log| files.iter().any(|file| file == log), *limit, &mut victims);
        }
        if self.total > 0 {
            shrink(&mut logs, |_| true, self.total.saturating_sub(elsewhere), &mut victims);
        }
        victims
    }
}

fn shrink(logs: &mut [Tally], counts: impl Fn(&str) -> bool, limit: u64, victims: &mut VecDeque<Victim>) {
    let mut members: Vec<&mut Tally> = logs.iter_mut().filter(|one| counts(&one.log)).collect();
    let mut sum = members.iter().fold(0u64, |sum, one| sum.saturating_add(one.sum()));
    while sum > limit {
        let with_rotated = members.iter_mut().filter(|one| !one.rotated.is_empty());
        // Of two that are equally large, the one with the smaller name: the same choice each time.
        let Some(largest) = with_rotated.max_by(|a, b| a.sum().cmp(&b.sum()).then_with(|| b.log.cmp(&a.log))) else { return };
        let Some(piece) = largest.rotated.pop() else { return };
        sum = sum.saturating_sub(piece.bytes);
        victims.push_back(Victim { log: largest.log.clone(), inode: piece.inode, bytes: piece.bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(log: &str, current: u64, rotated: &[u64]) -> Tally {
        // The inode says which it was.
        let rotated = (1..).zip(rotated).map(|(inode, bytes)| Piece { inode, bytes: *bytes }).collect();
        Tally { log: log.to_owned(), current, rotated }
    }

    fn check(total: u64, elsewhere: u64, apps: &[(&[&str], u64)], expected: &[(&str, u64)]) {
        let logs = vec![tally("a", 10, &[20, 20, 20]), tally("b", 5, &[30, 10]), tally("c", 300, &[])];
        let apps = apps.iter().map(|(files, limit)| (files.iter().map(|file| (*file).to_owned()).collect(), *limit)).collect();
        let victims = Limits { total, apps }.victims(logs, elsewhere);
        let words: Vec<(&str, u64)> = victims.iter().map(|victim| (victim.log.as_str(), victim.inode)).collect();
        assert_eq!(words, expected, "{total} {elsewhere}");
    }

    #[test]
    fn the_oldest_of_the_largest_goes_first() {
        // All of them have 415.
        check(0, 0, &[], &[]);
        check(415, 0, &[], &[]);
        check(414, 0, &[], &[("a", 3)]);
        check(394, 0, &[], &[("a", 3), ("a", 2)]);
        check(374, 0, &[], &[("a", 3), ("a", 2), ("b", 2)]);
        // Current files stay, whatever the limit.
        check(1, 0, &[], &[("a", 3), ("a", 2), ("b", 2), ("b", 1), ("a", 1)]);
    }

    #[test]
    fn what_others_have_counts() {
        check(500, 85, &[], &[]);
        check(500, 86, &[], &[("a", 3)]);
        check(500, 900, &[], &[("a", 3), ("a", 2), ("b", 2), ("b", 1), ("a", 1)]);
    }

    #[test]
    fn an_app_has_its_own_limit() {
        check(0, 0, &[(&["b", "x"], 40)], &[("b", 2)]);
        check(0, 0, &[(&["a", "b"], 100)], &[("a", 3)]);
        // What goes for an app is not counted twice.
        check(405, 0, &[(&["b"], 40)], &[("b", 2)]);
        check(0, 0, &[(&["c"], 40), (&["a"], 0)], &[]);
        assert!(!Limits { total: 0, apps: vec![(Vec::new(), 0)] }.any());
    }
}
