//! What becomes of a birth, as its child tells it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// Where a birth failed. The words are those of `model::Stage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Before the fork.
    Prepare = 0,
    /// `clone3` or `fork`.
    Fork = 1,
    /// `setsid`.
    Session = 2,
    /// `setpgid`.
    Group = 3,
    /// `/proc/self/oom_score_adj`.
    Oom = 4,
    /// Joining the cgroup.
    Cgroup = 5,
    /// Placing the descriptors.
    Fds = 6,
    /// Writing the pid into the life lock.
    Lock = 7,
    /// `TIOCSCTTY`.
    Tty = 8,
    /// `setrlimit`.
    Rlimit = 9,
    /// `setpriority`.
    Nice = 10,
    /// `setgroups`.
    Groups = 11,
    /// `setresgid`.
    Gid = 12,
    /// `setresuid`, or the old user could have been taken back.
    Uid = 13,
    /// `PR_SET_NO_NEW_PRIVS`.
    Privs = 14,
    /// `PR_SET_PDEATHSIG`.
    Death = 15,
    /// `chdir`.
    Cwd = 16,
    /// `execve`.
    Exec = 17,
}

impl Step {
    /// Every step, in the order in which they happen.
    pub const ALL: [Step; 18] = [
        Step::Prepare,
        Step::Fork,
        Step::Session,
        Step::Group,
        Step::Oom,
        Step::Cgroup,
        Step::Fds,
        Step::Lock,
        Step::Tty,
        Step::Rlimit,
        Step::Nice,
        Step::Groups,
        Step::Gid,
        Step::Uid,
        Step::Privs,
        Step::Death,
        Step::Cwd,
        Step::Exec,
    ];

    /// The word for the wire.
    pub fn word(self) -> &'static str {
        const WORDS: [&str; Step::ALL.len()] = [
            "prepare", "fork", "session", "group", "oom", "cgroup", "fds", "lock", "tty", "rlimit", "nice", "groups", "gid",
            "uid", "privs", "death", "cwd", "exec",
        ];
        WORDS[self as usize]
    }
}

/// A child that has been forked. It may still fail to execute.
#[derive(Debug)]
pub struct Born {
    /// Its pid, ours until we reap it.
    pub pid: u32,
    /// Names it for good.
    pub pidfd: OwnedFd,
    /// Its start time, in clock ticks since boot: [`crate::process::start_time`]. 0 when it could not be found out.
    pub ident: u64,
    /// Ends without a word once the program runs (or the child was killed); otherwise [`read_report`] gives what failed.
    pub report: OwnedFd,
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
            8 => {
                let step = usize::try_from(words[0]).ok().and_then(|at| Step::ALL.get(at));
                Report::Failed(step.copied().unwrap_or(Step::Prepare), words[1])
            }
            0.. => Report::Runs,
            _ => match io::Error::last_os_error().kind() {
                io::ErrorKind::Interrupted => continue,
                io::ErrorKind::WouldBlock => Report::Waiting,
                _ => Report::Runs,
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stand_at_their_numbers_and_have_words_of_their_own() {
        for (at, step) in Step::ALL.into_iter().enumerate() {
            assert_eq!(step as usize, at);
            assert_eq!(step.word(), format!("{step:?}").to_lowercase());
        }
    }
}
