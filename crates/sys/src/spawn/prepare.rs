//! The plan of a birth, and the fork.

use super::child::{Placed, Plan, run};
use super::report::{Born, Step};
use super::wish::{Place, Wish};
use crate::exec::{DEFAULT_PATH, Program, ignored};
use crate::process::{start_tick, start_time};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Strings of a child that are expected at first; more is found on the way.
const STRINGS: usize = 256;
/// `LISTEN_PID=`, ten digits, NUL.
const LISTEN: &[u8; 24] = b"LISTEN_PID=\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// Where the digits begin.
pub(super) const LISTEN_DIGITS: usize = 11;

/// The place where children are prepared. Its buffers grow to what the largest wish needs and stay.
#[derive(Debug)]
pub struct Workshop {
    /// `argv`, null, environment, null; they point into the wish and mean nothing after the birth.
    pointers: Vec<*const libc::c_char>,
    places: Vec<Placed>,
    cwd: Vec<u8>,
    cgroup: Vec<u8>,
    candidate: Vec<u8>,
    listen: [u8; LISTEN.len()],
    /// Signals that this process ignores, a bit for each; found out at the first birth.
    ignored: Option<u64>,
    /// Whether start times can be told from the clock; found out at the first birth.
    clock_tells: Option<bool>,
}

// SAFETY: between two births the pointers are gone, and nothing else here belongs to a thread.
unsafe impl Send for Workshop {}

impl Default for Workshop {
    fn default() -> Workshop {
        Workshop::new()
    }
}

