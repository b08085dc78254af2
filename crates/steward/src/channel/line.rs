//! Readiness by a line feed, and by a message of Node.
//!
//! As with sd_notify, the word stays in the channel until the brain has written down what comes of it: if we are gone before that, the next steward
//! reads it again.

use super::notify::{Gift, settle};
use crate::duplex::watched;
use crate::log::say;
use engine::{Event, Word};
use model::InstanceId;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use sys::datagram::{peek, receive};
use sys::stream::{Flow, Scratch};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::{Sender, UnboundedSender};

/// How long it is not read after something was: so often at most does a flood wake us.
const REST: Duration = Duration::from_millis(50);
/// Bytes that are read at once, and how often before a rest: as much as a pipe holds.
const CHUNK: usize = 4096;
const AT_ONCE: usize = 16;
/// A longer message of Node is none that means anything here.
const LONGEST: usize = 256;
/// What Node writes for `process.send('ready')`.
const READY: &[u8] = br#""ready""#;

/// To whom the word goes.
#[derive(Debug, Clone)]
pub(crate) struct Hearer {
    /// The life that speaks.
    pub(crate) instance: InstanceId,
    /// Where words go.
    pub(crate) tell: UnboundedSender<Event>,
    /// Who answers when they are written down.
    pub(crate) gifts: Sender<Gift>,
}

/// Waits for a line feed on a FIFO that we hold open for both directions. What comes after it is read too, so that nobody waits for room.
pub(crate) async fn hear_feed(fifo: OwnedFd, hearer: Hearer) {
    hear(Scratch::new().map(Source::Feed), fifo, hearer).await;
}

/// Waits for `process.send('ready')` on Node's channel: lines of JSON, one of which is that word. Every other message is passed over.
pub(crate) async fn hear_node(channel: OwnedFd, hearer: Hearer) {
    hear(sys::handle::set_nonblocking(&channel, true).map(|()| Source::Node(Lines::default())), channel, hearer).await;
}

/// Either channel, until the word was heard.
enum Source {
    Feed(Scratch),
    Node(Lines),
}

/// What lies in a channel.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// So many bytes are of no use any more when the word, if it is among them, is written down.
    past: usize,
    ready: bool,
}

impl Source {
    /// Looks at what is there and leaves it. `None` = the other end is closed.
    fn look(&mut self, channel: &OwnedFd) -> io::Result<Option<Seen>> {
        let mut bytes = [0; CHUNK];
        let seen = match self {
            Source::Feed(scratch) => match scratch.peek(channel, CHUNK as u64).map_err(io::Error::other)? {
                Flow::End => return Ok(None),
                Flow::Empty => Seen { past: 0, ready: false },
                Flow::Bytes(count) => {
                    let feed = scratch.seen(count).iter().position(|byte| *byte == b'\n');
                    Seen { past: feed.map_or(count, |at| at + 1), ready: feed.is_some() }
                }
            },
            Source::Node(lines) => {
                let found = peek(channel, &mut bytes)?;
                if found.length == 0 {
                    return Ok(None);
                }
                // What lies behind descriptors is seen only when these are taken, and no word comes in two parts with them.
                lines.look(&bytes[..found.length], !found.descriptors.is_empty())
            }
        };
        // The beginning of a line waits for the rest of it.
        if seen.past == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(Some(seen)) }
    }

    /// Takes what was seen.
    fn pass(&mut self, channel: &OwnedFd, len: usize) -> io::Result<()> {
        match self {
            Source::Feed(scratch) => scratch.consume(channel, len).map_err(io::Error::other),
            Source::Node(_) => {
                let mut left = len;
                while left > 0 {
                    left -= receive(channel, &mut [0; CHUNK][..left])?.length.clamp(1, left);
                }
                Ok(())
            }
        }
    }
}

/// Reads until the end. A channel that cannot be listened to is said.
async fn hear(source: io::Result<Source>, channel: OwnedFd, hearer: Hearer) {
    let opened = source.and_then(|source| Ok((source, watched(channel, Interest::READABLE)?)));
    match opened {
        Ok((source, channel)) => {
            // Its end, or that nobody wants to know any more.
            if until_ready(source, &channel, &hearer).await.is_some() {
                discard(&channel).await;
            }
        }
        Err(error) => say!("failed to listen to a channel: {error}"),
    }
}

