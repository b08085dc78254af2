//! For tests of what only the one thread of a process may do: a child of the test does it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(30);

/// Runs `act` in a forked child and gives its wait status; the test fails when the child panics (status 101) or does not end in time.
pub fn alone(act: impl FnOnce()) -> i32 {
    // SAFETY: the C library makes its own locks whole in the child; the child ends without coming back here.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork");
    if pid == 0 {
        // SAFETY: numbers. Orphans of what it bears stay within its reach.
        unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
        let code = if catch_unwind(AssertUnwindSafe(act)).is_ok() { 0 } else { 101 };
        if code != 0 {
            end_below(std::process::id());
        }
        // SAFETY: ends the child without what the parent's runtime would do at its end.
        unsafe { libc::_exit(code) };
    }
    let begun = Instant::now();
    let mut pidfd = libc::pollfd { fd: -1, events: libc::POLLIN, revents: 0 };
    let mut status = 0;
    // SAFETY: system calls on live locals; the pid is our child's until it is reaped here.
    unsafe {
        pidfd.fd = libc::syscall(libc::SYS_pidfd_open, pid, 0) as i32;
        let ended = libc::poll(&mut pidfd, 1, DEADLINE.as_millis() as i32) == 1;
        if !ended {
            end_below(pid as u32);
            libc::kill(pid, libc::SIGKILL);
        }
        while libc::waitpid(pid, &mut status, 0) < 0 {}
        libc::close(pidfd.fd);
        assert!(ended, "no end after {:?}", begun.elapsed());
    }
    assert_ne!(libc::WEXITSTATUS(status), 101, "panicked; what it said stands above");
    status
}

/// Ends what this process and those below it have borne and not reaped.
fn end_below(pid: u32) {
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            end_below(child);
            // SAFETY: a child that its parent, which is waiting, has not reaped.
            unsafe { libc::kill(child as i32, libc::SIGKILL) };
        }
    }
}
