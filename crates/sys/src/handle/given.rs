//! Descriptors that were open when this program began.

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use std::fs;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The numbers from 3 on that are open, ascending. To be asked before this program opens anything. May allocate.
pub fn inherited() -> Vec<RawFd> {
    let mut numbers: Vec<RawFd> = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").into_iter().flatten().flatten() {
        let number: Option<RawFd> = entry.file_name().to_str().and_then(|name| name.parse().ok());
        numbers.extend(number.filter(|number| *number > 2));
    }
    // The folder itself was open while it was read.
    numbers.retain(|number| is_open(*number));
    numbers.sort_unstable();
    numbers
}

fn is_open(number: RawFd) -> bool {
    // SAFETY: a system call on a number.
    unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
}

/// Takes over a descriptor that was inherited at this number; close-on-exec from now on. To be called once for each number, before anything
/// else could have been opened there.
///
/// # Errors
/// `EBADF` when nothing is open at that number.
pub fn adopt_number(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: borrowed only for the check; a number that is not open makes the call fail and nothing else.
    let probe = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_setfd(probe, fcntl_getfd(probe)? | FdFlags::CLOEXEC)?;
    // SAFETY: the number is open, and by the contract above nobody else in this process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
