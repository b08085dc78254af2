//! Writing to a descriptor that may block, without being blocked.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// What a pipe takes whole when it says that it takes anything (`PIPE_BUF`).
const AT_ONCE: usize = 4096;
/// How long a write may hold us, in microseconds.
const PATIENCE_US: i32 = 62_000;

/// Writes at most 4,096 bytes to a descriptor whose `O_NONBLOCK` is not ours to set (a log that others write to as well). It is asked
/// first whether it takes any. Should somebody else fill it in between, a timer of 62 ms ends the wait: for its time SIGALRM is not blocked
/// and does nothing. The caller must be the only thread, and have no other use for `ITIMER_REAL`.
///
/// # Errors
/// `WouldBlock` when it takes nothing now; `EPIPE`, `ENOSPC`, …
pub fn write_soon(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let mut asked = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    let answer = poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    match answer {
        Ok(1..) => {}
        Ok(0) | Err(Errno::INTR) => return Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => return Err(error.into()),
    }
    let guard = Guard::set();
    let wrote = rustix::io::write(fd.as_fd(), &bytes[..bytes.len().min(AT_ONCE)]);
    drop(guard);
    match wrote {
        Err(Errno::INTR) => Err(io::ErrorKind::WouldBlock.into()),
        other => Ok(other?),
    }
}

extern "C" fn nothing(_signal: libc::c_int) {}

/// A timer that interrupts system calls for as long as it lives.
struct Guard {
    mask: libc::sigset_t,
    action: libc::sigaction,
}

/// Once at first and then again and again: the first may strike before the call that it is to interrupt.
fn set_timer(every: i32) {
    let every = libc::timeval { tv_sec: 0, tv_usec: every.into() };
    let timer = libc::itimerval { it_interval: every, it_value: every };
    // SAFETY: a live local of the right type; the old value is not asked for.
    unsafe { libc::syscall(libc::SYS_setitimer, libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut::<libc::itimerval>()) };
}

impl Guard {
    fn set() -> Guard {
        let (mut set, mut mask) = (MaybeUninit::<libc::sigset_t>::uninit(), MaybeUninit::<libc::sigset_t>::uninit());
        let mut action = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: every pointer is to a live local; `sigemptyset`, the two calls that give the old value, and the zeroes fill them before
        // they are read. The handler does nothing, so it may run at any time.
        let guard = unsafe {
            let mut ours: libc::sigaction = std::mem::zeroed();
            ours.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
            libc::sigaction(libc::SIGALRM, &raw const ours, action.as_mut_ptr());
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGALRM);
            libc::sigprocmask(libc::SIG_UNBLOCK, set.as_ptr(), mask.as_mut_ptr());
            Guard { mask: mask.assume_init(), action: action.assume_init() }
        };
        set_timer(PATIENCE_US);
        guard
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        set_timer(0);
        // SAFETY: puts back what was there; both are whole and live.
        unsafe {
            libc::sigprocmask(libc::SIG_SETMASK, &raw const self.mask, std::ptr::null_mut());
            libc::sigaction(libc::SIGALRM, &raw const self.action, std::ptr::null_mut());
        }
    }
}

/// What a descriptor was opened for: reading, writing. Neither for one that is not open.
pub fn access(fd: impl AsFd) -> (bool, bool) {
    // SAFETY: a system call on a live descriptor.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) };
    if flags < 0 || flags & libc::O_PATH != 0 {
        return (false, false);
    }
    match flags & libc::O_ACCMODE {
        libc::O_RDONLY => (true, false),
        libc::O_WRONLY => (false, true),
        _ => (true, true),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{pipe, set_nonblocking};
    use super::*;
    use crate::alone::alone;
    use std::time::{Duration, Instant};

    #[test]
    fn a_full_pipe_holds_nobody_even_when_it_was_free_a_moment_ago() {
        alone(|| {
            let (read, write) = pipe(true).expect("pipe");
            while rustix::io::write(&write, &[7; 4096]).is_ok() {}
            set_nonblocking(&write, false).expect("blocking from now on");
            assert_eq!(write_soon(write.as_fd(), b"x").expect_err("full").kind(), io::ErrorKind::WouldBlock);
            // As when it was filled between the question and the write.
            let begun = Instant::now();
            let guard = Guard::set();
            let held = rustix::io::write(&write, b"x");
            drop(guard);
            assert_eq!(held, Err(Errno::INTR));
            assert!(begun.elapsed() >= Duration::from_millis(60), "{:?}", begun.elapsed());
            let mut room = [0; 4096];
            rustix::io::read(&read, &mut room).expect("there");
            assert_eq!(write_soon(write.as_fd(), &[1; 5000]).expect("room for a page"), 4096);
            drop(read);
            crate::process::ignore_sigpipe();
            assert_eq!(write_soon(write.as_fd(), b"x").expect_err("nobody").raw_os_error(), Some(libc::EPIPE));
            assert_eq!(access(&write), (false, true));
        });
    }

    #[test]
    fn a_blocked_alarm_wakes_nevertheless_and_is_blocked_again() {
        alone(|| {
            let _signals = crate::poll::Signals::take(&[libc::SIGALRM]).expect("signalfd");
            let (_read, write) = pipe(true).expect("pipe");
            while rustix::io::write(&write, &[7; 4096]).is_ok() {}
            set_nonblocking(&write, false).expect("blocking from now on");
            let guard = Guard::set();
            assert_eq!(rustix::io::write(&write, b"x"), Err(Errno::INTR));
            drop(guard);
            let mut mask = MaybeUninit::<libc::sigset_t>::uninit();
            // SAFETY: asks for the mask, which fills the local.
            let blocked = unsafe {
                libc::sigprocmask(libc::SIG_SETMASK, std::ptr::null(), mask.as_mut_ptr());
                libc::sigismember(mask.as_ptr(), libc::SIGALRM)
            };
            assert_eq!(blocked, 1);
        });
    }
}
