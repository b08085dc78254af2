//! One end of a line to another process of the house.
//!
//! It is waited for to be read, and for room in it only after there was none: else every message that the other side takes would wake us.

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A socket that is watched for one thing alone. What Tokio has for sockets is woken by room as well.
///
/// # Errors
/// It cannot be waited for.
#[expect(
    deprecated,
    reason = "its successor is unsafe for the sake of descriptors that change; an owned one stays what it is until it is dropped"
)]
pub(crate) fn watched<T: AsRawFd>(socket: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(socket, interest)
}

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Duplex {
    socket: AsyncFd<OwnedFd>,
    /// The same socket; one descriptor is watched for one thing only.
    copy: Arc<OwnedFd>,
    /// Watched while there is no room.
    room: Option<AsyncFd<Arc<OwnedFd>>>,
    /// The last try to write has failed.
    failed: bool,
}

impl Duplex {
    /// Takes a socket, which is non-blocking.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Duplex> {
        let copy = Arc::new(socket.try_clone()?);
        Ok(Duplex { socket: watched(socket, Interest::READABLE)?, copy, room: None, failed: false })
    }

    /// Waits until there is something to read, or room after there was none. With something to write that was not tried yet it waits for nothing.
    pub(crate) async fn ready(&self, writes: bool) -> io::Result<()> {
        if writes && !self.failed {
            return Ok(());
        }
        let room = async {
            match &self.room {
                Some(room) => room.writable().await.map(drop),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            come = self.socket.readable() => come.map(drop),
            room = room => room,
        }
    }

    /// Reads, if there is something to read.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there, or what `read` says.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&OwnedFd) -> io::Result<R>) -> io::Result<R> {
        self.socket.try_io(Interest::READABLE, read)
    }

    /// Writes, if there is room.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; from then on it is waited for. Or what `write` says.
    pub(crate) fn write<R>(&mut self, write: impl FnOnce(&OwnedFd) -> io::Result<R>) -> io::Result<R> {
        let done = match &self.room {
            Some(room) => room.try_io(Interest::WRITABLE, |socket| write(socket)),
            None => write(&self.copy),
        };
        self.failed = done.is_err();
        match &done {
            // Without memory to wait with it is tried again when anything happens.
            Err(error) if error.kind() == ErrorKind::WouldBlock && self.room.is_none() => {
                self.room = watched(self.copy.clone(), Interest::WRITABLE).ok();
            }
            // There may be room all the same: it is tried again when anything happens.
            Err(error) if error.kind() != ErrorKind::WouldBlock => self.room = None,
            _ => {}
        }
        done
    }

    /// Everything was written.
    pub(crate) fn has_room(&mut self) {
        (self.room, self.failed) = (None, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn room_wakes_only_whom_it_failed() {
        let (near, mut far) = UnixStream::pair().expect("pair");
        near.set_nonblocking(true).expect("nonblocking");
        let mut line = Duplex::new(near.into()).expect("a line");
        let send = |line: &mut Duplex| line.write(|socket| sys::handle::write(socket, &[b'x'; 4096]));
        line.ready(true).await.expect("not tried yet");
        send(&mut line).expect("room");
        far.read_exact(&mut [0; 4096]).expect("read");
        assert!(timeout(Duration::from_millis(50), line.ready(false)).await.is_err(), "there was room");
        while send(&mut line).is_ok() {}
        assert!(timeout(Duration::from_millis(50), line.ready(true)).await.is_err(), "there is none");
        far.set_nonblocking(true).expect("nonblocking");
        while far.read(&mut [0; 65536]).is_ok() {}
        timeout(Duration::from_secs(60), line.ready(false)).await.expect("in time").expect("room");
        send(&mut line).expect("room");
        line.has_room();
        while far.read(&mut [0; 65536]).is_ok() {}
        assert!(timeout(Duration::from_millis(50), line.ready(false)).await.is_err(), "nothing is owed");
        drop(far);
        line.ready(false).await.expect("an end");
        assert_eq!(line.read(|socket| sys::handle::read(socket, &mut [0; 8])).expect("read"), 0);
    }
}
