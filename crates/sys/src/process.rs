//! Processes by descriptor: signal, identity, how they ended.

pub use crate::tree::signal_tree;

use crate::decimal::{Room, decimal};
use rustix::io::retry_on_intr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a code.
    Code(i32),
    /// By a signal.
    Signal {
        /// Its number.
        number: i32,
        /// Whether a core file was written.
        core: bool,
    },
}

/// When a process started, in clock ticks since boot (field 22 of `/proc/PID/stat`): with the pid it names a process for good.
/// `None` when there is no such process. A zombie still has one.
pub fn start_time(pid: u32) -> Option<u64> {
    // The page has some fifty numbers and a name of at most 15 bytes (64 for kernel threads).
    let mut page = [0u8; 1536];
    let got = read_page(pid, &mut page)?;
    start_time_in(&page[..got])
}

/// Reads `/proc/PID/stat`, as much of it as there is room for, without taking memory; how many bytes it has.
pub(crate) fn read_page(pid: u32, page: &mut [u8]) -> Option<usize> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let mut name = [0u8; 40];
    let mut room = Room::default();
    let parts: [&[u8]; 3] = [b"/proc/", decimal(pid.into(), &mut room), b"/stat\0"];
    let mut end = 0;
    for part in parts {
        name[end..end + part.len()].copy_from_slice(part);
        end += part.len();
    }
    let name = std::ffi::CStr::from_bytes_with_nul(&name[..end]).ok()?;
    let file = retry_on_intr(|| openat(CWD, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())).ok()?;
    let mut have = 0;
    while have < page.len() {
        match retry_on_intr(|| rustix::io::read(&file, &mut page[have..])).ok()? {
            0 => break,
            more => have += more,
        }
    }
    Some(have)
}

fn start_time_in(stat: &[u8]) -> Option<u64> {
    std::str::from_utf8(stat_fields(stat)?.nth(19)?).ok()?.parse().ok()
}

/// Whether a process of ours runs this program.
pub fn runs(pid: u32, program: &Path) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|runs| runs == program)
}

/// The session of a process, which is the pid of the one that made it. A zombie still has one.
pub fn session_of(pid: u32) -> Option<u32> {
    // SAFETY: asks for a number.
    u32::try_from(unsafe { libc::getsid(pid as libc::pid_t) }).ok().filter(|session| *session > 0)
}

/// The fields of a `stat` page from the third on, the state. The name before it stands in parentheses and may itself contain any of them:
/// only what follows the last one counts.
fn stat_fields(stat: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let after = &stat[stat.iter().rposition(|b| *b == b')')? + 1..];
    Some(after.split(|b| b.is_ascii_whitespace()).filter(|f| !f.is_empty()))
}

/// The tick of the clock of which start times are made (field 22 of `/proc/PID/stat`).
pub(crate) fn start_tick() -> u64 {
    /// `USER_HZ`, 100 on every Linux that we run on.
    const TICK_NANOS: u64 = 10_000_000;
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    (boot.tv_sec as u64 * 1_000_000_000 + boot.tv_nsec as u64) / TICK_NANOS
}

/// When a process with this start time started, in nanoseconds of the monotonic clock; 0 when that was before it began to count.
pub fn started_at(start_time: u64) -> u64 {
    // SAFETY: asks for a number.
    let per_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap_or(100).max(1);
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let boot = boot.tv_sec as u64 * 1_000_000_000 + boot.tv_nsec as u64;
    let asleep = boot.saturating_sub(crate::clock::now());
    start_time.saturating_mul(1_000_000_000 / per_second).saturating_sub(asleep)
}

/// A descriptor for a process: it names that process for good, even when the pid is used again.
///
/// # Errors
/// `ESRCH` when there is none, `EMFILE`, …
pub fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes two numbers, gives a fresh descriptor or -1.
    let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a fresh descriptor that nobody else knows; the kernel makes it close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(raw as i32) })
}

/// Opens a descriptor for exactly the process with this pid and start time.
///
/// # Errors
/// `ESRCH` when it is gone or is another.
pub fn open_exact(pid: u32, ident: u64) -> io::Result<OwnedFd> {
    let fd = pidfd_open(pid)?;
    // Checked after the open: from here on the descriptor cannot come to mean another process.
    if start_time(pid) != Some(ident) {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    Ok(fd)
}

/// Sends a signal through a process descriptor.
///
/// # Errors
/// `ESRCH` when it has been reaped, `EPERM`, `EINVAL` for an unknown signal.
pub fn pidfd_signal(fd: impl AsFd, signal: i32) -> io::Result<()> {
    let null = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a live descriptor and a null pointer, which the call allows.
    check(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd.as_fd().as_raw_fd(), signal, null, 0) })
}

