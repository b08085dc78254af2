//! Deadlines that cannot hit a renewed owner.

use model::{AppName, InstanceId, SlotRef, Tick};
use std::collections::BTreeMap;

/// Whom a deadline belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// One life.
    Life(InstanceId),
    /// One slot.
    Slot(SlotRef),
    /// One app: its reload.
    App(AppName),
    /// The house as a whole.
    House,
}

/// Names one armed deadline; its owner keeps it and is the only one that can disarm it. A fired deadline whose alarm is not
/// the one that its owner keeps is inert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alarm(Tick, u64);

/// All armed deadlines, by time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers {
    armed: BTreeMap<Alarm, Owner>,
    count: u64,
}

impl Timers {
    /// Arms a deadline, and disarms the owner's earlier one.
    pub(crate) fn arm(&mut self, kept: &mut Option<Alarm>, owner: Owner, at: Tick) {
        self.disarm(kept);
        let alarm = Alarm(at, self.count);
        self.count += 1;
        self.armed.insert(alarm, owner);
        *kept = Some(alarm);
    }

    /// Disarms what the owner keeps, if anything.
    pub(crate) fn disarm(&mut self, kept: &mut Option<Alarm>) {
        if let Some(alarm) = kept.take() {
            self.armed.remove(&alarm);
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Tick> {
        self.armed.keys().next().map(|alarm| alarm.0)
    }

    /// Takes out one deadline that has come.
    pub(crate) fn due(&mut self, now: Tick) -> Option<(Alarm, Owner)> {
        let first = self.armed.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        Some(first.remove_entry())
    }
}
