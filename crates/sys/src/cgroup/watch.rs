//! Hearing of it when the kernel had to act in a box.

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::{Errno, retry_on_intr};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// The length of an inotify event without a name (inotify(7)).
const EVENT: usize = 16;
/// Room for many of them.
pub const ROOM: usize = 4096;

/// One descriptor for any number of boxes: readable when a watched file has changed.
#[derive(Debug)]
pub struct Watcher {
    fd: OwnedFd,
    /// What each watch stands for.
    marks: BTreeMap<i32, u64>,
}

impl Watcher {
    /// Without any file yet.
    ///
    /// # Errors
    /// `EMFILE`, …
    pub fn new() -> io::Result<Watcher> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Watcher { fd, marks: BTreeMap::new() })
    }

    /// Watches a file; its changes are told by `mark`. The watch ends with the file.
    ///
    /// # Errors
    /// `ENOSPC`: more watches than `fs.inotify.max_user_watches`.
    pub fn add(&mut self, file: &Path, mark: u64) -> io::Result<()> {
        let watch = inotify::add_watch(&self.fd, file, WatchFlags::MODIFY)?;
        self.marks.insert(watch, mark);
        Ok(())
    }

    /// The descriptor that is readable when a file has changed, for somebody else's loop; what it reads is for [`Watcher::heard`].
    ///
    /// # Errors
    /// `EMFILE`.
    pub fn source(&self) -> io::Result<OwnedFd> {
        self.fd.try_clone()
    }

    /// The marks of files that have changed, each once, from what was read.
    pub fn heard(&mut self, read: &[u8]) -> Vec<u64> {
        let mut found = Vec::new();
        let mut rest = read;
        while let Some((event, after)) = rest.split_at_checked(EVENT) {
            let word = |at: usize| i32::from_ne_bytes(event[at..at + 4].try_into().expect("four bytes"));
            let (watch, mask, name) = (word(0), word(4) as u32, word(12) as usize);
            if mask & libc::IN_Q_OVERFLOW != 0 {
                found.extend(self.marks.values());
            } else if mask & libc::IN_IGNORED != 0 {
                self.marks.remove(&watch);
            } else {
                found.extend(self.marks.get(&watch));
            }
            rest = after.get(name..).unwrap_or_default();
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The same, read here. Empty when nothing has changed (any more).
    ///
    /// # Errors
    /// What the system says.
    pub fn changed(&mut self) -> io::Result<Vec<u64>> {
        let mut room = [0; ROOM];
        match retry_on_intr(|| rustix::io::read(&self.fd, &mut room)) {
            Ok(read) => Ok(self.heard(&room[..read])),
            Err(Errno::AGAIN) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_once() {
        let folder = tempfile::tempdir().expect("tempdir");
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("a"), "x").expect("write");
        std::fs::write(file("b"), "x").expect("write");
        let mut watcher = Watcher::new().expect("inotify");
        watcher.add(&file("a"), 7).expect("watched");
        watcher.add(&file("b"), 8).expect("watched");
        assert_eq!(watcher.changed().expect("asked"), []);
        std::fs::write(file("b"), "y").expect("write");
        std::fs::write(file("b"), "z").expect("write");
        assert_eq!(watcher.changed().expect("asked"), [8]);
        std::fs::remove_file(file("a")).expect("removed");
        assert_eq!(watcher.changed().expect("asked"), []);
        assert_eq!(watcher.marks.len(), 1);
        assert!(watcher.add(&file("a"), 7).is_err());
    }
}
