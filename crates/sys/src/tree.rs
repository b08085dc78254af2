//! Signals for everything that a life has left.

use crate::decimal::leading;
use crate::process::{pidfd_open, pidfd_signal, session_of, signal_group};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Members of a cgroup that are signalled between two looks at who belongs to it.
const BATCH: usize = 64;
/// Cgroups below a life's own that are followed.
const DEPTH: u32 = 16;

/// Sends a signal to a life and what came of it. `pid` is the life's process, not reaped yet.
///
/// With a cgroup: to everything in it and below, by the kernel itself for SIGKILL. Without one, or when its folder is gone: to the process
/// group that the process leads, to itself, and to each child of *ours* that came to us as an orphan of its session. Nobody gets it twice;
/// who is `spared`, and we, never do. What such an orphan has borne in turn is for the one who can read all of `/proc`. May allocate.
///
/// # Errors
/// `ESRCH` when nothing was there to get it, else the first refusal (`EPERM`, `EINVAL`).
pub fn signal_tree(fd: impl AsFd, pid: u32, cgroup: Option<&[u8]>, signal: i32, spared: &dyn Fn(u32) -> bool) -> io::Result<()> {
    let me = std::process::id();
    let aim = Aim { fd: fd.as_fd(), pid, signal, spared: &|other| other == me || spared(other) };
    let mut tally = Tally::default();
    let folder = cgroup.map(|folder| Path::new(OsStr::from_bytes(folder))).filter(|folder| folder.join("cgroup.procs").exists());
    match folder {
        Some(folder) => aim.at_cgroup(folder, &mut tally),
        None => aim.at_group(&mut tally),
    }
    tally.end()
}

struct Aim<'a> {
    fd: std::os::fd::BorrowedFd<'a>,
    pid: u32,
    signal: i32,
    spared: &'a dyn Fn(u32) -> bool,
}

impl Aim<'_> {
    fn at_cgroup(&self, folder: &Path, tally: &mut Tally) {
        let mut members = Vec::new();
        members_of(folder, DEPTH, &mut members);
        // The kernel's way spares nobody.
        let by_kernel = self.signal == libc::SIGKILL && !members.iter().any(|(_, pid)| (self.spared)(*pid));
        if by_kernel && fs::write(folder.join("cgroup.kill"), "1").is_ok() {
            tally.done |= !members.is_empty();
        } else {
            for batch in members.chunks(BATCH) {
                self.at_members(batch, tally);
            }
        }
        if !members.iter().any(|(_, pid)| *pid == self.pid) {
            tally.count(pidfd_signal(self.fd, self.signal));
        }
    }

    fn at_members(&self, members: &[(std::path::PathBuf, u32)], tally: &mut Tally) {
        let mut held: Vec<(usize, OwnedFd)> = Vec::with_capacity(members.len());
        for (at, (_, pid)) in members.iter().enumerate() {
            match pidfd_open(*pid) {
                _ if (self.spared)(*pid) => {}
                Ok(fd) => held.push((at, fd)),
                Err(error) => tally.count(Err(error)),
            }
        }
        // A pid that is still a member after its descriptor was opened is the process that the descriptor means.
        let mut seen = (Path::new(""), Vec::new());
        for (at, fd) in held {
            let (folder, pid) = &members[at];
            if seen.0 != folder {
                seen = (folder, Vec::new());
                numbers_in(&folder.join("cgroup.procs"), &mut seen.1);
            }
            if seen.1.contains(pid) {
                tally.count(pidfd_signal(fd, self.signal));
            }
        }
    }

    fn at_group(&self, tally: &mut Tally) {
        tally.count(signal_group(self.fd, self.pid, self.signal));
        // It may have left a group that others of the life are still in.
        if group_of(self.pid) != Some(self.pid) {
            tally.count(pidfd_signal(self.fd, self.signal));
        }
        for child in own_children() {
            let orphan = child != self.pid && session_of(child) == Some(self.pid) && group_of(child) != Some(self.pid);
            if orphan && !(self.spared)(child) {
                // Our child, and not reaped: the pid is its own.
                tally.count(pidfd_open(child).and_then(|fd| pidfd_signal(fd, self.signal)));
            }
        }
    }
}

/// The members of a cgroup and of those below it, each with the folder that it was found in.
fn members_of(folder: &Path, depth: u32, into: &mut Vec<(std::path::PathBuf, u32)>) {
    let mut here = Vec::new();
    numbers_in(&folder.join("cgroup.procs"), &mut here);
    into.extend(here.into_iter().map(|pid| (folder.to_owned(), pid)));
    let Some(depth) = depth.checked_sub(1) else { return };
    for below in fs::read_dir(folder).into_iter().flatten().flatten() {
        if below.file_type().is_ok_and(|kind| kind.is_dir()) {
            members_of(&below.path(), depth, into);
        }
    }
}

/// All children of this process. None where the kernel does not list them.
fn own_children() -> Vec<u32> {
    let mut children = Vec::new();
    for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        numbers_in(&task.path().join("children"), &mut children);
    }
    children
}

fn numbers_in(path: &Path, into: &mut Vec<u32>) {
    let text = fs::read(path).unwrap_or_default();
    let mut rest = text.as_slice();
    while let Some((number, after)) = leading(rest) {
        into.extend(u32::try_from(number));
        rest = after;
    }
}

fn group_of(pid: u32) -> Option<u32> {
    // SAFETY: asks for a number.
    u32::try_from(unsafe { libc::getpgid(pid as libc::pid_t) }).ok()
}

/// What became of several signals.
#[derive(Default)]
struct Tally {
    done: bool,
    refused: Option<io::Error>,
}

impl Tally {
    fn count(&mut self, answer: io::Result<()>) {
        match answer {
            Ok(()) => self.done = true,
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
            Err(error) => self.refused = self.refused.take().or(Some(error)),
        }
    }

    fn end(self) -> io::Result<()> {
        match self.refused {
            Some(error) => Err(error),
            None if self.done => Ok(()),
            None => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        }
    }
}
