//! The child between fork and exec. Everything here is a system call on what was prepared.
//!
//! The order has reasons. The descriptors are placed and the lock is written before the limits, which might forbid both (`nofile`,
//! `fsize`). What needs privileges comes before they are dropped. The signal for our death comes after that, for the kernel clears it when
//! ids change. The working directory comes last, because the app's own user must be able to enter it.

use super::prepare::LISTEN_DIGITS;
use super::report::Step;
use super::wish::{Place, User, Wish};
use crate::decimal::{Room, decimal};
use crate::errno::{last, set_last};
use crate::exec::{Program, execute, open_mask, reset_signals};
use std::convert::Infallible;
use std::os::fd::RawFd;

/// A descriptor on its way to its number.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) at: RawFd,
    pub(super) source: RawFd,
    /// The copy that the child makes.
    pub(super) copy: RawFd,
}

/// Everything the child needs, in the form in which it needs it.
pub(super) struct Plan<'a> {
    pub(super) wish: &'a Wish<'a>,
    pub(super) program: Program<'a>,
    pub(super) cwd: Option<*const libc::c_char>,
    /// The folder of the cgroup that is still to be joined.
    pub(super) cgroup: Option<RawFd>,
    /// Ascending.
    pub(super) places: &'a mut [Placed],
    /// Large enough for every candidate.
    pub(super) candidate: &'a mut [u8],
    /// The environment's slot for `LISTEN_PID`.
    pub(super) listen: *mut u8,
    /// Ours, where it is asked for: with a signal for our death.
    pub(super) parent: libc::pid_t,
    /// Whether no handler of ours is the child's.
    pub(super) cleared: bool,
    /// Signals that we ignore, a bit for each: the child does not inherit that.
    pub(super) ignored: u64,
    pub(super) tell: RawFd,
}

/// Becomes what was wished for, or reports and ends.
pub(super) fn run(plan: &mut Plan<'_>) -> ! {
    let failed = match become_it(plan) {
        Ok(never) => match never {},
        Err(step) => step,
    };
    let words = [failed as i32, last()];
    // SAFETY: plain system calls on a live buffer; `_exit` runs no handlers of the parent.
    unsafe {
        libc::write(plan.tell, words.as_ptr().cast(), size_of_val(&words));
        libc::_exit(3)
    }
}

fn ok(answer: impl Into<libc::c_long>, step: Step) -> Result<(), Step> {
    if answer.into() < 0 { Err(step) } else { Ok(()) }
}

/// Not through the C library, which may remember the parent's.
fn own_pid() -> i64 {
    // SAFETY: asks for a number.
    unsafe { libc::syscall(libc::SYS_getpid) }
}

