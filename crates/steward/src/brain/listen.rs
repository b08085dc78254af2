//! What lives say about themselves.

use super::Brain;
use model::{InstanceId, Readiness};

impl Brain {
    pub(super) fn listen(&mut self, instance: InstanceId, ready: &Readiness) {
        if let Readiness::Log { pattern } = ready {
            self.listen_log(instance, pattern);
        }
    }
}
