//! Abide's brain: wishes × facts → next action. Pure: no clock, no I/O, no randomness, no async.

mod effect;
mod event;

pub use effect::{Bear, Effect, LifeNote, Note, SlotView, StoreNote, What};
pub use event::{Ask, Event, FactState, Finding, KeeperFact, Recalled, RecalledApp, Target};

use model::{InstanceId, SlotRef, Tick};

/// The brain.
#[derive(Debug, Default)]
pub struct Engine {}

impl Engine {
    /// A brain that knows nothing yet; `seed` feeds the jitter of its pauses.
    pub fn new(_seed: u64) -> Engine {
        Engine {}
    }
    /// Takes one happening and appends what is to be done to `out`, in order.
    pub fn step(&mut self, _event: Event, _now: Tick, _out: &mut Vec<Effect>) {}
    /// When [`Event::TimePassed`] is wanted next.
    pub fn deadline(&self) -> Option<Tick> {
        None
    }
    /// Every slot, by order of definition, then index.
    pub fn slots(&self) -> Vec<SlotView<'_>> {
        Vec::new()
    }
    /// One slot.
    pub fn slot(&self, _slot: &SlotRef) -> Option<SlotView<'_>> {
        None
    }
    /// The next number of an instance: lives begun from now on have at least this one.
    pub fn next_instance(&self) -> InstanceId {
        InstanceId(0)
    }
}
