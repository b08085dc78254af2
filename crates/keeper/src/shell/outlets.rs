//! One descriptor of a connection: a socket, or what a user has as standard input and output. Nothing is changed on a terminal, pipe
//! or file that others share: whether a read or write would wait is asked before, instead of made impossible.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use sys::handle;
use sys::poll::{Interest, Poller};

/// How a descriptor stands in the poller.
enum Watch {
    Not,
    For(Interest),
    /// It cannot be waited for because it never waits: a plain file, `/dev/null`.
    Plain,
}

/// A descriptor and how it is waited for.
pub(super) struct Outlet {
    fd: OwnedFd,
    socket: bool,
    watch: Watch,
}

impl Outlet {
    /// A socket is made non-blocking; nothing else is touched.
    pub(super) fn new(fd: OwnedFd) -> Outlet {
        let file = File::from(fd);
        let socket = file.metadata().is_ok_and(|seen| seen.file_type().is_socket());
        if socket {
            // What can be asked what it is can be told this.
            let _ = handle::set_nonblocking(&file, true);
        }
        Outlet { fd: file.into(), socket, watch: Watch::Not }
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    pub(super) fn is_socket(&self) -> bool {
        self.socket
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self.watch, Watch::Plain)
    }

    /// Reads once; not from a socket only when the poller has told that there is something.
    pub(super) fn read(&self, bytes: &mut [u8], came: &mut [Option<OwnedFd>; 2]) -> io::Result<usize> {
        if self.socket { handle::receive(&self.fd, bytes, came) } else { handle::read(&self.fd, bytes) }
    }

    /// Writes what goes in now.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.socket { handle::write(&self.fd, bytes) } else { handle::write_soon(self.fd.as_fd(), bytes) }
    }

    /// Writes what goes in now, with a copy of a descriptor at the first byte. Without it where none can be sent.
    pub(super) fn write_with(&self, bytes: &[u8], with: &OwnedFd) -> io::Result<usize> {
        if self.socket { handle::send_with(&self.fd, bytes, with.as_fd()) } else { self.write(bytes) }
    }

    /// Sets what is waited for. A hang-up of something that is no socket would be told again and again: it is not watched for nothing.
    pub(super) fn watch(&mut self, poller: &Poller, key: u64, read: bool, write: bool) {
        let interest = Interest { read, write, edge: false };
        let idle = !read && !write && !self.socket;
        self.watch = match std::mem::replace(&mut self.watch, Watch::Plain) {
            Watch::Plain => Watch::Plain,
            Watch::Not if idle => Watch::Not,
            Watch::Not => match poller.add(&self.fd, key, interest) {
                Ok(()) => Watch::For(interest),
                // `EPERM`.
                Err(error) if error.raw_os_error() == Some(1) => Watch::Plain,
                Err(_) => Watch::Not,
            },
            Watch::For(_) if idle => {
                let _ = poller.remove(&self.fd);
                Watch::Not
            }
            Watch::For(now) if now != interest && poller.change(&self.fd, key, interest).is_ok() => Watch::For(interest),
            same @ Watch::For(_) => same,
        };
    }

    pub(super) fn unwatch(&mut self, poller: &Poller) {
        if let Watch::For(_) = self.watch {
            let _ = poller.remove(&self.fd);
            self.watch = Watch::Not;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_waited_for_is_plain() {
        let poller = Poller::new().expect("poller");
        let mut null = Outlet::new(handle::null().expect("null"));
        assert!(!null.is_socket() && !null.is_plain());
        null.watch(&poller, 1, true, false);
        assert!(null.is_plain());
        let (ours, theirs) = handle::control_pair(true, true).expect("pair");
        let mut ours = Outlet::new(ours);
        assert!(ours.is_socket());
        ours.watch(&poller, 2, true, false);
        drop(theirs);
        let mut ready = Vec::new();
        poller.wait(Some(0), &mut ready).expect("wait");
        assert!(ready.len() == 1 && ready[0].key == 2 && ready[0].hangup && !ours.is_plain());
        assert_eq!(ours.read(&mut [0; 8], &mut [None, None]).expect("the end"), 0);
    }

    #[test]
    fn a_closed_pipe_is_not_told_for_ever() {
        let poller = Poller::new().expect("poller");
        let (read, write) = handle::pipe(false).expect("pipe");
        let mut outlet = Outlet::new(read);
        outlet.watch(&poller, 1, true, false);
        drop(write);
        outlet.watch(&poller, 1, false, false);
        let mut ready = Vec::new();
        poller.wait(Some(0), &mut ready).expect("wait");
        assert!(ready.is_empty());
        outlet.watch(&poller, 1, true, false);
        poller.wait(Some(0), &mut ready).expect("wait");
        assert!(ready.len() == 1 && ready[0].hangup);
    }
}
