//! Errors, as RFC 9457 problem documents.

use serde::{Deserialize, Serialize};

/// Why a request was refused or failed. Sent as `application/problem+json`. Codes are stable: `unknown_app`, `name_taken`, `not_startable`,
/// `not_running`, `no_input`, `plan_changed`, `settings_differ`, `port_taken`, `too_few_ports`, `cannot_listen`, `cannot_reload`, `reloading`, `out_of_range`,
/// `no_rollback`, `unknown_operation`, `invalid_request`, `forbidden`, `read_only`, `stopping`, `starting_up`, `internal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A stable word for scripts.
    pub code: String,
    /// What is wrong, to which object, why: a lower-case fragment for people.
    pub detail: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
    /// Nearest names, for an unknown one.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub nearest: Vec<String>,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Problem {
        Problem { status, code: code.to_owned(), detail: detail.into(), hint: None, nearest: Vec::new() }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }
}
