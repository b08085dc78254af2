//! What is done to log files on demand.

use serde::{Deserialize, Serialize};

/// The answer to `DELETE /api/v1/apps/{selector}/logs` (with `?stream=out` or `err`: one of the two) and to `POST /api/v1/logs/reopen`: it is
/// done. Nothing is stored and there is no operation to follow; a repeated `Idempotency-Key` gets the first answer again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogsDone {
    /// `clear` or `reopen`.
    pub what: String,
    /// For `clear`: the files that are empty now, each once; their rotated files are gone.
    pub files: Vec<LogFileRef>,
}

/// One log file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFileRef {
    /// The app (the first, where several share the file).
    pub app: String,
    /// Its slot.
    pub slot: String,
    /// `out` or `err`; `out` where the file takes both.
    pub stream: String,
    /// The absolute path.
    pub file: String,
}
