//! Waiting for the kernel: readiness of descriptors, signals, deadlines.

use rustix::event::Timespec;
use rustix::event::epoll;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// What is waited for on a descriptor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interest {
    /// Something to read, or the end.
    pub read: bool,
    /// Room to write.
    pub write: bool,
    /// Said once for each change instead of for as long as it holds.
    pub edge: bool,
}

impl Interest {
    fn flags(self) -> epoll::EventFlags {
        let mut flags = epoll::EventFlags::empty();
        flags.set(epoll::EventFlags::IN, self.read);
        flags.set(epoll::EventFlags::OUT, self.write);
        flags.set(epoll::EventFlags::ET, self.edge);
        flags
    }
}

/// A descriptor that has something to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// The key under which it was added.
    pub key: u64,
    /// There is something to read.
    pub readable: bool,
    /// There is room to write.
    pub writable: bool,
    /// The other end is gone, or an error stands.
    pub hangup: bool,
}

/// Whether the other end of a pipe, socket or terminal is gone. Does not wait.
pub fn is_hung_up(fd: impl AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut fds = [PollFd::new(&fd, PollFlags::empty())];
    let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    poll(&mut fds, Some(&Timespec::default())).is_ok() && fds[0].revents().intersects(gone)
}

/// A set of descriptors to wait for.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    /// An empty set.
    ///
    /// # Errors
    /// No descriptor or memory is left.
    pub fn new() -> io::Result<Poller> {
        Ok(Poller { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Watches a descriptor under `key`. Hang-up is always told.
    ///
    /// # Errors
    /// It is watched already, cannot be watched (a plain file), or memory is short.
    pub fn add(&self, fd: impl AsFd, key: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, epoll::EventData::new_u64(key), interest.flags())?)
    }

    /// Changes what is waited for.
    ///
    /// # Errors
    /// It is not watched.
    pub fn change(&self, fd: impl AsFd, key: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, fd, epoll::EventData::new_u64(key), interest.flags())?)
    }

    /// Watches it no longer. Needed before the close of a descriptor that a child may still hold a copy of.
    ///
    /// # Errors
    /// It is not watched.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Waits until something is ready or `wait_ns` have passed (`None`: for ever) and puts what is ready into `ready` (at most 64:
    /// one with that capacity never grows).
    ///
    /// # Errors
    /// Never in a sound program; an interrupted wait is an empty answer.
    pub fn wait(&self, wait_ns: Option<u64>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let mut room = [MaybeUninit::<epoll::Event>::uninit(); 64];
        let limit = wait_ns.map(|ns| Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 });
        ready.clear();
        match epoll::wait(&self.epoll, &mut room, limit.as_ref()) {
            Ok((events, _)) => ready.extend(events.iter().map(|event| {
                // The kernel's record may be packed: copied out before it is looked at.
                let flags = event.flags;
                Ready {
                    key: event.data.u64(),
                    readable: flags.intersects(epoll::EventFlags::IN),
                    writable: flags.intersects(epoll::EventFlags::OUT),
                    hangup: flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR),
                }
            })),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Signals that arrive as something to read instead of interrupting.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// Blocks exactly these signals in this thread and opens the descriptor that tells of them. Of those, none that is pending is lost.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn take(signals: &[i32]) -> io::Result<Signals> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `sigemptyset` makes the set whole before anything reads it; every pointer is to a live local.
        let raw = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for &signal in signals {
                libc::sigaddset(set.as_mut_ptr(), signal);
            }
            libc::sigprocmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut());
            libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a fresh descriptor that nobody else knows.
        Ok(Signals { fd: unsafe { OwnedFd::from_raw_fd(raw) } })
    }

    /// The next signal that has arrived.
    pub fn next(&self) -> Option<i32> {
        Some(self.next_of()?.0)
    }

    /// The next signal that has arrived, and the process that it is about: of `SIGCHLD` the child that ended. Others may have ended with it
    /// whose signals were merged into this one, and who sends a signal by hand can name itself: the pid is a hint.
    pub fn next_of(&self) -> Option<(i32, u32)> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer is as long as the size says, and any bytes are a valid `signalfd_siginfo`.
        let got = unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        // SAFETY: the kernel writes whole records only, so a full read has filled it.
        let info = (got == size as isize).then(|| unsafe { info.assume_init() })?;
        Some((info.ssi_signo as i32, info.ssi_pid))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
