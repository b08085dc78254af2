//! Sockets that are bound, and how connections are spread over several at one address.

use super::{Family, Shape, kind, make_parents};
use rustix::fs::{AtFlags, CWD, FileType, Mode, chmodat, fchmod, statat, unlinkat};
use rustix::io::Errno;
use rustix::net::{SocketAddrUnix, SocketFlags, bind, connect, listen, socket_with, sockopt};
use std::ffi::CStr;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What a socket is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address<'a> {
    /// A path, as it stands.
    Path(&'a Path),
    /// An address and port.
    Net(SocketAddr),
}

/// How a socket is bound for somebody who wants nobody else there: a path at which a socket was left that nobody has any more is taken over,
/// `[::]` leaves IPv4 alone, and no datagrams are shared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BindHow {
    /// Others of the same user that say so too may be bound there; the kernel spreads connections over them.
    pub reuse_port: bool,
    /// Mode of the file; without it, what the umask leaves.
    pub mode: Option<u32>,
    /// Connections are spread over so many by the client's address.
    pub sticky: Option<u32>,
}

type Made<T> = Result<T, (&'static str, io::Error)>;

fn from(call: &'static str) -> impl Fn(Errno) -> (&'static str, io::Error) {
    move |error| (call, io::Error::from(error))
}

/// Makes a socket, binds it, and lets it listen with that backlog. Without `how` a leftover of a path is in the way, and `SO_REUSEADDR` is
/// set whatever the shape.
///
/// # Errors
/// The call that failed (`socket`, `setsockopt`, `bind`, `chmod`, `listen`, `mkdir`), and what the system said.
pub fn socket(
    family: Family,
    shape: Shape,
    nonblock: bool,
    mkdir: bool,
    address: Option<Address<'_>>,
    backlog: Option<i32>,
    how: Option<BindHow>,
) -> Made<OwnedFd> {
    let (domain, carries, flags) = kind(family, shape, nonblock);
    let fd = socket_with(domain, carries, flags, None).map_err(from("socket"))?;
    match address {
        None => {}
        Some(Address::Path(path)) => {
            if mkdir {
                make_parents(path).map_err(|error| ("mkdir", error))?;
            }
            let path = path.as_os_str().as_bytes();
            crate::text::with_c_str(path, |path| Ok(bind_path(&fd, path, shape, how))).map_err(|error| ("bind", error))??;
        }
        Some(Address::Net(address)) => {
            let shared = how.is_none() || shape == Shape::Stream;
            sockopt::set_socket_reuseaddr(&fd, shared).map_err(from("setsockopt"))?;
            if let Some(how) = how {
                sockopt::set_socket_reuseport(&fd, how.reuse_port).map_err(from("setsockopt"))?;
                if family == Family::Inet6 {
                    sockopt::set_ipv6_v6only(&fd, true).map_err(from("setsockopt"))?;
                }
            }
            bind(&fd, &address).map_err(from("bind"))?;
        }
    }
    if let Some(backlog) = backlog {
        listen(&fd, backlog).map_err(from("listen"))?;
    }
    if let Some(count) = how.and_then(|how| how.sticky) {
        // Only now has it joined the others at its address, whose program this becomes.
        steer(&fd, count).map_err(|error| ("setsockopt", error))?;
    }
    Ok(fd)
}

fn bind_path(fd: &OwnedFd, path: &CStr, shape: Shape, how: Option<BindHow>) -> Made<()> {
    let address = SocketAddrUnix::new(path).map_err(from("bind"))?;
    let mode = how.and_then(|how| how.mode).map(Mode::from_raw_mode);
    if let Some(mode) = mode {
        // The file is never open to more than that, whatever the umask.
        fchmod(fd, mode).map_err(from("chmod"))?;
    }
    match bind(fd, &address) {
        Err(Errno::ADDRINUSE) if how.is_some() && is_left(path, &address, shape) => {
            unlinkat(CWD, path, AtFlags::empty()).map_err(from("bind"))?;
            bind(fd, &address).map_err(from("bind"))?;
        }
        bound => bound.map_err(from("bind"))?,
    }
    // Before it listens: until then nobody can connect to a stream.
    mode.map_or(Ok(()), |mode| chmodat(CWD, path, mode, AtFlags::empty()).map_err(from("chmod")))
}

/// Whether a file is a socket that nobody has open any more. Never waits.
pub(crate) fn is_left(path: &CStr, address: &SocketAddrUnix, shape: Shape) -> bool {
    let there = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW);
    if !there.is_ok_and(|there| FileType::from_raw_mode(there.st_mode).is_socket()) {
        return false;
    }
    let (domain, carries, _) = kind(Family::Unix, shape, true);
    let asker = socket_with(domain, carries, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None);
    asker.is_ok_and(|asker| connect(&asker, address) == Err(Errno::CONNREFUSED))
}

