//! Readiness by a line feed, and by a message of Node.

use crate::log::say;
use engine::{Event, Word};
use model::InstanceId;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc::UnboundedSender;

/// How long it is not read after something was: so often at most does a flood wake us.
const REST: Duration = Duration::from_millis(50);
/// Bytes that are read at once, and how often before a rest: as much as a pipe holds.
const CHUNK: usize = 4096;
const AT_ONCE: usize = 16;
/// A longer message of Node is none that means anything here.
const LONGEST: usize = 256;

/// Waits for a line feed on a FIFO that we hold open for both directions. What comes after it is read too, so that nobody waits for room.
pub(crate) async fn hear_feed(instance: InstanceId, fifo: OwnedFd, tell: UnboundedSender<Event>) {
    hear(Receiver::from_owned_fd(fifo).map(Source::Feed), |bytes| {
        if bytes.contains(&b'\n') {
            let _ = tell.send(Event::Said { instance, word: Word::Ready });
        }
        bytes.contains(&b'\n')
    })
    .await;
}

/// Waits for `process.send('ready')` on Node's channel: lines of JSON, one of which is that word. Every other message is passed over.
pub(crate) async fn hear_node(instance: InstanceId, channel: OwnedFd, tell: UnboundedSender<Event>) {
    let mut lines = Lines::default();
    let channel = StdStream::from(channel);
    let source = channel.set_nonblocking(true).and_then(|()| UnixStream::from_std(channel)).map(Source::Node);
    hear(source, move |bytes| {
        let ready = lines.hold(bytes, br#""ready""#);
        if ready {
            let _ = tell.send(Event::Said { instance, word: Word::Ready });
        }
        ready
    })
    .await;
}

/// Either channel.
enum Source {
    Feed(Receiver),
    Node(UnixStream),
}

impl Source {
    async fn readable(&self) -> io::Result<()> {
        match self {
            Source::Feed(fifo) => fifo.readable().await,
            Source::Node(channel) => channel.readable().await,
        }
    }

    fn try_read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Feed(fifo) => fifo.try_read(bytes),
            Source::Node(channel) => channel.try_read(bytes),
        }
    }
}

/// Reads until the end; `take` looks at what comes until it says that it has heard enough.
async fn hear(source: io::Result<Source>, mut take: impl FnMut(&[u8]) -> bool) {
    let source = match source {
        Ok(source) => source,
        Err(error) => return say!("failed to listen to a channel: {error}"),
    };
    let mut bytes = [0; CHUNK];
    let mut enough = false;
    while source.readable().await.is_ok() {
        for _ in 0..AT_ONCE {
            match source.try_read(&mut bytes) {
                Ok(0) => return,
                Ok(count) => enough = enough || take(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
        tokio::time::sleep(REST).await;
    }
}

/// Lines in pieces, of which only one is looked for.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    /// The line is too long to be the one.
    lost: bool,
}

impl Lines {
    fn hold(&mut self, bytes: &[u8], wanted: &[u8]) -> bool {
        let mut found = false;
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.lost |= self.begun.len() + piece.len() > LONGEST;
            if !self.lost {
                self.begun.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                found |= !self.lost && self.begun.trim_ascii() == wanted;
                self.begun.clear();
                self.lost = false;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tokio::sync::mpsc::unbounded_channel;

    #[test]
    fn the_word_among_others() {
        let mut lines = Lines::default();
        assert!(!lines.hold(b"{\"cmd\":\"NODE_X\"}\n\"rea", b"\"ready\""));
        assert!(lines.hold(b"dy\"\n", b"\"ready\""));
        assert!(!lines.hold(b"\"ready\"", b"\"ready\""), "not yet a line");
        let mut lines = Lines::default();
        assert!(!lines.hold(&[b'x'; 100_000], b"\"ready\""));
        assert!(lines.begun.len() <= LONGEST);
        assert!(!lines.hold(b"\"ready\"\n", b"\"ready\""), "the end of a long one");
        assert!(lines.hold(b"\"ready\"\r\n", b"\"ready\""));
    }

    #[tokio::test]
    async fn a_line_feed_and_what_follows_it() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("ready");
        sys::stream::make_fifo(&path).expect("fifo");
        let ours = sys::stream::hold_fifo(&path, true).expect("open");
        let mut theirs = std::fs::OpenOptions::new().write(true).open(&path).expect("open");
        let (tell, mut told) = unbounded_channel();
        let task = tokio::spawn(hear_feed(InstanceId(4), ours, tell));
        theirs.write_all(b"almost").expect("written");
        theirs.write_all(b"\n").expect("written");
        assert!(matches!(told.recv().await, Some(Event::Said { instance: InstanceId(4), word: Word::Ready })));
        let writer = tokio::task::spawn_blocking(move || (0..50).try_for_each(|_| theirs.write_all(&[b'\n'; 10_000])));
        writer.await.expect("writer").expect("half a megabyte went in");
        assert!(told.try_recv().is_err(), "said once");
        task.abort();
    }

    #[tokio::test]
    async fn node_says_ready() {
        let (ours, mut theirs) = StdStream::pair().expect("pair");
        let (tell, mut told) = unbounded_channel();
        tokio::spawn(hear_node(InstanceId(5), ours.into(), tell));
        theirs.write_all(b"{\"type\":\"stats\"}\n\"ready\"\n").expect("written");
        assert!(matches!(told.recv().await, Some(Event::Said { instance: InstanceId(5), word: Word::Ready })));
    }
}
