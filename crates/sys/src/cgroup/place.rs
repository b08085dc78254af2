//! Where boxes can be made.

use super::{Cell, Held, Limits};
use rustix::fs::{Access, access};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The leaf into which our own processes go when they are in the way (of the rule that only leaves have processes).
const HOUSE: &str = "house";

/// Which kind of hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One controller, or some that are mounted together.
    One,
    /// All that there are.
    Two,
}

/// A folder of a hierarchy below which boxes may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which kind of hierarchy.
    pub version: Version,
    /// The group that we are in, or were in before we went into a leaf.
    pub own: PathBuf,
    /// The folder of all boxes of our home, below [`Place::own`].
    pub base: PathBuf,
    /// What it can hold lives to.
    pub offers: Held,
}

/// The places that there are for the boxes of `name` (`abide-…`, one word for each home), the best first. Nothing is made or changed.
///
/// # Errors
/// `/proc` cannot be read.
pub fn places(name: &str) -> io::Result<Vec<Place>> {
    Ok(places_in(&fs::read_to_string("/proc/self/mountinfo")?, &fs::read_to_string("/proc/self/cgroup")?, name))
}

/// The same, from the texts of `/proc/self/mountinfo` and `/proc/self/cgroup`.
pub fn places_in(mounts: &str, groups: &str, name: &str) -> Vec<Place> {
    let mut found: Vec<Place> = mounts.lines().filter_map(|line| place(line, groups, name)).collect();
    // Version 2 first; then the one that counts processes.
    found.sort_by_key(|place| (place.version == Version::One, !place.offers.tasks));
    found.dedup_by(|later, first| later.version == first.version && later.own == first.own);
    found
}

/// The places of those boxes of `name` that a process is in, whoever made them: a manager may have been in another group than ours.
pub fn places_of(pid: u32, name: &str) -> Vec<Place> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let boxed: Vec<&str> = groups.lines().filter(|line| line.split('/').any(|part| part == name)).collect();
    if boxed.is_empty() {
        return Vec::new();
    }
    places_in(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default(), &boxed.join("\n"), name)
}

/// The place in one mounted hierarchy, if it is one that we use.
fn place(line: &str, groups: &str, name: &str) -> Option<Place> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(3);
    let (root, at) = (unescape(before.next()?), PathBuf::from(unescape(before.next()?)));
    let mut after = after.split(' ');
    let kind = after.next()?;
    let options: Vec<&str> = after.nth(1)?.split(',').collect();
    let (version, mine) = match kind {
        "cgroup2" => (Version::Two, groups.lines().find_map(|line| line.strip_prefix("0::"))?),
        "cgroup" => {
            let used = ["pids", "cpuacct", "freezer"].iter().find(|used| options.contains(used))?;
            let of = |line: &str| line.split(':').nth(1).is_some_and(|list| list.split(',').any(|word| word == *used));
            (Version::One, groups.lines().find(|line| of(line))?.splitn(3, ':').nth(2)?)
        }
        _ => return None,
    };
    // In a container the mount may show a part of the hierarchy; what lies outside of it cannot be named.
    let below = Path::new(mine).strip_prefix(&root).ok()?;
    // We may stand in a leaf of ours, or have been started from within a life.
    let below: PathBuf = below.components().take_while(|part| part.as_os_str() != OsStr::new(name)).collect();
    if below.components().any(|part| part.as_os_str() == "..") {
        return None;
    }
    let own = if below.as_os_str().is_empty() { at } else { at.join(below) };
    let offers = match version {
        Version::Two => held_in(&fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default()),
        Version::One => Held { tasks: options.contains(&"pids"), ..Held::default() },
    };
    Some(Place { version, base: own.join(name), own, offers })
}

fn held_in(words: &str) -> Held {
    let has = |wanted: &str| words.split_whitespace().any(|word| word == wanted);
    Held { memory: has("memory"), cpu: has("cpu"), tasks: has("pids") }
}

