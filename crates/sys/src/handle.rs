//! Descriptors: open, pipe, socket. Everything made here is close-on-exec; what a child receives is placed by `spawn`.

mod bound;
mod given;
mod link;
mod soon;

pub(crate) use bound::is_left;
pub use bound::{Address, BindHow, socket, steer};
pub use given::{adopt_number, inherited};
pub use link::{accept, listen_at, receive, send_with};
pub use soon::{access, write_soon};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open as open_at};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair as pair_with};
use rustix::pipe::{PipeFlags, pipe_with};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How a path is opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenHow {
    /// For reading (so too when neither is asked for).
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// Every write goes to the end.
    pub append: bool,
    /// Made (0600) when it is missing.
    pub create: bool,
    /// Emptied.
    pub trunc: bool,
    /// Left non-blocking.
    pub nonblock: bool,
    /// Missing folders are made (0700).
    pub mkdir: bool,
    /// Locked exclusively, or refused with `EAGAIN`.
    pub lock: bool,
    /// Opened non-blocking even when it is not left so: nothing can keep the caller waiting, a FIFO without its other end included.
    pub never_wait: bool,
}

/// Opens a path. Never becomes the controlling terminal.
///
/// # Errors
/// What the system says; `EAGAIN` when `lock` was asked for and somebody else holds it.
pub fn open(path: &Path, how: OpenHow) -> io::Result<OwnedFd> {
    let mut flags = OFlags::CLOEXEC | OFlags::NOCTTY;
    flags |= match (how.read, how.write) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        _ => OFlags::RDONLY,
    };
    for (asked, flag) in [
        (how.append, OFlags::APPEND),
        (how.create, OFlags::CREATE),
        (how.trunc, OFlags::TRUNC),
        (how.nonblock || how.never_wait, OFlags::NONBLOCK),
    ] {
        flags.set(flag, asked);
    }
    if how.mkdir {
        make_parents(path)?;
    }
    let path = path.as_os_str().as_bytes();
    let fd = crate::text::with_c_str(path, |path| Ok(open_at(path, flags, Mode::RUSR | Mode::WUSR)?))?;
    if how.lock {
        flock(&fd, FlockOperation::NonBlockingLockExclusive)?;
    }
    if how.never_wait && !how.nonblock {
        set_nonblocking(&fd, false)?;
    }
    Ok(fd)
}

/// Makes the folders that are missing above a path. Not as the standard library does it, which takes memory from the heap.
fn make_parents(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    match make_folder(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_parents(folder)?;
            make_folder(folder)
        }
        made => made,
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    crate::text::with_c_str(folder.as_os_str().as_bytes(), |folder| {
        match rustix::fs::mkdirat(rustix::fs::CWD, folder, Mode::from_raw_mode(0o700)) {
            Err(Errno::EXIST) => {
                let there = rustix::fs::statat(rustix::fs::CWD, folder, rustix::fs::AtFlags::empty())?;
                let is_folder = rustix::fs::FileType::from_raw_mode(there.st_mode).is_dir();
                if is_folder { Ok(()) } else { Err(Errno::EXIST.into()) }
            }
            made => Ok(made?),
        }
    })
}

/// Switches `O_NONBLOCK` of the open file (it is shared with every copy of the descriptor).
///
/// # Errors
/// What `fcntl` says.
pub fn set_nonblocking(fd: impl AsFd, on: bool) -> io::Result<()> {
    let mut flags = rustix::fs::fcntl_getfl(&fd)?;
    flags.set(OFlags::NONBLOCK, on);
    Ok(rustix::fs::fcntl_setfl(&fd, flags)?)
}

/// `/dev/null` for reading and writing.
///
/// # Errors
/// There is none, or no descriptor is left.
pub fn null() -> io::Result<OwnedFd> {
    Ok(open_at("/dev/null", OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())?)
}

/// A pipe: the reading end, then the writing end.
///
/// # Errors
/// No descriptor or memory is left.
pub fn pipe(nonblock: bool) -> io::Result<(OwnedFd, OwnedFd)> {
    let mut flags = PipeFlags::CLOEXEC;
    flags.set(PipeFlags::NONBLOCK, nonblock);
    Ok(pipe_with(flags)?)
}

