//! Processor and memory use, sampled only when somebody asks.

use model::{InstanceId, Tick};
use std::collections::BTreeMap;
use sys::lives::usage;

/// What was seen of each life when somebody last asked.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    last: BTreeMap<InstanceId, (Tick, u64)>,
}

/// What a process uses now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Use {
    /// 100 = one core: since the last question, or since it began.
    pub(crate) cpu_percent: f64,
    pub(crate) memory_bytes: u64,
}

impl Samples {
    /// Asks the system about a process; `None` when it is gone.
    pub(crate) fn of(&mut self, instance: InstanceId, pid: u32, ident: u64, since: Tick, now: Tick) -> Option<Use> {
        let seen = usage(pid, ident)?;
        let (then, before) = self.last.get(&instance).copied().unwrap_or((since, 0));
        let passed = now.since(then).as_nanos() as f64;
        // Two questions within a tick of the clock would only show noise.
        let cpu = if passed > 0.0 { seen.cpu_nanos.saturating_sub(before) as f64 / passed * 100.0 } else { 0.0 };
        if now.since(then).as_millis() >= 100 {
            self.last.insert(instance, (now, seen.cpu_nanos));
        }
        Some(Use { cpu_percent: (cpu * 10.0).round() / 10.0, memory_bytes: seen.rss_bytes })
    }

    /// Forgets lives that are no more.
    pub(crate) fn keep(&mut self, alive: impl Fn(InstanceId) -> bool) {
        self.last.retain(|instance, _| alive(*instance));
    }
}
