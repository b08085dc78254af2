//! The line to the keeper: requests out, numbered events in.

use crate::duplex::Duplex;
use crate::log::say;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use sys::handle::{receive, send_with, write};
use wire::{Event, Request};

/// No line of dialect 2 is longer; what exceeds it is no line.
const LINE_LIMIT: usize = wire::DIALECT2_LINE * 2;
/// Room for output that is kept between bursts.
const KEPT_OUTPUT: usize = 16 << 10;

/// The keeper's control socket, descriptor 3.
#[derive(Debug)]
pub(crate) struct KeeperLink {
    line: Duplex,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    /// Descriptors that go with the byte at a place of the output, in order.
    gifts: VecDeque<(usize, OwnedFd)>,
    /// Descriptors that came, in order.
    came: VecDeque<OwnedFd>,
    /// Nobody reads any more; what is left to read ends the link.
    deaf: bool,
}

impl KeeperLink {
    /// Takes the descriptor, which is non-blocking.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub(crate) fn new(descriptor: OwnedFd) -> io::Result<KeeperLink> {
        Ok(KeeperLink {
            line: Duplex::new(descriptor)?,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            gifts: VecDeque::new(),
            came: VecDeque::new(),
            deaf: false,
        })
    }

    /// Appends a request; [`KeeperLink::flush`] sends it.
    pub(crate) fn say(&mut self, request: &Request) {
        if !self.deaf {
            request.write_to(&mut self.output);
        }
    }

    /// Appends a request with which a descriptor goes.
    pub(crate) fn say_with(&mut self, request: &Request, gift: OwnedFd) {
        if !self.deaf {
            self.gifts.push_back((self.output.len(), gift));
            request.write_to(&mut self.output);
        }
    }

    /// The oldest descriptor that came and was not taken yet. It comes before the event that speaks of it.
    pub(crate) fn came(&mut self) -> Option<OwnedFd> {
        self.came.pop_front()
    }

    /// Waits until there is something to read, or room to write what is left.
    pub(crate) async fn ready(&self) -> io::Result<()> {
        self.line.ready(self.sent < self.output.len()).await
    }

    /// Sends what there is room for. A keeper that is gone is noticed by reading.
    pub(crate) fn flush(&mut self) {
        while self.sent < self.output.len() {
            match self.send() {
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
        self.line.has_room();
        self.output.clear();
        self.output.shrink_to(KEPT_OUTPUT);
        self.gifts.clear();
        self.sent = 0;
    }

    /// Sends once: up to the next descriptor, or from one up to the next.
    fn send(&mut self) -> io::Result<usize> {
        let next = |gifts: &VecDeque<(usize, OwnedFd)>, at: usize| gifts.get(at).map_or(self.output.len(), |(place, _)| *place);
        match self.gifts.front() {
            Some((place, gift)) if *place == self.sent => {
                let bytes = &self.output[self.sent..next(&self.gifts, 1)];
                let count = self.line.write(|socket| send_with(socket, bytes, gift.as_fd()))?;
                self.gifts.pop_front();
                Ok(count)
            }
            _ => {
                let bytes = &self.output[self.sent..next(&self.gifts, 0)];
                self.line.write(|socket| write(socket, bytes))
            }
        }
    }

    /// Reads what is there. `false`: the keeper is gone.
    pub(crate) fn read(&mut self, heard: &mut Vec<Event>) -> bool {
        let mut buffer = [0; 8192];
        loop {
            let mut came = [None, None];
            match self.line.read(|socket| receive(socket, &mut buffer, &mut came)) {
                Ok(0) => return false,
                Ok(count) => {
                    self.came.extend(came.into_iter().flatten());
                    self.take(&buffer[..count], heard);
                }
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
    use std::os::unix::net::UnixStream as StdStream;

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
    async fn descriptors_go_and_come_with_their_lines() {
        let (mut link, far) = pair();
        let (one, other) = StdStream::pair().expect("pair");
        link.say(&Request::new("echo").field("before"));
        link.say_with(&Request::new("fd.take").field("a"), one.try_clone().expect("copy").into());
        link.say_with(&Request::new("fd.take").field("b"), other.try_clone().expect("copy").into());
        link.say(&Request::new("echo").field("behind"));
        while !link.output.is_empty() {
            link.ready().await.expect("ready");
            link.flush();
        }
        let (mut text, mut taken, mut bytes) = (Vec::new(), Vec::new(), [0; 4096]);
        while !text.ends_with(b"behind\n") {
            let mut places = [None, None];
            let count = receive(&far, &mut bytes, &mut places).expect("there");
            text.extend_from_slice(&bytes[..count]);
            taken.extend(places.into_iter().flatten());
        }
        assert_eq!(text, b"echo\tbefore\nfd.take\ta\nfd.take\tb\necho\tbehind\n");
        let things: Vec<_> = taken.iter().map(sys::datagram::same_thing).collect();
        assert_eq!(things, [sys::datagram::same_thing(&one), sys::datagram::same_thing(&other)]);
        send_with(&far, b"#1\tfd.give\ta\n", one.as_fd()).expect("sent");
        let mut heard = Vec::new();
        link.ready().await.expect("ready");
        assert!(link.read(&mut heard));
        assert_eq!(heard, [Event::Other(vec!["fd.give".into(), "a".into()])]);
        let came = link.came().expect("with it");
        assert_eq!(sys::datagram::same_thing(&came), sys::datagram::same_thing(&one));
        assert!(link.came().is_none());
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
