//! Why a socket could not be bound, for people: who is there, or what to do.

use model::ListenAddress;
use std::net::SocketAddr;
use std::path::Path;
use sys::holder::{Holder, Protocol, holder};

/// A refusal of the keeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Where.
    pub(crate) address: ListenAddress,
    /// The system's error, `EADDRINUSE`.
    pub(crate) errno: &'static str,
    /// As whom the keeper runs.
    pub(crate) uid: u32,
}

/// Why a socket is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Obstacle {
    /// One line.
    pub(crate) why: String,
    /// The process that is there.
    pub(crate) pid: Option<u32>,
}

/// Looks for whoever is there: blocking.
pub(crate) fn explain(refused: &Refused) -> Obstacle {
    let found = match (&refused.address, refused.errno) {
        (ListenAddress::Tcp(at), "EADDRINUSE") => holder(Protocol::Tcp, *at),
        (ListenAddress::Udp(at), "EADDRINUSE") => holder(Protocol::Udp, *at),
        _ => None,
    };
    let pid = found.as_ref().map(|holder| holder.pid);
    Obstacle { why: words(refused, found), pid }
}

fn words(refused: &Refused, found: Option<Holder>) -> String {
    let Refused { address, errno, uid } = refused;
    match (address, *errno) {
        (ListenAddress::Tcp(_) | ListenAddress::Udp(_), "EADDRINUSE") => held(address, found),
        (ListenAddress::Unix(path), "EADDRINUSE") => in_the_way(address, path),
        (ListenAddress::Tcp(at) | ListenAddress::Udp(at), "EACCES") => privileged(address, *at, *uid),
        (ListenAddress::Unix(path), "EACCES" | "ENOENT" | "ENOTDIR") => folder(address, path, errno, *uid),
        (_, "EADDRNOTAVAIL") => format!("{address}: this machine has no such address (EADDRNOTAVAIL)"),
        (_, "EAFNOSUPPORT") => format!("{address}: this machine has no IPv6 (EAFNOSUPPORT)"),
        (ListenAddress::Unix(_), "EINVAL" | "ENAMETOOLONG") => {
            format!("{address}: the path of a socket has at most 107 bytes ({errno}); choose a shorter one")
        }
        _ => format!("{address} cannot be bound: {errno}"),
    }
}

fn held(address: &ListenAddress, by: Option<Holder>) -> String {
    match by {
        Some(Holder { pid, name }) => format!("{address} is held by {name} (pid {pid})"),
        None => format!("{address} is held by a process that cannot be seen from here: `sudo ss -lntup` names it (EADDRINUSE)"),
    }
}

fn in_the_way(address: &ListenAddress, path: &Path) -> String {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            format!("{address}: something that is no socket is in the way; remove it or choose another path (EADDRINUSE)")
        }
        _ => format!("{address} is held by another process: `ss -lxp` names it (EADDRINUSE)"),
    }
}

fn privileged(address: &ListenAddress, at: SocketAddr, uid: u32) -> String {
    let port = at.port();
    format!(
        "{address} must not be bound by uid {uid} (EACCES): run the manager as root with `user = \"…\"` for the app, or let everybody have \
         port {port}: `sysctl net.ipv4.ip_unprivileged_port_start={port}`"
    )
}

fn folder(address: &ListenAddress, path: &Path, errno: &str, uid: u32) -> String {
    let folder = path.parent().unwrap_or(Path::new("/")).display();
    match errno {
        "EACCES" => format!("{address}: uid {uid} must not make files in {folder} (EACCES)"),
        _ => format!("{address}: there is no folder {folder}; make it first ({errno})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(address: ListenAddress, errno: &'static str) -> String {
        explain(&Refused { address, errno, uid: 7 }).why
    }

    #[test]
    fn who_is_there_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        let at = listener.local_addr().expect("bound");
        let said = words(ListenAddress::Tcp(at), "EADDRINUSE");
        assert!(
            said.starts_with(&format!("tcp://{at} is held by ")) && said.contains(&format!("(pid {})", std::process::id())),
            "{said}"
        );
    }

    #[test]
    fn what_to_do_is_said() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let said = words(ListenAddress::Tcp(at("0.0.0.0:80")), "EACCES");
        assert!(said.contains("uid 7") && said.contains("ip_unprivileged_port_start=80"), "{said}");
        let said = words(ListenAddress::Unix("/no/such/folder/s".into()), "ENOENT");
        assert!(said.contains("there is no folder /no/such/folder"), "{said}");
        let folder = tempfile::tempdir().expect("tempdir");
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "x").expect("write");
        assert!(words(ListenAddress::Unix(plain), "EADDRINUSE").contains("no socket is in the way"));
    }
}
