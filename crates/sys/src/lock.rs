//! File locks that say who is at work (`flock`): they end with their holder, whatever ends it, and are never unlinked.

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::Path;

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

    /// Takes the lock, waiting for as long as another holds it.
    ///
    /// # Errors
    /// The file cannot be opened, or is a symbolic link.
    pub fn wait(path: &Path) -> io::Result<RoleLock> {
        let file = open_lock_file(path)?;
        loop {
            match flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(RoleLock { file }),
                Err(Errno::INTR) => {}
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
}
