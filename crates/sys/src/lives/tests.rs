//! Against real processes. Each ends when its standard input closes.

use super::*;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

struct Puppet {
    child: Child,
    pid: u32,
}

/// Runs `script` in a shell with the life's lock at descriptor 9 (where asked) and its tag; waits for a line with a pid.
fn puppet(script: &str, life: &Traces, with_lock: bool, with_tag: bool) -> Puppet {
    let mut command = Command::new("/bin/bash");
    let script = if with_lock { format!("exec 9<>'{}'; flock -x 9; {script}", life.lock.display()) } else { script.to_owned() };
    command.arg("-c").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.env_remove("ABIDE_INSTANCE").env_remove("ABIDE_HOME");
    if with_tag {
        command.env("ABIDE_INSTANCE", &life.instance).env("ABIDE_HOME", &life.home);
    }
    let mut child = command.spawn().expect("spawn");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("says its pid");
    let pid = line.trim().parse().expect("a pid");
    Puppet { child, pid }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn life(home: &Path) -> Traces {
    let lock = home.join("i7.lock");
    std::fs::write(&lock, "").expect("lock file");
    Traces { instance: "i7".into(), home: home.into(), lock, pid: None, ident: None, cell: None, begun: crate::clock::now() }
}

fn led(mut life: Traces, pid: u32) -> Traces {
    life.ident = identity(pid);
    life.pid = Some(pid);
    life
}

fn found(life: &Traces) -> Found {
    inspect(std::slice::from_ref(life), &Spared::default()).expect("proc")[0]
}

fn pids(life: &Traces) -> Vec<u32> {
    let found = members(std::slice::from_ref(life), &Spared::default()).expect("proc");
    found[0].iter().map(|member| member.pid).collect()
}

/// Waits until the process with this pid and start time is no more (its death is caused by a closed descriptor).
fn await_gone(pid: u32, ident: u64) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while identity(pid) == Some(ident) {
        assert!(std::time::Instant::now() < end, "{pid} stays");
        std::thread::yield_now();
    }
}

#[test]
fn a_leader_is_known_by_pid_and_start_time() {
    let home = tempfile::tempdir().expect("tempdir");
    let puppet = puppet("echo $$; read x", &life(home.path()), false, false);
    let life = led(life(home.path()), puppet.pid);
    let ident = life.ident.expect("alive");
    assert_eq!(found(&life), Found::Alive(Member { pid: puppet.pid, ident }));
    let reused = Traces { ident: Some(ident + 1), ..life };
    assert_eq!(found(&reused), Found::Gone, "another start time is another process");
    assert!(pids(&reused).is_empty());
}

#[test]
fn descendants_belong_even_without_tag_lock_or_session() {
    let home = tempfile::tempdir().expect("tempdir");
    let script = "env -i setsid bash -c 'echo $$; read x' <&0 & read x; wait";
    let puppet = puppet(script, &life(home.path()), false, false);
    let life = led(life(home.path()), puppet.child.id());
    let found = pids(&life);
    assert!(found.contains(&puppet.pid), "{found:?} has the grandchild {}", puppet.pid);
    assert!(found.contains(&puppet.child.id()));
}

#[test]
fn an_escaped_grandchild_is_found_by_its_lock() {
    let home = tempfile::tempdir().expect("tempdir");
    let life = life(home.path());
    // The leader ends at once; what it leaves has another session and no tag. The pipe to stdin is kept through descriptor 8.
    let escape = "exec 8<&0; (env -i setsid bash -c 'echo $$; read x <&8' &) ; exit 0";
    let mut puppet = puppet(escape, &life, true, false);
    let stdin = puppet.child.stdin.take();
    let leader = puppet.child.id();
    puppet.child.wait().expect("leader ends");
    let life = Traces { pid: Some(leader), ident: Some(identity(puppet.pid).expect("alive") - 5), ..life };
    assert_eq!(pids(&life), [puppet.pid]);
    assert_eq!(found(&life), Found::Foreign);
    let ident = identity(puppet.pid).expect("alive");
    drop(stdin);
    await_gone(puppet.pid, ident);
    assert_eq!(found(&life), Found::Gone);
}

#[test]
fn an_escaped_grandchild_is_found_by_its_tag_of_this_home_only() {
    let home = tempfile::tempdir().expect("tempdir");
    let other = tempfile::tempdir().expect("tempdir");
    let life = life(home.path());
    let mut puppet = puppet("exec 8<&0; (setsid bash -c 'echo $$; read x <&8' &) ; exit 0", &life, false, true);
    let stdin = puppet.child.stdin.take();
    puppet.child.wait().expect("leader ends");
    assert_eq!(pids(&life), [puppet.pid]);
    assert!(pids(&Traces { home: other.path().into(), ..life.clone() }).is_empty(), "the i7 of another home is a stranger");
    assert!(pids(&Traces { instance: "i70".into(), ..life.clone() }).is_empty());
    let late = Traces { begun: crate::clock::now() + 3_600_000_000_000, ..life.clone() };
    assert!(pids(&late).is_empty(), "a process that is older than the life is a stranger");
    let spared = Spared { keeper: 0, others: vec![puppet.pid] };
    assert!(members(&[life], &spared).expect("proc")[0].is_empty(), "our own processes are spared");
    let ident = identity(puppet.pid).expect("alive");
    drop(stdin);
    await_gone(puppet.pid, ident);
}

