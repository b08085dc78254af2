//! What may happen very often and is said at most once a minute: what comes in between is summed up.

use model::{StreamId, Tick};
use std::collections::BTreeMap;
use std::time::Duration;

/// The pause between two sayings.
const PAUSE: Duration = Duration::from_secs(60);

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// A stream was read and discarded.
    Dropped(StreamId),
    /// Rotated files were removed for the sake of the budget.
    Removed,
}

/// How much of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sum {
    /// How often.
    pub(crate) times: u64,
    /// Bytes of all times.
    pub(crate) bytes: u64,
    /// The newest in words.
    pub(crate) last: String,
}

#[derive(Debug)]
struct Quiet {
    until: Tick,
    held: Option<Sum>,
}

/// Who keeps quiet about what.
#[derive(Debug, Default)]
pub(crate) struct Hush(BTreeMap<Topic, Quiet>);

impl Hush {
    /// It happened; what is to be said now, if anything.
    pub(crate) fn heard(&mut self, topic: Topic, bytes: u64, last: String, now: Tick) -> Option<Sum> {
        self.0.retain(|_, quiet| quiet.until > now || quiet.held.is_some());
        let Some(quiet) = self.0.get_mut(&topic) else {
            self.0.insert(topic, Quiet { until: now + PAUSE, held: None });
            return Some(Sum { times: 1, bytes, last });
        };
        let sum = quiet.held.get_or_insert_default();
        *sum = Sum { times: sum.times + 1, bytes: sum.bytes + bytes, last };
        None
    }

    /// When something that was held back is to be said.
    pub(crate) fn deadline(&self) -> Option<Tick> {
        self.0.values().filter(|quiet| quiet.held.is_some()).map(|quiet| quiet.until).min()
    }

    /// What is to be said by now.
    pub(crate) fn due(&mut self, now: Tick) -> Vec<(Topic, Sum)> {
        let mut due = Vec::new();
        for (topic, quiet) in self.0.iter_mut().filter(|(_, quiet)| quiet.until <= now) {
            if let Some(sum) = quiet.held.take() {
                quiet.until = now + PAUSE;
                due.push((*topic, sum));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_at_once_the_others_summed_up_after_a_minute() {
        let mut hush = Hush::default();
        let (start, second) = (Tick(0), Duration::from_secs(1));
        let heard = |hush: &mut Hush, at: u32| hush.heard(Topic::Removed, 10, format!("at {at}"), start + second * at);
        let sum = |times, bytes, last: &str| Sum { times, bytes, last: last.to_owned() };
        assert_eq!(heard(&mut hush, 0), Some(sum(1, 10, "at 0")));
        assert_eq!((heard(&mut hush, 1), heard(&mut hush, 59)), (None, None));
        assert_eq!(hush.deadline(), Some(start + second * 60));
        assert_eq!(hush.due(start + second * 59), []);
        assert_eq!(hush.due(start + second * 60), [(Topic::Removed, sum(2, 20, "at 59"))]);
        assert_eq!(hush.deadline(), None);
        assert_eq!(heard(&mut hush, 100), None, "the pause begins anew with each saying");
        assert_eq!(hush.due(start + second * 120), [(Topic::Removed, sum(1, 10, "at 100"))]);
        assert_eq!(heard(&mut hush, 500), Some(sum(1, 10, "at 500")));
    }
}
