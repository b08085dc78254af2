//! Readiness by a line feed, and by a message of Node.

use engine::{Event, Word};
use model::InstanceId;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
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
    hear(fifo, |bytes| {
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
    hear(channel, move |bytes| {
        let ready = lines.hold(bytes, br#""ready""#);
        if ready {
            let _ = tell.send(Event::Said { instance, word: Word::Ready });
        }
        ready
    })
    .await;
}

/// Reads until the end; `take` looks at what comes until it says that it has heard enough.
async fn hear(fd: OwnedFd, mut take: impl FnMut(&[u8]) -> bool) {
    let Ok(fd) = AsyncFd::with_interest(fd, Interest::READABLE) else { return };
    let mut bytes = [0; CHUNK];
    let mut enough = false;
    loop {
        for _ in 0..AT_ONCE {
            let Ok(mut guard) = fd.readable().await else { return };
            match guard.try_io(|fd| Ok(rustix::io::read(fd, &mut bytes)?)) {
                Err(_) => break,
                Ok(Ok(0)) => return,
                Ok(Ok(count)) => enough = enough || take(&bytes[..count]),
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(Err(_)) => return,
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
    use std::os::unix::net::UnixStream;
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
        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        ours.set_nonblocking(true).expect("nonblocking");
        let (tell, mut told) = unbounded_channel();
        let task = tokio::spawn(hear_feed(InstanceId(4), ours.into(), tell));
        theirs.write_all(b"almost").expect("written");
        theirs.write_all(b"\n").expect("written");
        assert!(matches!(told.recv().await, Some(Event::Said { instance: InstanceId(4), word: Word::Ready })));
        let writer = std::thread::spawn(move || (0..100).try_for_each(|_| theirs.write_all(&[b'\n'; 10_000])));
        task.await.expect("ends with the other end");
        writer.join().expect("writer").expect("a megabyte went in");
        assert!(told.recv().await.is_none(), "said once");
    }

    #[tokio::test]
    async fn node_says_ready() {
        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        ours.set_nonblocking(true).expect("nonblocking");
        let (tell, mut told) = unbounded_channel();
        tokio::spawn(hear_node(InstanceId(5), ours.into(), tell));
        theirs.write_all(b"{\"type\":\"stats\"}\n\"ready\"\n").expect("written");
        assert!(matches!(told.recv().await, Some(Event::Said { instance: InstanceId(5), word: Word::Ready })));
    }
}
