//! Whose process has accepted a connection: asked of the kernel (`sock_diag(7)`), and looked for among the descriptors of process trees.
//!
//! Everything here is evidence of being, never of absence: what cannot be read, another network namespace, a kernel without `sock_diag` and
//! a process that has left its tree all come to `Acceptor::Unknown`.

use crate::lives::{Member, identity};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Whose the other end of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptor {
    /// The asked tree's: it has the socket, or of all that were named it alone could get it.
    Asked,
    /// That of one of the others; `either`: the asked tree listens at the same address, so another connection may come to it.
    Other {
        /// Whether it is worth another try.
        either: bool,
    },
    /// Nobody has accepted it yet, and the asked tree and another could.
    Open,
    /// It cannot be told.
    Unknown,
}

/// Processes of a tree that are looked at.
const PROCESSES: usize = 512;
/// Descriptors of a process that are looked at.
const DESCRIPTORS: usize = 1 << 16;
/// Answers of the kernel that are read.
const ANSWERS: usize = 1000;
/// The kernel answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whose the other end of a connection on this machine is: `local` and `peer` as our end has them; the trees by their leaders. Blocking.
pub fn acceptor(local: SocketAddr, peer: SocketAddr, asked: Member, others: &[Member]) -> Acceptor {
    let Ok(diag) = Diag::open() else { return Acceptor::Unknown };
    // The other end has our addresses the other way round.
    let accepted = match diag.connection(peer, local) {
        Ok(Some(socket)) if socket.state != LISTEN => socket.inode,
        // Not on this machine, as far as we see it.
        _ => return Acceptor::Unknown,
    };
    if accepted != 0 {
        let wanted = BTreeSet::from([accepted]);
        return match holds(asked, &wanted) {
            true => Acceptor::Asked,
            false if others.iter().any(|other| holds(*other, &wanted)) => {
                let either = diag.listeners(peer).is_ok_and(|listeners| holds(asked, &listeners));
                Acceptor::Other { either }
            }
            false => Acceptor::Unknown,
        };
    }
    let Ok(listeners) = diag.listeners(peer) else { return Acceptor::Unknown };
    match (holds(asked, &listeners), others.iter().any(|other| holds(*other, &listeners))) {
        (true, true) => Acceptor::Open,
        (true, false) => Acceptor::Asked,
        (false, true) => Acceptor::Other { either: false },
        (false, false) => Acceptor::Unknown,
    }
}

/// Whether a process of the tree below `leader` has one of these sockets, known by their inodes.
pub fn holds(leader: Member, inodes: &BTreeSet<u32>) -> bool {
    if inodes.is_empty() || identity(leader.pid) != Some(leader.ident) {
        return false;
    }
    let mut tree = vec![leader.pid];
    let mut at = 0;
    while let Some(pid) = tree.get(at).copied() {
        if has_open(pid, inodes) {
            return true;
        }
        for child in children(pid) {
            if tree.len() < PROCESSES && !tree.contains(&child) {
                tree.push(child);
            }
        }
        at += 1;
    }
    false
}

fn has_open(pid: u32, inodes: &BTreeSet<u32>) -> bool {
    let Ok(listing) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let links = listing.take(DESCRIPTORS).filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let socket = |link: std::path::PathBuf| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u32>().ok();
    links.filter_map(socket).any(|inode| inodes.contains(&inode))
}

fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(text.split_ascii_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    found
}

/// Type of every question and of its answers (`SOCK_DIAG_BY_FAMILY`).
const BY_FAMILY: u16 = 20;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
/// Bytes of `nlmsghdr`, and of that with `inet_diag_req_v2`.
const HEADER: usize = 16;
const QUESTION: usize = 72;
/// Where, in `inet_diag_msg`, stand the address of our end and the inode, and its size.
const SOURCE: usize = 8;
const INODE: usize = 68;
const ANSWER: usize = 72;
const TCP: u8 = 6;
/// `TCP_LISTEN`.
const LISTEN: u8 = 10;
const INET: u8 = 2;
const INET6: u8 = 10;

/// A socket as the kernel tells of it. Inode 0: nobody has it, it waits to be accepted or has been closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Socket {
    state: u8,
    local: IpAddr,
    inode: u32,
}

/// A way to ask.
struct Diag(OwnedFd);

