//! Listening sockets that a process still has, after whoever bound them is gone.

use crate::process::open_exact;
use rustix::net::{SocketAddrUnix, SocketType, getpeername, getsockname, sockopt};
use rustix::process::{PidfdGetfdFlags, pidfd_getfd};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Where a socket is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At<'a> {
    /// It accepts connections there.
    Tcp(SocketAddr),
    /// It gets what is sent there.
    Udp(SocketAddr),
    /// It accepts connections at this path.
    Unix(&'a Path),
}

/// Descriptors of a process that are looked at.
const DESCRIPTORS: usize = 1 << 16;

/// Copies of the sockets with which this process listens at these addresses, each in the place of its address. One that it has closed is
/// missing. The copy is the very same socket, with all that waits there.
///
/// # Errors
/// `ESRCH` when the process is gone; `EPERM` when it is somebody else's, or may not be traced by us (`ptrace(2)`, "Ptrace access mode
/// checking": as a rule only root may, or an ancestor).
pub fn listeners(pid: u32, ident: u64, wanted: &[At<'_>]) -> io::Result<Vec<Option<OwnedFd>>> {
    let process = open_exact(pid, ident)?;
    let mut found: Vec<Option<OwnedFd>> = wanted.iter().map(|_| None).collect();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))?.take(DESCRIPTORS).flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if !fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str().as_bytes().starts_with(b"socket:[")) {
            continue;
        }
        match pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) {
            Ok(copy) => {
                if let Some(at) = wanted.iter().position(|at| listens(&copy, *at)) {
                    found[at].get_or_insert(copy);
                }
            }
            // Closed meanwhile.
            Err(rustix::io::Errno::BADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

fn listens(socket: &OwnedFd, wanted: At<'_>) -> bool {
    let Ok(address) = getsockname(socket) else { return false };
    let kind = sockopt::socket_type(socket);
    let accepts = || kind == Ok(SocketType::STREAM) && sockopt::socket_acceptconn(socket) == Ok(true);
    match wanted {
        At::Tcp(at) => accepts() && SocketAddr::try_from(address) == Ok(at),
        // A connected one gets only what comes from its peer.
        At::Udp(at) => kind == Ok(SocketType::DGRAM) && SocketAddr::try_from(address) == Ok(at) && getpeername(socket).is_err(),
        At::Unix(at) => {
            let path = SocketAddrUnix::try_from(address).ok();
            let same = |address: &SocketAddrUnix| address.path_bytes() == Some(at.as_os_str().as_bytes());
            accepts() && path.as_ref().is_some_and(same)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::start_time;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::UnixListener;
    use std::process::{Command, Stdio};

    #[test]
    fn the_very_same_sockets_come_back_from_a_child() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("s");
        let tcp = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let udp = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let unix = UnixListener::bind(&path).expect("free");
        let at = tcp.local_addr().expect("bound");
        let wanted = [At::Tcp(at), At::Udp(udp.local_addr().expect("bound")), At::Unix(&path), At::Udp(at)];
        let command = Command::new("sleep")
            .arg("1000")
            .stdin(OwnedFd::from(tcp))
            .stdout(OwnedFd::from(udp))
            .stderr(Stdio::from(OwnedFd::from(unix)))
            .spawn();
        let mut child = command.expect("sleep can be run");
        let ident = start_time(child.id()).expect("it runs");
        // What came before we had it waits there.
        let _early = TcpStream::connect(at).expect("it listens");
        let found = listeners(child.id(), ident, &wanted);
        let gone = listeners(child.id(), ident + 1, &wanted);
        child.kill().expect("ours");
        child.wait().expect("ours");
        let mut found = found.expect("it is our child");
        assert!(found[1].is_some() && found[2].is_some() && found[3].is_none());
        let tcp = TcpListener::from(found[0].take().expect("it listens there"));
        tcp.accept().expect("somebody has come");
        assert_eq!(gone.expect_err("another").raw_os_error(), Some(libc::ESRCH));
    }
}