fn become_it(plan: &mut Plan<'_>) -> Result<Infallible, Step> {
    let wish = plan.wish;
    reset_signals(if plan.cleared { plan.ignored } else { u64::MAX });
    // SAFETY: system calls on numbers.
    unsafe {
        if wish.session {
            ok(libc::setsid(), Step::Session)?;
        } else if wish.group {
            ok(libc::setpgid(0, 0), Step::Group)?;
        }
    }
    if let Some(oom) = wish.oom {
        write_file(libc::AT_FDCWD, c"/proc/self/oom_score_adj", decimal(oom.into(), &mut Room::default()))
            .map_err(|()| Step::Oom)?;
    }
    if let Some(folder) = plan.cgroup {
        write_file(folder, c"cgroup.procs", b"0").map_err(|()| Step::Cgroup)?;
    }
    place(plan)?;
    if let Some(at) = wish.lock {
        write_pid(at as RawFd).map_err(|()| Step::Lock)?;
    }
    if let Some(at) = wish.tty {
        // SAFETY: a system call on numbers.
        ok(unsafe { libc::ioctl(at as RawFd, libc::TIOCSCTTY, 0) }, Step::Tty)?;
    }
    limit(wish)?;
    if let Some(user) = &wish.user {
        become_user(user)?;
    }
    give_up(plan)?;
    // SAFETY: system calls on numbers and on a string that ends with NUL.
    unsafe {
        if let Some(mask) = wish.umask {
            libc::umask(mask as libc::mode_t);
        }
        if let Some(cwd) = plan.cwd {
            ok(libc::chdir(cwd), Step::Cwd)?;
        }
    }
    if wish.listen_pid {
        let mut room = Room::default();
        let digits = decimal(own_pid(), &mut room);
        // SAFETY: the slot has room for the ten digits of a pid and the NUL that already ends it.
        unsafe { std::ptr::copy_nonoverlapping(digits.as_ptr(), plan.listen.add(LISTEN_DIGITS), digits.len()) };
    }
    // Signals that arrived since the fork strike here, with the default disposition.
    open_mask();
    if wish.places.iter().any(|(_, place)| matches!(place, Place::Missing)) {
        // SAFETY: a system call on numbers.
        unsafe { libc::syscall(libc::SYS_kill, own_pid(), libc::SIGABRT) };
    }
    // SAFETY: the lists end with null, and what they point to lives in the wish and the workshop.
    unsafe { execute(plan.program, plan.candidate) };
    Err(Step::Exec)
}

fn write_file(folder: RawFd, name: &std::ffi::CStr, text: &[u8]) -> Result<(), ()> {
    // SAFETY: the name ends with NUL, the buffer is as long as the size says; the descriptor is ours alone.
    unsafe {
        let fd = libc::openat(folder, name.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if fd < 0 {
            return Err(());
        }
        let wrote = libc::write(fd, text.as_ptr().cast(), text.len());
        let why = last();
        libc::close(fd);
        set_last(why);
        if wrote == text.len() as isize { Ok(()) } else { Err(()) }
    }
}

fn limit(wish: &Wish<'_>) -> Result<(), Step> {
    for (resource, soft, hard) in wish.limits.iter().copied().chain(wish.usual_limits()) {
        let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
        let old = std::ptr::null_mut::<libc::rlimit64>();
        // SAFETY: the struct is a live local, the old one is not asked for.
        ok(unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, &raw const limit, old) }, Step::Rlimit)?;
    }
    match wish.nice {
        // SAFETY: a system call on numbers.
        Some(nice) => ok(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) }, Step::Nice),
        None => Ok(()),
    }
}

/// Becomes that user for good, and proves it. By the bare system calls: the C library's own would look for threads that a child of a
/// bare fork does not have.
fn become_user(user: &User<'_>) -> Result<(), Step> {
    let (mut uids, mut gids) = ([!0u32; 3], [!0u32; 3]);
    let refuse = |step| {
        set_last(libc::EPERM);
        Err(step)
    };
    // SAFETY: the list is as long as the number says; the places for the answers are live locals.
    unsafe {
        ok(libc::syscall(libc::SYS_setgroups, user.groups.len(), user.groups.as_ptr()), Step::Groups)?;
        ok(libc::syscall(libc::SYS_setresgid, user.gid, user.gid, user.gid), Step::Gid)?;
        ok(libc::syscall(libc::SYS_setresuid, user.uid, user.uid, user.uid), Step::Uid)?;
        let [a, b, c] = &mut gids;
        ok(libc::syscall(libc::SYS_getresgid, a as *mut u32, b as *mut u32, c as *mut u32), Step::Gid)?;
        let [a, b, c] = &mut uids;
        ok(libc::syscall(libc::SYS_getresuid, a as *mut u32, b as *mut u32, c as *mut u32), Step::Uid)?;
        if libc::syscall(libc::SYS_getgroups, 0, std::ptr::null_mut::<u32>()) != user.groups.len() as i64 {
            return refuse(Step::Groups);
        }
        if gids != [user.gid; 3] {
            return refuse(Step::Gid);
        }
        // What can be taken back was not given up.
        if uids != [user.uid; 3] || (user.uid != 0 && libc::syscall(libc::SYS_setresuid, 0, 0, 0) == 0) {
            return refuse(Step::Uid);
        }
    }
    Ok(())
}

