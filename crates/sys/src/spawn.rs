//! Bearing a process.
//!
//! The plan is complete before the fork: every string, every candidate of the search path, every number. Between fork and exec the child
//! makes system calls only; it neither allocates nor takes a lock, so it cannot hang on one that another thread held.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Where a birth failed. The words are those of `model::Stage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Before the fork.
    Prepare = 0,
    /// `clone3` or `fork`.
    Fork = 1,
    /// Placing the descriptors.
    Fds = 2,
    /// `setsid`.
    Session = 3,
    /// `setrlimit`.
    Rlimit = 4,
    /// `chdir`.
    Cwd = 5,
    /// `execve`.
    Exec = 6,
}

impl Step {
    /// The word for the wire.
    pub fn word(self) -> &'static str {
        ["prepare", "fork", "fds", "session", "rlimit", "cwd", "exec"][self as usize]
    }
}

/// What a descriptor of the child is to be.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// A copy of this one.
    Copy(BorrowedFd<'a>),
    /// Nothing is to be had: the child aborts (daemonproxy's way to say so).
    Missing,
}

/// What a child is to be.
#[derive(Debug, Clone, Default)]
pub struct Wish<'a> {
    /// Program and arguments; the first is both the file to search for and `argv[0]`.
    pub argv: Vec<Vec<u8>>,
    /// `KEY=VALUE`, complete.
    pub env: Vec<Vec<u8>>,
    /// Working directory.
    pub cwd: Option<Vec<u8>>,
    /// File mode mask.
    pub umask: Option<u32>,
    /// Whether it leads a session of its own.
    pub session: bool,
    /// Resource, soft, hard, as `setrlimit` takes them.
    pub limits: Vec<(i32, u64, u64)>,
    /// Which number becomes what; what is not named is closed.
    pub places: Vec<(u32, Place<'a>)>,
    /// The number that is the life lock: the child writes its pid into it.
    pub lock: Option<u32>,
}

/// A child that has been forked. It may still fail to execute.
#[derive(Debug)]
pub struct Born {
    /// Its pid, ours until we reap it.
    pub pid: u32,
    /// Names it for good.
    pub pidfd: OwnedFd,
    /// Ends without a word once the program runs (or the child was killed); otherwise [`read_report`] gives what failed.
    pub report: OwnedFd,
}

/// Everything the child needs, in the form in which it needs it.
struct Prepared {
    _strings: Vec<CString>,
    candidates: Vec<CString>,
    argv: Vec<*const libc::c_char>,
    env: Vec<*const libc::c_char>,
    cwd: Option<CString>,
    umask: Option<u32>,
    session: bool,
    limits: Vec<(i32, u64, u64)>,
    /// Target, source, and room for the copy that the child makes; ascending targets.
    places: Vec<(RawFd, RawFd, RawFd)>,
    missing: bool,
    lock: Option<RawFd>,
}

/// What is searched when the environment has no `PATH`.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

