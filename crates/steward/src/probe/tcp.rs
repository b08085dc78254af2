//! Does anything accept a connection?

use super::asking::Asking;
use engine::Outcome;

impl Asking {
    /// Connects, and says nothing.
    pub(crate) async fn tcp(&self, address: &str) -> Outcome {
        match self.connect(address).await {
            Ok(_) => Outcome::Good,
            Err(outcome) => outcome,
        }
    }
}
