//! Questions to lives.

use super::Brain;
use model::{Check, InstanceId};
use std::time::Duration;

impl Brain {
    pub(super) fn probe(&mut self, _: InstanceId, _: u64, _: Check, _: Duration) {}
}
