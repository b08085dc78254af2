//! Processor and memory use of whole trees, for people.
//!
//! Measured only when somebody asks, by one reading of /proc for all lives ([`sys::lives::measure`]); whoever asks again within a moment gets
//! the same numbers.

use model::{InstanceId, Tick};
use std::collections::BTreeMap;
use std::time::Duration;
use sys::lives::TreeUse;

/// So long are numbers fresh.
const FRESH: Duration = Duration::from_millis(250);
/// How slowly the shown share of the processor follows: after so long, about two thirds of the way.
const SMOOTH: Duration = Duration::from_secs(5);
/// Two samples closer than this would only show the ticks of the clock.
const SHORTEST: Duration = Duration::from_millis(100);

/// What was seen of each life.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    last: BTreeMap<InstanceId, Sample>,
    at: Option<Tick>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Tick,
    cpu_nanos: u64,
    percent: f64,
    memory_bytes: u64,
}

/// What a life uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Use {
    /// 100 = one core: since its birth when nobody has asked before, later smoothed over the time between questions.
    pub(crate) cpu_percent: f64,
    /// Resident bytes of the whole tree.
    pub(crate) memory_bytes: u64,
}

impl Samples {
    /// Whether the numbers are those of this moment, for every one of these lives.
    pub(crate) fn is_fresh(&self, mut lives: impl Iterator<Item = InstanceId>, now: Tick) -> bool {
        self.at.is_some_and(|at| now.since(at) < FRESH) && lives.all(|instance| self.last.contains_key(&instance))
    }

    /// All lives have been measured.
    pub(crate) fn measured(&mut self, now: Tick) {
        self.at = Some(now);
    }

    /// A life that was born then uses so much.
    pub(crate) fn take(&mut self, instance: InstanceId, tree: TreeUse, born: Tick, now: Tick) {
        let before = self.last.get(&instance);
        let since = before.map_or(born, |sample| sample.at);
        let passed = now.since(since);
        if before.is_some() && passed < SHORTEST {
            self.last.entry(instance).and_modify(|sample| sample.memory_bytes = tree.rss_bytes);
            return;
        }
        let used = tree.cpu_nanos.saturating_sub(before.map_or(0, |sample| sample.cpu_nanos));
        let share = if passed.is_zero() { 0.0 } else { used as f64 / passed.as_nanos() as f64 * 100.0 };
        let percent = before.map_or(share, |sample| {
            let weight = 1.0 - (-passed.as_secs_f64() / SMOOTH.as_secs_f64()).exp();
            sample.percent + weight * (share - sample.percent)
        });
        self.last.insert(instance, Sample { at: now, cpu_nanos: tree.cpu_nanos, percent, memory_bytes: tree.rss_bytes });
    }

    /// What a life used when it was last measured.
    pub(crate) fn of(&self, instance: InstanceId) -> Option<Use> {
        let sample = self.last.get(&instance)?;
        Some(Use { cpu_percent: (sample.percent * 10.0).round() / 10.0, memory_bytes: sample.memory_bytes })
    }

    /// Forgets a life that is no more.
    pub(crate) fn forget(&mut self, instance: InstanceId) {
        self.last.remove(&instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: InstanceId = InstanceId(1);

    fn at(ms: u64) -> Tick {
        Tick(ms * 1_000_000)
    }

    #[test]
    fn the_share_is_smoothed_over_the_time_between_questions() {
        let mut samples = Samples::default();
        let mut ask = |ms: u64, cpu_ms: u64| {
            let tree = TreeUse { cpu_nanos: cpu_ms * 1_000_000, rss_bytes: 4096, processes: 1, tasks: 1 };
            samples.take(ONE, tree, at(1000), at(ms));
            samples.of(ONE).expect("measured").cpu_percent
        };
        assert_eq!(ask(2000, 500), 50.0, "since its birth");
        assert_eq!(ask(2050, 550), 50.0, "too soon to tell");
        let busy = ask(3000, 1500);
        assert!((58.0..61.0).contains(&busy), "a second at 100 % moves it by less than a fifth of the way: {busy}");
        assert!((99.0..=100.0).contains(&ask(33_000, 31_500)), "half a minute at 100 % moves it all the way");
        assert!(ask(63_000, 31_400) < 0.5, "a part of the tree that is gone without a trace is no negative work");
    }

    #[test]
    fn numbers_are_fresh_for_a_moment() {
        let mut samples = Samples::default();
        assert!(!samples.is_fresh(std::iter::empty(), at(1000)));
        samples.take(ONE, TreeUse::default(), at(0), at(1000));
        samples.measured(at(1000));
        assert!(samples.is_fresh([ONE].into_iter(), at(1200)));
        assert!(!samples.is_fresh([ONE].into_iter(), at(1250)));
        assert!(!samples.is_fresh([ONE, InstanceId(2)].into_iter(), at(1100)), "one was not there yet");
        samples.forget(ONE);
        assert_eq!(samples.of(ONE), None);
    }
}
