//! From `HOST:PORT` to addresses.

use super::pool::Pool;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// Addresses of one name that are tried.
const MOST: usize = 8;

/// Where to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// There, in this order.
    At(Vec<SocketAddr>),
    /// A name that must be looked up.
    Named(String, u16),
}

/// Reads `HOST:PORT` or `[IPV6]:PORT`. `localhost` is never looked up: it is this machine by both kinds of address, whatever a name server says
/// (RFC 6761, 6.3).
///
/// # Errors
/// What is wrong, in words.
pub(super) fn place(address: &str) -> Result<Place, String> {
    if let Ok(exact) = address.parse::<SocketAddr>() {
        return Ok(Place::At(vec![exact]));
    }
    let wrong = || format!("`{address}` is no address; it is written host:port");
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let plain = host.trim_end_matches('.').to_ascii_lowercase();
    if plain == "localhost" || plain.ends_with(".localhost") {
        let both = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        return Ok(Place::At(both.map(|ip| SocketAddr::new(ip, port)).to_vec()));
    }
    if host.is_empty() || host.contains([':', '[', ']']) {
        return Err(wrong());
    }
    Ok(Place::Named(host.to_owned(), port))
}

/// The addresses of `HOST:PORT`, for others than probes. A name is looked up in turn with all others of `pool`, so that a name server that does
/// not answer never takes more than one thread.
///
/// # Errors
/// What is wrong, in words.
pub(crate) async fn addresses(address: &str, pool: &Pool) -> Result<Vec<SocketAddr>, String> {
    match place(address)? {
        Place::At(places) => Ok(places),
        Place::Named(host, port) => {
            let found = pool.look_up(move || look_up(&host, port)).await;
            found.unwrap_or_else(|| Err("the manager ends".to_owned()))
        }
    }
}

/// Asks the system for the addresses of a name. Blocking, and for long where a name server does not answer.
///
/// # Errors
/// What it says instead.
pub(super) fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found: Vec<SocketAddr> =
        (host, port).to_socket_addrs().map_err(|_| format!("the name {host} is not known"))?.take(MOST).collect();
    if found.is_empty() { Err(format!("the name {host} has no address")) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dead_name_server_takes_one_thread() {
        let (pool, (hang, held)) = (Pool::default(), std::sync::mpsc::channel::<()>());
        let first = tokio::spawn({
            let pool = pool.clone();
            async move { pool.look_up(move || held.recv().is_err()).await }
        });
        while pool.is_free() {
            tokio::task::yield_now().await;
        }
        let mut name = Box::pin(addresses("some.invalid:80", &pool));
        let number = addresses("127.0.0.1:80", &pool);
        let passed = tokio::time::timeout(std::time::Duration::from_millis(100), &mut name).await;
        assert!(passed.is_err(), "it waits its turn");
        assert_eq!(number.await.map(|found| found.len()), Ok(1), "who needs no name waits for none");
        drop(hang);
        assert_eq!(first.await.expect("no panic"), Some(true));
        assert!(name.await.is_err(), "its turn came");
    }

    #[test]
    fn places_are_read() {
        let at = |texts: &[&str]| Ok(Place::At(texts.iter().map(|text| text.parse().expect("an address")).collect()));
        assert_eq!(place("127.0.0.1:80"), at(&["127.0.0.1:80"]));
        assert_eq!(place("[::1]:80"), at(&["[::1]:80"]));
        for local in ["localhost:80", "LocalHost.:80", "a.localhost:80"] {
            assert_eq!(place(local), at(&["127.0.0.1:80", "[::1]:80"]), "{local}");
        }
        assert_eq!(place("db.local:5432"), Ok(Place::Named("db.local".to_owned(), 5432)));
        for wrong in ["", "80", "localhost", ":80", "::1:80", "[::1]", "host:http", "host:65536", "host:-1"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
