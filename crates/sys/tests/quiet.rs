//! What a keeper with fixed pools does again and again takes nothing from the heap, once its buffers are warm.

#![expect(unsafe_code, reason = "a test of the crate that may: an allocator that counts, and a child that is the only thread")]

#[path = "../src/alone.rs"]
mod alone;
#[expect(dead_code, reason = "here the count is in the same process")]
mod counting;

use alone::alone;
use counting::count;
use rustix::event::{PollFd, PollFlags, poll};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use sys::handle::{self, OpenHow};
use sys::poll::{Interest, Poller, Signals};
use sys::spawn::{Place, Report, User, Wish, Workshop, read_report};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Does something once to warm up, and then so often without a single allocation. In a process that has one thread.
fn quiet(what: &str, times: usize, mut act: impl FnMut()) {
    alone(|| {
        act();
        let before = count();
        for _ in 0..times {
            act();
        }
        assert_eq!(count() - before, 0, "{what} allocated");
    });
}

fn wait(fd: impl AsFd) {
    assert_eq!(poll(&mut [PollFd::new(&fd, PollFlags::IN)], None), Ok(1));
}

#[test]
fn the_counter_counts() {
    let before = count();
    drop(std::hint::black_box(vec![1u8; 100]));
    assert!(count() > before);
}

#[test]
fn births_and_deaths() {
    let null = handle::null().expect("null");
    let home = tempfile::tempdir().expect("tempdir");
    let how = OpenHow { read: true, write: true, create: true, ..OpenHow::default() };
    let lock = handle::open(&home.path().join("lock"), how).expect("lock");
    let env = [b"PATH=/nowhere:/usr/bin:/bin\0LISTEN_PID=1\0".to_vec(), b"VARIABLE=value\0".repeat(100)].concat();
    let places = [0, 1, 2, 3, 4, 100].map(|at| (at, Place::Copy(if at == 100 { lock.as_fd() } else { null.as_fd() })));
    let limits = [(libc::RLIMIT_CPU as i32, 100, 100)];
    let root = rustix::process::geteuid().is_root();
    let wish = Wish {
        argv: b"sleep\0" as &[u8],
        env: &env,
        cwd: Some(b"/"),
        umask: Some(0o77),
        session: true,
        nice: Some(1),
        user: root.then_some(User { uid: 65534, gid: 65534, groups: &[1, 2, 3] }),
        limits: &limits,
        default_limits: Some(1000),
        no_new_privs: true,
        listen_pid: true,
        places: &places,
        lock: Some(100),
        ..Wish::default()
    };
    let mut workshop = Workshop::new();
    quiet("a birth and a death", 200, || {
        let born = workshop.spawn(&Wish { argv: b"sleep\x001000\0", ..wish }).expect("forked");
        wait(&born.report);
        assert_eq!(read_report(&born.report), Report::Runs);
        let ident = sys::process::start_time(born.pid).expect("it lives");
        assert_eq!(born.ident, ident, "the clock and the page say the same");
        assert_eq!(sys::process::session_of(born.pid), Some(born.pid));
        sys::process::signal_group(&born.pidfd, born.pid, 0).expect("it leads");
        sys::process::signal_pid(born.pid, ident, libc::SIGTERM).expect("it lives");
        sys::process::pidfd_signal(&born.pidfd, libc::SIGKILL).expect("not reaped");
        wait(&born.pidfd);
        assert_eq!(sys::process::peek_exited(), Some(born.pid));
        assert_eq!(sys::process::reap().map(|(pid, _)| pid), Some(born.pid));
        assert!(sys::process::reap_pid(born.pid).is_none() && sys::process::reap().is_none());
    });
    quiet("a failed birth", 50, || {
        let born = workshop.spawn(&Wish { argv: b"no-such-program\0", ..wish }).expect("forked");
        wait(&born.pidfd);
        let Report::Failed(step, errno) = read_report(&born.report) else { panic!("it cannot run") };
        assert_eq!(
            (step.word(), sys::errno::name(errno), sys::errno::text(errno)),
            ("exec", "ENOENT", "No such file or directory")
        );
        sys::process::reap_pid(born.pid).expect("it has ended");
        let (step, _error) = workshop.spawn(&Wish { cgroup: Some(b"/nowhere"), ..wish }).expect_err("no such folder");
        assert_eq!(step.word(), "cgroup");
    });
}