/// What survives no change of ids, or must not come before it.
fn give_up(plan: &Plan<'_>) -> Result<(), Step> {
    // SAFETY: system calls on numbers.
    unsafe {
        if plan.wish.no_new_privs {
            ok(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), Step::Privs)?;
        }
        if let Some(signal) = plan.wish.death_signal {
            ok(libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong, 0, 0, 0), Step::Death)?;
            // We may have died already.
            if libc::getppid() != plan.parent {
                libc::syscall(libc::SYS_kill, own_pid(), signal);
            }
        }
    }
    Ok(())
}

/// Puts every descriptor at its number and closes all others.
fn place(plan: &mut Plan<'_>) -> Result<(), Step> {
    close_others(plan);
    // First everything goes above the highest number, so that no target is overwritten while it is still a source.
    let above = plan.places.last().map_or(0, |placed| placed.at + 1).max(3);
    // SAFETY: system calls on numbers.
    unsafe {
        for placed in plan.places.iter_mut() {
            placed.copy = libc::fcntl(placed.source, libc::F_DUPFD_CLOEXEC, above);
            ok(placed.copy, Step::Fds)?;
        }
        let told = libc::fcntl(plan.tell, libc::F_DUPFD_CLOEXEC, above);
        ok(told, Step::Fds)?;
        plan.tell = told;
        let mut next = 0;
        for placed in plan.places.iter() {
            ok(libc::dup2(placed.copy, placed.at), Step::Fds)?;
            close_between(next, placed.at);
            next = placed.at + 1;
        }
        close_between(next, told);
        libc::syscall(libc::SYS_close_range, told as u32 + 1, u32::MAX, 0);
    }
    Ok(())
}

/// Closes what no place needs: the keeper's table may be full, and the copies need room.
fn close_others(plan: &Plan<'_>) {
    let mut next = 0;
    while let Some(kept) = plan.places.iter().map(|placed| placed.source).chain([plan.tell]).filter(|fd| *fd >= next).min() {
        close_between(next, kept);
        next = kept + 1;
    }
    // SAFETY: system call on numbers, in a child that owns its table.
    unsafe { libc::syscall(libc::SYS_close_range, next as u32, u32::MAX, 0) };
}

/// Closes `from` up to, without, `to`. Kernels without `close_range` leave it to close-on-exec, which everything of ours has.
fn close_between(from: RawFd, to: RawFd) {
    if from < to {
        // SAFETY: system call on numbers, in a child that owns its table.
        unsafe { libc::syscall(libc::SYS_close_range, from as u32, to as u32 - 1, 0) };
    }
}

/// Writes our pid in decimal at the start of the life lock, so that a birth whose record was lost is still known. A full disk stops no
/// birth: there the pid becomes the time at which the file was changed, in seconds, which takes no room ([`crate::lives`] reads both).
fn write_pid(at: RawFd) -> Result<(), ()> {
    let mut room = Room::default();
    let pid = own_pid();
    let text = decimal(pid, &mut room);
    // SAFETY: the buffer is as long as the size says.
    let wrote = unsafe { libc::pwrite(at, text.as_ptr().cast(), text.len(), 0) };
    if wrote == text.len() as isize {
        return Ok(());
    }
    if wrote < 0 && !matches!(last(), libc::ENOSPC | libc::EDQUOT) {
        return Err(());
    }
    let time = libc::timespec { tv_sec: pid as libc::time_t, tv_nsec: 0 };
    // SAFETY: two times, as the call wants; nothing else is read.
    if unsafe { libc::futimens(at, [time; 2].as_ptr()) } == 0 { Ok(()) } else { Err(()) }
}
