//! One reading of /proc for any number of lives.

use super::stat::Stat;
use super::{Member, Spared, Traces, pid_in};
use crate::cgroup::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

/// No environment that we read is larger.
const ENVIRON_LIMIT: u64 = 4 << 20;

type Inode = (u64, u64);

/// The processes of each life that are alive now, in the order of `lives`.
///
/// # Errors
/// `/proc` cannot be listed.
pub fn members(lives: &[Traces], spared: &Spared) -> io::Result<Vec<Vec<Member>>> {
    let table = table(spared)?;
    let locks: Vec<Option<Inode>> = lives.iter().map(|life| inode(&life.lock)).collect();
    let boxed: Vec<Vec<u32>> = lives.iter().map(|life| life.cell.as_ref().map(Cell::pids).unwrap_or_default()).collect();
    let keeper = environ(spared.keeper);
    let original = |stat: &Stat| if stat.unexecuted { keeper.as_deref() } else { None };
    let mut direct = vec![BTreeSet::new(); lives.len()];
    for (&pid, stat) in table.iter().filter(|(pid, stat)| !stat.dead() && !spared.holds(**pid)) {
        let evidence = Evidence::read(pid, &locks, original(stat));
        for (at, life) in lives.iter().enumerate() {
            let shows = || match evidence.copy {
                true => evidence.holds(locks[at]) && pid_in(&life.lock) == Some(pid),
                false => evidence.shows(life, locks[at]),
            };
            let ours = life.pid == Some(pid) && life.ident == Some(stat.ident)
                || stat.not_before(life)
                    && (boxed[at].contains(&pid) || shows() || in_session(life, stat, &table, spared.keeper));
            if ours {
                direct[at].insert(pid);
            }
        }
    }
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (&pid, stat) in &table {
        children.entry(stat.parent).or_default().push(pid);
    }
    Ok(direct.into_iter().map(|first| proven(first, &children, &table, spared)).collect())
}

/// Whether the process has the life's lock open or carries its tag.
pub(super) fn carries(pid: u32, life: &Traces) -> bool {
    let lock = inode(&life.lock);
    Evidence::read(pid, &[lock], None).shows(life, lock)
}

impl Spared {
    fn holds(&self, pid: u32) -> bool {
        pid <= 1 || pid == self.keeper || pid == std::process::id() || self.others.contains(&pid)
    }
}

fn table(spared: &Spared) -> io::Result<BTreeMap<u32, Stat>> {
    let mut table = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // The keeper stays in the table: ancestors are looked up in it.
        if let Some(stat) = Stat::read(pid).filter(|stat| !stat.kernel || pid == spared.keeper) {
            table.insert(pid, stat);
        }
    }
    Ok(table)
}

/// Being in the leader's session proves something only while the number of the session cannot be a stranger's: the leader itself is
/// still there, if only as a zombie, or the process descends from our keeper.
fn in_session(life: &Traces, stat: &Stat, table: &BTreeMap<u32, Stat>, keeper: u32) -> bool {
    let (Some(pid), Some(ident)) = (life.pid, life.ident) else { return false };
    if stat.session != pid {
        return false;
    }
    match table.get(&pid) {
        Some(leader) => leader.ident == ident,
        None => descends(stat, table, keeper),
    }
}

fn descends(stat: &Stat, table: &BTreeMap<u32, Stat>, keeper: u32) -> bool {
    let mut parent = stat.parent;
    // The bound is the depth of any sane tree; a table read while it changes may even hold a circle.
    for _ in 0..1000 {
        if parent == keeper {
            return true;
        }
        match table.get(&parent) {
            Some(above) if parent > 1 => parent = above.parent,
            _ => return false,
        }
    }
    false
}

