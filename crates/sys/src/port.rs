//! Whether a port or an address of this machine can be bound, by trying.

use crate::handle::{Address, BindHow, Family, Shape, is_left, socket};
use rustix::fs::{Access, AtFlags, CWD, access, statat};
use rustix::io::Errno;
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What a try to bind a TCP port has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// It can be bound at every address.
    Free,
    /// Somebody has it, at one address at least.
    Taken,
    /// It is not ours to bind (a privileged port, without the privilege); an app may have what we have not.
    Denied,
}

/// Tries to bind a TCP port at all addresses, IPv4 and IPv6, as a server would (with `SO_REUSEADDR`), and lets go of it at once: nobody ever
/// listens there. What cannot be tried (no such family, no descriptor left) says nothing against the port.
pub fn try_bind(port: u16) -> Tried {
    let four = try_at(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
    let six = try_at(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    for errno in [four, six].into_iter().filter_map(Result::err) {
        match errno {
            Errno::ADDRINUSE => return Tried::Taken,
            Errno::ACCESS | Errno::PERM => return Tried::Denied,
            _ => {}
        }
    }
    Tried::Free
}

/// Tries to bind an address as the keeper does for an app that listens there, and lets go of it at once.
///
/// # Errors
/// What the keeper would be told.
pub fn try_address(at: SocketAddr, datagrams: bool, reuse_port: bool) -> io::Result<()> {
    let family = if at.is_ipv4() { Family::Inet } else { Family::Inet6 };
    let shape = if datagrams { Shape::Datagram } else { Shape::Stream };
    let how = BindHow { reuse_port, ..BindHow::default() };
    socket(family, shape, true, false, Some(Address::Net(at)), None, Some(how)).map(drop).map_err(|(_, error)| error)
}

/// Whether a listening socket can be made at a path: its folder lets us, and nothing is there but what nobody has any more.
///
/// # Errors
/// What the keeper would be told.
pub fn try_path(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !std::fs::metadata(folder)?.is_dir() {
        return Err(Errno::NOTDIR.into());
    }
    access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    let address = SocketAddrUnix::new(path)?;
    let there = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW);
    if there.is_err() || crate::text::with_c_str(path.as_os_str().as_bytes(), |path| Ok(is_left(path, &address, Shape::Stream)))?
    {
        return Ok(());
    }
    Err(Errno::ADDRINUSE.into())
}

fn try_at(at: SocketAddr) -> Result<(), Errno> {
    let family = if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_reuseaddr(&socket, true)?;
    if at.is_ipv6() {
        // Else it would be in the way of the other try.
        set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn who_listens_anywhere_has_the_port() {
        for at in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(at) else {
                assert!(at.starts_with('['), "only IPv6 may be missing on a machine");
                continue;
            };
            let port = listener.local_addr().expect("bound").port();
            assert_eq!(try_bind(port), Tried::Taken, "{at}");
            drop(listener);
            assert_eq!(try_bind(port), Tried::Free, "{at}");
        }
    }

    #[test]
    fn an_address_is_tried_as_the_keeper_binds_it() {
        let held = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let at = held.local_addr().expect("bound");
        let busy =
            |tried: io::Result<()>| tried.err().and_then(|error| error.raw_os_error()) == Some(Errno::ADDRINUSE.raw_os_error());
        assert!(busy(try_address(at, false, false)) && busy(try_address(at, false, true)));
        assert!(try_address(at, true, false).is_ok(), "datagrams are another matter");
        assert!(try_address("192.0.2.1:80".parse().expect("an address"), false, false).is_err(), "it is not ours");
        drop(held);
        assert!(try_address(at, false, false).is_ok());
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("s");
        assert!(try_path(&path).is_ok() && try_path(&folder.path().join("no/s")).is_err());
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        assert!(busy(try_path(&path)));
        drop(listener);
        assert!(try_path(&path).is_ok(), "nobody has it any more");
        std::fs::write(folder.path().join("plain"), "x").expect("write");
        assert!(busy(try_path(&folder.path().join("plain"))));
    }

    #[test]
    fn connections_that_linger_are_not_in_the_way() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let at = listener.local_addr().expect("bound");
        let client = TcpStream::connect(at).expect("it listens");
        let (served, _) = listener.accept().expect("it came");
        // The server's side ends first, and stays in TIME_WAIT.
        drop((served, listener));
        drop(client);
        assert_eq!(try_bind(at.port()), Tried::Free);
    }
}
