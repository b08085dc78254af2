//! Limits that nobody else holds: the tree of a life is measured now and then, and what is above a limit is told once.

use super::words::{percent, size};
use model::{InstanceId, Tick, Usage};
use std::collections::BTreeMap;
use std::time::Duration;
use sys::cgroup::Held;
use sys::lives::TreeUse;

/// From one sample to the next.
pub(crate) const PERIOD: Duration = Duration::from_secs(2);

/// The lives that are sampled.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    watched: BTreeMap<InstanceId, Seen>,
    next: Option<Tick>,
}

/// What was seen of a life.
#[derive(Debug, Default)]
struct Seen {
    /// Processor time at the last sample.
    cpu: Option<(Tick, u64)>,
    /// Whether the last sample was above the limit: processor, tasks.
    above: [bool; 2],
    told: bool,
    /// The limits that it was told about: others are another matter.
    usage: Option<Usage>,
}

impl Sampler {
    /// From now on this life is sampled, or not.
    pub(crate) fn watch(&mut self, instance: InstanceId, wanted: bool, now: Tick) {
        if !wanted {
            self.watched.remove(&instance);
        } else if let std::collections::btree_map::Entry::Vacant(place) = self.watched.entry(instance) {
            place.insert(Seen::default());
        }
        self.next = if self.watched.is_empty() { None } else { self.next.or(Some(now + PERIOD)) };
    }

    /// When the next sample is due; `None` = nobody needs one.
    pub(crate) fn deadline(&self) -> Option<Tick> {
        self.next
    }

    /// A sample is being taken.
    pub(crate) fn begun(&mut self, now: Tick) {
        self.next = (!self.watched.is_empty()).then_some(now + PERIOD);
    }

    /// Looks at a sample of a life. What it uses too much of, in words, the first time that it does: of memory at once, since there may be none
    /// left soon; of processor time and tasks when it was so the last time too. What the kernel holds it to counts not here.
    pub(crate) fn take(&mut self, instance: InstanceId, usage: &Usage, held: Held, tree: &TreeUse, now: Tick) -> Option<String> {
        let seen = self.watched.get_mut(&instance)?;
        let share = seen.cpu.filter(|(then, _)| *then < now).map(|(then, before)| {
            let passed = now.since(then).as_nanos() as f64;
            tree.cpu_nanos.saturating_sub(before) as f64 / passed * 100.0
        });
        seen.cpu = Some((now, tree.cpu_nanos));
        let memory = usage.max_memory.filter(|max| !held.memory && tree.rss_bytes > *max);
        let cpu = usage.max_cpu.filter(|_| !held.cpu).zip(share).filter(|(max, share)| share > max);
        let tasks = usage.max_tasks.filter(|max| !held.tasks && tree.tasks > *max);
        if seen.usage.as_ref() != Some(usage) {
            (seen.told, seen.above, seen.usage) = (false, [false; 2], Some(usage.clone()));
        }
        let before = std::mem::replace(&mut seen.above, [cpu.is_some(), tasks.is_some()]);
        if seen.told {
            return None;
        }
        let what = if let Some(max) = memory {
            format!("memory {} of {} (max_memory)", size(tree.rss_bytes), size(max))
        } else if let Some((max, share)) = cpu.filter(|_| before[0]) {
            format!("cpu {} of {} (max_cpu)", percent(share), percent(max))
        } else if let Some(max) = tasks.filter(|_| before[1]) {
            format!("tasks {} of {max} (max_tasks)", tree.tasks)
        } else {
            return None;
        };
        seen.told = true;
        Some(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: InstanceId = InstanceId(1);

    /// Samples of one life, 2 s apart: processor milliseconds in all, megabytes, tasks. What was told at each.
    fn check(usage: Usage, held: Held, samples: &[(u64, u64, u64)]) -> Vec<Option<String>> {
        let mut sampler = Sampler::default();
        sampler.watch(ONE, true, Tick(0));
        let tell = |(at, (cpu, memory, tasks)): (usize, &(u64, u64, u64))| {
            let now = sampler.deadline().expect("somebody needs it");
            assert_eq!(now, Tick(0) + PERIOD * (at as u32 + 1));
            sampler.begun(now);
            let tree = TreeUse { cpu_nanos: cpu * 1_000_000, rss_bytes: memory << 20, processes: 1, tasks: *tasks };
            sampler.take(ONE, &usage, held, &tree, now)
        };
        samples.iter().enumerate().map(tell).collect()
    }

    #[test]
    fn memory_is_told_at_once_and_once() {
        let usage = Usage { max_memory: Some(512 << 20), ..Usage::default() };
        let told = check(usage.clone(), Held::default(), &[(0, 512, 1), (0, 612, 1), (0, 700, 1)]);
        assert_eq!(told, [None, Some("memory 612M of 512M (max_memory)".into()), None]);
        let held = Held { memory: true, ..Held::default() };
        assert_eq!(check(usage, held, &[(0, 900, 1)]), [None], "the kernel sees to it");
    }

    #[test]
    fn one_peak_is_forgiven() {
        let usage = Usage { max_cpu: Some(50.0), max_tasks: Some(10), ..Usage::default() };
        let told = check(usage.clone(), Held::default(), &[(0, 1, 1), (2000, 1, 1), (2100, 1, 1), (4100, 1, 1), (7700, 1, 1)]);
        assert_eq!(told, [None, None, None, None, Some("cpu 180% of 50% (max_cpu)".into())]);
        let told = check(usage, Held::default(), &[(0, 1, 11), (0, 1, 9), (0, 1, 11), (0, 1, 12)]);
        assert_eq!(told, [None, None, None, Some("tasks 12 of 10 (max_tasks)".into())]);
    }

    #[test]
    fn changed_limits_are_told_anew() {
        let mut sampler = Sampler::default();
        sampler.watch(ONE, true, Tick(0));
        let tree = TreeUse { rss_bytes: 100 << 20, ..TreeUse::default() };
        let mut tells = |usage: &Usage| sampler.take(ONE, usage, Held::default(), &tree, Tick(1)).is_some();
        let told = Usage { max_memory: Some(64 << 20), on_limit: model::OnLimit::None, ..Usage::default() };
        assert!(tells(&told) && !tells(&told));
        let acts = Usage { on_limit: model::OnLimit::Restart, ..told.clone() };
        assert!(tells(&acts), "it is to be restarted now, and is still above");
        let more = Usage { max_memory: Some(128 << 20), ..told.clone() };
        assert!(!tells(&more) && tells(&told));
    }

    #[test]
    fn no_timer_without_need() {
        let mut sampler = Sampler::default();
        assert_eq!(sampler.deadline(), None);
        sampler.watch(ONE, true, Tick(5));
        sampler.watch(InstanceId(2), true, Tick(9));
        assert_eq!(sampler.deadline(), Some(Tick(5) + PERIOD));
        sampler.watch(ONE, false, Tick(10));
        assert_eq!(sampler.deadline(), Some(Tick(5) + PERIOD));
        sampler.watch(InstanceId(2), false, Tick(10));
        assert_eq!(sampler.deadline(), None);
        assert_eq!(sampler.take(ONE, &Usage::default(), Held::default(), &TreeUse::default(), Tick(11)), None);
    }
}
