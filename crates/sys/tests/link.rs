//! Control connections: where they come to, who may come, and what travels on them.

#![expect(
    unsafe_code,
    reason = "a test of the crate that may: children that are another user, and messages that nobody should send"
)]

#[path = "../src/alone.rs"]
mod alone;

use alone::alone;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use sys::handle::{self, Family, Shape};

fn open_numbers() -> usize {
    fs::read_dir("/proc/self/fd").expect("proc").count()
}

/// Sends bytes with so many copies of a descriptor.
fn send_many(socket: &OwnedFd, bytes: &[u8], gift: &OwnedFd, count: usize) {
    let gifts = vec![gift.as_raw_fd(); count];
    let mut part = libc::iovec { iov_base: bytes.as_ptr() as *mut libc::c_void, iov_len: bytes.len() };
    // SAFETY: the header and its one part are whole, and what they point to lives for the call.
    unsafe {
        let space = libc::CMSG_SPACE((count * 4) as u32) as usize;
        let mut control = vec![0u64; space.div_ceil(8)];
        let mut message: libc::msghdr = std::mem::zeroed();
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        (message.msg_control, message.msg_controllen) = (control.as_mut_ptr().cast(), space as _);
        let head = libc::CMSG_FIRSTHDR(&raw const message);
        ((*head).cmsg_level, (*head).cmsg_type) = (libc::SOL_SOCKET, libc::SCM_RIGHTS);
        (*head).cmsg_len = libc::CMSG_LEN((count * 4) as u32) as _;
        std::ptr::copy_nonoverlapping(gifts.as_ptr(), libc::CMSG_DATA(head).cast(), count);
        assert_eq!(libc::sendmsg(socket.as_raw_fd(), &raw const message, 0), bytes.len() as isize);
    }
}

#[test]
fn a_gift_arrives_and_is_what_it_was() {
    let (near, far) = handle::control_pair(true, true).expect("pair");
    let (read, write) = handle::pipe(true).expect("pipe");
    assert_eq!(handle::send_with(&near, b"fd.take x\n", write.as_fd()).expect("room"), 10);
    let (mut bytes, mut taken) = ([0; 100], [None, None]);
    assert_eq!(handle::receive(&far, &mut bytes, &mut taken).expect("there"), 10);
    assert_eq!(&bytes[..10], b"fd.take x\n");
    let [Some(got), None] = &taken else { panic!("one: {taken:?}") };
    assert!(rustix::io::fcntl_getfd(got).expect("open").contains(rustix::io::FdFlags::CLOEXEC));
    assert_eq!(handle::access(got), (false, true));
    handle::write(got, b"hello").expect("room");
    let mut said = [0; 8];
    assert_eq!((handle::read(&read, &mut said).expect("there"), &said[..5]), (5, &b"hello"[..]));
    // Nothing there is no reason to wait, although the socket is blocking.
    assert_eq!(handle::receive(&far, &mut bytes, &mut taken).expect_err("nothing").kind(), std::io::ErrorKind::WouldBlock);
    drop(near);
    assert_eq!(handle::receive(&far, &mut bytes, &mut taken).expect("the end"), 0);
    assert_eq!(handle::send_with(&far, b"x", write.as_fd()).expect_err("nobody").raw_os_error(), Some(libc::EPIPE));
    assert_eq!(handle::send_with(&read, b"x", write.as_fd()).expect_err("no socket").raw_os_error(), Some(libc::ENOTSOCK));
}

#[test]
fn surplus_descriptors_leave_nothing_behind() {
    alone(|| {
        let (near, far) = handle::control_pair(true, true).expect("pair");
        let null = handle::null().expect("null");
        let before = open_numbers();
        let mut taken = [None, None];
        for (count, kept) in [(250, 2), (250, 2), (1, 2)] {
            send_many(&near, b"x", &null, count);
            assert_eq!(handle::receive(&far, &mut [0; 10], &mut taken).expect("there"), 1);
            assert_eq!((taken.iter().flatten().count(), open_numbers() - before), (kept, kept));
        }
        taken[0] = None;
        send_many(&near, b"x", &null, 3);
        assert_eq!(handle::receive(&far, &mut [0; 10], &mut taken).expect("there"), 1);
        assert_eq!((taken.iter().flatten().count(), open_numbers() - before), (2, 2));
        // Those of a message that is never read go with the socket.
        send_many(&near, b"x", &null, 250);
        drop((near, far, taken));
        assert_eq!(open_numbers(), before - 2);
    });
}

