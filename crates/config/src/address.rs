//! Addresses of listening sockets, read as text: nothing is looked up.

use crate::diagnostic::clip;
use crate::url;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use model::ListenAddress;

/// What an address is, for "expected …".
pub(crate) const WANTED: &str = "an address such as \"tcp://127.0.0.1:3000\" or \"unix:web.sock\"";

/// An address as it is written.
#[derive(Debug, PartialEq)]
pub(crate) enum Written<'t> {
    /// One that is complete.
    Net(ListenAddress),
    /// A path, to be taken from a folder.
    Unix(&'t str),
}

/// What is wrong, and what to do about it.
pub(crate) type Wrong = (String, Option<String>);

/// Reads one.
pub(crate) fn read(text: &str) -> Result<Written<'_>, Wrong> {
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path);
    }
    if let Some(rest) = text.strip_prefix("tcp://") {
        return socket(rest, "tcp://").map(|at| Written::Net(ListenAddress::Tcp(at)));
    }
    if let Some(rest) = text.strip_prefix("udp://") {
        return socket(rest, "udp://").map(|at| Written::Net(ListenAddress::Udp(at)));
    }
    Err((format!("expected {WANTED}, found `{}`", clip(text)), meant(text)))
}

/// The address that somebody has most likely meant who wrote no scheme, or another.
fn meant(text: &str) -> Option<String> {
    let write = |address: String| Some(format!("write \"{}\"", clip(&address)));
    if let Some((scheme, rest)) = text.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        return match scheme {
            "http" | "https" | "ws" | "wss" if socket(authority, "tcp://").is_ok() => write(format!("tcp://{authority}")),
            _ => None,
        };
    }
    if url::is_port(text) {
        return write(format!("tcp://127.0.0.1:{text}"));
    }
    if socket(text, "tcp://").is_ok() {
        return write(format!("tcp://{text}"));
    }
    if text.contains('/') || text.ends_with(".sock") { write(format!("unix:{text}")) } else { None }
}

fn unix(path: &str) -> Result<Written<'_>, Wrong> {
    // As other programs write it: `unix:///run/web.sock`.
    let path = match path.strip_prefix("//") {
        Some(rest) if rest.starts_with('/') => rest,
        Some(rest) => {
            let help = format!("write \"unix:/{0}\", or \"unix:{0}\" for one in this folder", clip(rest));
            return Err(("after `unix:` stands a path".to_owned(), Some(help)));
        }
        None => path,
    };
    if path.is_empty() || path.ends_with('/') {
        return Err(("the path of the socket names no file".to_owned(), Some("write for example \"unix:web.sock\"".to_owned())));
    }
    if path.starts_with('@') {
        let help = format!("write the path of a file; one that is called so is \"unix:./{}\"", clip(path));
        return Err(("sockets without a file are not supported".to_owned(), Some(help)));
    }
    Ok(Written::Unix(path))
}

/// `HOST:PORT`.
fn socket(text: &str, scheme: &str) -> Result<SocketAddr, Wrong> {
    let (host, port) = match url::split(text) {
        (host, Some(port)) => (host, port),
        (host, None) => {
            let help = format!("write for example \"{scheme}{}:3000\"", if host.is_empty() { "127.0.0.1" } else { host });
            return Err(("it names no port".to_owned(), Some(clip(&help))));
        }
    };
    let host = self::host(host, scheme, port)?;
    if port.bytes().all(|b| b == b'0') && !port.is_empty() {
        let help = "write its number; a port that Abide chooses is `port = \"auto\"`".to_owned();
        return Err(("with port 0 it would be another one each time".to_owned(), Some(help)));
    }
    if let Some((front, _)) = port.split_once('/').filter(|(front, _)| url::is_port(front)) {
        return Err(("nothing can stand behind the port".to_owned(), Some(format!("take off what follows {front}"))));
    }
    match port.parse::<u16>().ok().filter(|_| url::is_port(port)) {
        Some(port) => Ok(SocketAddr::new(host, port)),
        None => Err((format!("`{}` is no port", clip(port)), Some("a port is a number from 1 to 65535".to_owned()))),
    }
}

fn host(text: &str, scheme: &str, port: &str) -> Result<IpAddr, Wrong> {
    let known = match text {
        "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        _ => match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::from),
            None => text.parse::<Ipv4Addr>().ok().map(IpAddr::from),
        },
    };
    let port = clip(port);
    match known {
        Some(host) => Ok(host),
        None if text.is_empty() => {
            let help = format!("\"{scheme}*:{port}\" is every address, \"{scheme}127.0.0.1:{port}\" this machine alone");
            Err(("it does not say on which address".to_owned(), Some(help)))
        }
        None if text.parse::<Ipv6Addr>().is_ok() => {
            let help = format!("write \"{scheme}[{text}]:{port}\"");
            Err(("an address of IPv6 stands in brackets".to_owned(), Some(help)))
        }
        None => {
            let help = "write an IP address, `*` for every one, or localhost".to_owned();
            Err((format!("`{}` is no IP address, and names are not looked up", clip(text)), Some(help)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good() {
        for (text, want) in [
            ("tcp://127.0.0.1:3000", "tcp://127.0.0.1:3000"),
            ("tcp://*:80", "tcp://0.0.0.0:80"),
            ("tcp://localhost:80", "tcp://127.0.0.1:80"),
            ("tcp://[::1]:80", "tcp://[::1]:80"),
            ("udp://[::]:53", "udp://[::]:53"),
            ("udp://*:65535", "udp://0.0.0.0:65535"),
        ] {
            match read(text) {
                Ok(Written::Net(address)) => assert_eq!(address.to_string(), want),
                other => panic!("{text}: {other:?}"),
            }
        }
        for (text, path) in
            [("unix:web.sock", "web.sock"), ("unix:/run/x", "/run/x"), ("unix:///run/x", "/run/x"), ("unix:~/x", "~/x")]
        {
            assert_eq!(read(text), Ok(Written::Unix(path)), "{text}");
        }
    }

    #[test]
    fn bad() {
        for text in [
            "",
            "tcp://",
            "tcp://:80",
            "tcp://127.0.0.1",
            "tcp://127.0.0.1:",
            "tcp://127.0.0.1:0",
            "tcp://127.0.0.1:+1",
            "tcp://127.0.0.1:65536",
            "tcp://::1:80",
            "tcp://[::1]",
            "tcp://[x]:80",
            "tcp://[127.0.0.1]:80",
            "tcp://db:80",
            "tcp://1.2.3:80",
            "tcp://127.0.0.1:80/x",
            "TCP://127.0.0.1:80",
            "unix:",
            "unix:x/",
            "unix://run/x",
            "unix:@x",
            "80",
            "/run/x.sock",
            "http://127.0.0.1:80/",
            "x",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_meant() {
        for (text, help) in [
            ("80", "write \"tcp://127.0.0.1:80\""),
            ("*:80", "write \"tcp://*:80\""),
            ("http://localhost:80/x", "write \"tcp://localhost:80\""),
            ("/run/x.sock", "write \"unix:/run/x.sock\""),
            ("x.sock", "write \"unix:x.sock\""),
            ("unix://run/x", "write \"unix:/run/x\", or \"unix:run/x\" for one in this folder"),
            ("tcp://::1:80", "write \"tcp://[::1]:80\""),
        ] {
            assert_eq!(read(text).expect_err(text).1.as_deref(), Some(help), "{text}");
        }
    }
}
