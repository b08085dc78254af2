//! The way into the manager's own log, `daemon.log`: a FIFO that everybody in the house writes to without ever waiting, and that the scribe
//! moves as it moves the streams of apps. Whoever holds the scribe's lock may move it in its place (`docs/design/0004`).

use crate::lock::RoleLock;
use crate::stream::{CHUNK, Flow, LogHandle, Word, make_fifo, open_fifo, splice};
use rustix::fs::{FileType, Mode, OFlags, fstat, major, minor, open};
use rustix::io::{Errno, write};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The FIFO, relative to the home.
pub const FIFO: &str = "run/daemon-log";
/// The log, relative to the home.
pub const FILE: &str = "daemon.log";
/// The lock of who moves streams, relative to the home.
const SCRIBE: &str = "run/scribe.lock";

/// A line is written in one piece or not at all up to this length (`PIPE_BUF`).
pub const LINE: usize = 4096;

/// What became of an attempt to move what waits in the FIFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// All of it is in the file.
    All,
    /// A scribe is at work, who does that.
    Attended,
}

/// Opens the FIFO in this home, made if it is missing, for reading and writing: so it has a reader whatever becomes of the scribe, and no
/// write is a broken pipe. No write to it waits.
///
/// # Errors
/// What the system says; `EINVAL` when something else has its name.
pub fn enter(home: &Path) -> io::Result<OwnedFd> {
    let path = home.join(FIFO);
    match make_fifo(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let fd = open(&path, flags, Mode::empty())?;
    if FileType::from_raw_mode(fstat(&fd)?.st_mode) != FileType::Fifo {
        return Err(Errno::INVAL.into());
    }
    Ok(fd)
}

/// Makes the FIFO the standard error of this process, where that leads to `/dev/null` (as in the background) or nowhere. Then what a panic or
/// the loader says reaches the log too, and children that get our standard error write there as well.
///
/// # Errors
/// What the system says.
pub fn take_stderr(way: &OwnedFd) -> io::Result<()> {
    // SAFETY: descriptor 2 is borrowed for one call that asks what it is; a closed one is an error.
    let seen = fstat(unsafe { BorrowedFd::borrow_raw(2) });
    let leads_nowhere = match seen {
        Ok(seen) => {
            let device = (major(seen.st_rdev), minor(seen.st_rdev));
            FileType::from_raw_mode(seen.st_mode) == FileType::CharacterDevice && device == (1, 3)
        }
        Err(error) => error == Errno::BADF,
    };
    if leads_nowhere
        // SAFETY: both numbers are descriptors or free; nobody owns descriptor 2 as a value.
        && unsafe { libc::dup2(way.as_raw_fd(), 2) } < 0
    {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Whether standard error is this FIFO.
pub fn is_stderr(way: &OwnedFd) -> bool {
    // SAFETY: as in `take_stderr`.
    let (ours, there) = (fstat(way), fstat(unsafe { BorrowedFd::borrow_raw(2) }));
    matches!((ours, there), (Ok(ours), Ok(there)) if (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino))
}

/// Writes a line, as a whole; `false` = there is no room for it now.
pub fn put(way: &OwnedFd, line: &[u8]) -> bool {
    write(way, &line[..line.len().min(LINE)]).is_ok()
}

/// Moves what waits in the FIFO to the file, and then `more`, if no scribe is at work. May wait for the disk: not for the thread that decides.
///
/// # Errors
/// The name of the error. What waits in the FIFO is still there then; `more` is not in the file as a whole.
pub fn rescue(home: &Path, more: &[u8]) -> Result<Moved, Word> {
    let word = |error: &io::Error| crate::errno::name_of(error);
    let Some(_scribe) = RoleLock::try_take(&home.join(SCRIBE)).map_err(|error| word(&error))? else { return Ok(Moved::Attended) };
    let (log, mut size) = LogHandle::open(&home.join(FILE), true)?.ok_or("ENOENT")?;
    if let Some((fifo, _)) = open_fifo(&home.join(FIFO))? {
        // As much as it can hold, and not for ever: others write meanwhile.
        for _ in 0..64 {
            match splice(&fifo, log.file(), size, CHUNK as u64)? {
                Flow::Bytes(count) => size += count as u64,
                Flow::Empty | Flow::End => break,
            }
        }
    }
    log.file().write_all_at(more, size).map_err(|error| word(&error))?;
    Ok(Moved::All)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().expect("tempdir");
        std::fs::create_dir_all(home.path().join("run/io")).expect("made");
        home
    }

    #[test]
    fn who_holds_the_scribes_lock_moves_what_waits() {
        let home = home();
        let way = enter(home.path()).expect("way");
        assert!(put(&way, b"one\n") && put(&way, b"two\n"));
        let scribe = RoleLock::try_take(&home.path().join(SCRIBE)).expect("opened").expect("free");
        assert_eq!(rescue(home.path(), b"three\n"), Ok(Moved::Attended));
        drop(scribe);
        std::fs::write(home.path().join(FILE), "nought\n").expect("written");
        assert_eq!(rescue(home.path(), b"three\n"), Ok(Moved::All));
        assert_eq!(rescue(home.path(), b""), Ok(Moved::All));
        let text = std::fs::read_to_string(home.path().join(FILE)).expect("there");
        assert_eq!(text, "nought\none\ntwo\nthree\n");
    }

    #[test]
    fn a_full_way_takes_no_part_of_a_line_and_loses_none() {
        let home = home();
        let way = enter(home.path()).expect("way");
        let line = [b"x".repeat(99), b"\n".to_vec()].concat();
        let mut count = 0;
        while put(&way, &line) {
            count += 1;
        }
        assert!(count >= 40, "a page holds that many: {count}");
        // The log cannot be made: nothing leaves the FIFO.
        std::fs::create_dir(home.path().join(FILE)).expect("in the way");
        assert_eq!(rescue(home.path(), b""), Err("ENOTREG"));
        std::fs::remove_dir(home.path().join(FILE)).expect("away");
        assert_eq!(rescue(home.path(), b""), Ok(Moved::All));
        assert_eq!(std::fs::metadata(home.path().join(FILE)).expect("there").len(), count * 100);
    }

    #[test]
    fn only_a_fifo_is_entered() {
        let home = home();
        std::fs::write(home.path().join(FIFO), "").expect("planted");
        assert_eq!(enter(home.path()).expect_err("refused").raw_os_error(), Some(libc::EINVAL));
    }
}
