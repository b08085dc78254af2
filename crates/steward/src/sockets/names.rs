//! Which sockets a life gets, what the keeper calls them, and how it is asked for them.
//!
//! The name is made of the slot's id and the address: the same address keeps its socket over any change of order and of the rest of the
//! definition. What all slots share belongs to the first.

use model::{AppSpec, Listen, ListenAddress, SlotId};
use std::net::SocketAddr;
use wire::Request;

/// A listening socket of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Socket {
    /// The keeper's name for it.
    pub(crate) handle: String,
    /// What it is asked to be.
    pub(crate) listen: Listen,
    /// Each slot has its own at this address.
    pub(crate) own: bool,
    /// Clients are spread by their address.
    pub(crate) sticky: bool,
}

/// The sockets of a life, in the order in which it gets them: `first` is the id of the app's slot 0, `own` that of its slot.
pub(crate) fn of_life(spec: &AppSpec, first: SlotId, own: SlotId) -> Vec<Socket> {
    spec.listen.iter().map(|listen| socket(spec, listen, first, own)).collect()
}

/// How many descriptors from 3 on a life of the app gets as sockets.
pub(crate) fn room_taken(spec: &AppSpec) -> u32 {
    u32::try_from(spec.listen.len()).unwrap_or(u32::MAX)
}

fn socket(spec: &AppSpec, listen: &Listen, first: SlotId, own: SlotId) -> Socket {
    let of_net = !matches!(listen.address, ListenAddress::Unix(_));
    let sticky = of_net && spec.sticky.is_some();
    let each = sticky || of_net && listen.reuse_port;
    let whole = format!("{}{}", listen.address, if each { " each" } else { "" });
    let digest = ring::digest::digest(&ring::digest::SHA256, whole.as_bytes());
    let digest: String = digest.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let handle = format!("b{}.{digest}", if each { own } else { first }.0);
    Socket { handle, listen: listen.clone(), own: each, sticky }
}

/// Whether the keeper's name of something is that of a listening socket.
fn is_handle(name: &str) -> bool {
    let parts = name.strip_prefix('b').and_then(|rest| rest.split_once('.'));
    parts.is_some_and(|(slot, digest)| slot.parse::<u32>().is_ok() && digest.len() == 8)
}

impl Socket {
    /// Asks the keeper for it.
    pub(crate) fn request(&self) -> Request {
        let Listen { address, backlog, mode, .. } = &self.listen;
        let net = |kind: &str, at: &SocketAddr| {
            let family = if at.is_ipv4() { "inet" } else { "inet6" };
            (format!("{family},{kind}{}", if self.own { ",reuse_port" } else { "" }), at.to_string())
        };
        let (mut flags, at) = match address {
            ListenAddress::Tcp(at) => net("stream", at),
            ListenAddress::Udp(at) => net("dgram", at),
            ListenAddress::Unix(path) => {
                (format!("unix,stream,mode={:03o}", mode.unwrap_or(0o600)), path.to_string_lossy().into_owned())
            }
        };
        flags.push_str(&match address {
            ListenAddress::Udp(_) => ",bind".to_owned(),
            ListenAddress::Tcp(_) | ListenAddress::Unix(_) => format!(",listen={}", backlog.clamp(&1, &65_535)),
        });
        Request::new("fd.socket").field(&self.handle).field(flags).field(at)
    }

    /// The slot that a socket belongs to, by the keeper's name for it.
    pub(crate) fn slot_of(handle: &str) -> Option<SlotId> {
        handle.strip_prefix('b')?.split_once('.')?.0.parse().ok().map(SlotId)
    }

    /// The socket that a refusal or a state of the keeper is about, by the name in it.
    pub(crate) fn named(name: &str) -> Option<&str> {
        is_handle(name).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AppName, Sticky};

    fn listen(address: ListenAddress) -> Listen {
        Listen { address, name: "x".into(), backlog: 7, reuse_port: false, mode: None }
    }

    fn spec(listen: Vec<Listen>) -> AppSpec {
        let mut spec = AppSpec::new(AppName::new("web").expect("name"), vec!["x".into()], "/".into());
        spec.listen = listen;
        spec
    }

    fn said(socket: &Socket) -> String {
        let mut bytes = Vec::new();
        socket.request().write_to(&mut bytes);
        String::from_utf8(bytes).expect("text").trim_end().split('\t').skip(2).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_shared_belongs_to_the_first_slot_and_keeps_its_name() {
        let tcp = |at: &str| listen(ListenAddress::Tcp(at.parse().expect("an address")));
        let udp = listen(ListenAddress::Udp("[::1]:53".parse().expect("an address")));
        let unix = Listen { mode: Some(0o660), ..listen(ListenAddress::Unix("/run/web.sock".into())) };
        let all = spec(vec![tcp("127.0.0.1:80"), udp.clone(), unix.clone()]);
        let sockets = of_life(&all, SlotId(4), SlotId(9));
        let words: Vec<String> = sockets.iter().map(said).collect();
        assert_eq!(
            words,
            ["inet,stream,listen=7 127.0.0.1:80", "inet6,dgram,bind [::1]:53", "unix,stream,mode=660,listen=7 /run/web.sock"]
        );
        assert!(sockets.iter().all(|socket| socket.handle.starts_with("b4.") && Socket::named(&socket.handle).is_some()));
        let turned = of_life(&spec(vec![unix, udp, tcp("127.0.0.1:80"), tcp("127.0.0.1:81")]), SlotId(4), SlotId(4));
        assert_eq!(turned[2].handle, sockets[0].handle);
        assert_eq!(turned[0].handle, sockets[2].handle);
        assert_ne!(turned[3].handle, turned[2].handle);
    }

    #[test]
    fn each_slot_has_its_own_where_that_is_asked() {
        let at = ListenAddress::Tcp("127.0.0.1:80".parse().expect("an address"));
        let shared = of_life(&spec(vec![listen(at.clone())]), SlotId(4), SlotId(4));
        let own = Listen { reuse_port: true, ..listen(at.clone()) };
        let own = of_life(&spec(vec![own]), SlotId(4), SlotId(9));
        assert!(own[0].own && own[0].handle.starts_with("b9."));
        assert_eq!(said(&own[0]), "inet,stream,reuse_port,listen=7 127.0.0.1:80");
        assert_ne!(shared[0].handle[3..], own[0].handle[3..], "one of the other kind is another socket");
        let mut sticky = spec(vec![listen(at), listen(ListenAddress::Unix("/s".into()))]);
        sticky.sticky = Some(Sticky::SourceIp);
        let sticky = of_life(&sticky, SlotId(4), SlotId(9));
        assert!(sticky[0].own && sticky[0].sticky && !sticky[1].own && !sticky[1].sticky);
    }

    #[test]
    fn other_names_are_not_of_sockets() {
        for name in ["b.12345678", "b1.1234567", "b1", "i1.out.r", "bx.12345678", "s1.0", "null"] {
            assert_eq!(Socket::named(name), None, "{name}");
        }
    }
}
