//! What a child can be told to be.

use crate::alone::alone;
use crate::kit::{PATH, fields, live, live_with, sh, wait};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use sys::handle::{OpenHow, null, open, pipe};
use sys::process::Ending;
use sys::spawn::{Place, Step, Wish, Workshop};

#[test]
fn it_has_what_it_was_given_and_nothing_else() {
    let _open = pipe(false).expect("pipe");
    let (argv, env) = (sh("env | sort; ls /proc/$$/fd; umask; pwd"), fields(&[PATH, "A=b c", "EMPTY="]));
    let null = null().expect("null");
    let places = [(7, Place::Copy(null.as_fd()))];
    let wish = Wish { argv: &argv, env: &env, umask: Some(0o027), cwd: Some(b"/usr"), places: &places, ..Wish::default() };
    let outcome = live(&wish);
    let said: Vec<&str> = outcome.said().into_iter().filter(|line| !line.starts_with("_=")).collect();
    assert_eq!(said, ["A=b c", "EMPTY=", PATH, "PWD=/usr", "0", "1", "2", "7", "0027", "/usr"]);
}

#[test]
fn signals_are_as_if_nothing_had_been() {
    alone(|| {
        sys::process::ignore_sigpipe();
        let _signals = sys::poll::Signals::take(&[libc::SIGTERM, libc::SIGCHLD, libc::SIGUSR1]).expect("signalfd");
        sys::last::catch_fatal().expect("handlers");
        let (argv, env) = (fields(&["cat", "/proc/self/status"]), fields(&[PATH]));
        let outcome = live(&Wish { argv: &argv, env: &env, ..Wish::default() });
        let said = outcome.said();
        let sets = said.iter().filter(|line| ["SigBlk", "SigIgn", "SigCgt"].iter().any(|set| line.starts_with(set)));
        assert_eq!(sets.clone().count(), 3);
        for line in sets {
            assert!(line.ends_with("\t0000000000000000"), "{line}");
        }
    });
}

#[test]
fn sessions_and_groups() {
    let (argv, env) = (sh("read a b c d pgrp session rest </proc/$$/stat; echo $$ $pgrp $session"), fields(&[PATH]));
    let wish = Wish { argv: &argv, env: &env, ..Wish::default() };
    let numbers = |wish: &Wish<'_>| -> Vec<u32> {
        live(wish).said()[0].split(' ').map(|number| number.parse().expect("a number")).collect()
    };
    // In a container whose first process was begun from outside, the session has no number of this place.
    let ours = sys::process::session_of(std::process::id()).unwrap_or(0);
    let [pid, group, session] = numbers(&wish)[..] else { panic!("three") };
    assert!(group != pid && session == ours);
    let [pid, group, session] = numbers(&Wish { group: true, ..wish })[..] else { panic!("three") };
    assert_eq!((group, session), (pid, ours));
    let [pid, group, session] = numbers(&Wish { group: true, session: true, ..wish })[..] else { panic!("three") };
    assert_eq!((group, session), (pid, pid));
}

#[test]
fn nice_oom_and_privileges() {
    let argv = sh("nice; cat /proc/self/oom_score_adj; grep -h NoNewPrivs /proc/self/status");
    let env = fields(&[PATH]);
    let wish = Wish { argv: &argv, env: &env, ..Wish::default() };
    // Upward only, from where we stand: down needs a privilege that root in a container may lack.
    let base: i32 = fs::read_to_string("/proc/self/oom_score_adj").expect("proc").trim().parse().expect("a number");
    let outcome = live(&Wish { nice: Some(15), oom: Some(base.max(900)), no_new_privs: true, ..wish });
    assert_eq!(outcome.said(), ["15".to_owned(), base.max(900).to_string(), "NoNewPrivs:\t1".to_owned()]);
    assert_eq!(live(&Wish { oom: Some(2000), ..wish }).failed(), Some((Step::Oom, libc::EINVAL)));
    assert_eq!(live(&Wish { death_signal: Some(99), ..wish }).failed(), Some((Step::Death, libc::EINVAL)));
    assert_eq!(live(&wish).said()[2], "NoNewPrivs:\t0");
}

