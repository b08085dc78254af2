//! A child, what it said, and how it ended.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use sys::handle::{null, pipe};
use sys::process::{Ending, reap_pid};
use sys::spawn::{Born, Place, Report, Step, Wish, Workshop, read_report};

pub const PATH: &str = "PATH=/usr/bin:/bin";

pub fn fields<T: AsRef<str>>(parts: &[T]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.as_ref().bytes().chain([0])).collect()
}

/// The arguments of a shell with this script.
pub fn sh(script: &str) -> Vec<u8> {
    fields(&["sh", "-c", script])
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Says why a test could not be run here; gives whether it cannot.
pub fn skipped(unless: bool, why: &str) -> bool {
    if !unless {
        eprintln!("skipped: {why}");
    }
    !unless
}

/// Waits until there is something to read, at most 60 s.
pub fn wait(fd: impl AsFd) {
    let mut wait = [PollFd::new(&fd, PollFlags::IN)];
    let ready = poll(&mut wait, Some(&Timespec { tv_sec: 60, tv_nsec: 0 })).expect("poll");
    assert_eq!(ready, 1, "nothing happened for 60 s");
}

#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub report: Report,
    pub ending: Ending,
    pub said: String,
    pub pid: u32,
}

impl Outcome {
    pub fn failed(&self) -> Option<(Step, i32)> {
        match self.report {
            Report::Failed(step, errno) => Some((step, errno)),
            _ => None,
        }
    }

    /// What it said, when it ran and ended well.
    pub fn said(&self) -> Vec<&str> {
        assert_eq!((self.report, self.ending), (Report::Runs, Ending::Code(0)), "{}", self.said);
        self.said.lines().collect()
    }
}

/// Bears a child with `/dev/null` at 0 and a pipe at 1 and 2, besides what the wish places above, and waits for its end.
pub fn live(wish: &Wish<'_>) -> Outcome {
    live_with(null().expect("null").as_fd(), wish).expect("forked")
}

pub fn live_with(input: BorrowedFd<'_>, wish: &Wish<'_>) -> Result<Outcome, (Step, std::io::Error)> {
    let (read, write) = pipe(false).expect("pipe");
    let mut places = vec![(0, Place::Copy(input)), (1, Place::Copy(write.as_fd())), (2, Place::Copy(write.as_fd()))];
    places.extend_from_slice(wish.places);
    let born = Workshop::new().spawn(&Wish { places: &places, ..*wish })?;
    drop(write);
    Ok(finish(born, read))
}

/// A child that does not outlive its test.
struct Held(Born);

impl Drop for Held {
    fn drop(&mut self) {
        // Through the descriptor, which means nobody once it has been reaped.
        let _ = sys::process::pidfd_signal(&self.0.pidfd, libc::SIGKILL);
    }
}

fn finish(born: Born, read: OwnedFd) -> Outcome {
    let held = Held(born);
    wait(&held.0.report);
    let report = read_report(&held.0.report);
    let mut said = String::new();
    std::fs::File::from(read).read_to_string(&mut said).expect("text");
    wait(&held.0.pidfd);
    let pid = held.0.pid;
    let ending = reap_pid(pid).expect("it has ended");
    Outcome { report, ending, said, pid }
}

/// From now on every process of this thread's line gets this answer from that system call (0 = "done", and nothing is done).
pub fn deny(call: libc::c_long, errno: u16) {
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, call as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | u32::from(errno)),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: a whole program that lives for the call.
    let answer =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER as libc::c_ulong, &raw const program, 0, 0) };
    assert_eq!(answer, 0, "seccomp: {}", std::io::Error::last_os_error());
}
