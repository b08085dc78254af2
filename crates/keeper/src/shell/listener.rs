//! The control socket. Clients are taken in while there is room for them; others wait in the backlog.

use super::links::Out;
use super::outlets::Outlet;
use super::rounds::{KEY_LISTENER, Shell};
use std::ffi::OsStr;
use std::fs::symlink_metadata;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Clients taken in one round.
const ACCEPTED_IN_A_ROUND: usize = 8;
/// How long nobody is taken in after no descriptor was left.
const PAUSE_NS: u64 = 250_000_000;

/// The control socket.
pub(super) struct Listener {
    pub(super) outlet: Outlet,
    /// Device and inode of what stands at the path.
    pub(super) place: Option<(u64, u64)>,
    /// Until when nobody is taken in.
    pub(super) paused: Option<u64>,
}

impl Listener {
    pub(super) fn new(fd: OwnedFd, place: Option<(u64, u64)>) -> Listener {
        Listener { outlet: Outlet::new(fd), place, paused: None }
    }
}

fn place_of(path: &Path) -> Option<(u64, u64)> {
    symlink_metadata(path).ok().map(|seen| (seen.dev(), seen.ino()))
}

impl Shell {
    /// Makes the control socket; a former one goes.
    ///
    /// # Errors
    /// What the system says; the former one is gone all the same.
    pub fn listen(&mut self, path: &Path) -> io::Result<()> {
        self.unlisten();
        self.listener_path.clear();
        self.listener_path.extend_from_slice(path.as_os_str().as_bytes());
        self.listen_at_path()
    }

    /// The same, at the path that the core says.
    pub(super) fn listen_at_text(&mut self) -> io::Result<()> {
        self.unlisten();
        self.listener_path.clear();
        self.listener_path.extend_from_slice(self.core.text());
        self.listen_at_path()
    }

    fn listen_at_path(&mut self) -> io::Result<()> {
        let path = Path::new(OsStr::from_bytes(&self.listener_path));
        let fd = sys::handle::listen_at(path)?;
        self.listener = Some(Listener::new(fd, place_of(path)));
        Ok(())
    }

    /// Closes the control socket, and removes it if it still stands where it was put.
    pub(super) fn unlisten(&mut self) {
        if let Some(mut listener) = self.listener.take() {
            listener.outlet.unwatch(&self.poller);
            let path = Path::new(OsStr::from_bytes(&self.listener_path));
            if listener.place.is_some() && place_of(path) == listener.place {
                let _ = std::fs::remove_file(path);
            }
        }
    }

    pub(super) fn watch_listener(&mut self) {
        let can = self.core.can_connect();
        let now = sys::clock::now();
        if let Some(listener) = &mut self.listener {
            listener.paused = listener.paused.filter(|until| can && *until > now);
            listener.outlet.watch(&self.poller, KEY_LISTENER, can && listener.paused.is_none(), false);
        }
    }

    /// Takes in who waits. When no descriptor is left one client is turned away, so that somebody hears of it, and the rest wait.
    pub(super) fn take_clients(&mut self) {
        for _ in 0..ACCEPTED_IN_A_ROUND {
            let Some(listener) = self.listener.as_mut().filter(|_| self.core.can_connect()) else { return };
            match sys::handle::accept(listener.outlet.fd()) {
                Ok(None) => return,
                Ok(Some(client)) => {
                    let Some(conn) = self.core.connect() else { return };
                    self.links.add(conn, client, Out::Same, true);
                }
                Err(error) if super::spare::is_short(&error) => {
                    self.spare.give_up();
                    drop(sys::handle::accept(listener.outlet.fd()));
                    self.spare.refill();
                    listener.paused = Some(sys::clock::now() + PAUSE_NS);
                    return;
                }
                // Aborted while it waited; who else waits is still told of.
                Err(_) => return,
            }
        }
    }
}