/// Spreads what comes to the address of this socket over the `count` sockets there, by the address that it comes from. The last one who says
/// so decides for all of them.
///
/// # Errors
/// `EINVAL` for none, or a socket that shares its address with nobody; `EOPNOTSUPP` for one that is not of the internet.
pub fn steer(fd: impl AsFd, count: u32) -> io::Result<()> {
    if count == 0 {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let domain = sockopt::socket_domain(&fd)?;
    let mut program = [instruction(0, 0); LONGEST];
    let length = match domain {
        rustix::net::AddressFamily::INET => write_program(&mut program, &[12], count),
        rustix::net::AddressFamily::INET6 => write_program(&mut program, &[8, 12, 16, 20], count),
        _ => return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
    };
    let whole = libc::sock_fprog { len: length as u16, filter: program.as_mut_ptr() };
    let size = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: the option takes this structure, which names `length` instructions that live until the call is over; the kernel copies them.
    let answer = unsafe {
        let raw = fd.as_fd().as_raw_fd();
        libc::setsockopt(raw, libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF, (&raw const whole).cast(), size)
    };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Instructions of the longest program.
const LONGEST: usize = 16;

fn instruction(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// `A` = the words of the network header at these places, one over the other; mixed; which of `count`. Gives its length.
fn write_program(into: &mut [libc::sock_filter; LONGEST], places: &[u32], count: u32) -> usize {
    use libc::{
        BPF_A, BPF_ABS, BPF_ALU, BPF_K, BPF_LD, BPF_MISC, BPF_MOD, BPF_MUL, BPF_RET, BPF_RSH, BPF_TAX, BPF_W, BPF_X, BPF_XOR,
    };
    /// Knuth's multiplier: neighbours come to be far from each other.
    const MIX: u32 = 2_654_435_761;
    let load = |place: u32| instruction(BPF_LD | BPF_W | BPF_ABS, (libc::SKF_NET_OFF as u32).wrapping_add(place));
    let mut at = 0;
    let mut say = |what: libc::sock_filter| {
        into[at] = what;
        at += 1;
    };
    for (nth, place) in places.iter().enumerate() {
        if nth > 0 {
            say(instruction(BPF_MISC | BPF_TAX, 0));
        }
        say(load(*place));
        if nth > 0 {
            say(instruction(BPF_ALU | BPF_XOR | BPF_X, 0));
        }
    }
    say(instruction(BPF_ALU | BPF_MUL | BPF_K, MIX));
    say(instruction(BPF_ALU | BPF_RSH | BPF_K, 16));
    say(instruction(BPF_ALU | BPF_MOD | BPF_K, count));
    say(instruction(BPF_RET | BPF_A, 0));
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::io::ErrorKind;
    use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};

    const STREAM: Shape = Shape::Stream;

    fn at_path(path: &Path, shape: Shape, how: Option<BindHow>) -> Made<OwnedFd> {
        let backlog = (shape != Shape::Datagram).then_some(8);
        socket(Family::Unix, shape, false, false, Some(Address::Path(path)), backlog, how)
    }

    fn at_net(address: SocketAddr, shape: Shape, how: Option<BindHow>) -> Made<OwnedFd> {
        let family = if address.is_ipv4() { Family::Inet } else { Family::Inet6 };
        socket(family, shape, false, false, Some(Address::Net(address)), (shape == STREAM).then_some(8), how)
    }

    fn refusal(made: Made<OwnedFd>) -> (&'static str, i32) {
        let (call, error) = made.expect_err("refused");
        (call, error.raw_os_error().expect("by the system"))
    }

    #[test]
    fn what_nobody_has_any_more_is_taken_over_and_nothing_else() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("s");
        let how = Some(BindHow { mode: Some(0o660), ..BindHow::default() });
        for shape in [STREAM, Shape::Datagram, Shape::Seqpacket] {
            let first = at_path(&path, shape, how).expect("free");
            assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o7777, 0o660);
            assert_eq!(refusal(at_path(&path, shape, how)), ("bind", libc::EADDRINUSE), "somebody has it");
            drop(first);
            assert_eq!(refusal(at_path(&path, shape, None)), ("bind", libc::EADDRINUSE), "not asked to look");
            drop(at_path(&path, shape, how).expect("a leftover"));
            std::fs::remove_file(&path).expect("there");
        }
        std::fs::write(&path, "precious").expect("write");
        assert_eq!(refusal(at_path(&path, STREAM, how)), ("bind", libc::EADDRINUSE));
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "precious");
    }

    #[test]
    fn one_that_cannot_take_more_is_still_there() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).expect("free");
        rustix::net::listen(&listener, 0).expect("a backlog of its own");
        let _full: Vec<UnixStream> = std::iter::from_fn(|| {
            let asker =
                socket_with(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, SocketFlags::NONBLOCK, None);
            let asker = asker.expect("a socket");
            let address = SocketAddrUnix::new(path.as_path()).expect("short");
            connect(&asker, &address).ok().map(|()| asker.into())
        })
        .collect();
        assert_eq!(refusal(at_path(&path, STREAM, Some(BindHow::default()))), ("bind", libc::EADDRINUSE));
    }

    #[test]
    fn ports_are_shared_only_by_those_who_say_so() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        for shape in [STREAM, Shape::Datagram] {
            let alone = at_net(any, shape, Some(BindHow::default())).expect("free");
            let at = address_of(&alone);
            let shared = Some(BindHow { reuse_port: true, ..BindHow::default() });
            for how in [Some(BindHow::default()), shared] {
                assert_eq!(refusal(at_net(at, shape, how)), ("bind", libc::EADDRINUSE), "{shape:?}");
            }
            let first = at_net(any, shape, shared).expect("free");
            let _second = at_net(address_of(&first), shape, shared).expect("shared");
        }
    }

    #[test]
    fn inet6_leaves_inet_alone() {
        let Ok(six) = at_net("[::]:0".parse().expect("an address"), STREAM, Some(BindHow::default())) else { return };
        let port = address_of(&six).port();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        let four = at_net(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), STREAM, Some(BindHow::default()));
        assert!(four.is_ok(), "{four:?}");
    }

    fn address_of(fd: &OwnedFd) -> SocketAddr {
        UdpSocket::from(fd.try_clone().expect("a copy")).local_addr().expect("bound")
    }

    /// Connects from this address of ours, and says which listener has got it.
    fn chosen(from: IpAddr, to: SocketAddr, listeners: &[TcpListener]) -> usize {
        let family = if to.is_ipv4() { rustix::net::AddressFamily::INET } else { rustix::net::AddressFamily::INET6 };
        let client = rustix::net::socket(family, rustix::net::SocketType::STREAM, None).expect("a socket");
        bind(&client, &SocketAddr::new(from, 0)).expect("ours");
        connect(&client, &to).expect("somebody listens");
        let got = |(at, listener): (usize, &TcpListener)| match listener.accept() {
            Ok(_) => Some(at),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                None
            }
        };
        listeners.iter().enumerate().find_map(got).expect("one of them")
    }

    #[test]
    fn a_client_comes_to_the_same_one_every_time() {
        let spread = |to: &str, clients: &mut dyn Iterator<Item = IpAddr>| {
            let mut listeners: Vec<TcpListener> = Vec::new();
            let mut at: SocketAddr = to.parse().expect("an address");
            for count in 1..=3 {
                let how = BindHow { reuse_port: true, sticky: Some(count), mode: None };
                let Ok(listener) = at_net(at, STREAM, Some(how)) else { return None };
                at = address_of(&listener);
                let listener = TcpListener::from(listener);
                listener.set_nonblocking(true).expect("a socket");
                listeners.push(listener);
            }
            let choice = clients.map(|from| {
                let first = chosen(from, at, &listeners);
                (0..8).for_each(|_| assert_eq!(chosen(from, at, &listeners), first, "{from}"));
                first
            });
            let used: BTreeSet<usize> = choice.collect();
            // Fewer: those that are told of go on with that.
            steer(&listeners[0], 1).expect("another program");
            assert_eq!(chosen(at.ip(), at, &listeners), 0);
            Some(used.len())
        };
        let clients = (1..40).map(|last| IpAddr::from([127, 0, 0, last]));
        assert_eq!(spread("127.0.0.1:0", &mut clients.into_iter()), Some(3), "all are used");
        // There is but one address here.
        let one = spread("[::1]:0", &mut [IpAddr::from(std::net::Ipv6Addr::LOCALHOST)].into_iter());
        assert!(one.is_none_or(|used| used == 1));
    }

    #[test]
    fn what_cannot_be_steered_is_refused() {
        let alone = at_net(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), STREAM, Some(BindHow::default())).expect("free");
        assert!(steer(&alone, 2).is_err());
        let (one, _other) = super::super::socket_pair(Family::Unix, STREAM, false).expect("a pair");
        assert_eq!(steer(&one, 2).expect_err("no address").raw_os_error(), Some(libc::EOPNOTSUPP));
        assert!(steer(&one, 0).is_err());
    }
}
