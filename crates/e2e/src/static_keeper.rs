//! The keeper as releases have it: one program without a dynamic loader, built by `tools/static-keeper`.

use crate::bins::workspace_root;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What `tools/static-keeper` built.
#[derive(Debug, Clone)]
pub struct StaticKeeper {
    /// The program.
    pub path: PathBuf,
    /// `musl`, or `glibc` with a reason behind it.
    pub libc: String,
    /// Bytes of the program.
    pub size: u64,
    /// Everything that the tool says of it: `key: value` a line.
    pub said: String,
}

impl StaticKeeper {
    /// Builds it: `libc` is `musl`, `glibc` or `auto` (musl if it can be had), `profile` is `release` or `quick`. Quick when nothing has changed;
    /// two at once wait for each other.
    ///
    /// # Errors
    /// It cannot be built; the tool has said why on standard error.
    pub fn build(libc: &str, profile: &str) -> io::Result<StaticKeeper> {
        let mut tool = Command::new(workspace_root().join("tools/static-keeper"));
        let done = tool.args(["--libc", libc, "--profile", profile]).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        if !done.status.success() {
            return Err(io::Error::other(format!("tools/static-keeper --libc {libc} ended with {}", done.status)));
        }
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let field = |key: &str| {
            let found = said.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            found.map(str::to_owned).ok_or_else(|| io::Error::other(format!("tools/static-keeper says no {key}: {said}")))
        };
        let size = field("size")?.parse().map_err(io::Error::other)?;
        Ok(StaticKeeper { path: field("path")?.into(), libc: field("libc")?, size, said })
    }
}
