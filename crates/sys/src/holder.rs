//! Who holds a port of this machine: the kernel's lists of sockets (`/proc/net/tcp` and its siblings, `proc(5)`), and the descriptors of
//! the processes that we may look into.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a port is a port of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Of TCP.
    Tcp,
    /// Of UDP.
    Udp,
}

/// A process that has a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number; of several processes with that socket the lowest, which as a rule bore the others.
    pub pid: u32,
    /// What the kernel calls it: `nginx`.
    pub name: String,
}

/// The process whose socket keeps another from being bound at this address. `None` when nobody is there, and where the system does not
/// tell: a process of another user is not seen without root, one in another network namespace never.
///
/// Reads the descriptors of all processes: blocking, some milliseconds on a large machine.
pub fn holder(protocol: Protocol, at: SocketAddr) -> Option<Holder> {
    let (four, six) = match protocol {
        Protocol::Tcp => ("/proc/net/tcp", "/proc/net/tcp6"),
        Protocol::Udp => ("/proc/net/udp", "/proc/net/udp6"),
    };
    let mut found: Vec<Socket> = Vec::new();
    for list in [four, six] {
        found.extend(fs::read_to_string(list).unwrap_or_default().lines().filter_map(socket));
    }
    found.retain(|socket| socket.inode != 0 && in_the_way(socket.local, at));
    // One that listens at this very address rather than at all addresses, rather than a connection that came from there.
    found.sort_by_key(|socket| (socket.state != LISTEN, socket.local.ip().to_canonical() != at.ip().to_canonical()));
    found.into_iter().find_map(|socket| process_with(socket.inode))
}

/// A TCP socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// Where.
    pub at: SocketAddr,
    /// By which its descriptors are known.
    pub inode: u64,
}

/// Every TCP socket that listens on this machine, as far as we see it.
pub fn listeners() -> Vec<Listener> {
    let lists = ["/proc/net/tcp", "/proc/net/tcp6"].map(|list| fs::read_to_string(list).unwrap_or_default());
    let sockets = lists.iter().flat_map(|list| list.lines()).filter_map(socket).filter(|socket| socket.state == LISTEN);
    sockets.map(|socket| Listener { at: socket.local, inode: socket.inode }).collect()
}

/// `TCP_LISTEN`.
const LISTEN: u8 = 10;
/// Descriptors of a process that are looked at.
const DESCRIPTORS: usize = 1 << 16;

struct Socket {
    local: SocketAddr,
    state: u8,
    inode: u64,
}

/// Whether a socket there and one at `wanted` exclude each other. `[::]` may or may not take IPv4 too; the list does not say.
fn in_the_way(there: SocketAddr, wanted: SocketAddr) -> bool {
    let (ours, theirs) = (wanted.ip().to_canonical(), there.ip().to_canonical());
    let all = |ip: IpAddr, of: IpAddr| ip.is_unspecified() && (ip.is_ipv6() || of.is_ipv4());
    there.port() == wanted.port() && (ours == theirs || all(theirs, ours) || all(ours, theirs))
}

/// A line of the list: number, local and remote address, state, queues, timer, retransmits, user, timeout, inode.
fn socket(line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = address(fields.next()?)?;
    let state = u8::from_str_radix(fields.nth(1)?, 16).ok()?;
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Socket { local, state, inode })
}

/// `0100007F:1F90`: each four bytes of the address as one number of this machine, the port as a plain one.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    let ip = if ip.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(word(0)?))
    } else {
        let mut octets = [0; 16];
        for (at, four) in octets.chunks_exact_mut(4).enumerate() {
            four.copy_from_slice(&word(at)?);
        }
        IpAddr::V6(Ipv6Addr::from(octets))
    };
    Some(SocketAddr::new(ip, port))
}

fn process_with(inode: u64) -> Option<Holder> {
    let wanted = format!("socket:[{inode}]");
    let names = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let pid = names.collect::<BTreeSet<u32>>().into_iter().find(|pid| has_open(*pid, &wanted))?;
    let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(Holder { pid, name: String::from_utf8_lossy(&name).trim_end().to_owned() })
}

fn has_open(pid: u32, wanted: &str) -> bool {
    let Ok(listing) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let links = listing.take(DESCRIPTORS).filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.into_iter().any(|link| link.as_os_str() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    fn me() -> Holder {
        let name = fs::read_to_string("/proc/self/comm").expect("we run");
        Holder { pid: std::process::id(), name: name.trim_end().to_owned() }
    }

    #[test]
    fn our_own_sockets_are_ours() {
        for at in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(at) else {
                assert!(at.starts_with('['), "only IPv6 may be missing on a machine");
                continue;
            };
            let at = listener.local_addr().expect("bound");
            assert_eq!(holder(Protocol::Tcp, at), Some(me()), "{at}");
            drop(listener);
            assert_eq!(holder(Protocol::Tcp, at), None, "{at}");
        }
        let udp = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let at = udp.local_addr().expect("bound");
        assert_eq!(holder(Protocol::Udp, at), Some(me()));
    }

    #[test]
    fn all_addresses_are_in_the_way_of_one_and_one_of_all() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        for (there, wanted, is) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "0.0.0.0:80", true),
            ("[::]:80", "127.0.0.1:80", true),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true),
            ("[::]:80", "[::1]:80", true),
            ("[::1]:80", "[::]:80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("127.0.0.2:80", "127.0.0.1:80", false),
            ("127.0.0.1:81", "127.0.0.1:80", false),
        ] {
            assert_eq!(in_the_way(at(there), at(wanted)), is, "{there} and {wanted}");
        }
    }

    #[test]
    fn a_connection_from_a_port_holds_it_too() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        assert_eq!(holder(Protocol::Tcp, stream.local_addr().expect("connected")), Some(me()));
    }

    #[test]
    fn lines_of_the_list() {
        let line =
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0";
        let read = socket(line).expect("a line");
        #[cfg(target_endian = "little")]
        assert_eq!(read.local, "127.0.0.1:8080".parse::<SocketAddr>().expect("an address"));
        assert_eq!((read.state, read.inode), (LISTEN, 4711));
        for garbage in
            ["", "  sl  local_address rem_address   st", "1: :", "1: é0100007:1F90 0 0A", "0: 0100:1 0:0 0A 0 0 0 0 0 1"]
        {
            assert!(socket(garbage).is_none(), "{garbage}");
        }
    }
}