/// Sends a signal to exactly the process with this pid and start time.
///
/// # Errors
/// `ESRCH` when it is gone or is another, `EPERM`, `EINVAL`.
pub fn signal_pid(pid: u32, ident: u64, signal: i32) -> io::Result<()> {
    pidfd_signal(open_exact(pid, ident)?, signal)
}

/// Sends a signal to the process group that the process behind this descriptor leads; `pid` is its pid, and it has not been reaped.
///
/// # Errors
/// `ESRCH` when it leads no group, `EPERM`, `EINVAL`.
pub fn signal_group(fd: impl AsFd, pid: u32, signal: i32) -> io::Result<()> {
    /// `PIDFD_SIGNAL_PROCESS_GROUP`, Linux 6.9.
    const GROUP: u32 = 1 << 2;
    let null = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a live descriptor and a null pointer, which the call allows.
    let answer = check(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd.as_fd().as_raw_fd(), signal, null, GROUP) });
    match answer {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            // SAFETY: takes two numbers. An unreaped leader keeps the number its own.
            check(unsafe { libc::killpg(pid as libc::pid_t, signal) }.into())
        }
        answer => answer,
    }
}

fn check(answer: libc::c_long) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Reaps one child that has ended, orphans that came to us included. `None` when no further has.
pub fn reap() -> Option<(u32, Ending)> {
    wait_for(libc::P_ALL, 0, libc::WEXITED | libc::WNOHANG)
}

/// The pid of a child that has ended, which is left as it is: until it is reaped, the pid is its own.
pub fn peek_exited() -> Option<u32> {
    Some(wait_for(libc::P_ALL, 0, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT)?.0)
}

/// Reaps this child, if it has ended.
pub fn reap_pid(pid: u32) -> Option<Ending> {
    Some(wait_for(libc::P_PID, pid, libc::WEXITED | libc::WNOHANG)?.1)
}

fn wait_for(which: libc::idtype_t, pid: u32, flags: i32) -> Option<(u32, Ending)> {
    loop {
        // SAFETY: zeroes are a valid `siginfo_t`, and the call fills it or leaves it alone.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a live local.
        let answer = unsafe { libc::waitid(which, pid, &mut info, flags) };
        if answer == 0 {
            // SAFETY: after a successful `waitid` these two fields of the union are the ones that count.
            let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
            let ending = match info.si_code {
                libc::CLD_EXITED => Ending::Code(status),
                code => Ending::Signal { number: status, core: code == libc::CLD_DUMPED },
            };
            return (pid > 0).then_some((pid as u32, ending));
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return None;
        }
    }
}

/// `struct pidfd_info` of `linux/pidfd.h`, as of `PIDFD_INFO_SIZE_VER0`.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    pid: u32,
    tgid: u32,
    ppid: u32,
    ids: [u32; 8],
    exit_code: i32,
}

/// `PIDFD_INFO_EXIT`.
const INFO_EXIT: u64 = 1 << 3;
/// `_IOWR(0xFF, 11, struct pidfd_info)` with its first size, 64 bytes.
const GET_INFO: libc::Ioctl = 0xC040_FF0B_u32 as libc::Ioctl;

/// How a process ended that nobody has reaped yet: the zombie's own page tells, where we may read it. A parent that is slow to reap need
/// not be waited for. `None` when it is no zombie, or when the page may hide the code from us (it then says 0).
fn ending_of_zombie(fd: impl AsFd, pid: u32) -> Option<Ending> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    // Still not reaped, so what was read was the page of this very process.
    pidfd_signal(fd, 0).ok()?;
    let mut fields = stat_fields(&stat)?;
    let is_zombie = fields.next()? == b"Z";
    let code: i32 = std::str::from_utf8(fields.nth(48)?).ok()?.parse().ok()?;
    let me = rustix::process::geteuid().as_raw().to_string();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let readable = code != 0 || uids.split_whitespace().all(|uid| uid == me);
    (is_zombie && readable).then(|| ending_in(code))
}

fn ending_in(status: i32) -> Ending {
    match status & 0x7f {
        0 => Ending::Code((status >> 8) & 0xff),
        number => Ending::Signal { number, core: status & 0x80 != 0 },
    }
}