#[test]
fn a_file_or_pipe_is_read_as_well() {
    let mut file = tempfile::tempfile().expect("file");
    file.write_all(b"echo\n").expect("write");
    std::io::Seek::rewind(&mut file).expect("rewind");
    let (mut bytes, mut taken) = ([0; 100], [None, None]);
    assert_eq!(handle::receive(&file, &mut bytes, &mut taken).expect("there"), 5);
    assert_eq!(handle::receive(&file, &mut bytes, &mut taken).expect("the end"), 0);
}

#[test]
fn the_socket_is_private_and_replaces_only_a_stale_one() {
    alone(|| {
        let home = tempfile::tempdir().expect("tempdir");
        let long = home.path().join("d".repeat(120));
        fs::create_dir(&long).expect("mkdir");
        for path in [home.path().join("sock"), long.join("sock")] {
            let first = handle::listen_at(&path).expect("free");
            let seen = fs::symlink_metadata(&path).expect("there");
            assert!(seen.file_type().is_socket() && seen.permissions().mode() & 0o7777 == 0o600);
            assert_eq!(handle::listen_at(&path).expect_err("in use").raw_os_error(), Some(libc::EADDRINUSE));
            assert!(handle::accept(&first).expect("the question").is_some());
            drop(first);
            let second = handle::listen_at(&path).expect("stale");
            assert_ne!(fs::symlink_metadata(&path).expect("there").ino(), 0);
            let mut near = sys::peer::connect(&path).expect("connect");
            let far = handle::accept(&second).expect("room").expect("somebody");
            near.write_all(b"hi").expect("room");
            assert_eq!(handle::receive(&far, &mut [0; 10], &mut [None, None]).expect("there"), 2);
            assert!(rustix::io::fcntl_getfd(&far).expect("open").contains(rustix::io::FdFlags::CLOEXEC));
            assert!(handle::accept(&second).expect("nobody else").is_none());
            // A full backlog is somebody too.
            let waiting: Vec<UnixStream> = (0..9).map(|_| sys::peer::connect(&path).expect("room")).collect();
            assert_eq!(handle::listen_at(&path).expect_err("in use").raw_os_error(), Some(libc::EADDRINUSE));
            drop(waiting);
        }
        let plain = home.path().join("plain");
        fs::write(&plain, "mine").expect("write");
        assert_eq!(handle::listen_at(&plain).expect_err("in the way").raw_os_error(), Some(libc::EEXIST));
        assert_eq!(fs::read_to_string(&plain).expect("still there"), "mine");
        let link = home.path().join("link");
        std::os::unix::fs::symlink(home.path().join("sock"), &link).expect("symlink");
        assert_eq!(handle::listen_at(&link).expect_err("in the way").raw_os_error(), Some(libc::EEXIST));
        let nowhere = home.path().join("nowhere/sock");
        assert_eq!(handle::listen_at(&nowhere).expect_err("no folder").raw_os_error(), Some(libc::ENOENT));
        let name = home.path().join("n".repeat(108));
        assert_eq!(handle::listen_at(&name).expect_err("no address").raw_os_error(), Some(libc::ENAMETOOLONG));
    });
}

