//! What the trees of lives use, by one reading of /proc for all of them.

use super::census::environ;
use super::stat::Stat;
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;

/// A life whose tree is to be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Its leader.
    pub pid: u32,
    /// The leader's start time in clock ticks since boot.
    pub ident: u64,
    /// The value of `ABIDE_INSTANCE`, `i91`: those who have left the leader's session and came to the keeper as orphans show it.
    pub instance: String,
    /// Processes that are known to belong to it otherwise (by its cgroup).
    pub known: Vec<u32>,
}

/// What the tree of a life uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TreeUse {
    /// Processor time in nanoseconds, user and system, of everything that runs and of everything that those have reaped.
    pub cpu_nanos: u64,
    /// Resident bytes, those shared between its processes counted in each.
    pub rss_bytes: u64,
    /// Processes.
    pub processes: u64,
    /// Threads, of all its processes.
    pub tasks: u64,
}

/// Measures the trees of lives, in their order: the leader, its session, their descendants, orphans that the keeper has got back, and who is
/// known otherwise. `None` = nothing of it is there. This counts; it proves nothing, so nobody is signalled by it.
///
/// # Errors
/// `/proc` cannot be listed.
pub fn measure(lives: &[Measured], home: &str, keeper: u32) -> io::Result<Vec<Option<TreeUse>>> {
    let table = table()?;
    let owner = owners(lives, home, keeper, &table);
    let mut uses = vec![None; lives.len()];
    for (pid, at) in owner {
        let Some(stat) = table.get(&pid).filter(|stat| !stat.dead()) else { continue };
        let tree = uses[at].get_or_insert_with(TreeUse::default);
        tree.cpu_nanos += stat.cpu_nanos();
        tree.rss_bytes += stat.rss_bytes();
        tree.processes += 1;
        tree.tasks += stat.threads;
    }
    Ok(uses)
}

fn table() -> io::Result<BTreeMap<u32, Stat>> {
    let mut table = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Some(stat) = Stat::read(pid).filter(|stat| !stat.kernel) {
            table.insert(pid, stat);
        }
    }
    Ok(table)
}

/// To which life each process belongs.
fn owners(lives: &[Measured], home: &str, keeper: u32, table: &BTreeMap<u32, Stat>) -> BTreeMap<u32, usize> {
    let leaders: BTreeMap<u32, usize> = lives.iter().enumerate().map(|(at, life)| (life.pid, at)).collect();
    let by_name: BTreeMap<&str, usize> = lives.iter().enumerate().map(|(at, life)| (life.instance.as_str(), at)).collect();
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut queue: VecDeque<(u32, usize)> = VecDeque::new();
    for (at, life) in lives.iter().enumerate() {
        if table.get(&life.pid).is_some_and(|leader| leader.ident == life.ident) {
            queue.push_back((life.pid, at));
        }
        queue.extend(life.known.iter().map(|pid| (*pid, at)));
    }
    for (pid, stat) in table {
        children.entry(stat.parent).or_default().push(*pid);
        let of_session = leaders.get(&stat.session).filter(|at| {
            let life = &lives[**at];
            stat.ident >= life.ident && table.get(&life.pid).is_none_or(|leader| leader.ident == life.ident)
        });
        if let Some(at) = of_session {
            queue.push_back((*pid, *at));
        } else if stat.parent == keeper
            && let Some(at) = orphan(*pid, home).and_then(|name| by_name.get(name.as_str()).copied())
        {
            queue.push_back((*pid, at));
        }
    }
    let mut owner = BTreeMap::new();
    while let Some((pid, at)) = queue.pop_front() {
        if pid <= 1 || pid == keeper || owner.contains_key(&pid) {
            continue;
        }
        owner.insert(pid, at);
        queue.extend(children.get(&pid).into_iter().flatten().map(|child| (*child, at)));
    }
    owner
}

/// The instance that an orphan names in its environment, if it is of this home.
fn orphan(pid: u32, home: &str) -> Option<String> {
    let text = environ(pid)?;
    let value = |name: &[u8]| text.split(|b| *b == 0).find_map(|pair| pair.strip_prefix(name));
    let ours = value(b"ABIDE_HOME=")? == home.as_bytes();
    if ours { String::from_utf8(value(b"ABIDE_INSTANCE=")?.to_vec()).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alone::alone;
    use crate::lives::identity;
    use std::process::{Command, Stdio};

    /// A child that says a line when it is where it should be, and ends with its standard input.
    fn child(script: &str) -> std::process::Child {
        let mut child = Command::new("sh")
            .args(["-c", script])
            .env("ABIDE_INSTANCE", "i7")
            .env("ABIDE_HOME", "/measured")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("piped");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("it says so");
        child
    }

    fn of(child: &std::process::Child) -> Measured {
        let pid = child.id();
        Measured { pid, ident: identity(pid).expect("lives"), instance: "i7".into(), known: Vec::new() }
    }

    #[test]
    fn a_tree_is_measured_whole() {
        let mut child = child("exec 3<&0; (read y <&3) & (echo ready; read x <&3) & wait");
        let life = of(&child);
        let gone = Measured { ident: life.ident + 1, instance: "i8".into(), ..life.clone() };
        let us = std::process::id();
        let found = measure(&[life.clone(), gone], "/measured", 1).expect("measured");
        let tree = found[0].expect("it lives");
        assert!(tree.processes >= 2 && tree.tasks >= tree.processes && tree.rss_bytes > 100_000, "{tree:?}");
        assert_eq!(found[1], None, "another with the same pid");
        // Named as known: we are in it as well.
        let known = Measured { known: vec![us], ..life };
        let more = measure(&[known], "/measured", 1).expect("measured")[0].expect("it lives");
        assert!(more.processes > tree.processes && more.rss_bytes > tree.rss_bytes);
        drop(child.stdin.take());
        child.wait().expect("ends");
    }

    #[test]
    fn an_orphan_with_a_session_of_its_own_still_counts() {
        alone(|| {
            crate::process::become_subreaper().expect("Linux 3.4");
            // The middle one ends at once: the last one comes to us.
            let mut leader = child("exec 3<&0; (setsid sh -c 'echo ready; read x <&3' &); read y; read z");
            let life = of(&leader);
            let us = std::process::id();
            let without = measure(std::slice::from_ref(&life), "/elsewhere", us).expect("measured")[0].expect("it lives");
            let with = measure(&[life], "/measured", us).expect("measured")[0].expect("it lives");
            assert_eq!(with.processes, without.processes + 1);
            drop(leader.stdin.take());
            leader.wait().expect("ends");
            while crate::process::reap().is_some() {}
        });
    }

    /// What a child used counts on when it has been reaped by its parent.
    #[test]
    fn work_of_the_dead_is_not_lost() {
        let mut child = child("(i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done); echo ready; read x");
        let tree = measure(&[of(&child)], "/measured", 1).expect("measured")[0].expect("it lives");
        assert!(tree.cpu_nanos >= 50_000_000 && tree.processes == 1, "{tree:?}");
        drop(child.stdin.take());
        child.wait().expect("ends");
    }
}