#[test]
fn limits_and_those_that_are_usual() {
    let (argv, env) = (sh("ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -t"), fields(&[PATH]));
    let wish = Wish { argv: &argv, env: &env, ..Wish::default() };
    let usual = Wish { default_limits: Some(3000), ..wish };
    assert_eq!(live(&usual).said(), ["3000", "3000", "0", "unlimited"]);
    // A limit of open files below the number of a descriptor that is placed forbids nothing.
    let home = tempfile::tempdir().expect("tempdir");
    let lock =
        open(&home.path().join("lock"), OpenHow { read: true, write: true, create: true, ..OpenHow::default() }).expect("lock");
    let places = [(100, Place::Copy(lock.as_fd()))];
    let limits = [(libc::RLIMIT_NOFILE as i32, 20, 30), (libc::RLIMIT_CPU as i32, 77, 78), (libc::RLIMIT_FSIZE as i32, 0, 0)];
    let outcome = live(&Wish { limits: &limits, places: &places, lock: Some(100), ..usual });
    assert_eq!(outcome.said(), ["20", "30", "0", "77"]);
    assert_eq!(fs::read_to_string(home.path().join("lock")).expect("there"), outcome.pid.to_string());
    let limits = [(libc::RLIMIT_NOFILE as i32, 30, 20)];
    assert_eq!(live(&Wish { limits: &limits, ..wish }).failed(), Some((Step::Rlimit, libc::EINVAL)));
}

#[test]
fn a_lock_that_cannot_be_written_is_told() {
    let (argv, null) = (fields(&["/bin/true"]), fs::File::open("/dev/null").expect("null"));
    let places = [(9, Place::Copy(null.as_fd()))];
    let outcome = live(&Wish { argv: &argv, places: &places, lock: Some(9), ..Wish::default() });
    assert_eq!(outcome.failed(), Some((Step::Lock, libc::EBADF)));
}

#[test]
fn what_is_missing_is_an_abort() {
    let argv = fields(&["/bin/true"]);
    let outcome = live(&Wish { argv: &argv, places: &[(5, Place::Missing)], default_limits: Some(1000), ..Wish::default() });
    assert_eq!(outcome.ending, Ending::Signal { number: libc::SIGABRT, core: false });
}

#[test]
fn listen_pid_is_its_own() {
    let (argv, env) = (
        sh("echo $$ $LISTEN_PID $A $B; env | grep -c LISTEN_PID"),
        fields(&[PATH, "A=1", "LISTEN_PID=12345678901234567", "B=2"]),
    );
    let wish = Wish { argv: &argv, env: &env, ..Wish::default() };
    let outcome = live(&Wish { listen_pid: true, ..wish });
    let pid = outcome.pid;
    assert_eq!(outcome.said(), [format!("{pid} {pid} 1 2"), "1".to_owned()]);
    assert!(live(&wish).said()[0].ends_with(" 12345678901234567 1 2"));
}

#[test]
fn a_terminal_of_its_own() {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&master).expect("grantpt");
    unlockpt(&master).expect("unlockpt");
    let name = ptsname(&master, Vec::new()).expect("ptsname").into_string().expect("text");
    let slave = open(name.as_ref(), OpenHow { read: true, write: true, ..OpenHow::default() }).expect("open");
    let (argv, env) = (sh("tty; ps -o tty= -p $$ 2>/dev/null || :; (: </dev/tty) && echo controls"), fields(&[PATH]));
    let wish = Wish { argv: &argv, env: &env, tty: Some(0), ..Wish::default() };
    let outcome = live_with(slave.as_fd(), &Wish { session: true, ..wish }).expect("forked");
    let said = outcome.said();
    assert_eq!((said.first(), said.last()), (Some(&name.as_str()), Some(&"controls")));
    assert_eq!(live_with(slave.as_fd(), &wish).expect("forked").failed(), Some((Step::Tty, libc::EPERM)));
    assert_eq!(live(&Wish { session: true, ..wish }).failed(), Some((Step::Tty, libc::ENOTTY)));
}

#[test]
fn it_dies_with_us_when_it_shall() {
    let (read, write) = pipe(false).expect("pipe");
    alone(|| {
        // SAFETY: the child's copy of a descriptor of the test; the sleeper's life must be the only one that keeps the pipe open.
        unsafe { libc::close(read.as_raw_fd()) };
        let argv = fields(&["/bin/sleep", "1000"]);
        let places = [(1, Place::Copy(write.as_fd()))];
        let wish = Wish { argv: &argv, places: &places, death_signal: Some(libc::SIGKILL), session: true, ..Wish::default() };
        let born = Workshop::new().spawn(&wish).expect("forked");
        wait(&born.report);
    });
    drop(write);
    wait(&read);
    assert_eq!(sys::handle::read(&read, &mut [0; 8]).expect("readable"), 0);
}
