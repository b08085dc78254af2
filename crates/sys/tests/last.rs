//! The last thing that a process does, and what makes it do it.

#![expect(unsafe_code, reason = "a test of the crate that may: processes that break")]

#[path = "../src/alone.rs"]
mod alone;

use alone::alone;
use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use sys::handle::pipe;
use sys::last;

/// Runs `act` in a process of its own; gives its wait status and what it said on 1 and 2.
fn watched(act: impl FnOnce()) -> (i32, String) {
    let (read, write) = pipe(false).expect("pipe");
    let status = alone(|| {
        // SAFETY: numbers, in a child made for this; no core file of it is wanted.
        unsafe {
            libc::dup2(write.as_raw_fd(), 1);
            libc::dup2(write.as_raw_fd(), 2);
            libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        }
        act();
    });
    drop(write);
    (status, all_of(read))
}

fn all_of(read: OwnedFd) -> String {
    let mut said = String::new();
    std::fs::File::from(read).read_to_string(&mut said).expect("text");
    said
}

fn code(status: i32) -> Option<i32> {
    libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
}

fn raise(signal: i32) {
    // SAFETY: a signal for ourselves alone.
    unsafe { libc::kill(libc::getpid(), signal) };
}

const TELL: &[u8] = b"sh\0-c\0echo \"$1|$DAEMONPROXY_EXITCODE|$DAEMONPROXY_ERROR\"; exit 9\0name\0an argument";

#[test]
fn unarmed_it_is_an_exit() {
    let (status, said) = watched(|| last::leave(7, "why"));
    assert_eq!((code(status), said.as_str()), (Some(7), ""));
    let (status, _) = watched(|| {
        last::arm(TELL).expect("short");
        last::disarm();
        last::leave(0, "why");
    });
    assert_eq!(code(status), Some(0));
}

#[test]
fn armed_it_is_another_program_in_the_same_process() {
    let (status, said) = watched(|| {
        last::arm(b"/bin/false").expect("short");
        last::arm(TELL).expect("short");
        last::leave(5, "no such\0file");
    });
    assert_eq!((code(status), said.as_str()), (Some(9), "an argument|5|no such\n"));
    let (_, said) = watched(|| {
        last::arm(b"cat\0/proc/self/status\0").expect("short");
        sys::process::ignore_sigpipe();
        sys::upgrade::block_signals();
        println!("{}", std::process::id());
        std::io::Write::flush(&mut std::io::stdout()).expect("flush");
        last::leave(1, "");
    });
    let (pid, status) = said.split_once('\n').expect("two");
    assert!(status.contains(&format!("\nPid:\t{pid}\n")));
    for set in ["SigBlk", "SigIgn"] {
        assert!(status.contains(&format!("\n{set}:\t0000000000000000\n")), "{status}");
    }
}

#[test]
fn its_environment_is_ours_and_two_more() {
    let (_, said) = watched(|| {
        last::arm(b"env").expect("short");
        // SAFETY: a process with one thread.
        unsafe {
            std::env::set_var("DAEMONPROXY_EXITCODE", "old");
            std::env::set_var("DAEMONPROXY_ERROR", "old");
            std::env::set_var("MORE", "a b");
        }
        last::leave(-1, &"e".repeat(5000));
    });
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.contains(&"MORE=a b") && lines.contains(&"DAEMONPROXY_EXITCODE=-1"));
    assert!(lines.contains(&format!("DAEMONPROXY_ERROR={}", "e".repeat(1024)).as_str()));
    assert_eq!(lines.iter().filter(|line| line.starts_with("DAEMONPROXY_")).count(), 2);
    assert_eq!(lines.iter().filter(|line| line.starts_with("PATH=")).count(), 1);
}

#[test]
fn what_cannot_be_executed_is_an_exit() {
    let (status, _) = watched(|| {
        last::arm(b"no-such-program").expect("short");
        last::leave(6, "");
    });
    assert_eq!(code(status), Some(6));
}

#[test]
fn what_is_too_long_changes_nothing() {
    let (status, said) = watched(|| {
        last::arm(TELL).expect("short");
        assert_eq!(last::arm(&[b'x'; 256]).expect_err("long").raw_os_error(), Some(libc::E2BIG));
        assert_eq!(last::arm(b"").expect_err("empty").raw_os_error(), Some(libc::EINVAL));
        last::leave(1, "");
    });
    assert_eq!((code(status), said.as_str()), (Some(9), "an argument|1|\n"));
    let (status, _) = watched(|| {
        let argv = [b"true\0".to_vec(), vec![0; 250]].concat();
        assert_eq!(argv.len(), last::ROOM);
        last::arm(&argv).expect("as long as may be");
        last::leave(1, "");
    });
    assert_eq!(code(status), Some(0));
}

