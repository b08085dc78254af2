//! Lines for the standard input of apps.

use serde::{Deserialize, Serialize};

/// The answer to `POST /api/v1/apps/{selector}/stdin`, whose body (at most 64 KiB, of any kind) was written to the standard input of every life
/// that the selector means: it is in their pipes. A life that has none, does not run or does not read is a refusal (409 `no_input`). This
/// request is not safe to send twice: what was sent twice is read twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The slots that got it.
    pub slots: Vec<String>,
    /// How many bytes each.
    pub bytes: usize,
}
