//! What a command prints, and what it is given to read: two FIFOs, of which we hold the other ends.
//!
//! However much it prints, nothing is written to a disk and no more than a few KiB are kept: what is read beyond [`FREELY`] is read slowly,
//! so that a flood holds itself up and not our loop, and only the end of it is kept.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::unix::fs::lchown;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use sys::stream::make_fifo;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Bytes that are read as fast as they come.
const FREELY: usize = 64 << 10;
/// Beyond them: so many bytes at most, then a pause.
const SIP: usize = 16 << 10;
const PAUSE: Duration = Duration::from_millis(5);
/// Bytes of the end that are kept.
const KEPT: usize = 2 << 10;
/// The longest line that is told.
const LINE: usize = 200;

/// The FIFOs of a command, made and opened by us before the keeper does.
#[derive(Debug)]
pub(crate) struct Pipes {
    output: Receiver,
    input: Option<(Sender, Vec<u8>)>,
}

impl Pipes {
    /// Makes them, and gives them to the `owner` (user and group) of the command, so that it can open its `/dev/stdout` again. What an earlier command of that name has left is replaced.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn make(ends: &wire::Ends, input: Option<Vec<u8>>, owner: Option<(u32, u32)>) -> io::Result<Pipes> {
        // Each is opened for reading and writing, so that neither the keeper's opening nor the order of ends matters.
        let fresh = |path: &str| {
            make_fifo(Path::new(path)).or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => std::fs::remove_file(path).and_then(|()| make_fifo(Path::new(path))),
                ErrorKind::NotFound => crate::home::make_folders().and_then(|()| make_fifo(Path::new(path))),
                _ => Err(error),
            })?;
            owner.map_or(Ok(()), |(uid, gid)| lchown(path, Some(uid), Some(gid)))
        };
        fresh(&ends.output_path)?;
        let output = OpenOptions::new().read_write(true).open_receiver(&ends.output_path)?;
        let input = match input {
            None => None,
            Some(bytes) => {
                fresh(&ends.input_path)?;
                Some((OpenOptions::new().read_write(true).open_sender(&ends.input_path)?, bytes))
            }
        };
        Ok(Pipes { output, input })
    }
}

/// What a command has printed so far.
#[derive(Debug)]
pub(crate) struct Output {
    pipe: Arc<Receiver>,
    tail: Arc<Mutex<Tail>>,
    reading: JoinHandle<()>,
    writing: Option<JoinHandle<()>>,
    /// Dropped when our end of what it reads may be.
    held: Option<oneshot::Sender<()>>,
}

impl Output {
    /// Begins to read, and to write what it is given.
    pub(crate) fn begin(pipes: Pipes) -> Output {
        let pipe = Arc::new(pipes.output);
        let tail = Arc::new(Mutex::new(Tail::default()));
        let reading = tokio::spawn(read(pipe.clone(), tail.clone()));
        let (held, handed_over) = oneshot::channel::<()>();
        let writing = pipes.input.map(|(mut sender, bytes)| {
            tokio::spawn(async move {
                // We hold the reading end too: only the end of the command stops this.
                let _ = sender.write_all(&bytes).await;
                let _ = handed_over.await;
            })
        });
        Output { pipe, tail, reading, writing, held: Some(held) }
    }

    /// The command has its own descriptors now: what it reads ends where ours does.
    pub(crate) fn handed_over(&mut self) {
        self.held = None;
    }

    /// The last line that it has printed, for people; empty if there is none.
    pub(crate) fn last_line(&self) -> String {
        let mut buffer = [0; 4096];
        let mut tail = lock(&self.tail);
        // What is still in the FIFO, and no more than fits into one.
        for _ in 0..FREELY / buffer.len() {
            // Asked of the system: Tokio may not know yet that there is something, as the end can be heard in the same turn.
            match rustix::io::read(&*self.pipe, &mut buffer) {
                Ok(count @ 1..) => tail.take(&buffer[..count]),
                _ => break,
            }
        }
        tail.last_line()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.reading.abort();
        if let Some(writing) = &self.writing {
            writing.abort();
        }
    }
}