impl Diag {
    fn open() -> io::Result<Diag> {
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG))?;
        set_socket_timeout(&fd, Timeout::Recv, Some(PATIENCE))?;
        Ok(Diag(fd))
    }

    /// The one socket with these ends.
    fn connection(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<Option<Socket>> {
        let found = self.ask(&question(family(local), REQUEST, u32::MAX, (local, Some(remote))))?;
        Ok(found.into_iter().next())
    }

    /// The inodes of all sockets that accept what comes to this address.
    fn listeners(&self, at: SocketAddr) -> io::Result<BTreeSet<u32>> {
        let mut found = self.ask(&question(INET6, REQUEST | DUMP, 1 << LISTEN, (at, None)))?;
        if at.is_ipv4() {
            found.extend(self.ask(&question(INET, REQUEST | DUMP, 1 << LISTEN, (at, None)))?);
        }
        let takes = |socket: &Socket| socket.local.is_unspecified() || socket.local.to_canonical() == at.ip().to_canonical();
        Ok(found.into_iter().filter(takes).map(|socket| socket.inode).filter(|inode| *inode != 0).collect())
    }

    fn ask(&self, question: &[u8]) -> io::Result<Vec<Socket>> {
        send(&self.0, question, SendFlags::empty())?;
        let dump = u16::from_ne_bytes([question[6], question[7]]) & DUMP != 0;
        let mut found = Vec::new();
        let mut buffer = vec![0; 32 << 10];
        for _ in 0..ANSWERS {
            let (got, _) = recv(&self.0, buffer.as_mut_slice(), RecvFlags::empty())?;
            if read_answers(&buffer[..got], &mut found)? || !dump {
                break;
            }
        }
        Ok(found)
    }
}

