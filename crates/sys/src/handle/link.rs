//! Control connections: the socket that they come to, and descriptors that travel on them.

use crate::decimal::{Room, decimal};
use crate::text::with_c_str;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, open, statat, unlinkat};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect, listen, recvmsg, sendmsg, socket_with,
};
use rustix::process::{geteuid, umask};
use std::ffi::CStr;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Connections that wait until they are accepted.
const BACKLOG: i32 = 8;
/// The longest path that fits into an address, its final NUL not counted.
const ADDRESS_LIMIT: usize = 107;
/// Peers without a right to be here that are turned away in one go.
const TURNED_AWAY: usize = 64;

/// Reads what is there, with up to two descriptors that were sent along; they are put into the free places of `taken`, and those for which
/// there is no place are closed. `Ok(0)` is the end. What is no socket is read as a file.
///
/// # Errors
/// `WouldBlock` when nothing is there (always, for a socket).
pub fn receive(fd: impl AsFd, bytes: &mut [u8], taken: &mut [Option<OwnedFd>; 2]) -> io::Result<usize> {
    // The kernel closes what does not fit in here.
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut room);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let got = match retry_on_intr(|| recvmsg(&fd, &mut [IoSliceMut::new(&mut *bytes)], &mut control, flags)) {
        Err(Errno::NOTSOCK) => return super::read(fd, bytes),
        got => got?,
    };
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(sent) = message {
            for one in sent {
                if let Some(place) = taken.iter_mut().find(|place| place.is_none()) {
                    *place = Some(one);
                }
            }
        }
    }
    Ok(got.bytes)
}

/// Sends bytes with a descriptor, without waiting; gives how many bytes went. The descriptor goes with the first of them.
///
/// # Errors
/// `WouldBlock` when nothing goes now, `EPIPE` when nobody will read it, `ENOTSOCK`.
pub fn send_with(fd: impl AsFd, bytes: &[u8], gift: BorrowedFd<'_>) -> io::Result<usize> {
    let gifts = [gift];
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut room);
    if !control.push(SendAncillaryMessage::ScmRights(&gifts)) {
        return Err(io::Error::from_raw_os_error(libc::ENOBUFS));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    Ok(retry_on_intr(|| sendmsg(&fd, &[IoSlice::new(bytes)], &mut control, flags))?)
}

/// Binds a local stream socket of mode 0600 at `path` and lets it listen, non-blocking. A socket of ours that stands there and that nobody
/// listens at is removed first. The caller must be the only thread, for the file mode mask is changed for a moment.
///
/// # Errors
/// `EADDRINUSE` when somebody listens there, `EEXIST` when something else is there, `EPERM` when it is another user's, or what the system
/// says.
pub fn listen_at(path: &Path) -> io::Result<OwnedFd> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.len() <= ADDRESS_LIMIT {
        return with_c_str(bytes, listen_at_short);
    }
    let (folder, name) = match bytes.iter().rposition(|b| *b == b'/') {
        Some(at) => (&bytes[..at.max(1)], &bytes[at + 1..]),
        None => (&b"."[..], bytes),
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = with_c_str(folder, |folder| Ok(open(folder, flags, Mode::empty())?))?;
    let mut short = [0u8; ADDRESS_LIMIT];
    let mut end = 0;
    for part in [&b"/proc/self/fd/"[..], decimal(folder.as_raw_fd().into(), &mut Room::default()), b"/", name] {
        let room = short.get_mut(end..end + part.len()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENAMETOOLONG))?;
        room.copy_from_slice(part);
        end += part.len();
    }
    with_c_str(&short[..end], listen_at_short)
}

fn listen_at_short(path: &CStr) -> io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    clear_the_place(path, &address)?;
    let fd = stream()?;
    let old = umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
    let bound = bind(&fd, &address);
    umask(old);
    bound?;
    if let Err(error) = listen(&fd, BACKLOG) {
        let _ = unlinkat(CWD, path, AtFlags::empty());
        return Err(error.into());
    }
    Ok(fd)
}

fn stream() -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?)
}

fn clear_the_place(path: &CStr, address: &SocketAddrUnix) -> io::Result<()> {
    let refuse = |number| Err(io::Error::from_raw_os_error(number));
    let there = match statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) => there,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if FileType::from_raw_mode(there.st_mode) != FileType::Socket {
        return refuse(libc::EEXIST);
    }
    if there.st_uid != geteuid().as_raw() {
        return refuse(libc::EPERM);
    }
    match retry_on_intr(|| connect(&stream().map_err(|_| Errno::MFILE)?, address)) {
        Err(Errno::CONNREFUSED) => Ok(unlinkat(CWD, path, AtFlags::empty())?),
        // A full backlog has somebody behind it; so has a socket of another kind.
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => refuse(libc::EADDRINUSE),
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The next connection, non-blocking; `None` when there is none now. One by a user who is neither we nor root is closed and passed over.
///
/// # Errors
/// No descriptor or memory is left.
pub fn accept(listener: impl AsFd) -> io::Result<Option<OwnedFd>> {
    for _ in 0..TURNED_AWAY {
        let fd = match accept_with(&listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(fd) => fd,
            Err(Errno::INTR | Errno::CONNABORTED) => continue,
            Err(Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let uid = crate::peer::credentials(&fd)?.uid;
        if uid == 0 || uid == geteuid().as_raw() {
            return Ok(Some(fd));
        }
    }
    Ok(None)
}
