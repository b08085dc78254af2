//! Datagram sockets at a path, whose messages carry who sent them and descriptors (sd_notify(3)).

use rustix::fs::{AtFlags, CWD, FileType, Mode, chmodat, fstat};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with, sockopt};
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::peer::Peer;

/// The longest path of a socket (`sun_path` without its final NUL).
pub const ADDRESS_LIMIT: usize = 107;
/// The most descriptors that the kernel lets go with one message (`SCM_MAX_FD`).
const MOST: usize = 253;

/// A message.
#[derive(Debug)]
pub struct Datagram {
    /// How many of its bytes were taken.
    pub length: usize,
    /// It was longer than that, or carried more than there was room for.
    pub cut: bool,
    /// Who sent it, as the kernel says; without a pid (0) when that is of another pid namespace.
    pub sender: Option<Peer>,
    /// What came with it; close-on-exec.
    pub descriptors: Vec<OwnedFd>,
}

/// Binds a socket of this mode at a path whose folder exists; a socket that stands there already is replaced. Non-blocking; each message
/// says from whom it is.
///
/// # Errors
/// `ENAMETOOLONG`, `EEXIST` when something else than a socket is there, or what the system says.
pub fn bind_at(path: &Path, mode: u32) -> io::Result<OwnedFd> {
    if path.as_os_str().as_bytes().len() > ADDRESS_LIMIT {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    if let Err(error) = crate::peer::remove_socket(path) {
        return Err(if error.kind() == ErrorKind::AlreadyExists { io::Error::from_raw_os_error(libc::EEXIST) } else { error });
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    // Before anybody can send: a message is marked while it is sent, not while it is read.
    sockopt::set_socket_passcred(&fd, true)?;
    bind(&fd, &SocketAddrUnix::new(path)?)?;
    chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty())?;
    Ok(fd)
}

/// Takes the next message.
///
/// # Errors
/// `WouldBlock` when there is none.
pub fn receive(fd: impl AsFd, bytes: &mut [u8]) -> io::Result<Datagram> {
    read(fd.as_fd(), bytes, 0)
}

/// Reads the next message and leaves it where it is. What came with it is given in copies.
///
/// # Errors
/// `WouldBlock` when there is none.
pub fn peek(fd: impl AsFd, bytes: &mut [u8]) -> io::Result<Datagram> {
    read(fd.as_fd(), bytes, libc::MSG_PEEK)
}

fn read(fd: BorrowedFd<'_>, bytes: &mut [u8], how: libc::c_int) -> io::Result<Datagram> {
    // As words, so that headers are aligned.
    const ROOM: usize = 1200;
    let mut room = [MaybeUninit::<u64>::uninit(); ROOM / 8];
    const { assert!(ROOM >= MOST * size_of::<RawFd>() + size_of::<libc::ucred>() + 2 * 32) };
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: all zeroes is a valid header that names nothing.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = room.as_mut_ptr().cast();
    header.msg_controllen = ROOM as _;
    let got = loop {
        // SAFETY: the header names the caller's bytes and our room, with their true lengths, and both outlive the call.
        let got = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT | how) };
        match usize::try_from(got) {
            Ok(got) => break got,
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    };
    let cut = header.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0;
    let (mut sender, mut descriptors) = (None, Vec::new());
    // SAFETY: the kernel has filled the room as far as `msg_controllen` says now, with whole headers, and the macros stay within that. Each
    // descriptor in it is ours from now on, and is taken once.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(&raw const header);
        while !at.is_null() {
            let data = libc::CMSG_DATA(at);
            let length = ((*at).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
            match ((*at).cmsg_level, (*at).cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    for index in 0..length / size_of::<RawFd>() {
                        let number = data.cast::<RawFd>().add(index).read_unaligned();
                        descriptors.push(OwnedFd::from_raw_fd(number));
                    }
                }
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if length >= size_of::<libc::ucred>() => {
                    let libc::ucred { pid, uid, gid } = data.cast::<libc::ucred>().read_unaligned();
                    sender = Some(Peer { pid, uid, gid });
                }
                _ => {}
            }
            at = libc::CMSG_NXTHDR(&raw const header, at);
        }
    }
    Ok(Datagram { length: got.min(bytes.len()), cut, sender, descriptors })
}

/// What tells whether two descriptors are the same thing: device and inode. `None` for what the kernel gives no inode of its own.
pub fn same_thing(fd: impl AsFd) -> Option<(u64, u64)> {
    let stat = fstat(fd).ok()?;
    (FileType::from_raw_mode(stat.st_mode) != FileType::Unknown).then_some((stat.st_dev, stat.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::io::IoSlice;
    use std::os::unix::net::UnixDatagram;

    fn pair() -> (tempfile::TempDir, OwnedFd, UnixDatagram) {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("notify");
        let ours = bind_at(&path, 0o600).expect("bound");
        let theirs = UnixDatagram::unbound().expect("socket");
        theirs.connect(&path).expect("connected");
        (folder, ours, theirs)
    }

    #[test]
    fn a_message_says_who_sent_it_and_brings_descriptors() {
        let (_folder, ours, theirs) = pair();
        let files: Vec<_> = (0..250).map(|_| std::fs::File::open("/dev/null").expect("null")).collect();
        let gifts: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        let mut room = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(250))];
        let mut control = SendAncillaryBuffer::new(&mut room);
        assert!(control.push(SendAncillaryMessage::ScmRights(&gifts)));
        sendmsg(&theirs, &[IoSlice::new(b"READY=1")], &mut control, SendFlags::empty()).expect("sent");
        let mut bytes = [0; 64];
        let got = receive(&ours, &mut bytes).expect("there");
        assert_eq!((&bytes[..got.length], got.cut, got.descriptors.len()), (&b"READY=1"[..], false, 250));
        let sender = got.sender.expect("the kernel says it");
        assert_eq!((sender.pid.unsigned_abs(), sender.uid), (std::process::id(), rustix::process::geteuid().as_raw()));
        assert_eq!(receive(&ours, &mut bytes).expect_err("empty").kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn what_is_too_long_is_cut_and_said_so() {
        let (folder, ours, theirs) = pair();
        theirs.send(&[b'x'; 100_000]).expect("sent");
        theirs.send(b"").expect("sent");
        let mut bytes = [0; 4096];
        let long = receive(&ours, &mut bytes).expect("there");
        assert!(long.cut && long.length == 4096);
        let empty = receive(&ours, &mut bytes).expect("there");
        assert!(!empty.cut && empty.length == 0 && empty.sender.is_some());
        // One that was left there is replaced; what is no socket is not.
        drop(bind_at(&folder.path().join("notify"), 0o600).expect("replaced"));
        std::fs::write(folder.path().join("file"), "mine").expect("planted");
        assert_eq!(bind_at(&folder.path().join("file"), 0o600).expect_err("in the way").raw_os_error(), Some(libc::EEXIST));
        let long = folder.path().join("x".repeat(120));
        assert_eq!(bind_at(&long, 0o600).expect_err("too long").raw_os_error(), Some(libc::ENAMETOOLONG));
    }

    #[test]
    fn things_are_told_apart() {
        let (one, other) = UnixDatagram::pair().expect("pair");
        let copy = one.try_clone().expect("copy");
        assert_eq!(same_thing(&one), same_thing(&copy));
        assert_ne!(same_thing(&one), same_thing(&other));
    }
}
