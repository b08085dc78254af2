//! A controller on the keeper's control socket.

use crate::keeper_inbox::Inbox;
use crate::keeper_lines::{Lines, PATIENCE};
use crate::wait::wait_until;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

/// A connection to the control socket. It derefs to [`Lines`].
#[derive(Debug)]
pub struct Client {
    lines: Lines,
    stream: UnixStream,
    inbox: Arc<Inbox>,
}

impl Client {
    #[track_caller]
    pub(crate) fn deaf(path: &Path, stderr: Option<Arc<Inbox>>) -> Client {
        let what = format!("{} takes a connection", path.display());
        let stream = wait_until(PATIENCE, &what, || UnixStream::connect(path).ok());
        let writer = stream.try_clone().expect("a descriptor can be doubled");
        let inbox = Arc::<Inbox>::default();
        let lines = Lines::new("a client of the control socket", Some(Box::new(writer)), inbox.clone(), stderr);
        Client { lines, stream, inbox }
    }

    #[track_caller]
    pub(crate) fn connect(path: &Path, stderr: Option<Arc<Inbox>>) -> Client {
        let mut client = Client::deaf(path, stderr);
        client.listen();
        client
    }

    /// Begins to read.
    pub fn listen(&mut self) {
        self.inbox.clone().listen(self.stream.try_clone().expect("a descriptor can be doubled"));
    }

    /// The connection itself.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Ends both directions, as an exit of the client would.
    pub fn hang_up(&mut self) {
        self.lines.note("(hung up)");
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// Sends a command with descriptors (SCM_RIGHTS). Everything said before must have been answered.
    #[track_caller]
    pub fn say_with(&mut self, line: &str, fds: &[BorrowedFd<'_>]) {
        self.lines.note(&format!("{line} (with {} descriptors)", fds.len()));
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(fds)), "at most eight descriptors");
        let text = format!("{line}\n");
        let sent = sendmsg(&self.stream, &[IoSlice::new(text.as_bytes())], &mut control, SendFlags::NOSIGNAL);
        assert_eq!(sent, Ok(text.len()), "a line is sent in one piece");
    }

    /// Reads once, on a client that does not listen: the text and the descriptors that came with it.
    #[track_caller]
    pub fn receive_with(&mut self) -> (String, Vec<OwnedFd>) {
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = vec![0; 4096];
        let got = recvmsg(&self.stream, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::empty());
        let got = got.unwrap_or_else(|e| self.lines.fail(&format!("nothing was received: {e}")));
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(some) = message {
                fds.extend(some);
            }
        }
        (String::from_utf8_lossy(&bytes[..got.bytes]).into_owned(), fds)
    }
}

impl Deref for Client {
    type Target = Lines;

    fn deref(&self) -> &Lines {
        &self.lines
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Lines {
        &mut self.lines
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The thread that listens has a descriptor of its own, which alone would keep the connection.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}
