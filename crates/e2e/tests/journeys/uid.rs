//! Being somebody else.

use e2e::{Done, House, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The user with no rights.
pub const NOBODY: u32 = 65534;

/// Copies of the programs that everybody may run, wherever the target folder is. Gives back `abide`.
pub fn programs_for_all(house: &House) -> PathBuf {
    let folder = house.root().join("programs");
    fs::create_dir(&folder).expect("a folder of ours");
    for name in ["abide", "abide-keeper", "abide-scribe", "abide-steward", "puppet"] {
        fs::copy(house.bins().path(name), folder.join(name)).expect("a program can be copied");
    }
    for path in [house.root(), &folder] {
        // Search, not read: the home below keeps its own mode.
        fs::set_permissions(path, fs::Permissions::from_mode(0o711)).expect("our own folder");
    }
    folder.join("abide")
}

/// A program run as nobody.
pub fn command_as_nobody(house: &House, program: &Path) -> Command {
    let mut command = house.plain(program);
    command.current_dir("/").env("HOME", "/nonexistent").uid(NOBODY).gid(NOBODY).stdin(Stdio::null());
    command
}

/// Runs `abide --home HOME ARGS…` as nobody.
#[track_caller]
pub fn as_nobody(house: &House, abide: &Path, args: &[&str]) -> Done {
    let mut command = command_as_nobody(house, abide);
    command.arg("--home").arg(house.home()).args(args);
    run(command, Duration::from_secs(60))
}
