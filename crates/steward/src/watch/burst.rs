//! Many changes, one word: told when it has been quiet for a while, and at the latest ten such whiles after the first change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Paths that are kept of a burst.
const KEPT: usize = 3;
/// So many times the quiet time, a burst lasts at most.
const LONGEST: u32 = 10;
/// No quiet time is shorter.
const LEAST: Duration = Duration::from_millis(20);

/// The changes since the last word.
#[derive(Debug)]
pub(super) struct Burst {
    quiet: Duration,
    /// The first and the last change.
    times: Option<(Instant, Instant)>,
    paths: BTreeSet<PathBuf>,
}

impl Burst {
    pub(super) fn new(quiet: Duration) -> Burst {
        Burst { quiet: quiet.max(LEAST), times: None, paths: BTreeSet::new() }
    }

    /// Something has changed; nobody may know what.
    pub(super) fn add(&mut self, path: Option<&Path>, now: Instant) {
        self.times = Some((self.times.map_or(now, |(first, _)| first), now));
        if let Some(path) = path.filter(|_| self.paths.len() < KEPT) {
            self.paths.insert(path.to_owned());
        }
    }

    /// When the word is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.times.map(|(first, last)| (last + self.quiet).min(first + self.quiet * LONGEST))
    }

    /// The paths of a burst that is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<BTreeSet<PathBuf>> {
        self.due().filter(|due| *due <= now)?;
        self.times = None;
        Some(std::mem::take(&mut self.paths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_ends_a_burst_and_so_does_patience() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut burst = Burst::new(Duration::from_millis(100));
        assert_eq!((burst.due(), burst.take(start)), (None, None));
        burst.add(Some(Path::new("b")), at(0));
        burst.add(Some(Path::new("a")), at(60));
        assert_eq!(burst.take(at(159)), None);
        assert_eq!(burst.due(), Some(at(160)));
        let paths = burst.take(at(160)).expect("due");
        assert_eq!(paths.into_iter().collect::<Vec<_>>(), [Path::new("a"), Path::new("b")]);
        assert_eq!((burst.due(), burst.take(at(500))), (None, None));
        // A flood: told after a second, with three paths.
        let mut told = None;
        for n in 0..2000 {
            burst.add(Some(Path::new(&format!("f{n}"))), at(1000 + n));
            if let Some(paths) = burst.take(at(1000 + n)) {
                told = Some((n, paths.len()));
                break;
            }
        }
        assert_eq!(told, Some((1000, 3)));
        burst.add(None, at(5000));
        assert_eq!(burst.take(at(5100)).map(|paths| paths.len()), Some(0), "nobody knows what");
    }
}
