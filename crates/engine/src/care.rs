//! Readiness and health of lives.

use crate::engine::Engine;
use crate::{Effect, Outcome, Word};
use model::{InstanceId, Tick};

impl Engine {
    pub(crate) fn probed(&mut self, _: InstanceId, _: u64, _: Outcome, _: Tick, _: &mut Vec<Effect>) {}
    pub(crate) fn said(&mut self, _: InstanceId, _: Word, _: Tick, _: &mut Vec<Effect>) {}
    pub(crate) fn exceeded(&mut self, _: InstanceId, _: String, _: Tick, _: &mut Vec<Effect>) {}
    pub(crate) fn out_of_memory(&mut self, _: InstanceId, _: u32, _: &mut Vec<Effect>) {}
}
