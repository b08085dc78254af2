//! The outside world, as far as resolving needs it: an input like any other.

use std::path::{Path, PathBuf};

/// Everything from outside that resolving needs. Implemented by the command line over the real system, by tests over maps.
pub trait Surroundings {
    /// A variable of the environment of the command that loads.
    fn var(&self, name: &str) -> Option<String>;

    /// The text of a file (env files).
    ///
    /// # Errors
    /// What the system says; `NotFound` matters for files that may be missing.
    fn read(&self, path: &Path) -> std::io::Result<String>;

    /// The names of what is in a folder, in order of name (for `include = ["conf.d/*.toml"]`).
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, folder: &Path) -> std::io::Result<Vec<String>>;

    /// The home directory of the user, for `~/`.
    fn home_dir(&self) -> Option<PathBuf>;

    /// How many processors `instances = "cpu"` means.
    fn cpus(&self) -> u32;

    /// Whether a regular file may be executed; `None` where there is no such file.
    fn is_executable(&self, path: &Path) -> Option<bool>;

    /// Whether this machine knows the time zone of that name (`Europe/Berlin`).
    fn knows_time_zone(&self, name: &str) -> bool;
}
