//! The box of one life.

use super::place::said;
use super::{Held, Limits, Version};
use rustix::fs::{XattrFlags, getxattr, setxattr};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Groups below a box that are looked into.
const DEPTH: u32 = 16;
/// Where a box keeps what has been told of it: it goes with the box, and whoever finds the box finds it (xattr(7); Linux 5.7).
const TOLD: &str = "user.abide.told";
/// The period in which processor time is shared out, in microseconds: the kernel's own.
const PERIOD: u64 = 100_000;

/// The box of one life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    folder: PathBuf,
    version: Version,
    held: Held,
}

/// What a box has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Processor time of everything that is or was in it, in nanoseconds.
    pub cpu_nanos: Option<u64>,
    /// Bytes of memory, the cache of its files included.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub tasks: Option<u64>,
}

/// What the kernel has had to do in a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Acts {
    /// Processes that it has killed because memory was short.
    pub oom_kills: u64,
    /// Forks that the limit of tasks has refused.
    pub refused_forks: u64,
}

impl Cell {
    pub(super) fn at(folder: PathBuf, version: Version) -> Cell {
        Cell { folder, version, held: Held::default() }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its folder as text, for the keeper; `None` = it is no text.
    pub fn path(&self) -> Option<String> {
        said(&self.folder)
    }

    /// What the kernel holds the life to.
    pub fn held(&self) -> Held {
        self.held
    }

    /// Sets the limits, as many as the box knows; what is not limited is set free. Gives back, and remembers, what now holds.
    pub fn limit(&mut self, limits: &Limits) -> Held {
        let number = |limit: Option<u64>| limit.map_or_else(|| "max".to_owned(), |limit| limit.to_string());
        let memory = self.version == Version::Two && self.put("memory.max", &number(limits.memory));
        if memory {
            // A sixteenth below, the kernel slows the life down and takes back what it can; memory that went to disk would not count.
            self.put("memory.high", &number(limits.memory.map(|bytes| bytes - bytes / 16)));
            self.put("memory.swap.max", if limits.memory.is_some() { "0" } else { "max" });
        }
        let quota = |percent: f64| ((percent * PERIOD as f64 / 100.0) as u64).max(1000).to_string();
        let cpu = limits.cpu_percent.map_or_else(|| "max".to_owned(), quota);
        let cpu = self.version == Version::Two && self.put("cpu.max", &format!("{cpu} {PERIOD}"));
        let tasks = self.put("pids.max", &number(limits.tasks));
        self.held = Held { memory, cpu, tasks }.and(limits.wanted());
        self.held
    }

    /// What stands in a box that somebody else has made: the limits that hold.
    pub fn look(&mut self) -> Held {
        let set = |file: &str| self.read(file).is_some_and(|text| !text.starts_with("max"));
        self.held = Held { memory: set("memory.max"), cpu: set("cpu.max"), tasks: set("pids.max") };
        self.held
    }

    fn put(&self, file: &str, text: &str) -> bool {
        let path = self.folder.join(file);
        path.exists() && fs::write(path, text).is_ok()
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(file)).ok()
    }

    fn number(&self, file: &str) -> Option<u64> {
        self.read(file)?.trim().parse().ok()
    }

    /// The number behind a word, where a file has one of each on every line.
    fn keyed(&self, file: &str, word: &str) -> Option<u64> {
        let text = self.read(file)?;
        text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' ')?.trim().parse().ok())
    }

    /// Every process in it and below, zombies without their threads too.
    pub fn pids(&self) -> Vec<u32> {
        let mut found = Vec::new();
        collect(&self.folder, DEPTH, &mut found);
        found
    }

    /// Whether anything lives in it: the kernel's word. A box that is gone is empty.
    pub fn is_populated(&self) -> bool {
        match self.keyed("cgroup.events", "populated") {
            Some(number) => number > 0,
            None => !self.pids().is_empty(),
        }
    }

    /// SIGKILL to everything in it at once, where the kernel can. A box in which a process is `spared` is left alone.
    ///
    /// # Errors
    /// It cannot, or somebody is spared: then each process is to be signalled.
    pub fn kill(&self, spared: &dyn Fn(u32) -> bool) -> io::Result<()> {
        if self.version == Version::One {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if self.pids().into_iter().any(spared) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        fs::write(self.folder.join("cgroup.kill"), "1")
    }

    /// What it has counted.
    pub fn counts(&self) -> Counts {
        let v2 = self.keyed("cpu.stat", "usage_usec").map(|micros| micros * 1000);
        Counts {
            cpu_nanos: v2.or_else(|| self.number("cpuacct.usage")),
            memory: self.number("memory.current"),
            tasks: self.number("pids.current"),
        }
    }

    /// What the kernel has had to do in it.
    pub fn acts(&self) -> Acts {
        let number = |file, word| self.keyed(file, word).unwrap_or(0);
        Acts { oom_kills: number("memory.events", "oom_kill"), refused_forks: number("pids.events", "max") }
    }

    /// Of these, what somebody was told of; `None` = nothing was ever noted, or the kernel keeps no notes.
    pub fn told(&self) -> Option<Acts> {
        let mut room = [0; 48];
        let len = getxattr(&self.folder, TOLD, &mut room).ok()?;
        let (kills, forks) = std::str::from_utf8(&room[..len]).ok()?.split_once(' ')?;
        Some(Acts { oom_kills: kills.parse().ok()?, refused_forks: forks.parse().ok()? })
    }

    /// Notes what was told. A kernel that keeps no notes forgets it.
    pub fn note_told(&self, acts: Acts) {
        let text = format!("{} {}", acts.oom_kills, acts.refused_forks);
        let _ = setxattr(&self.folder, TOLD, text.as_bytes(), XattrFlags::empty());
    }

    /// The files that change when the kernel had to act, for a [`super::Watcher`].
    pub fn event_files(&self) -> Vec<PathBuf> {
        ["memory.events", "pids.events"].map(|file| self.folder.join(file)).into_iter().filter(|file| file.exists()).collect()
    }

    /// Removes it, and what the life has made below.
    ///
    /// # Errors
    /// `EBUSY` while anything is in it.
    pub fn remove(&self) -> io::Result<()> {
        remove(&self.folder, DEPTH)
    }
}