/// Takes what one reading brought; whether it was the last.
fn read_answers(mut rest: &[u8], found: &mut Vec<Socket>) -> io::Result<bool> {
    while rest.len() >= HEADER {
        let length = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        let kind = u16::from_ne_bytes([rest[4], rest[5]]);
        let Some(body) = rest.get(HEADER..length) else { break };
        match kind {
            DONE => return Ok(true),
            ERROR => {
                let code = body.get(..4).map_or(0, |b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
                return match -code {
                    // No such socket, which is an answer.
                    0 | libc::ENOENT => Ok(true),
                    code => Err(io::Error::from_raw_os_error(code)),
                };
            }
            BY_FAMILY => found.extend(socket(body)),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

fn socket(body: &[u8]) -> Option<Socket> {
    let body = body.get(..ANSWER)?;
    let address: [u8; 16] = body[SOURCE..SOURCE + 16].try_into().ok()?;
    let local = match body[0] {
        INET => IpAddr::from([address[0], address[1], address[2], address[3]]),
        _ => IpAddr::from(Ipv6Addr::from(address)),
    };
    let inode = u32::from_ne_bytes(body[INODE..ANSWER].try_into().ok()?);
    Some(Socket { state: body[1], local, inode })
}

fn family(address: SocketAddr) -> u8 {
    if address.is_ipv4() { INET } else { INET6 }
}

/// `nlmsghdr` and `inet_diag_req_v2`. Without a remote end only the port of the local one counts.
fn question(family: u8, flags: u16, states: u32, (local, remote): (SocketAddr, Option<SocketAddr>)) -> [u8; QUESTION] {
    let mut out = [0; QUESTION];
    out[..4].copy_from_slice(&(QUESTION as u32).to_ne_bytes());
    out[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
    out[6..8].copy_from_slice(&flags.to_ne_bytes());
    (out[16], out[17]) = (family, TCP);
    out[20..24].copy_from_slice(&states.to_ne_bytes());
    out[24..26].copy_from_slice(&local.port().to_be_bytes());
    if let Some(remote) = remote {
        out[26..28].copy_from_slice(&remote.port().to_be_bytes());
        put(&mut out[28..44], local.ip());
        put(&mut out[44..60], remote.ip());
        // No cookie (`INET_DIAG_NOCOOKIE`): any socket with these ends.
        out[64..72].fill(0xff);
    }
    out
}

fn put(into: &mut [u8], address: IpAddr) {
    match address {
        IpAddr::V4(address) => into[..4].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => into.copy_from_slice(&address.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::process::{Child, Command, Stdio};

    fn member(pid: u32) -> Member {
        Member { pid, ident: identity(pid).expect("it lives") }
    }

    fn me() -> Member {
        member(std::process::id())
    }

    /// A process that has nothing of ours but what it is given as its standard input; its end is the end of that.
    struct Stranger(Child);

    impl Stranger {
        fn new(stdin: Stdio) -> Stranger {
            let command = Command::new("sleep").arg("1000").stdin(stdin).stdout(Stdio::null()).spawn();
            Stranger(command.expect("sleep can be run"))
        }

        fn member(&self) -> Member {
            member(self.0.id())
        }
    }

    impl Drop for Stranger {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn ends(stream: &TcpStream) -> (SocketAddr, SocketAddr) {
        (stream.local_addr().expect("connected"), stream.peer_addr().expect("connected"))
    }

    fn listen(at: &str) -> Option<(TcpListener, TcpStream)> {
        let listener = TcpListener::bind(at).ok()?;
        let mut to = listener.local_addr().expect("bound");
        if to.ip().is_unspecified() {
            to.set_ip([127, 0, 0, 1].into());
        }
        let stream = TcpStream::connect(to).expect("it listens");
        Some((listener, stream))
    }

    #[test]
    fn an_accepted_socket_is_found_in_its_tree() {
        // `[::]` takes IPv4 too, whose sockets are then known by both names.
        for at in ["127.0.0.1:0", "[::1]:0", "[::]:0", "0.0.0.0:0"] {
            let Some((listener, stream)) = listen(at) else {
                assert!(at.starts_with('['), "only IPv6 may be missing on a machine");
                continue;
            };
            let (local, peer) = ends(&stream);
            let other = Stranger::new(Stdio::null()).member();
            let stranger = Stranger::new(Stdio::null());
            let _accepted = listener.accept().expect("somebody has come");
            assert_eq!(acceptor(local, peer, me(), &[stranger.member()]), Acceptor::Asked, "{at}");
            assert_eq!(acceptor(local, peer, stranger.member(), &[me()]), Acceptor::Other { either: false }, "{at}");
            assert_eq!(acceptor(local, peer, stranger.member(), &[]), Acceptor::Unknown, "{at}");
            assert_eq!(acceptor(local, peer, stranger.member(), &[other]), Acceptor::Unknown, "one that is gone");
        }
    }

    #[test]
    fn before_it_is_accepted_the_listeners_tell() {
        let (listener, stream) = listen("127.0.0.1:0").expect("loopback");
        let (local, peer) = ends(&stream);
        let stranger = Stranger::new(Stdio::null());
        assert_eq!(acceptor(local, peer, me(), &[stranger.member()]), Acceptor::Asked);
        assert_eq!(acceptor(local, peer, stranger.member(), &[me()]), Acceptor::Other { either: false });
        // Another that has the same listener: nobody knows who will accept, until one has.
        let both = Stranger::new(std::os::fd::OwnedFd::from(listener.try_clone().expect("a descriptor")).into());
        // It is our child: seen from us it is of our tree, seen from it we are another.
        assert_eq!(acceptor(local, peer, both.member(), &[me()]), Acceptor::Open);
        let _accepted = listener.accept().expect("somebody has come");
        assert_eq!(acceptor(local, peer, both.member(), &[me()]), Acceptor::Other { either: true });
        assert_eq!(acceptor(local, peer, me(), &[both.member()]), Acceptor::Asked);
    }

    #[test]
    fn descendants_belong_to_the_tree() {
        let (listener, stream) = listen("127.0.0.1:0").expect("loopback");
        let (local, peer) = ends(&stream);
        let accepted = std::os::fd::OwnedFd::from(listener.accept().expect("somebody has come").0);
        let child = Stranger::new(accepted.into());
        assert!(!has_open(std::process::id(), &BTreeSet::from([inode_of(local, peer)])), "it is the child's alone");
        let stranger = Stranger::new(Stdio::null());
        assert_eq!(acceptor(local, peer, me(), &[stranger.member()]), Acceptor::Asked);
        drop((child, listener));
        assert_eq!(acceptor(local, peer, me(), &[]), Acceptor::Unknown, "closed");
    }

    fn inode_of(local: SocketAddr, peer: SocketAddr) -> u32 {
        Diag::open().and_then(|diag| diag.connection(peer, local)).expect("asked").expect("there").inode
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        let (_listener, stream) = listen("127.0.0.1:0").expect("loopback");
        let (local, peer) = ends(&stream);
        let elsewhere = SocketAddr::new([203, 0, 113, 7].into(), peer.port());
        assert_eq!(acceptor(local, elsewhere, me(), &[]), Acceptor::Unknown);
        let mut found = Vec::new();
        for garbage in [&[0xff; 40][..], &[0; 40], &[1], &[]] {
            let _ = read_answers(garbage, &mut found);
        }
        assert!(found.is_empty());
    }
}
