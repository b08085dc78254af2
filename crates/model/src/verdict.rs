//! How a life ended.

use crate::Signal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the kernel said of a process's end. No sentinel numbers: what nobody saw is [`Verdict::Unseen`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It called `exit` with this code.
    Code(i32),
    /// A signal ended it.
    Signal {
        /// Which.
        number: Signal,
        /// Whether the kernel wrote a core file.
        core: bool,
    },
    /// It ended while nobody could see how (an adopted process on a kernel that does not tell).
    Unseen,
}

/// The step of a birth that failed, in the order in which they happen. In the keeper's protocol the same word in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Making the streams, the lock, or telling the keeper.
    Prepare,
    /// The hook `pre_start`.
    Hook,
    /// The port or listening socket that it needs; the error says who has it, in words.
    Port,
    /// `clone3` or `fork`.
    Fork,
    /// `setsid`.
    Session,
    /// `setpgid`.
    Group,
    /// Telling the kernel how soon to end it when memory is short.
    Oom,
    /// Joining the cgroup.
    Cgroup,
    /// Placing the descriptors.
    Fds,
    /// Writing the pid into the life lock.
    Lock,
    /// Taking the controlling terminal.
    Tty,
    /// `setrlimit`.
    Rlimit,
    /// `setpriority`.
    Nice,
    /// `setgroups`.
    Groups,
    /// `setresgid`.
    Gid,
    /// `setresuid`, or the old user could have been taken back.
    Uid,
    /// Giving up new privileges.
    Privs,
    /// Asking for the signal of the keeper's death.
    Death,
    /// `chdir` to the app's working directory.
    Cwd,
    /// `execve` of the program.
    Exec,
}

/// The end of a life: it was lived, or it was never born.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The program ran, then ended.
    Exited(Verdict),
    /// The program never ran.
    NotBorn {
        /// Where it failed.
        stage: Stage,
        /// The symbolic name of the error, `ENOENT`; with [`Stage::Hook`] the hook's own end, `exit code 3`; with
        /// [`Stage::Port`] what is in the way, `port 80 is held by nginx (pid 12)`.
        errno: String,
    },
}

impl End {
    /// Whether the cause is a shortage of ours (processes, memory, descriptors, disk) rather than the app's fault. Such
    /// an end is no failed life: it only delays.
    pub fn is_shortage(&self) -> bool {
        match self {
            // Descriptors are ours to have: one that could not be opened is missing when they are placed. So is room for the lock.
            End::NotBorn { stage: Stage::Prepare | Stage::Port | Stage::Fork | Stage::Fds | Stage::Lock, .. } => true,
            End::NotBorn { errno, .. } => matches!(errno.as_str(), "ENOMEM" | "EMFILE" | "ENFILE" | "EAGAIN"),
            End::Exited(_) => false,
        }
    }
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 20] = [
        Stage::Prepare,
        Stage::Hook,
        Stage::Port,
        Stage::Fork,
        Stage::Session,
        Stage::Group,
        Stage::Oom,
        Stage::Cgroup,
        Stage::Fds,
        Stage::Lock,
        Stage::Tty,
        Stage::Rlimit,
        Stage::Nice,
        Stage::Groups,
        Stage::Gid,
        Stage::Uid,
        Stage::Privs,
        Stage::Death,
        Stage::Cwd,
        Stage::Exec,
    ];

    /// The word for it in the keeper's protocol.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Prepare => "prepare",
            Stage::Hook => "hook",
            Stage::Port => "port",
            Stage::Fork => "fork",
            Stage::Session => "session",
            Stage::Group => "group",
            Stage::Oom => "oom",
            Stage::Cgroup => "cgroup",
            Stage::Fds => "fds",
            Stage::Lock => "lock",
            Stage::Tty => "tty",
            Stage::Rlimit => "rlimit",
            Stage::Nice => "nice",
            Stage::Groups => "groups",
            Stage::Gid => "gid",
            Stage::Uid => "uid",
            Stage::Privs => "privs",
            Stage::Death => "death",
            Stage::Cwd => "cwd",
            Stage::Exec => "exec",
        }
    }

    /// The stage that `word` names.
    pub fn from_word(word: &str) -> Option<Stage> {
        Stage::ALL.into_iter().find(|s| s.word() == word)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Code(code) => write!(f, "exit code {code}"),
            Verdict::Signal { number, core: false } => write!(f, "{number}"),
            Verdict::Signal { number, core: true } => write!(f, "{number} (core dumped)"),
            Verdict::Unseen => f.write_str("ended unseen"),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Exited(verdict) => verdict.fmt(f),
            End::NotBorn { stage: Stage::Hook, errno } => write!(f, "failed to start (hook pre_start: {errno})"),
            End::NotBorn { stage: Stage::Port, errno } => write!(f, "failed to start ({errno})"),
            // The kernel's answer to a text file without a first line that says who reads it; a shell would have read it itself.
            End::NotBorn { stage: Stage::Exec, errno } if errno == "ENOEXEC" => f.write_str(
                "failed to start (exec: ENOEXEC: neither a program for this machine, nor a script with #! in its first line)",
            ),
            End::NotBorn { stage, errno } => write!(f, "failed to start ({}: {errno})", stage.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_found_by_its_word() {
        for stage in Stage::ALL {
            assert_eq!(Stage::from_word(stage.word()), Some(stage));
            assert_eq!(stage.word(), format!("{stage:?}").to_lowercase());
        }
        assert_eq!(Stage::from_word("birth"), None);
    }

    #[test]
    fn a_hook_that_fails_is_named() {
        let end = End::NotBorn { stage: Stage::Hook, errno: "exit code 3".to_owned() };
        assert_eq!(end.to_string(), "failed to start (hook pre_start: exit code 3)");
    }

    #[test]
    fn a_full_disk_under_the_lock_is_no_fault_of_the_app() {
        let end = |stage| End::NotBorn { stage, errno: "ENOSPC".to_owned() };
        assert!(end(Stage::Lock).is_shortage());
        assert!(!end(Stage::Hook).is_shortage());
        assert!(!end(Stage::Cwd).is_shortage());
    }
}
