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
    /// `clone3` or `fork`.
    Fork,
    /// Placing the descriptors.
    Fds,
    /// `setsid`.
    Session,
    /// `setrlimit`.
    Rlimit,
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
        /// The symbolic name of the error, `ENOENT`.
        errno: String,
    },
}

impl End {
    /// Whether the cause is a shortage of ours (processes, memory, descriptors, disk) rather than the app's fault. Such
    /// an end is no failed life: it only delays.
    pub fn is_shortage(&self) -> bool {
        match self {
            // Descriptors are ours to have: one that could not be opened is missing when they are placed.
            End::NotBorn { stage: Stage::Prepare | Stage::Fork | Stage::Fds, .. } => true,
            End::NotBorn { errno, .. } => matches!(errno.as_str(), "ENOMEM" | "EMFILE" | "ENFILE" | "EAGAIN"),
            End::Exited(_) => false,
        }
    }
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 7] = [Stage::Prepare, Stage::Fork, Stage::Fds, Stage::Session, Stage::Rlimit, Stage::Cwd, Stage::Exec];

    /// The word for it in the keeper's protocol.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Prepare => "prepare",
            Stage::Fork => "fork",
            Stage::Fds => "fds",
            Stage::Session => "session",
            Stage::Rlimit => "rlimit",
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
            End::NotBorn { stage, errno } => write!(f, "failed to start ({}: {errno})", stage.word()),
        }
    }
}
