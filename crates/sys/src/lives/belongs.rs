//! Whether one process, named by the kernel as the sender of a message, belongs to a life.

use super::stat::Stat;
use super::{Traces, census};

/// How far up it is looked for a parent that belongs.
const DEPTH: usize = 64;

/// What can be said of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belongs {
    /// It is of this life; its start time.
    Yes(u64),
    /// It lives and nothing says that it is of this life; its start time.
    No(u64),
    /// It is gone, or was never to be seen from here: nothing can be said any more.
    Unknown,
}

/// Whether a process belongs to a life: leader, session, `ABIDE_INSTANCE` or lock, or a descendant of such a one. Reads /proc of that process
/// and its ancestors; may wait for a process that hangs in the kernel.
pub fn belongs(pid: u32, life: &Traces) -> Belongs {
    let Some(stat) = Stat::read(pid) else { return Belongs::Unknown };
    let ours = stat.not_before(life) && descends(pid, stat, life);
    // The number may have gone to another process meanwhile.
    match Stat::read(pid).filter(|again| again.ident == stat.ident) {
        None => Belongs::Unknown,
        Some(_) if ours => Belongs::Yes(stat.ident),
        // A zombie has lost its environment and files: its silence proves nothing.
        Some(again) if again.dead() => Belongs::Unknown,
        Some(_) => Belongs::No(stat.ident),
    }
}

/// The start time of the process with this number, zombie or not.
pub fn started(pid: u32) -> Option<u64> {
    Stat::read(pid).map(|stat| stat.ident)
}

fn descends(pid: u32, stat: Stat, life: &Traces) -> bool {
    let leads = life.pid.and_then(Stat::read).filter(|leader| Some(leader.ident) == life.ident);
    let (mut pid, mut stat) = (pid, stat);
    for _ in 0..DEPTH {
        let in_session = life.pid == Some(stat.session) && leads.is_some();
        let is_leader = life.pid == Some(pid) && life.ident == Some(stat.ident);
        if is_leader || stat.not_before(life) && (in_session || census::carries(pid, life)) {
            return true;
        }
        pid = stat.parent;
        // Nobody who was there before the life is a part of it.
        match Stat::read(pid).filter(|above| pid > 1 && above.not_before(life)) {
            Some(above) => stat = above,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    fn sleeper(instance: &str) -> Child {
        let mut command = Command::new("sleep");
        command.arg("1000").env("ABIDE_INSTANCE", instance).env("ABIDE_HOME", "/h").stdin(Stdio::null());
        command.spawn().expect("sleep")
    }

    #[test]
    fn ours_foreign_and_gone() {
        let mut child = sleeper("i7");
        let ident = started(child.id()).expect("lives");
        let life = |instance: &str, pid| Traces {
            instance: instance.into(),
            home: "/h".into(),
            lock: "/nowhere".into(),
            pid,
            ident: pid.map(|_| ident),
            begun: 0,
            cell: None,
        };
        // Between fork and exec it still has our environment.
        let seen = (0..2000).map(|_| belongs(child.id(), &life("i7", None))).find(|seen| *seen == Belongs::Yes(ident));
        assert_eq!(seen, Some(Belongs::Yes(ident)));
        assert_eq!(belongs(child.id(), &life("i8", None)), Belongs::No(ident));
        assert_eq!(belongs(child.id(), &life("i8", Some(child.id()))), Belongs::Yes(ident), "the leader");
        assert!(matches!(belongs(std::process::id(), &life("i7", Some(child.id()))), Belongs::No(_)));
        child.kill().expect("kill");
        assert_eq!(belongs(0, &life("i7", None)), Belongs::Unknown);
        child.wait().expect("wait");
        assert_eq!(belongs(child.id(), &life("i7", None)), Belongs::Unknown);
    }
}
