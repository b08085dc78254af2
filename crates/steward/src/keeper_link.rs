//! The line to the keeper: requests out, numbered events in.

use crate::log::say;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use tokio::io::Interest;
use tokio::net::UnixStream;
use wire::{Event, Request};

/// No line of dialect 2 is longer; what exceeds it is no line.
const LINE_LIMIT: usize = wire::DIALECT2_LINE * 2;
/// Room for output that is kept between bursts.
const KEPT_OUTPUT: usize = 16 << 10;

/// The keeper's control socket, descriptor 3.
#[derive(Debug)]
pub(crate) struct KeeperLink {
    socket: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    /// Nobody reads any more; what is left to read ends the link.
    deaf: bool,
}

impl KeeperLink {
    /// Takes the descriptor, which is non-blocking.
    ///
    /// # Errors
    /// It is no socket.
    pub(crate) fn new(descriptor: OwnedFd) -> io::Result<KeeperLink> {
        let socket = UnixStream::from_std(StdStream::from(descriptor))?;
        Ok(KeeperLink { socket, input: Vec::new(), output: Vec::new(), sent: 0, deaf: false })
    }

    /// Appends a request; [`KeeperLink::flush`] sends it.
    pub(crate) fn say(&mut self, request: &Request) {
        if !self.deaf {
            request.write_to(&mut self.output);
        }
    }

    /// Waits until there is something to read, or room to write what is left.
    pub(crate) async fn ready(&self) -> io::Result<()> {
        let writing = self.sent < self.output.len();
        let interest = if writing { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        self.socket.ready(interest).await.map(drop)
    }

    /// Sends what there is room for. A keeper that is gone is noticed by reading.
    pub(crate) fn flush(&mut self) {
        while self.sent < self.output.len() {
            match self.socket.try_write(&self.output[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    // Its socket stays writable for ever, so nobody may wait for that.
                    self.deaf = true;
                    break;
                }
            }
        }
        self.output.clear();
        self.output.shrink_to(KEPT_OUTPUT);
        self.sent = 0;
    }

    /// Reads what is there. `false`: the keeper is gone.
    pub(crate) fn read(&mut self, heard: &mut Vec<Event>) -> bool {
        let mut buffer = [0; 8192];
        loop {
            match self.socket.try_read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.take(&buffer[..count], heard),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    say!("the line to the keeper broke: {error}");
                    return false;
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8], heard: &mut Vec<Event>) {
        self.input.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(length) = self.input[start..].iter().position(|b| *b == b'\n') {
            match wire::decode(&self.input[start..start + length]) {
                Ok(numbered) => heard.push(numbered.event),
                Err(error) => say!("the keeper said something that is not understood: {}", error.0),
            }
            start += length + 1;
        }
        self.input.drain(..start);
        if self.input.len() > LINE_LIMIT {
            say!("the keeper began a line that does not end; it is dropped");
            self.input.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    fn pair() -> (KeeperLink, StdStream) {
        let (near, far) = StdStream::pair().expect("pair");
        near.set_nonblocking(true).expect("nonblocking");
        (KeeperLink::new(near.into()).expect("socket"), far)
    }

    #[tokio::test]
    async fn torn_and_malformed_lines() {
        let (mut link, mut far) = pair();
        let mut heard = Vec::new();
        far.write_all(b"nonsense\n#1\tdialect\t2\n#2\techoed\thi\n#3\tserv").expect("write");
        link.ready().await.expect("ready");
        assert!(link.read(&mut heard));
        assert_eq!(heard, [Event::Dialect(2), Event::Other(vec!["echoed".into(), "hi".into()])]);
        far.write_all(b"ice.state\ti1\tdown\t-\t-\t-\t-\t-\t-\t-\n").expect("write");
        link.ready().await.expect("ready");
        assert!(link.read(&mut heard));
        assert_eq!(heard.len(), 3);
        drop(far);
        link.ready().await.expect("ready");
        assert!(!link.read(&mut heard));
    }

    #[tokio::test]
    async fn a_keeper_that_died_with_lines_unread_is_noticed() {
        let (mut link, far) = pair();
        link.say(&Request::new("echo").field("never read"));
        link.flush();
        link.say(&Request::new("echo").field("never sent"));
        drop(far);
        link.flush();
        link.ready().await.expect("ready");
        assert!(!link.read(&mut Vec::new()));
    }

    #[tokio::test]
    async fn what_does_not_fit_is_sent_later() {
        let (mut link, mut far) = pair();
        let long = "x".repeat(60_000);
        for _ in 0..40 {
            link.say(&Request::new("echo").field(&long));
        }
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            far.read_to_end(&mut got).map(|_| got.len())
        });
        link.flush();
        while !link.output.is_empty() {
            link.ready().await.expect("ready");
            link.flush();
        }
        drop(link);
        assert_eq!(reader.join().expect("reader").expect("read"), 40 * (60_000 + 6));
    }
}
