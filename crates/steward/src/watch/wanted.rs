//! What is to be watched, and what a watcher has to say.

use model::AppName;
use std::path::PathBuf;
use std::time::Duration;

/// One app's wish to know of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The app.
    pub(crate) app: AppName,
    /// Its working directory: from here patterns count, and paths are told.
    pub(crate) cwd: PathBuf,
    /// Files and folders, absolute.
    pub(crate) paths: Vec<PathBuf>,
    /// The user's patterns of what does not count.
    pub(crate) ignore: Vec<String>,
    /// Log files of its own; what stands beside them under names made from theirs is meant too.
    pub(crate) logs: Vec<PathBuf>,
    /// Our home: what is in it never counts.
    pub(crate) home: PathBuf,
    /// Quiet time after a change.
    pub(crate) debounce: Duration,
}

/// What a watcher says of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// Files have changed, and are quiet since.
    Changed {
        /// Some of them, at most three, relative to the working directory where they are below it.
        paths: Vec<String>,
    },
    /// The system cannot tell of changes; the files are looked at now and then.
    Polling {
        /// Why.
        why: String,
    },
    /// A path that is to be watched is not there.
    Missing {
        /// Which.
        path: String,
    },
    /// It is there again.
    Found {
        /// Which.
        path: String,
    },
}
