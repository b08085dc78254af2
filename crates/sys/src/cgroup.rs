//! Control groups: a kernel-held box around a life (cgroups(7); `Documentation/admin-guide/cgroup-v2.rst` of Linux).
//!
//! A `Place` is a folder in one hierarchy below which boxes may be made: always below the group that we are in ourselves, so that whatever
//! holds us holds the lives as well. A `Cell` is the box of one life. Of version 2 every controller is optional: a cell without any still
//! says who belongs to it, how much processor time they have used, and ends them all at once. Where there is a choice, version 2 is taken;
//! of version 1 only the hierarchy that counts processes, or one that merely groups them, since a process can be born into one folder only.

mod cell;
mod place;
mod watch;

pub use cell::{Acts, Cell, Counts};
pub use place::{Place, Version, places, places_in, places_of};
pub use watch::{ROOM, Watcher};

/// What a box is to hold its life to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Percent of one core.
    pub cpu_percent: Option<f64>,
    /// Processes and threads.
    pub tasks: Option<u64>,
}

/// What the kernel holds a life to, or could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Memory.
    pub memory: bool,
    /// Processor time.
    pub cpu: bool,
    /// Processes and threads.
    pub tasks: bool,
}

impl Limits {
    /// Which of the three are set.
    pub fn wanted(&self) -> Held {
        Held { memory: self.memory.is_some(), cpu: self.cpu_percent.is_some(), tasks: self.tasks.is_some() }
    }
}

impl Held {
    /// Whether everything of `wanted` is in it.
    pub fn covers(self, wanted: Held) -> bool {
        self.without(wanted) == Held::default()
    }

    /// What of `wanted` is not in it.
    pub fn without(self, wanted: Held) -> Held {
        Held { memory: wanted.memory && !self.memory, cpu: wanted.cpu && !self.cpu, tasks: wanted.tasks && !self.tasks }
    }

    /// How many of the three.
    pub fn count(self) -> u32 {
        u32::from(self.memory) + u32::from(self.cpu) + u32::from(self.tasks)
    }

    /// What is in both.
    pub fn and(self, other: Held) -> Held {
        Held { memory: self.memory && other.memory, cpu: self.cpu && other.cpu, tasks: self.tasks && other.tasks }
    }

    /// The controllers' names, in version 2 and 1 alike.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        [(self.memory, "memory"), (self.cpu, "cpu"), (self.tasks, "pids")].into_iter().filter_map(|(is, word)| is.then_some(word))
    }
}