fn prepare(wish: &Wish<'_>) -> io::Result<Prepared> {
    let text = |bytes: &[u8]| CString::new(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
    let program = wish.argv.first().filter(|p| !p.is_empty()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
    let mut candidates = Vec::new();
    if program.contains(&b'/') {
        candidates.push(text(program)?);
    } else {
        let path = wish.env.iter().find_map(|pair| pair.strip_prefix(b"PATH=")).unwrap_or(DEFAULT_PATH);
        for folder in path.split(|b| *b == b':') {
            let folder = if folder.is_empty() { b"." } else { folder };
            candidates.push(text(&[folder, b"/", program].concat())?);
        }
    }
    let mut strings = Vec::with_capacity(wish.argv.len() + wish.env.len());
    for part in wish.argv.iter().chain(&wish.env) {
        strings.push(text(part)?);
    }
    let pointers = |part: &[CString]| part.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>();
    let (argv, env) = strings.split_at(wish.argv.len());
    let (argv, env) = (pointers(argv), pointers(env));
    let mut places: Vec<(RawFd, RawFd, RawFd)> = wish
        .places
        .iter()
        .filter_map(|(at, place)| match place {
            Place::Copy(fd) => Some((*at as RawFd, fd.as_raw_fd(), -1)),
            Place::Missing => None,
        })
        .collect();
    places.sort_unstable();
    Ok(Prepared {
        _strings: strings,
        candidates,
        argv,
        env,
        cwd: wish.cwd.as_deref().map(text).transpose()?,
        umask: wish.umask,
        session: wish.session,
        limits: wish.limits.clone(),
        missing: places.len() < wish.places.len(),
        places,
        lock: wish.lock.map(|at| at as RawFd),
    })
}

/// Bears a child. The caller must be the only thread of its process.
///
/// # Errors
/// The step (`Prepare`, `Fork`, or `Fds` when the pipe for the report cannot be made) and what the system said; later failures come on
/// [`Born::report`].
pub fn spawn(wish: &Wish<'_>) -> Result<Born, (Step, io::Error)> {
    let mut plan = prepare(wish).map_err(|error| {
        // A missing program name is found out here, but it is the exec that would fail.
        (if error.raw_os_error() == Some(libc::ENOENT) { Step::Exec } else { Step::Prepare }, error)
    })?;
    let (report, tell) = crate::handle::pipe(true).map_err(|error| (Step::Fds, error))?;
    let tell_raw = tell.as_raw_fd();
    let mut pidfd_raw: RawFd = -1;
    // SAFETY: the arguments are whole and live for the call. Without CLONE_VM the child has its own copy of memory; it runs `child` only,
    // which neither returns nor allocates.
    let answer = unsafe {
        let mut args: libc::clone_args = std::mem::zeroed();
        args.flags = libc::CLONE_PIDFD as u64;
        args.pidfd = &raw mut pidfd_raw as u64;
        args.exit_signal = libc::SIGCHLD as u64;
        libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>())
    };
    if answer == 0 {
        child(&mut plan, tell_raw);
    }
    if answer > 0 {
        // SAFETY: the kernel has put a fresh descriptor there, close-on-exec, that nobody else knows.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd_raw) };
        return Ok(Born { pid: answer as u32, pidfd, report });
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() != Some(libc::ENOSYS) {
        return Err((Step::Fork, error));
    }
    // SAFETY: as above; a single-threaded process has nothing that a fork could tear.
    let pid = unsafe { libc::fork() };
    match pid {
        0 => child(&mut plan, tell_raw),
        1.. => {
            // Not reaped yet, so the pid is still its own.
            let pidfd = crate::process::pidfd_open(pid as u32).map_err(|error| (Step::Fork, error))?;
            Ok(Born { pid: pid as u32, pidfd, report })
        }
        _ => Err((Step::Fork, io::Error::last_os_error())),
    }
}

/// What a child said on its report pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Nothing yet.
    Waiting,
    /// The program runs.
    Runs,
    /// It does not.
    Failed(Step, i32),
}

/// Reads the report of a child. Never waits.
pub fn read_report(report: &OwnedFd) -> Report {
    let mut words = [0i32; 2];
    loop {
        // SAFETY: the buffer is as long as the size says.
        let got = unsafe { libc::read(report.as_raw_fd(), words.as_mut_ptr().cast(), size_of_val(&words)) };
        return match got {
            8 => Report::Failed(
                match words[0] {
                    2 => Step::Fds,
                    3 => Step::Session,
                    4 => Step::Rlimit,
                    5 => Step::Cwd,
                    6 => Step::Exec,
                    _ => Step::Prepare,
                },
                words[1],
            ),
            0.. => Report::Runs,
            _ => match io::Error::last_os_error().kind() {
                io::ErrorKind::Interrupted => continue,
                io::ErrorKind::WouldBlock => Report::Waiting,
                _ => Report::Runs,
            },
        };
    }
}

/// The child between fork and exec. Everything here is a system call.
fn child(plan: &mut Prepared, mut tell: RawFd) -> ! {
    let failed = match become_it(plan, &mut tell) {
        Ok(never) => match never {},
        Err(step) => step,
    };
    let words = [failed as i32, errno()];
    // SAFETY: plain system calls on a live buffer; `_exit` runs no handlers of the parent.
    unsafe {
        libc::write(tell, words.as_ptr().cast(), size_of_val(&words));
        libc::_exit(3)
    }
}

fn errno() -> i32 {
    // SAFETY: the C library's own place for the last error of this thread.
    unsafe { *libc::__errno_location() }
}

fn become_it(plan: &mut Prepared, tell: &mut RawFd) -> Result<std::convert::Infallible, Step> {
    let ok = |answer: libc::c_long, step: Step| if answer < 0 { Err(step) } else { Ok(answer) };
    // SAFETY (whole body): system calls with pointers into `plan`, which the child owns as its copy; no pointer is kept by the kernel.
    unsafe {
        // Every disposition back to the default; zeroes are `SIG_DFL` without flags, and 32 bytes cover the kernel's struct.
        let default = [0u64; 4];
        for signal in 1..=64 {
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), std::ptr::null_mut::<u64>(), 8);
        }
        if plan.session {
            ok(libc::setsid().into(), Step::Session)?;
        }
        if let Some(mask) = plan.umask {
            libc::umask(mask as libc::mode_t);
        }
        place(plan, tell)?;
        if let Some(at) = plan.lock {
            write_pid(at).map_err(|()| Step::Fds)?;
        }
        for &(resource, soft, hard) in &plan.limits {
            let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
            let old = std::ptr::null_mut::<libc::rlimit64>();
            ok(libc::syscall(libc::SYS_prlimit64, 0, resource, &raw const limit, old), Step::Rlimit)?;
        }
        if let Some(cwd) = &plan.cwd {
            ok(libc::chdir(cwd.as_ptr()).into(), Step::Cwd)?;
        }
        // Blocked signals that arrived since the fork strike here, with the default disposition.
        let none = 0u64;
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const none, std::ptr::null_mut::<u64>(), 8);
        if plan.missing {
            libc::syscall(libc::SYS_kill, libc::syscall(libc::SYS_getpid), libc::SIGABRT);
        }
        let mut denied = false;
        for program in &plan.candidates {
            libc::execve(program.as_ptr(), plan.argv.as_ptr(), plan.env.as_ptr());
            match errno() {
                libc::EACCES => denied = true,
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                _ => return Err(Step::Exec),
            }
        }
        // As `execvp`: a program that was there but refused says more than the folders where there was none.
        if denied {
            *libc::__errno_location() = libc::EACCES;
        }
        Err(Step::Exec)
    }
}

