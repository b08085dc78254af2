//! Which slot a life belonged to, for readers of logs that several slots write to.

use model::{InstanceId, SlotRef};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// So many lives are remembered, the last ones.
const MOST: usize = 4096;

/// Slots of lives, also of those that are over; as far back as the journal of lives reaches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writers(Arc<RwLock<BTreeMap<InstanceId, SlotRef>>>);

impl Writers {
    /// A life of this slot.
    pub(super) fn note(&self, instance: InstanceId, slot: &SlotRef) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(instance, slot.clone());
        if known.len() > MOST {
            known.pop_first();
        }
    }

    /// The slot of a life, where it is still known.
    pub(crate) fn slot_of(&self, instance: InstanceId) -> Option<SlotRef> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&instance).cloned()
    }
}