fn fault(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

/// The C library's constant of this name has lost its highest bits.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Handlers of ours are not the child's for a single moment: a signal that comes before its program runs ends it as it would end that.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;

/// The folder of a cgroup, and whether the child has still to join it.
struct Cgroup {
    folder: OwnedFd,
    join: bool,
}

impl Workshop {
    /// With room for usual children.
    pub fn new() -> Workshop {
        Workshop::with_room(16 * 1024, 16)
    }

    /// With room for children of so many bytes of arguments and environment together, and so many places: for those nothing is allocated
    /// any more.
    pub fn with_room(argv_and_env_bytes: usize, places: usize) -> Workshop {
        Workshop {
            // No field is shorter than its NUL, but no sound one has less than a few bytes.
            pointers: Vec::with_capacity((argv_and_env_bytes / 4).max(STRINGS)),
            places: Vec::with_capacity(places),
            cwd: Vec::with_capacity(libc::PATH_MAX as usize),
            cgroup: Vec::with_capacity(libc::PATH_MAX as usize),
            candidate: Vec::with_capacity(libc::PATH_MAX as usize + 1),
            listen: *LISTEN,
            ignored: None,
            clock_tells: None,
        }
    }

    /// Bears a child. The caller must be the only thread of its process, and which signals it ignores must not change after the first birth.
    ///
    /// # Errors
    /// The step (`Prepare`, `Fork`, `Cgroup` when there is no such folder, or `Fds` when the pipe for the report cannot be made) and what
    /// the system said; later failures come on [`Born::report`].
    pub fn spawn(&mut self, wish: &Wish<'_>) -> Result<Born, (Step, io::Error)> {
        let born = self.prepare_and_fork(wish);
        self.pointers.clear();
        born
    }

    fn prepare_and_fork(&mut self, wish: &Wish<'_>) -> Result<Born, (Step, io::Error)> {
        let environment = self.collect(wish)?;
        let cgroup = wish.cgroup.map(|path| open_cgroup(&mut self.cgroup, path)).transpose()?;
        let (report, tell) = crate::handle::pipe(true).map_err(|error| (Step::Fds, error))?;
        let program = wish.argv.split(|b| *b == 0).next().unwrap_or_default();
        let path = wish.env.split(|b| *b == 0).find_map(|pair| pair.strip_prefix(b"PATH=")).unwrap_or(DEFAULT_PATH);
        let plan = Plan {
            wish,
            program: Program { name: program, path, argv: self.pointers.as_ptr(), env: self.pointers[environment..].as_ptr() },
            cwd: wish.cwd.map(|_| self.cwd.as_ptr().cast()),
            cgroup: None,
            places: &mut self.places,
            candidate: &mut self.candidate,
            listen: self.listen.as_mut_ptr(),
            parent: if wish.death_signal.is_some() { std::process::id() as libc::pid_t } else { 0 },
            cleared: true,
            ignored: *self.ignored.get_or_insert_with(ignored),
            tell: tell.as_raw_fd(),
        };
        fork(plan, cgroup, report, &mut self.clock_tells)
    }

    /// Fills the buffers; gives where the environment begins in the pointers.
    fn collect(&mut self, wish: &Wish<'_>) -> Result<usize, (Step, io::Error)> {
        let prepare = |number| (Step::Prepare, fault(number));
        // A missing program name is found out here, but it is the exec that would fail.
        if wish.argv.first().is_none_or(|first| *first == 0) {
            return Err((Step::Exec, fault(libc::ENOENT)));
        }
        if wish.argv.last() != Some(&0) || wish.env.last().is_some_and(|last| *last != 0) {
            return Err(prepare(libc::EINVAL));
        }
        self.pointers.clear();
        self.pointers.extend(wish.argv.split_inclusive(|b| *b == 0).map(|field| field.as_ptr().cast()));
        self.pointers.push(std::ptr::null());
        let environment = self.pointers.len();
        let kept =
            wish.env.split_inclusive(|b| *b == 0).filter(|pair| !(wish.listen_pid && pair.starts_with(&LISTEN[..LISTEN_DIGITS])));
        self.pointers.extend(kept.map(|pair| pair.as_ptr().cast()));
        if wish.listen_pid {
            self.listen = *LISTEN;
            self.pointers.push(self.listen.as_ptr().cast());
        }
        self.pointers.push(std::ptr::null());
        if let Some(cwd) = wish.cwd {
            terminate(&mut self.cwd, cwd).map_err(prepare)?;
        }
        // The longest candidate is not longer than all of the path and the program, "/" or "./" and NUL; what is longer than the kernel's
        // own limit need not be tried.
        let longest = wish.argv.len() + wish.env.len().max(DEFAULT_PATH.len()) + 3;
        self.candidate.resize(longest.min(libc::PATH_MAX as usize + 1), 0);
        self.places.clear();
        self.places.extend(wish.places.iter().filter_map(|(at, place)| match place {
            Place::Copy(fd) => Some(Placed { at: *at as RawFd, source: fd.as_raw_fd(), copy: -1 }),
            Place::Missing => None,
        }));
        self.places.sort_unstable_by_key(|placed| placed.at);
        Ok(environment)
    }
}

/// `text` with its NUL.
fn terminate(buffer: &mut Vec<u8>, text: &[u8]) -> Result<(), i32> {
    if text.contains(&0) {
        return Err(libc::EINVAL);
    }
    buffer.clear();
    buffer.extend_from_slice(text);
    buffer.push(0);
    Ok(())
}

fn open_cgroup(buffer: &mut Vec<u8>, path: &[u8]) -> Result<Cgroup, (Step, io::Error)> {
    terminate(buffer, path).map_err(|number| (Step::Prepare, fault(number)))?;
    // SAFETY: the buffer ends with the only NUL in it.
    let raw = unsafe { libc::open(buffer.as_ptr().cast(), libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC) };
    if raw < 0 {
        return Err((Step::Cgroup, io::Error::last_os_error()));
    }
    // SAFETY: a fresh descriptor that nobody else knows.
    Ok(Cgroup { folder: unsafe { OwnedFd::from_raw_fd(raw) }, join: false })
}

fn fork(
    mut plan: Plan<'_>,
    mut cgroup: Option<Cgroup>,
    report: OwnedFd,
    clock_tells: &mut Option<bool>,
) -> Result<Born, (Step, io::Error)> {
    loop {
        let into = cgroup.as_ref().filter(|cgroup| !cgroup.join).map(|cgroup| cgroup.folder.as_raw_fd());
        plan.cgroup = cgroup.as_ref().filter(|cgroup| cgroup.join).map(|cgroup| cgroup.folder.as_raw_fd());
        let before = start_tick();
        let error = match clone3(&mut plan, into) {
            Ok((pid, pidfd)) => return Ok(Born { pid, pidfd, ident: ident(pid, before, clock_tells), report }),
            Err(error) => error,
        };
        match (error.raw_os_error(), &mut cgroup) {
            // No room is no room, in whichever cgroup.
            (Some(libc::EAGAIN | libc::ENOMEM), _) => return Err((Step::Fork, error)),
            // The kernel cannot, or it says no: then the child tries to join, and if it is told no as well, that is what it reports.
            (_, Some(cgroup)) if !cgroup.join => cgroup.join = true,
            // Older kernels know neither the call nor its flags, and some sandboxes forbid it.
            (Some(libc::ENOSYS | libc::EINVAL | libc::EPERM), _) => break,
            _ => return Err((Step::Fork, error)),
        }
    }
    let failed = |error| (Step::Fork, error);
    plan.cleared = false;
    let before = start_tick();
    // SAFETY: a single-threaded process has nothing that a fork could tear; the child runs `run` only.
    let pid = match unsafe { libc::fork() } {
        0 => run(&mut plan),
        pid @ 1.. => pid as u32,
        _ => return Err(failed(io::Error::last_os_error())),
    };
    // Not reaped yet, so the pid is still its own.
    let pidfd = crate::process::pidfd_open(pid).map_err(failed)?;
    Ok(Born { pid, pidfd, ident: ident(pid, before, clock_tells), report })
}

/// The start time of a child that was forked since that tick. When it is still the same tick, that is the answer, and the page in `/proc`,
/// of which everybody else has it, need not be made and read. That both say the same is tried once: not every kernel need be Linux.
fn ident(pid: u32, before: u64, clock_tells: &mut Option<bool>) -> u64 {
    let within = start_tick() == before;
    if within && *clock_tells == Some(true) {
        return before;
    }
    let page = start_time(pid);
    if within && let Some(page) = page {
        clock_tells.get_or_insert(page == before);
    }
    page.unwrap_or(0)
}

/// Forks, with the child born in the cgroup of that folder.
fn clone3(plan: &mut Plan<'_>, into: Option<RawFd>) -> io::Result<(u32, OwnedFd)> {
    let mut pidfd: RawFd = -1;
    // SAFETY: the arguments are whole and live for the call. Without CLONE_VM the child has its own copy of memory; it runs `run` only,
    // which neither returns nor allocates.
    let answer = unsafe {
        let mut args: libc::clone_args = std::mem::zeroed();
        args.flags = libc::CLONE_PIDFD as u64 | CLONE_CLEAR_SIGHAND;
        if let Some(folder) = into {
            args.flags |= CLONE_INTO_CGROUP;
            args.cgroup = folder as u64;
        }
        args.pidfd = &raw mut pidfd as u64;
        args.exit_signal = libc::SIGCHLD as u64;
        libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>())
    };
    match answer {
        0 => run(plan),
        // SAFETY: the kernel has put a fresh descriptor there, close-on-exec, that nobody else knows.
        1.. => Ok((answer as u32, unsafe { OwnedFd::from_raw_fd(pidfd) })),
        _ => Err(io::Error::last_os_error()),
    }
}
