//! File locks that say who is at work (`flock`): they end with their holder, whatever ends it, and are never unlinked.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Between two looks at a lock that another holds: this at first, twice as much each time. (Who waits in the kernel cannot see his parent go.)
const LEAST_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
const MOST_PAUSE_NS: i64 = 64_000_000;

/// A lock that is held until this value is dropped. Close-on-exec, and never given to a child.
#[derive(Debug)]
pub struct RoleLock {
    file: File,
}

/// The lock as a descriptor, which holds it as long as it is open somewhere.
impl From<RoleLock> for std::os::fd::OwnedFd {
    fn from(lock: RoleLock) -> std::os::fd::OwnedFd {
        lock.file.into()
    }
}

impl RoleLock {
    /// Takes the lock if it is free; `None` when somebody else holds it. The file is made (0600) when it is missing.
    ///
    /// # Errors
    /// The file cannot be opened, or is a symbolic link.
    pub fn try_take(path: &Path) -> io::Result<Option<RoleLock>> {
        let file = open_lock_file(path)?;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(RoleLock { file })),
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes the lock, waiting for as long as another holds it and the other end of `parent`, a socket, is open; `None` when that was closed.
    ///
    /// # Errors
    /// The file cannot be opened, or is a symbolic link.
    pub fn wait_under(path: &Path, parent: impl AsFd) -> io::Result<Option<RoleLock>> {
        let mut pause = LEAST_PAUSE;
        loop {
            if let Some(lock) = RoleLock::try_take(path)? {
                return Ok(Some(lock));
            }
            let mut wait = [PollFd::new(&parent, PollFlags::HUP)];
            match poll(&mut wait, Some(&pause)) {
                Ok(0) | Err(Errno::INTR) => pause.tv_nsec = (pause.tv_nsec * 2).min(MOST_PAUSE_NS),
                Ok(_) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether somebody holds the lock of this file. A missing file is held by nobody; the file is not made.
///
/// # Errors
/// The file is there and cannot be opened.
pub fn is_held(path: &Path) -> io::Result<bool> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match open(path, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn open_lock_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(File::from(open(path, flags, Mode::RUSR | Mode::WUSR)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time() {
        let home = tempfile::tempdir().expect("tempdir");
        let path = home.path().join("lock");
        assert!(!is_held(&path).expect("missing file"));
        let held = RoleLock::try_take(&path).expect("open").expect("free");
        assert!(RoleLock::try_take(&path).expect("open").is_none());
        assert!(is_held(&path).expect("open"));
        drop(held);
        assert!(!is_held(&path).expect("open"));
        assert!(RoleLock::try_take(&path).expect("open").is_some());
    }

    #[test]
    fn nobody_waits_longer_than_his_parent_lives() {
        let home = tempfile::tempdir().expect("tempdir");
        let path = home.path().join("lock");
        let (parent, child) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let held = RoleLock::try_take(&path).expect("open").expect("free");
        let waits = std::thread::spawn({
            let (path, child) = (path.clone(), child.try_clone().expect("cloned"));
            move || RoleLock::wait_under(&path, child).expect("open").is_some()
        });
        drop(held);
        assert!(waits.join().expect("no panic"), "taken once it is free");
        let held = RoleLock::try_take(&path).expect("open").expect("free again");
        let waits = std::thread::spawn({
            let path = path.clone();
            move || RoleLock::wait_under(&path, child).expect("open").is_some()
        });
        drop(parent);
        assert!(!waits.join().expect("no panic"), "given up");
        drop(held);
    }
}
