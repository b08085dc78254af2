//! How an app is reached and replaced, as the parser can yield it.

use model::*;
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::Strategy;
use std::net::SocketAddr;
use std::time::Duration;

/// The fields of a specification that belong together here.
#[derive(Debug, Clone)]
pub struct Reach {
    port: Option<Port>,
    listen: Vec<Listen>,
    sticky: bool,
    instance_var: Option<String>,
    renewal: Renewal,
}

fn port() -> BoxedStrategy<Port> {
    let range = || (1u16..=60_000, 0u16..2000).prop_map(|(first, more)| (first, first + more));
    prop_oneof![
        (1u16..).prop_map(Port::Fixed),
        range().prop_map(|(first, last)| Port::Range(first, last)),
        range().prop_map(|(first, last)| Port::Auto(first, last)),
        Just(Port::Auto(AUTO_PORTS.0, AUTO_PORTS.1)),
    ]
    .boxed()
}

/// What is said of a socket beside its address.
type More = (Option<String>, Option<u32>, bool, Option<u32>);

/// Sockets whose addresses are not in each other's way.
fn listen() -> BoxedStrategy<Vec<Listen>> {
    let ip = prop::sample::select(&["127.0.0.1", "10.0.0.1", "[::1]"][..]);
    let address = prop_oneof![
        (any::<bool>(), ip, 1u16..).prop_map(|(is_tcp, ip, port)| {
            let at: SocketAddr = format!("{ip}:{port}").parse().expect("an address");
            if is_tcp { ListenAddress::Tcp(at) } else { ListenAddress::Udp(at) }
        }),
        "/[a-z${}~ .]{0,9}[a-z]/[a-zé{$][a-z:]{0,5}(\\.sock)?".prop_map(|path| ListenAddress::Unix(path.into())),
    ];
    let more = (option::of("[a-z][a-z $.{-]{0,5}"), option::of(1u32..=i32::MAX as u32), any::<bool>(), option::of(0u32..=0o777));
    // Names that are written are there once.
    btree_map(address, more, 0..4)
        .prop_map(|all| {
            let mut sockets: Vec<Listen> = Vec::new();
            for (address, more) in all {
                let socket = socket(address, more);
                if sockets.iter().all(|one| one.name != socket.name) {
                    sockets.push(socket);
                }
            }
            sockets
        })
        .boxed()
}

fn socket(address: ListenAddress, (name, backlog, reuse_port, mode): More) -> Listen {
    let is_unix = matches!(address, ListenAddress::Unix(_));
    let fits = |c: char| c.is_ascii_graphic() && c != ':' || c == ' ';
    let default = match &address {
        ListenAddress::Unix(path) => path.file_stem().expect("a name").to_string_lossy().replace(|c| !fits(c), "_"),
        ListenAddress::Tcp(at) | ListenAddress::Udp(at) => at.port().to_string(),
    };
    Listen {
        name: name.unwrap_or(default),
        backlog: backlog.filter(|_| !matches!(address, ListenAddress::Udp(_))).unwrap_or(BACKLOG),
        reuse_port: reuse_port && !is_unix,
        mode: mode.filter(|_| is_unix),
        address,
    }
}

fn renewal() -> BoxedStrategy<Renewal> {
    let span = || (0u64..100_000_000).prop_map(Duration::from_millis);
    let signal = (1i32..=64).prop_map(|number| Signal::from_number(number).expect("a signal"));
    (prop::sample::select(&Reload::ALL[..]), signal, span(), span(), 1u32..)
        .prop_map(|(strategy, signal, drain, soak, max_parallel)| Renewal { strategy, signal, drain, soak, max_parallel })
        .boxed()
}

pub fn reach() -> BoxedStrategy<Reach> {
    let var = option::of("[A-Z_][A-Z0-9_]{0,4}".prop_filter("not taken", |text| text != "PORT"));
    (option::of(port()), listen(), any::<bool>(), var, renewal())
        .prop_map(|(port, listen, sticky, instance_var, renewal)| Reach { port, listen, sticky, instance_var, renewal })
        .boxed()
}

impl Reach {
    /// Puts it into a specification, but for what does not go together with the rest of that.
    pub fn put(self, spec: &mut AppSpec) {
        let Reach { port, mut listen, sticky, instance_var, mut renewal } = self;
        let taken = |port: Port| {
            let inside = |one: &Listen| matches!(one.address, ListenAddress::Tcp(at) if port.allows(at.port()));
            !matches!(port, Port::Auto(..)) && listen.iter().any(inside)
        };
        let room = |port: Port| port.count() >= spec.instances;
        spec.port = port.filter(|port| room(*port) && !taken(*port));
        if sticky && spec.instances != 1 && !listen.is_empty() {
            listen.retain(|one| !matches!(one.address, ListenAddress::Unix(_)));
            listen.iter_mut().for_each(|one| one.reuse_port = true);
            spec.sticky = Some(Sticky::SourceIp).filter(|_| !listen.is_empty());
        }
        match (renewal.strategy, spec.port) {
            (Reload::Socket, _) | (Reload::Bluegreen, Some(Port::Fixed(_))) if listen.is_empty() => {
                renewal.strategy = Reload::Rolling
            }
            _ => {}
        }
        if let Some(Readiness::Fd { number: Some(number) }) = &mut spec.ready {
            *number = (*number).max(3 + u32::try_from(listen.len()).expect("few"));
        }
        (spec.listen, spec.instance_var, spec.renewal) = (listen, instance_var, renewal);
    }
}