#[test]
fn what_is_broken_says_so_and_leaves() {
    for (signal, name) in [
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGTRAP, "SIGTRAP"),
    ] {
        let (status, said) = watched(|| {
            last::catch_fatal().expect("handlers");
            raise(signal);
        });
        assert_eq!((code(status), said), (Some(4), format!("fatal: caught {name}\n")));
    }
    let (status, said) = watched(|| {
        last::catch_fatal().expect("handlers");
        last::arm(TELL).expect("short");
        raise(libc::SIGSEGV);
    });
    assert_eq!((code(status), said.as_str()), (Some(9), "fatal: caught SIGSEGV\nan argument|4|caught SIGSEGV\n"));
}

#[test]
fn guarded_it_survives_what_was_sent_but_not_its_own_faults() {
    let (status, said) = watched(|| {
        last::catch_fatal().expect("handlers");
        last::guard(true);
        raise(libc::SIGSEGV);
        raise(libc::SIGABRT);
        last::guard(false);
        raise(libc::SIGBUS);
    });
    let wanted =
        "fatal: caught SIGSEGV (attempting to continue)\nfatal: caught SIGABRT (attempting to continue)\nfatal: caught SIGBUS\n";
    assert_eq!((code(status), said.as_str()), (Some(4), wanted));
    let (status, said) = watched(|| {
        last::catch_fatal().expect("handlers");
        last::guard(true);
        // SAFETY: maps a page that may not be touched, and touches it: the fault is what is asked for.
        unsafe {
            let page = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
            std::ptr::read_volatile(page.cast::<u8>());
        }
    });
    assert_eq!((code(status), said.as_str()), (Some(4), "fatal: caught SIGSEGV\n"));
    let (status, _) = watched(|| {
        last::catch_fatal().expect("handlers");
        last::guard(true);
        std::process::abort();
    });
    assert_eq!(code(status), Some(4));
}

#[test]
fn a_stack_that_has_run_out_is_told_too() {
    #[expect(unconditional_recursion, reason = "that is what it is for")]
    fn deeper(depth: usize) -> usize {
        let room = std::hint::black_box([depth; 512]);
        deeper(depth + 1) + room[depth % 512]
    }
    let (status, said) = watched(|| {
        last::catch_fatal().expect("handlers");
        deeper(0);
    });
    assert_eq!((code(status), said.as_str()), (Some(4), "fatal: caught SIGSEGV\n"));
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let (_read, write) = pipe(true).expect("pipe");
    while sys::handle::write(&write, &[0; 4096]).is_ok() {}
    sys::handle::set_nonblocking(&write, false).expect("blocking from now on");
    let status = alone(|| {
        // SAFETY: a number, in a child made for this.
        unsafe { libc::dup2(write.as_raw_fd(), 2) };
        last::catch_fatal().expect("handlers");
        raise(libc::SIGSEGV);
    });
    assert_eq!(code(status), Some(4));
}

#[test]
fn an_upgrade_keeps_descriptors_mask_and_environment() {
    let ledger = sys::upgrade::memfd(b"everything we know").expect("memory");
    let (status, said) = watched(|| {
        sys::upgrade::block_signals();
        sys::upgrade::keep_on_exec(&[ledger.as_raw_fd()], true).expect("open");
        let script = format!("/proc/self/fd/{}", ledger.as_raw_fd());
        let args = ["called-so", &script, "/proc/self/cmdline", "/proc/self/environ", "/proc/self/status"].map(OsStr::new);
        panic!("{}", sys::upgrade::exec(Path::new("/bin/cat"), &args));
    });
    assert_eq!(code(status), Some(0));
    assert!(said.starts_with("everything we knowcalled-so\0/proc/self/fd/"), "{said}");
    assert!(said.contains(&format!("\0PATH={}\0", std::env::var("PATH").expect("one"))));
    // All but KILL and STOP, and the two that the C library keeps to itself.
    assert!(said.contains("\nSigBlk:\tfffffffe7ffbfeff\n"), "{said}");
}
