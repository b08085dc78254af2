//! The keeper's executable of before an upgrade, kept until the new one has shown that it works. Whoever outlives a keeper starts that one
//! (`sys::daemon::rescue`).

use crate::home::sync_folder;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use sys::daemon::PREVIOUS_KEEPER;

/// Keeps the executable that the keeper runs, whatever has become of its file: binaries are replaced by renaming. Takes as long as the disk
/// does.
///
/// # Errors
/// The keeper is gone, or there is no room in the home.
pub(crate) fn keep(keeper_pid: u32) -> io::Result<()> {
    if is_at_work(keeper_pid) {
        return Ok(());
    }
    let path = Path::new(PREVIOUS_KEEPER);
    let unfinished = PathBuf::from(format!("{PREVIOUS_KEEPER}.new"));
    let copied = copy(&running(keeper_pid), &unfinished).and_then(|()| fs::rename(&unfinished, path));
    if copied.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    copied.and_then(|()| sync_folder(path.parent().unwrap_or(Path::new("."))))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = File::open(from)?;
    let mut to = OpenOptions::new().write(true).create(true).truncate(true).mode(0o700).open(to)?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()
}

/// The link behind which the kernel keeps what a process executes, also when its file is gone.
fn running(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/exe"))
}

/// Whether the keeper itself runs from the kept executable: the one after it broke, and this one was started again.
pub(crate) fn is_at_work(keeper_pid: u32) -> bool {
    let place = |path: &Path| fs::metadata(path).map(|seen: Metadata| (seen.dev(), seen.ino())).ok();
    place(Path::new(PREVIOUS_KEEPER)).is_some_and(|kept| place(&running(keeper_pid)) == Some(kept))
}

/// Whether one is kept.
pub(crate) fn is_kept() -> bool {
    Path::new(PREVIOUS_KEEPER).exists()
}

/// Lets go of the kept executable, unless the keeper runs from it.
pub(crate) fn let_go(keeper_pid: u32) {
    if is_kept() && !is_at_work(keeper_pid) {
        forget();
    }
}

/// Lets go of the kept executable. What cannot be removed now is tried again by the next steward.
pub(crate) fn forget() {
    let _ = fs::remove_file(PREVIOUS_KEEPER);
}
