//! What comes before an exec, and the search for the program: system calls on memory that is already there, so that a child after the fork
//! and a signal handler may use them.

use crate::errno::{last, set_last};

/// What is searched when the environment has no `PATH`.
pub(crate) const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The bit of a signal in a set.
fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// The signals that this process ignores.
pub(crate) fn ignored() -> u64 {
    (1..=64)
        .filter(|signal| {
            // The kernel's struct: the handler comes first.
            let mut now = [0u64; 4];
            // SAFETY: nothing is set, and the struct for the answer is a live local.
            unsafe { libc::syscall(libc::SYS_rt_sigaction, *signal, std::ptr::null::<u64>(), now.as_mut_ptr(), 8) };
            now[0] == libc::SIG_IGN as u64
        })
        .fold(0, |all, signal| all | bit(signal))
}

/// The dispositions of these signals back to the default.
pub(crate) fn reset_signals(which: u64) {
    // Zeroes are `SIG_DFL` without flags, and 32 bytes cover the kernel's struct.
    let default = [0u64; 4];
    for signal in (1..=64).filter(|signal| which & bit(*signal) != 0) {
        // SAFETY: the struct is a live local, the old one is not asked for.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), std::ptr::null_mut::<u64>(), 8) };
    }
}

/// No signal is blocked any more; those that were held back strike here.
pub(crate) fn open_mask() {
    let none = 0u64;
    // SAFETY: the mask is a live local, the old one is not asked for.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const none, std::ptr::null_mut::<u64>(), 8) };
}

/// A program, where it is searched, and what it gets.
#[derive(Clone, Copy)]
pub(crate) struct Program<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) path: &'a [u8],
    /// Strings that end with NUL; the list ends with null.
    pub(crate) argv: *const *const libc::c_char,
    /// As `argv`.
    pub(crate) env: *const *const libc::c_char,
}

/// Tries every candidate; comes back only when there is none, with the reason in `errno`. As `execvp`, a program that was there but refused
/// says more than the folders where there was none. `room` is for the names of the candidates.
///
/// # Safety
/// The lists and their strings are whole and live.
pub(crate) unsafe fn execute(program: Program<'_>, room: &mut [u8]) {
    if program.name.contains(&b'/') {
        // SAFETY: by the contract of this function.
        unsafe { try_one(program, &[program.name], room) };
        return;
    }
    let mut denied = false;
    for folder in program.path.split(|b| *b == b':') {
        // SAFETY: by the contract of this function.
        unsafe { try_one(program, &[if folder.is_empty() { b"." } else { folder }, b"/", program.name], room) };
        match last() {
            libc::EACCES => denied = true,
            libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT | libc::ENAMETOOLONG => {}
            _ => return,
        }
    }
    if denied {
        set_last(libc::EACCES);
    }
}

unsafe fn try_one(program: Program<'_>, parts: &[&[u8]], room: &mut [u8]) {
    let mut end = 0;
    for part in parts.iter().chain(&[&b"\0"[..]]) {
        let Some(place) = room.get_mut(end..end + part.len()) else { return set_last(libc::ENAMETOOLONG) };
        place.copy_from_slice(part);
        end += part.len();
    }
    // SAFETY: the name ends with the NUL just written; the rest by the contract of this function.
    unsafe { libc::execve(room.as_ptr().cast(), program.argv, program.env) };
}
