//! What it gets from whom starts it: sockets, a port, and where to say that it is ready.

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::env;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;

/// The first descriptor of `LISTEN_FDS`.
const FIRST: i32 = 3;

/// The socket that it was given, or one on the port that it was told.
///
/// # Errors
/// Why there is none.
pub fn listener() -> Result<tokio::net::TcpListener, String> {
    let listener = match env::var("LISTEN_FDS") {
        Ok(count) => {
            let me = getpid().as_raw_nonzero().to_string();
            let meant = env::var("LISTEN_PID").unwrap_or_default();
            if meant != me || count.parse::<u32>().unwrap_or(0) == 0 {
                return Err(format!("LISTEN_FDS is {count} for process {meant}, and this is {me}"));
            }
            inherited().map_err(|error| format!("descriptor {FIRST}: {error}"))?
        }
        Err(_) => {
            let port = env::var("PORT").map_err(|_| "neither LISTEN_FDS nor PORT is set")?;
            bind(&format!("127.0.0.1:{port}"))?
        }
    };
    let ours = listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
    ours.map_err(|error| error.to_string())
}

/// A copy of the descriptor, by way of the kernel: its number alone proves nothing to Rust.
fn inherited() -> io::Result<TcpListener> {
    let me = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(TcpListener::from(pidfd_getfd(me, FIRST, PidfdGetfdFlags::empty())?))
}

/// Binds an address, as a program does that opens its ports itself.
///
/// # Errors
/// The address, and why not.
pub fn bind(address: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).map_err(|error| format!("cannot bind {address}: {error}"))
}

/// Says that it is ready, where somebody wants to know.
///
/// # Errors
/// Nobody listens there.
pub fn ready() -> io::Result<()> {
    match env::var_os("NOTIFY_SOCKET") {
        Some(path) => UnixDatagram::unbound()?.send_to(b"READY=1", path).map(drop),
        None => Ok(()),
    }
}
