//! What lives say about themselves.

use super::Brain;
use model::{InstanceId, Readiness};

impl Brain {
    pub(super) fn listen(&mut self, _: InstanceId, _: &Readiness) {}
}
