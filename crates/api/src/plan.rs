//! What an apply would do, and what was done before.

use crate::OperationKind;
use model::{Plan, Project};
use serde::{Deserialize, Serialize};

/// Answer to `POST /api/v1/plan` (body: [`crate::ApplyRequest`]), and to a rollback with `dry_run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanReply {
    /// Names this plan: an apply that carries it is refused if it would do something else by then.
    pub id: String,
    /// What would be done.
    pub plan: Plan,
    /// An apply changes nothing that holds, but who set it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub remembers: bool,
    /// Why `daemon.toml` of the home does not count as it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settings_trouble: Option<String>,
    /// The profiles that are remembered from then on.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub profiles: Vec<RememberedProfile>,
}

/// The profile that a project was last applied with. It counts again for an apply that chooses none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedProfile {
    /// The project.
    pub project: Project,
    /// Its profile; `None` = none was chosen (`--profile none` comes to the same).
    pub profile: Option<String>,
}

/// One of `GET /api/v1/projects`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectView {
    /// Which.
    pub project: Project,
    /// The profile that is remembered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<String>,
    /// Its apps, in order of definition.
    pub apps: Vec<String>,
}

/// `POST /api/v1/apps/{selector}/rollback`: each of these apps goes back to the newest definition before its present one that was ready.
/// `POST /api/v1/operations/{id}/rollback`: everything that was defined or removed after operation `id` goes back to how it was then. Both
/// are operations of their own and can be rolled back too.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RollbackRequest {
    /// Answer with a [`PlanReply`] and change nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub dry_run: bool,
    /// As for an apply.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan: Option<String>,
}

/// One of `GET /api/v1/history?app=SELECTOR&lines=N`: an operation, the oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Its number.
    pub operation: u64,
    /// When: RFC 3339, UTC.
    pub time: String,
    /// Who asked.
    pub actor: String,
    /// What was asked for.
    pub kind: OperationKind,
    /// The apps that it is about.
    pub apps: Vec<String>,
    /// What it changed: the plan without what it kept. Empty for operations that change no definition.
    #[serde(skip_serializing_if = "Plan::is_empty", default)]
    pub plan: Plan,
    /// The number that `rollback --operation` was given, for a rollback to an operation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub back_to: Option<u64>,
    /// Whether what it replaced is still kept, so that `rollback --operation` can go to before it.
    pub kept: bool,
}