#[test]
fn a_wish_for_which_there_is_room_from_the_start() {
    let null = handle::null().expect("null");
    let env = b"VARIABLE=value\0".repeat(4000);
    let places: Vec<_> = (0..200).map(|at| (at, Place::Copy(null.as_fd()))).collect();
    let wish = Wish { argv: b"/bin/true\0", env: &env, places: &places, ..Wish::default() };
    let mut workshop = Workshop::with_room(env.len() + 100, places.len());
    alone(|| {
        let before = count();
        let born = workshop.spawn(&wish).expect("forked");
        wait(&born.pidfd);
        assert_eq!(read_report(&born.report), Report::Runs);
        assert_eq!(count() - before, 0);
    });
}

#[test]
fn descriptors() {
    let home = tempfile::tempdir().expect("tempdir");
    let short = home.path().join("a");
    let long = home.path().join("x".repeat(200)).join("y".repeat(200)).join("z");
    std::fs::create_dir_all(long.parent().expect("a parent")).expect("mkdir");
    let how = OpenHow { write: true, create: true, append: true, ..OpenHow::default() };
    quiet("open", 50, || {
        for path in [&short, &long] {
            let file = handle::open(path, how).expect("open");
            assert_eq!(handle::access(&file), (false, true));
            assert_eq!(handle::write_soon(file.as_fd(), b"line\n").expect("a file takes it"), 5);
        }
        assert!(handle::open(Path::new("/nowhere/at/all"), how).is_err());
    });
    let (read, write) = handle::pipe(true).expect("pipe");
    quiet("pipe", 50, || {
        assert_eq!(handle::write_soon(write.as_fd(), b"line\n").expect("there is room"), 5);
        assert_eq!(handle::receive(&read, &mut [0; 100], &mut [None, None]).expect("there"), 5);
        assert!(handle::receive(&read, &mut [0; 100], &mut [None, None]).is_err());
        let _pair = handle::control_pair(true, false).expect("pair");
    });
}

#[test]
fn connections() {
    let home = tempfile::tempdir().expect("tempdir");
    let long = home.path().join("x".repeat(150)).join("sock");
    std::fs::create_dir_all(long.parent().expect("a parent")).expect("mkdir");
    let paths = [home.path().join("sock"), long];
    quiet("the control socket", 50, || {
        for path in &paths {
            // The one of the round before is stale.
            let listener = handle::listen_at(path).expect("listen");
            assert!(handle::accept(&listener).expect("none yet").is_none());
        }
    });
    let (near, far) = handle::control_pair(true, true).expect("pair");
    quiet("a gift", 50, || {
        let mut taken: [Option<OwnedFd>; 2] = [None, None];
        assert_eq!(handle::send_with(&near, b"x", far.as_fd()).expect("room"), 1);
        assert_eq!(handle::receive(&far, &mut [0; 100], &mut taken).expect("there"), 1);
        assert!(taken[0].is_some() && taken[1].is_none());
    });
}

#[test]
fn waiting() {
    let poller = Poller::new().expect("epoll");
    let pipes: Vec<_> = (0..64).map(|_| handle::pipe(true).expect("pipe")).collect();
    let mut ready = Vec::with_capacity(64);
    let interest = Interest { read: true, ..Interest::default() };
    quiet("the poller", 50, || {
        for (read, write) in &pipes {
            poller.add(read, read.as_raw_fd() as u64, interest).expect("add");
            handle::write(write, b"x").expect("room");
        }
        poller.wait(Some(1_000_000), &mut ready).expect("wait");
        assert_eq!(ready.len(), 64);
        for (read, _) in &pipes {
            poller.change(read, 7, interest).expect("change");
            poller.remove(read).expect("remove");
            handle::read(read, &mut [0; 8]).expect("there");
        }
    });
    alone(|| {
        let all = [libc::SIGUSR1, libc::SIGUSR2, libc::SIGALRM, libc::SIGPIPE, libc::SIGTERM, libc::SIGCHLD];
        let signals = Signals::take(&all).expect("signalfd");
        let before = count();
        for signal in all {
            // SAFETY: sends a blocked signal to ourselves.
            unsafe { libc::raise(signal) };
            assert_eq!(signals.next(), Some(signal));
        }
        assert_eq!((signals.next(), count() - before), (None, 0));
    });
}