#[test]
fn an_intent_is_completed_from_the_lock_file() {
    let home = tempfile::tempdir().expect("tempdir");
    let life = life(home.path());
    let puppet = puppet("echo $$; read x", &life, true, false);
    std::fs::write(&life.lock, puppet.pid.to_string()).expect("as the child does");
    let ident = identity(puppet.pid).expect("alive");
    assert_eq!(found(&life), Found::Alive(Member { pid: puppet.pid, ident }));
    // On a full disk: no text, and the pid is the time.
    std::fs::write(&life.lock, "").expect("emptied");
    assert_eq!(found(&life), Found::Foreign);
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(puppet.pid.into());
    std::fs::File::options().write(true).open(&life.lock).expect("there").set_modified(time).expect("as the child does");
    assert_eq!(found(&life), Found::Alive(Member { pid: puppet.pid, ident }));
    // A pid that proves nothing is not believed.
    std::fs::write(&life.lock, std::process::id().to_string()).expect("plant");
    assert_eq!(found(&life), Found::Foreign);
}

#[test]
fn a_stranger_is_never_a_member() {
    let home = tempfile::tempdir().expect("tempdir");
    let life = life(home.path());
    let puppet = puppet("setsid bash -c 'echo $$; read x' <&0; :", &life, false, false);
    assert!(pids(&life).is_empty());
    // Its number is that of a recorded leader which began at another time.
    let reused = Traces { pid: Some(puppet.pid), ident: Some(1), ..life };
    assert!(!pids(&reused).contains(&puppet.pid));
}

/// Who belongs to the life, if this process is the keeper.
fn pids_under(keeper: u32, life: &Traces) -> Vec<u32> {
    let found = members(std::slice::from_ref(life), &Spared { keeper, others: Vec::new() }).expect("proc");
    found[0].iter().map(|member| member.pid).collect()
}

#[test]
fn between_fork_and_exec_only_a_lock_that_names_it_proves() {
    let home = tempfile::tempdir().expect("tempdir");
    let life = life(home.path());
    // The shell stands for the keeper, which has the lock of a life open that could not be forked and the tag of an app from which it was
    // started; a subshell is a fork without exec.
    let puppet = puppet("(echo $BASHPID; read x); :", &life, true, true);
    let keeper = puppet.child.id();
    assert!(pids(&life).contains(&puppet.pid), "it does have the lock open");
    assert!(pids_under(keeper, &life).is_empty(), "a copy of the keeper proves nothing");
    assert_eq!(inspect(std::slice::from_ref(&life), &Spared { keeper, others: Vec::new() }).expect("proc"), [Found::Foreign]);
    std::fs::write(&life.lock, puppet.pid.to_string()).expect("as the child of this life does");
    assert_eq!(pids_under(keeper, &life), [puppet.pid]);
    // With only the tag of the keeper not even that: the number stands in a lock that it has not open.
    let other = home.path().join("other.lock");
    std::fs::write(&other, puppet.pid.to_string()).expect("plant");
    assert!(pids_under(keeper, &Traces { lock: other, ..life }).is_empty());
}

#[test]
fn an_orphan_that_was_forked_from_an_app_is_still_found_by_its_lock() {
    let home = tempfile::tempdir().expect("tempdir");
    let life = life(home.path());
    // The app has no environment, forks a worker that does not execute, and ends.
    let script = "exec 8<&0; env -i setsid bash -c '(echo $BASHPID; read x <&8) & :'; read x";
    let puppet = puppet(script, &life, true, false);
    assert_eq!(pids_under(puppet.child.id(), &life), [puppet.pid]);
}

#[test]
fn a_zombie_is_dead() {
    let home = tempfile::tempdir().expect("tempdir");
    let mut puppet = puppet("echo $$; read x", &life(home.path()), false, false);
    let life = led(life(home.path()), puppet.pid);
    drop(puppet.child.stdin.take());
    await_gone(puppet.pid, life.ident.expect("was alive"));
    // Not waited for yet: it stands in /proc as a zombie.
    assert!(Path::new(&format!("/proc/{}", puppet.pid)).exists());
    assert_eq!(found(&life), Found::Gone);
}

#[test]
fn children_of_the_keeper_are_known_or_not() {
    let home = tempfile::tempdir().expect("tempdir");
    let me = puppet("sleep 0 & wait; bash -c 'echo $$; read x' <&0; :", &life(home.path()), false, false);
    let shell = me.child.id();
    let Some(known) = only_known_children(shell, &BTreeSet::from([me.pid])) else { return };
    assert!(known);
    assert_eq!(only_known_children(shell, &BTreeSet::new()), Some(false));
}

#[test]
fn a_dead_keeper_tells_nothing_of_its_children() {
    let mut keeper = std::process::Command::new("true").spawn().expect("true");
    let pid = keeper.id();
    while identity(pid).is_some() {
        std::thread::yield_now();
    }
    // Not waited for yet, so it is a zombie.
    assert_eq!(only_known_children(pid, &BTreeSet::new()), None);
    keeper.wait().expect("ours");
}