fn remove(folder: &Path, depth: u32) -> io::Result<()> {
    match fs::remove_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) && depth > 0 => {
            for entry in fs::read_dir(folder)?.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
                remove(&entry.path(), depth - 1)?;
            }
            fs::remove_dir(folder)
        }
        done => done,
    }
}

fn collect(folder: &Path, depth: u32, into: &mut Vec<u32>) {
    into.extend(pids_in(folder));
    let Some(depth) = depth.checked_sub(1) else { return };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), depth, into);
        }
    }
}

pub(super) fn pids_in(folder: &Path) -> Vec<u32> {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(files: &[(&str, &str)]) -> (tempfile::TempDir, Cell) {
        let folder = tempfile::tempdir().expect("tempdir");
        files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).expect("write"));
        let cell = Cell::at(folder.path().to_owned(), Version::Two);
        (folder, cell)
    }

    #[test]
    fn every_controller_is_optional() {
        let limits = Limits { memory: Some(160 << 20), cpu_percent: Some(250.0), tasks: Some(64) };
        let (folder, mut cell) = fake(&[("cgroup.procs", "1\n2\n")]);
        assert_eq!(cell.limit(&limits), Held::default());
        assert_eq!((cell.counts(), cell.acts(), cell.told()), (Counts::default(), Acts::default(), None));
        assert_eq!((cell.pids(), cell.is_populated()), (vec![1, 2], true));
        for file in ["memory.max", "memory.high", "memory.swap.max", "cpu.max", "pids.max"] {
            fs::write(folder.path().join(file), "max\n").expect("write");
        }
        let all = Held { memory: true, cpu: true, tasks: true };
        assert_eq!(cell.limit(&limits), all);
        assert_eq!(cell.look(), all);
        let read = |file: &str| fs::read_to_string(folder.path().join(file)).expect("there");
        assert_eq!(read("memory.max"), (160 << 20).to_string());
        assert_eq!(read("memory.high"), (150 << 20).to_string());
        assert_eq!((read("cpu.max").as_str(), read("pids.max").as_str()), ("250000 100000", "64"));
        // What is not limited any more is set free.
        assert_eq!(cell.limit(&Limits { tasks: Some(3), ..Limits::default() }), Held { tasks: true, ..Held::default() });
        assert_eq!(
            (read("memory.max").as_str(), read("memory.swap.max").as_str(), read("cpu.max").as_str()),
            ("max", "max", "max 100000")
        );
        cell.limit(&Limits { cpu_percent: Some(0.1), ..Limits::default() });
        assert_eq!(read("cpu.max"), "1000 100000", "the kernel takes no less");
    }

    #[test]
    fn counters_are_read() {
        let (_folder, cell) = fake(&[
            ("cgroup.events", "populated 0\nfrozen 0\n"),
            ("cgroup.procs", ""),
            ("memory.current", "4096\n"),
            ("memory.events", "low 0\nhigh 4\nmax 9\noom 2\noom_kill 3\noom_group_kill 0\n"),
            ("pids.current", "5\n"),
            ("pids.events", "max 7\n"),
            ("cpu.stat", "usage_usec 1500\nuser_usec 1000\n"),
        ]);
        let counts = Counts { cpu_nanos: Some(1_500_000), memory: Some(4096), tasks: Some(5) };
        assert_eq!((cell.counts(), cell.acts()), (counts, Acts { oom_kills: 3, refused_forks: 7 }));
        assert!(!cell.is_populated());
        assert_eq!(cell.event_files().len(), 2);
    }
}
