//! Ports and listening sockets of apps.

use core::net::SocketAddr;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Which port a slot gets, as `PORT` and `{{port}}`; the app binds it itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// This one.
    Fixed(u16),
    /// One of these for each slot, both ends included.
    Range(u16, u16),
    /// The first of these that nobody has leased and that can be bound, both ends included.
    Auto(u16, u16),
}

/// Where a port is taken from if `auto` does not say: below the range that the system gives to outgoing connections.
pub const AUTO_PORTS: (u16, u16) = (20_000, 29_999);

/// A socket that the keeper binds and every life gets from descriptor 3 on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Listen {
    /// Where.
    pub address: ListenAddress,
    /// What it is called in `LISTEN_FDNAMES`.
    pub name: String,
    /// So many connections wait to be accepted.
    pub backlog: u32,
    /// Each slot has a socket of its own on the same address, and the kernel spreads connections.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub reuse_port: bool,
    /// File mode of a Unix socket; else 0600 (0660 is for a proxy of the same group).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mode: Option<u32>,
}

/// The address of a listening socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListenAddress {
    /// `tcp://127.0.0.1:80`, `tcp://[::1]:80`, `tcp://*:80` (every address, IPv4).
    Tcp(SocketAddr),
    /// `udp://…`, likewise.
    Udp(SocketAddr),
    /// `unix:/run/web.sock`, absolute.
    Unix(PathBuf),
}

/// How connections are spread over slots that have a socket each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sticky {
    /// By the client's address.
    SourceIp,
}

/// How many connections wait to be accepted if nothing is said; the kernel takes no more than `net.core.somaxconn`.
pub const BACKLOG: u32 = 4096;

impl ListenAddress {
    /// Its port, where it has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            ListenAddress::Tcp(at) | ListenAddress::Udp(at) => Some(at.port()),
            ListenAddress::Unix(_) => None,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp(at) => write!(f, "tcp://{at}"),
            ListenAddress::Udp(at) => write!(f, "udp://{at}"),
            ListenAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Port {
    /// The first and the last that it allows.
    pub fn span(self) -> (u16, u16) {
        match self {
            Port::Fixed(port) => (port, port),
            Port::Range(first, last) | Port::Auto(first, last) => (first, last),
        }
    }
}

impl Port {
    /// How many that are.
    pub fn count(self) -> u32 {
        let (first, last) = self.span();
        u32::from(last.saturating_sub(first)) + 1
    }

    /// Whether this one is among them.
    pub fn allows(self, port: u16) -> bool {
        let (first, last) = self.span();
        (first..=last).contains(&port)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Port::Fixed(port) => port.fmt(f),
            Port::Range(first, last) => write!(f, "{first}-{last}"),
            Port::Auto(first, last) if (*first, *last) == AUTO_PORTS => f.write_str("auto"),
            Port::Auto(first, last) => write!(f, "auto:{first}-{last}"),
        }
    }
}