/// As `mountinfo` writes what would break a line.
fn unescape(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 4).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                out.push(char::from(code));
                rest = &rest[at + 4..];
            }
            None => {
                out.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

impl Place {
    /// Whether boxes can be made here, as far as it can be told without making one: the folder is ours to write, and so is the list of those who
    /// are in it (whoever goes into a box below leaves it).
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> io::Result<()> {
        access(&self.own, Access::WRITE_OK | Access::EXEC_OK)?;
        Ok(access(self.own.join("cgroup.procs"), Access::WRITE_OK)?)
    }

    /// Makes the box of a life and sets its limits, as many as are offered; [`Cell::held`] says which. What an earlier try has left is used. `ours`
    /// tells our own processes (and those of lives), which may be moved into a leaf where the kernel wants that.
    ///
    /// # Errors
    /// No folder can be made.
    pub fn make(&self, life: &str, limits: &Limits, ours: &dyn Fn(u32) -> bool) -> io::Result<Cell> {
        make_folder(&self.base)?;
        let folder = self.base.join(life);
        make_folder(&folder)?;
        let mut cell = Cell::at(folder, self.version);
        self.limit(&mut cell, limits, ours);
        Ok(cell)
    }

    /// Other limits for a life in its box, which may need controllers that were not handed down to it before.
    pub fn limit(&self, cell: &mut Cell, limits: &Limits, ours: &dyn Fn(u32) -> bool) {
        if self.version == Version::Two {
            self.enable(limits.wanted().and(self.offers), ours);
        }
        cell.limit(limits);
    }

    /// The box of a life that is there already.
    pub fn cell(&self, life: &str) -> Option<Cell> {
        let folder = self.base.join(life);
        folder.join("cgroup.procs").exists().then(|| Cell::at(folder, self.version))
    }

    /// The names of all boxes that are there.
    pub fn lives(&self) -> Vec<String> {
        let folders = fs::read_dir(&self.base).into_iter().flatten().flatten();
        let named = folders.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        named.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name != HOUSE).collect()
    }

    /// Removes the folder of all boxes, when there is none in it.
    pub fn remove(&self) {
        let _ = fs::remove_dir(&self.base);
    }

    /// Hands the controllers down to the boxes, as far as that can be had; a box shows what it has got.
    fn enable(&self, wanted: Held, ours: &dyn Fn(u32) -> bool) {
        for word in wanted.words() {
            if hand_down(&self.own, word).is_err_and(|error| error.raw_os_error() == Some(libc::EBUSY))
                && self.go_aside(ours).is_ok()
            {
                let _ = hand_down(&self.own, word);
            }
            let _ = hand_down(&self.base, word);
        }
    }

    /// Puts our own processes into a leaf, if nobody else's are where we are.
    fn go_aside(&self, ours: &dyn Fn(u32) -> bool) -> io::Result<()> {
        let leaf = self.base.join(HOUSE);
        make_folder(&leaf)?;
        let here = super::cell::pids_in(&self.own);
        if !here.iter().all(|pid| ours(*pid)) {
            return Err(io::Error::from_raw_os_error(libc::EBUSY));
        }
        here.iter().try_for_each(|pid| fs::write(leaf.join("cgroup.procs"), pid.to_string()))
    }
}

fn hand_down(folder: &Path, controller: &str) -> io::Result<()> {
    let file = folder.join("cgroup.subtree_control");
    if fs::read_to_string(&file)?.split_whitespace().any(|word| word == controller) {
        return Ok(());
    }
    fs::write(&file, format!("+{controller}"))
}

fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