#[test]
fn who_is_neither_we_nor_root_is_passed_over() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can come as two users");
        return;
    }
    alone(|| {
        let home = tempfile::tempdir().expect("tempdir");
        let path = home.path().join("sock");
        let listener = handle::listen_at(&path).expect("free");
        for (path, mode) in [(home.path(), 0o755), (&path, 0o666)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
        }
        alone(|| {
            // SAFETY: numbers; this process is a child made for this.
            unsafe { assert_eq!(libc::setresuid(65534, 65534, 65534), 0) };
            // The kernel remembers who came, also when he has gone.
            drop(sys::peer::connect(&path).expect("connect"));
        });
        let lonely = PollFd::new(&listener, PollFlags::IN);
        assert_eq!(poll(&mut [lonely], Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1));
        let mut near = sys::peer::connect(&path).expect("connect");
        let far = handle::accept(&listener).expect("room").expect("we ourselves, behind the other");
        near.write_all(b"we").expect("room");
        assert_eq!(handle::receive(&far, &mut [0; 8], &mut [None, None]).expect("there"), 2);
        assert!(handle::accept(&listener).expect("nobody").is_none());
        // Root is welcome at another user's socket.
        let _own = sys::peer::connect(&path).expect("connect");
        // SAFETY: numbers; only the effective user changes, and for a moment.
        unsafe { assert_eq!(libc::setresuid(0, 65534, 0), 0) };
        let met = handle::accept(&listener);
        // SAFETY: as above.
        unsafe { assert_eq!(libc::setresuid(0, 0, 0), 0) };
        assert!(met.expect("room").is_some());
    });
}

#[test]
fn what_was_inherited_is_found_and_taken() {
    alone(|| {
        let (read, write) = handle::pipe(false).expect("pipe");
        let numbers = handle::inherited();
        assert!(numbers.is_sorted() && numbers.iter().all(|number| *number > 2));
        assert!(numbers.contains(&read.as_raw_fd()) && numbers.contains(&write.as_raw_fd()));
        let number = std::os::fd::IntoRawFd::into_raw_fd(write);
        sys::upgrade::keep_on_exec(&[number], true).expect("open");
        let taken = handle::adopt_number(number).expect("open");
        assert!(rustix::io::fcntl_getfd(&taken).expect("open").contains(rustix::io::FdFlags::CLOEXEC));
        drop(taken);
        assert_eq!(handle::adopt_number(number).expect_err("closed").raw_os_error(), Some(libc::EBADF));
        assert_eq!(handle::adopt_number(-1).expect_err("none").raw_os_error(), Some(libc::EBADF));
        assert_eq!(handle::inherited().len(), numbers.len() - 1);
    });
}

#[test]
fn what_a_descriptor_is_for() {
    let (read, write) = handle::pipe(false).expect("pipe");
    assert_eq!((handle::access(&read), handle::access(&write)), ((true, false), (false, true)));
    let (near, _far) = handle::socket_pair(Family::Unix, Shape::Stream, false).expect("pair");
    assert_eq!(handle::access(&near), (true, true));
}

#[test]
fn a_daemon_says_its_pid_and_is_on_its_own() {
    let (read, write) = handle::pipe(false).expect("pipe");
    let (alive, held) = handle::pipe(false).expect("pipe");
    let status = alone(|| {
        // SAFETY: puts the pipe into the place of standard output, in a child made for this.
        unsafe { libc::dup2(write.as_raw_fd(), 1) };
        sys::daemon::daemonize().expect("room");
        let me = std::process::id();
        assert_eq!(sys::process::session_of(me), Some(me));
        let to: Vec<_> = (0..3).map(|fd| fs::read_link(format!("/proc/self/fd/{fd}")).expect("open")).collect();
        assert!(to.iter().all(|to| to == std::path::Path::new("/dev/null")));
        handle::write(&held, me.to_string().as_bytes()).expect("room");
    });
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0);
    drop((write, held));
    let mut said = [String::new(), String::new()];
    for (from, into) in [read, alive].into_iter().zip(&mut said) {
        let mut ready = [PollFd::new(&from, PollFlags::IN)];
        poll(&mut ready, Some(&Timespec { tv_sec: 60, tv_nsec: 0 })).expect("poll");
        fs::File::from(from).read_to_string(into).expect("text");
    }
    assert!(said[0] == said[1] && said[0].parse::<u32>().is_ok(), "{said:?}");
}
