//! Whether a port of this machine can be bound, by trying.

use rustix::io::Errno;
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

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