async fn read(pipe: Arc<Receiver>, tail: Arc<Mutex<Tail>>) {
    let mut buffer = vec![0; SIP];
    let mut seen = 0_usize;
    while pipe.readable().await.is_ok() {
        match pipe.try_read(&mut buffer) {
            // We hold a writing end ourselves, so there is no end of file.
            Ok(0) => return,
            Ok(count) => {
                lock(&tail).take(&buffer[..count]);
                seen = seen.saturating_add(count);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        if seen > FREELY {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A panic while holding it cannot leave it half written in a way that matters.
fn lock(tail: &Mutex<Tail>) -> MutexGuard<'_, Tail> {
    tail.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of what was printed.
#[derive(Debug, Default)]
struct Tail(VecDeque<u8>);

impl Tail {
    fn take(&mut self, bytes: &[u8]) {
        self.0.extend(&bytes[bytes.len().saturating_sub(KEPT)..]);
        let over = self.0.len().saturating_sub(KEPT);
        self.0.drain(..over);
    }

    fn last_line(&self) -> String {
        let bytes: Vec<u8> = self.0.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().rev().map(plain).find(|line| !line.is_empty()).unwrap_or_default()
    }
}

/// A line without colours and other control characters, and not too long.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // `ESC [ … letter` is the one that programs print.
            if chars.clone().next() == Some('[') {
                chars.by_ref().skip(1).find(|c| ('@'..='~').contains(c));
            }
        } else if !c.is_control() && out.len() < LINE {
            out.push(c);
        } else if c == '\t' {
            out.push(' ');
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn the_last_line_is_for_people() {
        let line = |bytes: &[u8]| {
            let mut tail = Tail::default();
            bytes.chunks(7).for_each(|chunk| tail.take(chunk));
            tail.last_line()
        };
        assert_eq!(line(b""), "");
        assert_eq!(line(b"one\ntwo\n\n  \n"), "two");
        assert_eq!(line(b"half"), "half");
        assert_eq!(line(b"\x1b[1;31mred\x1b[0m\tand\x07 plain\r\n"), "red and plain");
        assert_eq!(line(&[b'x'; 100_000]).len(), LINE);
        assert_eq!(line(b"a\n\xff\xfe"), "\u{fffd}\u{fffd}");
    }

    fn ends(folder: &Path) -> wire::Ends {
        let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
        wire::Ends { input_path: at("in"), output_path: at("out"), ..wire::ends("x1") }
    }

    #[tokio::test]
    async fn what_came_with_the_end_is_told() {
        let folder = tempfile::tempdir().expect("tempdir");
        let ends = ends(folder.path());
        let output = Output::begin(Pipes::make(&ends, None, None).expect("made"));
        // No turn of the runtime between the writing and the telling.
        std::fs::write(&ends.output_path, "not good\n").expect("written");
        assert_eq!(output.last_line(), "not good");
    }

    #[tokio::test]
    async fn a_flood_is_read_and_not_kept() {
        let folder = tempfile::tempdir().expect("tempdir");
        let ends = ends(folder.path());
        let output = Output::begin(Pipes::make(&ends, None, None).expect("made"));
        let mut far = std::fs::OpenOptions::new().write(true).open(&ends.output_path).expect("open");
        let flood =
            tokio::task::spawn_blocking(move || far.write_all(&vec![b'x'; 1 << 20]).and_then(|()| far.write_all(b"\nthe end\n")));
        flood.await.expect("no panic").expect("written");
        assert_eq!(output.last_line(), "the end");
        assert!(lock(&output.tail).0.len() <= KEPT);
    }

    #[tokio::test]
    async fn what_is_given_is_read_to_its_end() {
        let folder = tempfile::tempdir().expect("tempdir");
        let ends = ends(folder.path());
        // More than a FIFO holds.
        let given = vec![b'y'; 200_000];
        let mut output = Output::begin(Pipes::make(&ends, Some(given.clone()), None).expect("made"));
        let mut far = std::fs::File::open(&ends.input_path).expect("open");
        let reader = tokio::task::spawn_blocking(move || {
            let mut got = Vec::new();
            far.read_to_end(&mut got).map(|_| got)
        });
        output.handed_over();
        assert_eq!(reader.await.expect("no panic").expect("read"), given);
    }
}
