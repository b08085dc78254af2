//! The other end of a local socket, and long socket paths.
//!
//! `sockaddr_un` holds 107 bytes of path. A longer one is reached through a descriptor of its directory (`/proc/self/fd/N/NAME`).

use rustix::fs::{CWD, Mode, OFlags, chmod, open, renameat};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd, ioctl_fionbio};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The longest path that fits into an address, its final NUL not counted.
const ADDRESS_LIMIT: usize = 107;

/// Who opened the other end of a local socket, as the kernel knows it (`SO_PEERCRED`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its process at that moment; 0 for one that our pid namespace does not know.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// Who is at the other end.
///
/// # Errors
/// The descriptor is no connected local socket.
pub fn credentials(socket: impl AsFd) -> io::Result<Peer> {
    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    // Not by rustix, whose type has no room for the pid 0 of a peer outside of our pid namespace.
    // SAFETY: the buffer is as long as the size says, and both outlive the call.
    let answer = unsafe {
        let fd = socket.as_fd().as_raw_fd();
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut found).cast(), &mut size)
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Peer { pid: found.pid, uid: found.uid, gid: found.gid })
}

/// Takes over a descriptor that our parent promised to leave at this number; close-on-exec and non-blocking from now on. To be called
/// once for each number, before anything else opens descriptors.
///
/// # Errors
/// Nothing is open at that number.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: borrowed only for the check; an invalid number makes the call fail and nothing else.
    let probe = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(probe)?;
    fcntl_setfd(probe, flags | FdFlags::CLOEXEC)?;
    ioctl_fionbio(probe, true)?;
    // SAFETY: the number is open, and by the contract above nobody else in this process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Binds a local socket of mode 0600 and lets it appear at `path` at once and complete. A socket that is already there is replaced (its
/// owner held a lock that is ours now); anything else is left alone.
///
/// # Errors
/// Something that is no socket is in the way, or the directory cannot be written.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let (folder, name) = split(path)?;
    let fresh = folder.join(format!(".{}.new", name.to_string_lossy()));
    remove_socket(&fresh)?;
    check_socket(path)?;
    let listener = with_short(&fresh, |short| UnixListener::bind(short))?;
    chmod(&fresh, Mode::RUSR | Mode::WUSR)?;
    renameat(CWD, &fresh, CWD, path)?;
    Ok(listener)
}

/// Connects to a local socket, however long its path is.
///
/// # Errors
/// As `connect(2)`.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    with_short(path, |short| UnixStream::connect(short))
}

/// Whether this error of a local stream, seen before any answer, proves that the other end has not read all that was sent to it.
///
/// `EPIPE`: it was gone before all could be written. `ECONNRESET`: Linux says so, and not "end of file", only where bytes that nobody had read
/// went away with the other end, or with a listener that had not accepted yet (`unix_release_sock` in `net/unix/af_unix.c`); elsewhere it proves
/// nothing.
pub fn was_unread(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe || (cfg!(target_os = "linux") && error.kind() == ErrorKind::ConnectionReset)
}

/// Removes a socket file; a missing one is no error, anything but a socket is.
///
/// # Errors
/// Something that is no socket is there, or it cannot be removed.
pub fn remove_socket(path: &Path) -> io::Result<()> {
    check_socket(path)?;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn check_socket(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => Ok(()),
        Ok(_) => Err(io::Error::new(ErrorKind::AlreadyExists, format!("{} is in the way and is no socket", path.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn split(path: &Path) -> io::Result<(&Path, &std::ffi::OsStr)> {
    let wrong = || io::Error::new(ErrorKind::InvalidInput, "a socket path needs a file name");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((folder, path.file_name().ok_or_else(wrong)?))
}

fn with_short<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= ADDRESS_LIMIT {
        return act(path);
    }
    let (folder, name) = split(path)?;
    let handle = open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    act(&PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd())).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_long_path_is_reached_and_the_peer_is_known() {
        let home = tempfile::tempdir().expect("tempdir");
        let folder = home.path().join("x".repeat(120));
        std::fs::create_dir(&folder).expect("mkdir");
        let path = folder.join("abide.sock");
        let listener = listen(&path).expect("listen");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        let near = connect(&path).expect("connect");
        let (far, _) = listener.accept().expect("accept");
        let peer = credentials(&far).expect("credentials");
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        assert_eq!(peer.pid.unsigned_abs(), std::process::id());
        drop(near);
    }

    #[test]
    fn what_nobody_read_is_known() {
        use std::io::{Read, Write};
        let home = tempfile::tempdir().expect("tempdir");
        let path = home.path().join("abide.sock");
        let listener = listen(&path).expect("listen");
        let pair = || (connect(&path).expect("connect"), listener.accept().expect("accept").0);
        let mut byte = [0; 1];
        // Read in part, then gone.
        let (mut near, mut far) = pair();
        near.write_all(b"two").expect("write");
        far.read_exact(&mut byte).expect("read");
        drop(far);
        let error = near.read(&mut byte).expect_err("a reset");
        assert_eq!(was_unread(&error), cfg!(target_os = "linux"), "{error}");
        assert!(was_unread(&near.write(b"more").expect_err("nobody is there")));
        // Read whole, then gone: nothing is proved.
        let (mut near, mut far) = pair();
        near.write_all(b"1").expect("write");
        far.read_exact(&mut byte).expect("read");
        drop(far);
        assert_eq!(near.read(&mut byte).expect("the end"), 0);
        // Never accepted.
        let mut near = connect(&path).expect("connect");
        near.write_all(b"two").expect("write");
        drop(listener);
        let error = near.read(&mut byte).expect_err("a reset");
        assert_eq!(was_unread(&error), cfg!(target_os = "linux"), "{error}");
    }

    /// Row 9 of reliability.md.
    #[test]
    fn only_sockets_are_replaced() {
        let home = tempfile::tempdir().expect("tempdir");
        let path = home.path().join("abide.sock");
        std::fs::write(&path, "mine").expect("plant");
        assert!(listen(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), "mine");
        std::fs::remove_file(&path).expect("clear");
        std::os::unix::fs::symlink("elsewhere", &path).expect("plant");
        assert!(listen(&path).is_err());
        std::fs::remove_file(&path).expect("clear");
        drop(listen(&path).expect("first"));
        let second = listen(&path).expect("a stale socket is replaced");
        connect(&path).expect("and the new one answers");
        drop(second);
    }
}
