//! Signals for a life without a cgroup.

#![expect(unsafe_code, reason = "a test of the crate that may: orphans come to a child of the test")]

#[path = "../src/alone.rs"]
mod alone;

use alone::alone;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::{AsFd, OwnedFd};
use sys::handle::{null, pipe, read, write};
use sys::process::{Ending, become_subreaper, pidfd_open, reap_pid, session_of, signal_tree};
use sys::spawn::{Born, Place, Wish, Workshop};

fn wait(fd: impl AsFd) {
    let mut ready = [PollFd::new(&fd, PollFlags::IN)];
    assert_eq!(poll(&mut ready, Some(&Timespec { tv_sec: 60, tv_nsec: 0 })), Ok(1), "nothing happened for 60 s");
}

/// Bears a shell with this script and reads the pids that it says, one a line, until there are so many.
fn shell(script: &str, session: bool, count: usize) -> (Born, Vec<u32>, OwnedFd) {
    let (ours, theirs) = pipe(false).expect("pipe");
    let null = null().expect("null");
    let places = [(0, Place::Copy(null.as_fd())), (1, Place::Copy(theirs.as_fd())), (2, Place::Copy(null.as_fd()))];
    let argv = [b"sh\0-c\0", script.as_bytes(), b"\0"].concat();
    let wish = Wish { argv: &argv, env: b"PATH=/usr/bin:/bin\0", session, places: &places, ..Wish::default() };
    let born = Workshop::new().spawn(&wish).expect("forked");
    drop(theirs);
    let mut said = Vec::new();
    while said.iter().filter(|byte| **byte == b'\n').count() < count {
        wait(&ours);
        let mut part = [0; 256];
        let got = read(&ours, &mut part).expect("readable");
        assert_ne!(got, 0, "it ended");
        said.extend_from_slice(&part[..got]);
    }
    let said = String::from_utf8(said).expect("text");
    (born, said.lines().map(|line| line.parse().expect("a pid")).collect(), ours)
}

/// Waits until nobody holds the other end.
fn ended(pipe: &OwnedFd) {
    wait(pipe);
    assert_eq!(read(pipe, &mut [0; 8]).expect("readable"), 0);
}

/// Forks; the child does this and ends with what it gives.
fn forked(act: impl FnOnce() -> i32) -> u32 {
    // SAFETY: the caller is the only thread; the child ends here.
    match unsafe { libc::fork() } {
        // SAFETY: ends the child.
        0 => unsafe { libc::_exit(act()) },
        pid => u32::try_from(pid).expect("forked"),
    }
}

/// Says its pid and waits to be ended.
fn linger(say: &OwnedFd) -> i32 {
    write(say, &std::process::id().to_ne_bytes()).expect("room");
    loop {
        // SAFETY: waits for a signal.
        unsafe { libc::pause() };
    }
}

#[test]
fn group_and_orphans_of_the_session_get_it_and_strangers_do_not() {
    alone(|| {
        become_subreaper().expect("Linux");
        let (ours, theirs) = pipe(false).expect("pipe");
        // A session whose leader has a grandchild in a group of its own, and no child between them.
        let life = forked(|| {
            // SAFETY: numbers.
            unsafe { libc::setsid() };
            let between = forked(|| {
                forked(|| {
                    // SAFETY: numbers.
                    unsafe { libc::setpgid(0, 0) };
                    linger(&theirs)
                });
                0
            });
            wait(pidfd_open(between).expect("not reaped"));
            reap_pid(between).expect("it has ended");
            linger(&theirs)
        });
        drop(theirs);
        let mut pids = [0; 8];
        while rustix::io::ioctl_fionread(&ours).expect("a pipe") < 8 {
            // There are some bytes at once, and all of them soon.
            wait(&ours);
            std::thread::yield_now();
        }
        assert_eq!(read(&ours, &mut pids).expect("readable"), 8);
        let [first, second] = [&pids[..4], &pids[4..]].map(|pid| u32::from_ne_bytes(pid.try_into().expect("four")));
        let orphan = if first == life { second } else { first };
        let [life_fd, orphan_fd] = [life, orphan].map(|pid| pidfd_open(pid).expect("it lives"));
        let (stranger, _, strangers) = shell("echo $$; exec sleep 1000", true, 1);
        assert_eq!(session_of(orphan), Some(life));
        // Spared, it lives on; only the leader ends.
        signal_tree(&life_fd, life, None, libc::SIGTERM, &|pid| pid == orphan).expect("the leader is there");
        wait(&life_fd);
        assert!(!is_over(&orphan_fd));
        // The leader is a zombie, the session still has its name.
        signal_tree(&life_fd, life, Some(b"/nowhere"), libc::SIGKILL, &|_| false).expect("the orphan is there");
        ended(&ours);
        wait(&orphan_fd);
        assert!(reap_pid(orphan).is_some() && reap_pid(life).is_some());
        let gone = signal_tree(&life_fd, life, None, libc::SIGKILL, &|_| false).expect_err("nobody is left");
        assert_eq!(gone.raw_os_error(), Some(libc::ESRCH));
        assert!(!is_over(&stranger.pidfd));
        signal_tree(&stranger.pidfd, stranger.pid, None, libc::SIGKILL, &|_| false).expect("it is there");
        ended(&strangers);
        wait(&stranger.pidfd);
        assert!(reap_pid(stranger.pid).is_some());
    });
}

fn is_over(pidfd: &OwnedFd) -> bool {
    poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(1)
}

#[test]
fn one_that_leads_nothing_gets_it_alone() {
    alone(|| {
        let (born, _, open) = shell("echo $$; exec sleep 1000", false, 1);
        // Our own group, in which the child is, must not get it.
        signal_tree(&born.pidfd, born.pid, None, libc::SIGTERM, &|_| false).expect("it is there");
        ended(&open);
        wait(&born.pidfd);
        assert!(reap_pid(born.pid).is_some());
        let wrong = signal_tree(&born.pidfd, std::process::id(), None, 999, &|_| false).expect_err("no such signal");
        assert!(wrong.raw_os_error().is_some());
    });
}

#[test]
fn a_signal_comes_once() {
    /// Signals from here on are counted by the kernel, not merged.
    const COUNTED: i32 = 40;
    alone(|| {
        let (ours, theirs) = pipe(false).expect("pipe");
        let life = forked(|| {
            // SAFETY: numbers.
            unsafe { libc::setsid() };
            let signals = sys::poll::Signals::take(&[COUNTED, libc::SIGTERM]).expect("signalfd");
            write(&theirs, b"x").expect("room");
            let mut seen = Vec::new();
            while !seen.contains(&libc::SIGTERM) {
                wait(&signals);
                seen.extend(std::iter::from_fn(|| signals.next()));
            }
            seen.iter().filter(|signal| **signal == COUNTED).count() as i32
        });
        wait(&ours);
        let pidfd = pidfd_open(life).expect("it lives");
        for signal in [COUNTED, libc::SIGTERM] {
            signal_tree(&pidfd, life, None, signal, &|_| false).expect("it is there");
        }
        wait(&pidfd);
        assert_eq!(reap_pid(life), Some(Ending::Code(1)));
    });
}