/// Waits for the word; `None` = it will not come.
async fn until_ready(mut source: Source, channel: &AsyncFd<OwnedFd>, hearer: &Hearer) -> Option<()> {
    loop {
        drop(channel.readable().await.ok()?);
        for _ in 0..AT_ONCE {
            match channel.try_io(Interest::READABLE, |channel| source.look(channel)) {
                Ok(None) => return None,
                Ok(Some(Seen { past, ready })) => {
                    if ready {
                        let _ = hearer.tell.send(Event::Said { instance: hearer.instance, word: Word::Ready });
                        settle(hearer.instance, &hearer.gifts).await.ok()?;
                    }
                    source.pass(channel.get_ref(), past).ok()?;
                    if ready {
                        return Some(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
        }
        tokio::time::sleep(REST).await;
    }
}

/// Reads what nobody wants to know, to the end.
async fn discard(channel: &AsyncFd<OwnedFd>) {
    let mut bytes = [0; CHUNK];
    while channel.readable().await.map(drop).is_ok() {
        for _ in 0..AT_ONCE {
            match channel.try_io(Interest::READABLE, |channel| sys::handle::read(channel, &mut bytes)) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return,
            }
        }
        tokio::time::sleep(REST).await;
    }
}

/// Lines, of which only one is looked for.
#[derive(Debug, Default)]
struct Lines {
    /// What has been passed is the beginning of a line that is too long to be the one.
    lost: bool,
}

impl Lines {
    /// Looks at whole lines; the beginning of another stays where it is, unless it is too long or `cut`.
    fn look(&mut self, bytes: &[u8], cut: bool) -> Seen {
        let mut past = 0;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_long = self.lost || piece.len() > LONGEST;
            if !piece.ends_with(b"\n") {
                self.lost = is_long || cut;
                return Seen { past: if self.lost { bytes.len() } else { past }, ready: false };
            }
            past += piece.len();
            self.lost = false;
            if !is_long && piece.trim_ascii() == READY {
                return Seen { past, ready: true };
            }
        }
        Seen { past, ready: false }
    }
}

#[cfg(test)]
mod tests {
    use super::super::notify::Wish;
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use tokio::sync::mpsc::{Receiver, UnboundedReceiver, channel, unbounded_channel};

    fn hearer(number: u64) -> (Hearer, UnboundedReceiver<Event>, Receiver<Gift>) {
        let ((tell, told), (gifts, given)) = (unbounded_channel(), channel(8));
        (Hearer { instance: InstanceId(number), tell, gifts }, told, given)
    }

    /// Says that it is written down.
    async fn write_down(given: &mut Receiver<Gift>) {
        let Some(Gift { wish: Wish::Settle(done), .. }) = given.recv().await else { panic!("to write it down") };
        done.send(()).expect("somebody waits");
    }

    #[test]
    fn the_word_among_others() {
        let seen = |past, ready| Seen { past, ready };
        let mut lines = Lines::default();
        assert_eq!(lines.look(b"{\"cmd\":\"NODE_X\"}\n\"rea", false), seen(17, false), "the beginning stays");
        assert_eq!(lines.look(b"\"rea", false), seen(0, false));
        assert_eq!(lines.look(b"\"ready\"\nmore", false), seen(8, true));
        assert_eq!(lines.look(b"\"ready\"", false), seen(0, false), "not yet a line");
        assert_eq!(lines.look(b"\"ready\"\r\n", false), seen(9, true));
        assert_eq!(lines.look(&[b'x'; CHUNK], false), seen(CHUNK, false), "too long to wait for its end");
        assert_eq!(lines.look(b"\"ready\"\n", false), seen(8, false), "the end of a long one");
        assert_eq!(lines.look(b"\"ready\"\n", false), seen(8, true));
        assert_eq!(lines.look(b"{\"x\"", true), seen(4, false), "nothing behind it can be seen");
        assert_eq!(lines.look(b"}\n\"ready\"\n", false), seen(10, true));
    }

    #[tokio::test]
    async fn a_line_feed_and_what_follows_it() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("ready");
        sys::stream::make_fifo(&path).expect("fifo");
        let ours = || sys::stream::hold_fifo(&path, true).expect("open");
        let held = ours();
        let mut theirs = std::fs::OpenOptions::new().write(true).open(&path).expect("open");
        // Who dies before it is written down has taken nothing.
        let (dies, mut told, given) = hearer(4);
        let task = tokio::spawn(hear_feed(ours(), dies));
        theirs.write_all(b"almost").expect("written");
        theirs.write_all(b"\n").expect("written");
        assert!(matches!(told.recv().await, Some(Event::Said { instance: InstanceId(4), word: Word::Ready })));
        task.abort();
        drop(given);
        let (next, mut told, mut given) = hearer(4);
        let task = tokio::spawn(hear_feed(held, next));
        assert!(matches!(told.recv().await, Some(Event::Said { instance: InstanceId(4), word: Word::Ready })));
        write_down(&mut given).await;
        let writer = tokio::task::spawn_blocking(move || (0..50).try_for_each(|_| theirs.write_all(&[b'\n'; 10_000])));
        writer.await.expect("writer").expect("half a megabyte went in");
        assert!(told.try_recv().is_err(), "said once");
        task.abort();
    }

    #[tokio::test]
    async fn node_says_ready() {
        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        let (dies, mut told, given) = hearer(5);
        let task = tokio::spawn(hear_node(ours.try_clone().expect("copied").into(), dies));
        theirs.write_all(b"{\"type\":\"stats\"}\n\"re").expect("written");
        theirs.write_all(b"ady\"\n").expect("written");
        assert!(matches!(told.recv().await, Some(Event::Said { instance: InstanceId(5), word: Word::Ready })));
        // Who dies before it is written down has taken nothing.
        task.abort();
        drop(given);
        let (next, mut told, mut given) = hearer(5);
        tokio::spawn(hear_node(ours.into(), next));
        assert!(matches!(told.recv().await, Some(Event::Said { instance: InstanceId(5), word: Word::Ready })));
        write_down(&mut given).await;
        let writer = tokio::task::spawn_blocking(move || (0..50).try_for_each(|_| theirs.write_all(&[b'\n'; 10_000])));
        writer.await.expect("writer").expect("half a megabyte went in");
        assert!(told.try_recv().is_err(), "said once");
    }
}
