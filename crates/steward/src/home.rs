//! Where things stand in a home. All paths are relative: the steward stands in its home.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The lock of the steward's role.
pub(crate) const LOCK: &str = "run/steward.lock";
/// The door.
pub(crate) const SOCKET: &str = "run/abide.sock";
/// Operations, snapshot, lives.
pub(crate) const STORE: &str = "store";
/// One file a day.
pub(crate) const EVENTS: &str = "events";
/// There while the manager is stopped by wish.
pub(crate) const STOPPED: &str = "stopped";
/// FIFOs.
pub(crate) const IO: &str = "run/io";
/// Life locks.
pub(crate) const LIVES: &str = "run/lives";

/// Sockets of sd_notify.
pub(crate) const NOTIFY: &str = "run/notify";
/// Names of descriptors that lives have stored.
pub(crate) const FDS: &str = "run/fds";

/// Makes the folders that are missing, 0700 each.
pub(crate) fn make_folders() -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    [IO, LIVES, NOTIFY, FDS, STORE, EVENTS, "logs"].into_iter().try_for_each(|folder| builder.create(folder))
}

/// Removes FIFOs and locks that lives and commands of another boot have left: nothing of them can be alive.
pub(crate) fn clear_stale_lives() -> io::Result<()> {
    for folder in [IO, LIVES, NOTIFY] {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(['i', 'x']) {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

/// Writes the marker that the manager was stopped by wish, so that it survives a power cut.
pub(crate) fn mark_stopped() -> io::Result<()> {
    fs::File::create(STOPPED)?.sync_all()?;
    sync_folder(Path::new("."))
}

/// Makes a rename, creation or removal in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// The folder itself, without symbolic links: what children are told.
pub(crate) fn canonical(home: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(home)
}