/// How the process behind a descriptor ended, for one that was not our child. The kernel knows it from the moment when its parent has
/// reaped it (`POLLHUP` on the descriptor); `None` before, and on kernels older than Linux 6.15.
pub fn ending_of(fd: impl AsFd + Copy, pid: u32) -> Option<Ending> {
    const { assert!(size_of::<PidfdInfo>() == 64) };
    let mut info = PidfdInfo { mask: INFO_EXIT, ..PidfdInfo::default() };
    // SAFETY: the request says 64 bytes, which is the size of the struct that the pointer leads to.
    let answer = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), GET_INFO, &mut info as *mut PidfdInfo) };
    if answer == 0 && info.mask & INFO_EXIT != 0 { Some(ending_in(info.exit_code)) } else { ending_of_zombie(fd, pid) }
}

/// Nothing of this process is ever paged out, what it has now and what it will have.
///
/// # Errors
/// `EPERM` or `ENOMEM`: beyond what `RLIMIT_MEMLOCK` allows.
pub fn lock_memory() -> io::Result<()> {
    // SAFETY: takes a number.
    check(unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) }.into())
}

/// Orphaned descendants come to this process from now on.
///
/// # Errors
/// Not before Linux 3.4.
pub fn become_subreaper() -> io::Result<()> {
    // SAFETY: takes numbers.
    check(i64::from(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }))
}

/// Writing to a closed pipe is an error from now on, not a signal.
pub fn ignore_sigpipe() {
    // SAFETY: `SIG_IGN` runs no code of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// Changes the working directory. Not as the standard library does it, which takes memory from the heap for a long path.
///
/// # Errors
/// What `chdir` says.
pub fn chdir(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    crate::text::with_c_str(path.as_os_str().as_bytes(), |path| Ok(rustix::process::chdir(path)?))
}

/// Sets the file mode mask: bits that new files do not have.
pub fn set_umask(mask: u32) {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(mask));
}

/// Raises the soft limit of open files to the hard one, where that is allowed; children get their own (`spawn`).
pub fn raise_nofile() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // It stays as it was when that is refused.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Our environment as `KEY=VALUE`.
pub fn environment() -> Vec<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    std::env::vars_os().map(|(key, value)| [key.as_bytes(), b"=", value.as_bytes()].concat()).collect()
}

/// How many files may be open: soft, hard.
pub fn nofile() -> (u64, u64) {
    let now = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    (now.current.unwrap_or(u64::MAX), now.maximum.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_full_of_parentheses_fools_nobody() {
        let stat = b"77 (a) R 1 (b)) S 1 77 77 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2 3";
        assert_eq!(start_time_in(stat), Some(987_654));
        assert_eq!(start_time_in(b"77 (x) S 1"), None);
        assert_eq!(start_time_in(b""), None);
    }

    #[test]
    fn a_zombie_tells_how_it_ended() {
        let mut child = std::process::Command::new("sh").args(["-c", "exit 7"]).spawn().expect("sh");
        let fd = pidfd_open(child.id()).expect("ours");
        let mut wait = [rustix::event::PollFd::new(&fd, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut wait, None).expect("it ends");
        assert_eq!(ending_of(&fd, child.id()), Some(Ending::Code(7)));
        child.wait().expect("reaped");
        assert_eq!(ending_of_zombie(&fd, child.id()), None);
    }

    #[test]
    fn a_zombie_is_seen_before_it_is_reaped() {
        #[expect(clippy::zombie_processes, reason = "reaped below by its pid")]
        let child = std::process::Command::new("sh").args(["-c", "exit 9"]).spawn().expect("sh");
        let pid = child.id();
        assert_eq!(session_of(pid), session_of(0));
        let fd = pidfd_open(pid).expect("ours");
        rustix::event::poll(&mut [rustix::event::PollFd::new(&fd, rustix::event::PollFlags::IN)], None).expect("it ends");
        // Other tests of this process may have children that end as well.
        assert!(peek_exited().is_some());
        assert_eq!(session_of(pid), session_of(0));
        assert!(start_time(pid).is_some());
        assert_eq!(reap_pid(pid), Some(Ending::Code(9)));
        assert_eq!((reap_pid(pid), session_of(pid), start_time(pid)), (None, None, None));
        assert_eq!(reap_pid(std::process::id()), None);
    }

    #[test]
    fn we_are_who_we_are() {
        let me = std::process::id();
        let ident = start_time(me).expect("we run");
        signal_pid(me, ident, 0).expect("signal 0 asks only");
        assert_eq!(signal_pid(me, ident + 1, 0).expect_err("another").raw_os_error(), Some(libc::ESRCH));
        assert!(started_at(ident) <= crate::clock::now());
        assert!(ending_of(&pidfd_open(me).expect("us"), me).is_none());
    }
}