/// Puts every descriptor at its number and closes all others.
fn place(plan: &mut Prepared, tell: &mut RawFd) -> Result<(), Step> {
    // First everything goes above the highest number, so that no target is overwritten while it is still a source.
    let above = plan.places.last().map_or(0, |(at, ..)| at + 1).max(3);
    // SAFETY: system calls on numbers.
    unsafe {
        for (_, source, copy) in &mut plan.places {
            *copy = libc::fcntl(*source, libc::F_DUPFD_CLOEXEC, above);
            if *copy < 0 {
                return Err(Step::Fds);
            }
        }
        let told = libc::fcntl(*tell, libc::F_DUPFD_CLOEXEC, above);
        if told < 0 {
            return Err(Step::Fds);
        }
        *tell = told;
        let mut next = 0;
        for (at, _, copy) in &plan.places {
            if libc::dup2(*copy, *at) < 0 {
                return Err(Step::Fds);
            }
            close_between(next, *at);
            next = at + 1;
        }
        close_between(next, told);
        libc::syscall(libc::SYS_close_range, told as u32 + 1, u32::MAX, 0);
    }
    Ok(())
}

/// Closes `from` up to, without, `to`. Kernels without `close_range` leave it to close-on-exec, which everything of ours has.
fn close_between(from: RawFd, to: RawFd) {
    if from < to {
        // SAFETY: system call on numbers, in a child that owns its table.
        unsafe { libc::syscall(libc::SYS_close_range, from as u32, to as u32 - 1, 0) };
    }
}

/// Writes our pid in decimal at the start of the life lock, so that a birth whose record was lost is still known.
fn write_pid(at: RawFd) -> Result<(), ()> {
    // SAFETY: asks for a number (not through the C library, which may remember the parent's).
    let mut pid = unsafe { libc::syscall(libc::SYS_getpid) } as u32;
    let mut text = [0u8; 10];
    let mut start = text.len();
    while pid > 0 || start == text.len() {
        start -= 1;
        text[start] = b'0' + (pid % 10) as u8;
        pid /= 10;
    }
    let text = &text[start..];
    // SAFETY: the buffer is as long as the size says.
    let wrote = unsafe { libc::pwrite(at, text.as_ptr().cast(), text.len(), 0) };
    if wrote == text.len() as isize { Ok(()) } else { Err(()) }
}

/// The number of a resource by the name that `service.rlimit` takes (`nofile`), and back.
pub fn resource(name: &[u8]) -> Option<i32> {
    Some(match name {
        b"cpu" => libc::RLIMIT_CPU as i32,
        b"fsize" => libc::RLIMIT_FSIZE as i32,
        b"data" => libc::RLIMIT_DATA as i32,
        b"stack" => libc::RLIMIT_STACK as i32,
        b"core" => libc::RLIMIT_CORE as i32,
        b"rss" => libc::RLIMIT_RSS as i32,
        b"nproc" => libc::RLIMIT_NPROC as i32,
        b"nofile" => libc::RLIMIT_NOFILE as i32,
        b"memlock" => libc::RLIMIT_MEMLOCK as i32,
        b"as" => libc::RLIMIT_AS as i32,
        b"locks" => libc::RLIMIT_LOCKS as i32,
        b"sigpending" => libc::RLIMIT_SIGPENDING as i32,
        b"msgqueue" => libc::RLIMIT_MSGQUEUE as i32,
        b"nice" => libc::RLIMIT_NICE as i32,
        b"rtprio" => libc::RLIMIT_RTPRIO as i32,
        b"rttime" => libc::RLIMIT_RTTIME as i32,
        _ => return None,
    })
}

/// Open files of a child, at most, when nothing else is asked.
const NOFILE: u64 = 65_536;

/// The limits that were asked for, and where they name neither: open files to 65,536 softly (`hard` is our own hard limit), no core file.
pub fn with_default_limits(mut asked: Vec<(i32, u64, u64)>, hard: u64) -> Vec<(i32, u64, u64)> {
    for default in [(libc::RLIMIT_NOFILE as i32, hard.min(NOFILE), hard), (libc::RLIMIT_CORE as i32, 0, 0)] {
        if !asked.iter().any(|(resource, ..)| *resource == default.0) {
            asked.push(default);
        }
    }
    asked
}