/// Adds descendants, then reads every start time (and every parent) again: what is not as before is not ours to touch.
fn proven(first: BTreeSet<u32>, children: &BTreeMap<u32, Vec<u32>>, table: &BTreeMap<u32, Stat>, spared: &Spared) -> Vec<Member> {
    let mut found: BTreeMap<u32, bool> = BTreeMap::new();
    let mut queue: VecDeque<(u32, Option<u32>)> = first.into_iter().map(|pid| (pid, None)).collect();
    while let Some((pid, by)) = queue.pop_front() {
        if found.contains_key(&pid) || spared.holds(pid) {
            continue;
        }
        let (Some(then), now) = (table.get(&pid), Stat::read(pid)) else { continue };
        // A descendant counts through a parent that has been confirmed just before and is still its parent.
        let same = now.is_some_and(|now| now.ident == then.ident && by.is_none_or(|parent| now.parent == parent));
        found.insert(pid, same && !now.is_some_and(|now| now.dead()));
        if same {
            queue.extend(children.get(&pid).into_iter().flatten().map(|child| (*child, Some(pid))));
        }
    }
    found.into_iter().filter(|(_, ours)| *ours).map(|(pid, _)| Member { pid, ident: table[&pid].ident }).collect()
}

/// What a process carries with it.
///
/// A child of the keeper is a *copy* of it from fork to exec: it has the keeper's environment and, until it has placed its own, every
/// descriptor that the keeper has, the locks of other lives included that were opened and not handed over yet (or never will be, because
/// their fork failed). So nothing that a copy shows proves anything, except a lock in which its own pid stands: only the child of that
/// life writes there, after it has closed the rest. A copy that is passed over still holds the lock of its life, which is looked at after
/// the census, so the life does not count as gone; the next look sees what the child has become.
///
/// A copy has not executed since its fork and has the environment of the keeper, byte for byte. By the first alone, forked and orphaned
/// workers of an app would be passed over too.
struct Evidence {
    copy: bool,
    instance: Option<Vec<u8>>,
    home: Option<Vec<u8>>,
    locks: BTreeSet<Inode>,
}

impl Evidence {
    /// `original`: the environment of the keeper, for a process that had not executed when its flags were read.
    ///
    /// The order matters: flags, environment, descriptors. Exec replaces the memory and clears the flag before it closes what is
    /// close-on-exec, but whoever opens `environ` waits until it is through with all three (`exec_update_lock` of Linux). So a process that
    /// had either mark no more has shed the keeper's descriptors before they are read here.
    fn read(pid: u32, wanted: &[Option<Inode>], original: Option<&[u8]>) -> Evidence {
        let environ = environ(pid);
        let copy = original.is_some() && environ.as_deref() == original;
        if original.is_some() && !copy {
            // Its memory may have been replaced while we read: only what is opened after that waits for the exec.
            let _ = fs::File::open(environ_path(pid));
        }
        let pairs = || environ.iter().flat_map(|text| text.split(|b| *b == 0));
        let value = |name: &[u8]| pairs().find_map(|pair| pair.strip_prefix(name)).map(<[u8]>::to_vec);
        let (instance, home) = (value(b"ABIDE_INSTANCE="), value(b"ABIDE_HOME="));
        let locks = if wanted.iter().any(Option::is_some) { open_files(pid, wanted) } else { BTreeSet::new() };
        Evidence { copy, instance, home, locks }
    }

    fn shows(&self, life: &Traces, lock: Option<Inode>) -> bool {
        let tagged = self.instance.as_deref() == Some(life.instance.as_bytes())
            && self.home.as_deref() == Some(life.home.as_os_str().as_encoded_bytes());
        tagged || self.holds(lock)
    }

    fn holds(&self, lock: Option<Inode>) -> bool {
        lock.is_some_and(|lock| self.locks.contains(&lock))
    }
}

fn environ_path(pid: u32) -> String {
    format!("/proc/{pid}/environ")
}

/// What cannot be read shows nothing.
pub(super) fn environ(pid: u32) -> Option<Vec<u8>> {
    let file = fs::File::open(environ_path(pid)).ok()?;
    let mut text = Vec::new();
    file.take(ENVIRON_LIMIT).read_to_end(&mut text).ok()?;
    Some(text)
}

fn open_files(pid: u32, wanted: &[Option<Inode>]) -> BTreeSet<Inode> {
    let Ok(listing) = fs::read_dir(format!("/proc/{pid}/fd")) else { return BTreeSet::new() };
    let files = listing.filter_map(|entry| fs::metadata(entry.ok()?.path()).ok()).map(|meta| (meta.dev(), meta.ino()));
    files.filter(|file| wanted.contains(&Some(*file))).collect()
}

fn inode(path: &std::path::Path) -> Option<Inode> {
    let meta = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((meta.dev(), meta.ino()))
}