/// Where a socket lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// This machine.
    Unix,
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
}

/// How a socket carries bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A stream.
    Stream,
    /// Single messages.
    Datagram,
    /// Messages in order, connected.
    Seqpacket,
}

fn kind(family: Family, shape: Shape, nonblock: bool) -> (AddressFamily, SocketType, SocketFlags) {
    let mut flags = SocketFlags::CLOEXEC;
    flags.set(SocketFlags::NONBLOCK, nonblock);
    (
        match family {
            Family::Unix => AddressFamily::UNIX,
            Family::Inet => AddressFamily::INET,
            Family::Inet6 => AddressFamily::INET6,
        },
        match shape {
            Shape::Stream => SocketType::STREAM,
            Shape::Datagram => SocketType::DGRAM,
            Shape::Seqpacket => SocketType::SEQPACKET,
        },
        flags,
    )
}

/// Two connected sockets.
///
/// # Errors
/// What the system says; families other than `Unix` are `EOPNOTSUPP`.
pub fn socket_pair(family: Family, shape: Shape, nonblock: bool) -> io::Result<(OwnedFd, OwnedFd)> {
    let (family, shape, flags) = kind(family, shape, nonblock);
    Ok(pair_with(family, shape, flags, None)?)
}

/// The two ends of a control connection, ours first (non-blocking). The way that is not used is shut.
///
/// # Errors
/// No descriptor or memory is left.
pub fn control_pair(commands: bool, events: bool) -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = socket_pair(Family::Unix, Shape::Stream, false)?;
    set_nonblocking(&ours, true)?;
    if !commands {
        shutdown(&ours, Shutdown::Read)?;
    }
    if !events {
        shutdown(&ours, Shutdown::Write)?;
    }
    Ok((ours, theirs))
}

/// A copy of descriptor 0, 1 or 2; `/dev/null` when there is none.
///
/// # Errors
/// No descriptor is left.
pub fn standard(number: u32) -> io::Result<OwnedFd> {
    let copied = match number {
        0 => io::stdin().as_fd().try_clone_to_owned(),
        1 => io::stdout().as_fd().try_clone_to_owned(),
        _ => io::stderr().as_fd().try_clone_to_owned(),
    };
    copied.or_else(|_| null())
}

/// Descriptor 0, with `/dev/null` put in its place: what is read from it is ours, not our children's.
///
/// # Errors
/// No descriptor is left.
pub fn take_stdin() -> io::Result<OwnedFd> {
    let taken = io::stdin().as_fd().try_clone_to_owned()?;
    let null = null()?;
    // SAFETY: replaces a number that nobody owns as an `OwnedFd`.
    if unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&null), 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(taken)
}

/// Reads what is there. `Ok(0)` is the end.
///
/// # Errors
/// `WouldBlock` when nothing is there and the descriptor is non-blocking.
pub fn read(fd: impl AsFd, bytes: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::retry_on_intr(|| rustix::io::read(&fd, &mut *bytes))?)
}

/// Writes what goes in now; gives how much.
///
/// # Errors
/// `WouldBlock` when nothing does, `EPIPE` when nobody will read it.
pub fn write(fd: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::io::retry_on_intr(|| rustix::io::write(&fd, bytes))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_keeps_nobody_waiting_and_stays_blocking() {
        let home = tempfile::tempdir().expect("tempdir");
        let path = home.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("mkfifo");
        let fd = open(&path, OpenHow { read: true, never_wait: true, ..OpenHow::default() }).expect("at once");
        assert!(!rustix::fs::fcntl_getfl(&fd).expect("flags").contains(OFlags::NONBLOCK));
    }

    #[test]
    fn a_lock_has_one_holder() {
        let home = tempfile::tempdir().expect("tempdir");
        let path = home.path().join("deep/er/lock");
        let how = OpenHow { read: true, write: true, create: true, mkdir: true, lock: true, ..OpenHow::default() };
        let first = open(&path, how).expect("free");
        assert_eq!(open(&path, how).expect_err("held").raw_os_error(), Some(libc::EAGAIN));
        drop(first);
        assert!(open(&path, how).is_ok());
    }
}
