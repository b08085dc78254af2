//! Processes as the kernel shows them.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// A process, named for good by pid and start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Proc {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot.
    pub start: u64,
}

struct Stat {
    state: char,
    ppid: u32,
    cpu_ticks: u64,
    start: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let rest = &text[text.rfind(')')? + 2..];
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        ppid: number(1)? as u32,
        cpu_ticks: number(11)? + number(12)?,
        start: number(19)?,
    })
}

impl Proc {
    /// The process that has this pid now; `None` when there is none or it is a zombie.
    pub fn find(pid: u32) -> Option<Proc> {
        let stat = stat(pid)?;
        (stat.state != 'Z' && stat.state != 'X').then_some(Proc { pid, start: stat.start })
    }

    /// Whether it lives (a zombie does not).
    pub fn alive(self) -> bool {
        Proc::find(self.pid) == Some(self)
    }

    /// Sends a signal, through a descriptor, so that it can reach no other process. False when it is gone.
    pub fn signal(self, signal: Signal) -> bool {
        let Some(fd) = self.open() else { return false };
        self.alive() && pidfd_send_signal(&fd, signal).is_ok()
    }

    /// SIGKILL; gives back when it has gone, or after a second if it cannot go. False when it was gone before.
    pub fn kill(self) -> bool {
        let Some(fd) = self.open() else { return false };
        let told = self.alive() && pidfd_send_signal(&fd, Signal::KILL).is_ok();
        // Until then it may still take what is asked of it, and answer nothing.
        let _ = poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&Timespec { tv_sec: 1, tv_nsec: 0 }));
        told
    }

    fn open(self) -> Option<OwnedFd> {
        let pid = Pid::from_raw(i32::try_from(self.pid).ok()?)?;
        pidfd_open(pid, PidfdFlags::empty()).ok()
    }

    /// Processor time used so far, in clock ticks (100 a second).
    pub fn cpu_ticks(self) -> u64 {
        stat(self.pid).filter(|s| s.start == self.start).map_or(0, |s| s.cpu_ticks)
    }

    /// Its arguments.
    pub fn args(self) -> Vec<String> {
        let bytes = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let mut args: Vec<String> = bytes.split(|b| *b == 0).map(|a| String::from_utf8_lossy(a).into_owned()).collect();
        args.pop();
        args
    }

    /// The value of a variable in the environment that it was started with.
    pub fn env(self, name: &str) -> Option<String> {
        let bytes = fs::read(format!("/proc/{}/environ", self.pid)).ok()?;
        let prefix = format!("{name}=");
        let found = bytes.split(|b| *b == 0).find(|v| v.starts_with(prefix.as_bytes()))?;
        Some(String::from_utf8_lossy(&found[prefix.len()..]).into_owned())
    }

    /// Its working directory.
    pub fn cwd(self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/cwd", self.pid)).ok()
    }
}

/// State letter (`Z` = zombie) and parent of whatever has this pid.
pub fn state_of(pid: u32) -> Option<(char, u32)> {
    stat(pid).map(|s| (s.state, s.ppid))
}

/// Every pid there is.
pub fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect()
}

/// Pids whose parent is `parent`, with their state letter.
pub fn children_of(parent: u32) -> Vec<(u32, char)> {
    pids().into_iter().filter_map(|pid| state_of(pid).filter(|s| s.1 == parent).map(|s| (pid, s.0))).collect()
}

/// What the descriptors of a process point at: number and target.
pub fn open_files(pid: u32) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> =
        entries.filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, fs::read_link(e.path()).ok()?))).collect();
    found.sort();
    found
}