/// The text of a path for the keeper's lines: bytes that are no text cannot be said.
pub(super) fn said(path: &Path) -> Option<String> {
    String::from_utf8(path.as_os_str().as_bytes().to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
        33 31 0:30 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    fn found(mounts: &str, groups: &str) -> Vec<String> {
        let show = |place: Place| format!("{:?} {}", place.version, place.base.display());
        places_in(mounts, groups, "abide-7").into_iter().map(show).collect()
    }

    #[test]
    fn the_group_that_we_are_in_counts() {
        let groups = "8:pids:/a\n4:memory:/m\n2:cpuacct:/c\n0::/x/y\n";
        let want = [
            "Two /sys/fs/cgroup/unified/x/y/abide-7",
            "One /sys/fs/cgroup/pids/a/abide-7",
            "One /sys/fs/cgroup/cpuacct/c/abide-7",
        ];
        assert_eq!(found(HYBRID, groups), want);
        let plain = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(found(plain, "0::/\n"), ["Two /sys/fs/cgroup/abide-7"]);
        // In a leaf of ours, or in a box from which we were started again.
        assert_eq!(found(plain, "0::/s/abide-7/house\n"), ["Two /sys/fs/cgroup/s/abide-7"]);
        assert_eq!(found(plain, "0::/s/abide-7/i3/sub\n"), ["Two /sys/fs/cgroup/s/abide-7"]);
        assert_eq!(found(plain, "0::/s/abide-8/house\n"), ["Two /sys/fs/cgroup/s/abide-8/house/abide-7"]);
    }

    #[test]
    fn a_mount_may_show_a_part() {
        let part = "30 23 0:26 /docker/ab /mnt/c\\040g rw - cgroup2 cgroup2 rw\n";
        assert_eq!(found(part, "0::/docker/ab/x\n"), ["Two /mnt/c g/x/abide-7"]);
        assert_eq!(found(part, "0::/elsewhere\n"), Vec::<String>::new());
        assert_eq!(found("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/../up\n"), Vec::<String>::new());
    }

    #[test]
    fn nonsense_is_no_place() {
        for text in ["", "x", "1 2 3 - ", "1 2 0:1 / /a rw - cgroup2 c", "1 2 0:1 / /a rw - cgroup c rw,net_cls\n"] {
            assert!(found(text, "0::/\n").is_empty(), "{text}");
        }
        assert!(found(HYBRID, "").is_empty());
        assert_eq!(unescape("a\\040b\\zz\\"), "a b\\zz\\");
    }

    #[test]
    fn controllers_are_handed_down() {
        let root = tempfile::tempdir().expect("tempdir");
        let own = root.path().join("own");
        let base = own.join("abide-7");
        fs::create_dir_all(&base).expect("folders");
        for folder in [&own, &base] {
            fs::write(folder.join("cgroup.subtree_control"), "").expect("write");
        }
        fs::write(own.join("cgroup.procs"), "").expect("write");
        let offers = Held { memory: true, cpu: false, tasks: false };
        let place = Place { version: Version::Two, own: own.clone(), base: base.clone(), offers };
        place.check().expect("writable");
        let folder = base.join("i1");
        fs::create_dir(&folder).expect("as the kernel fills it");
        for file in ["memory.max", "memory.high", "memory.swap.max", "cgroup.procs"] {
            fs::write(folder.join(file), "max\n").expect("write");
        }
        let limits = Limits { memory: Some(64 << 20), cpu_percent: Some(50.0), tasks: None };
        let cell = place.make("i1", &limits, &|_| false).expect("made");
        assert_eq!(cell.held(), Held { memory: true, cpu: false, tasks: false });
        let read = |path: PathBuf| fs::read_to_string(path).expect("there");
        assert_eq!(read(own.join("cgroup.subtree_control")), "+memory");
        assert_eq!(read(base.join("cgroup.subtree_control")), "+memory");
        assert_eq!(read(folder.join("memory.max")), (64 << 20).to_string());
        assert_eq!(read(folder.join("memory.high")), (60 << 20).to_string());
        assert_eq!(read(folder.join("memory.swap.max")), "0");
        assert_eq!(place.lives(), ["i1"]);
    }
}
