//! Moving log bytes: FIFO to file without touching them, and the message link between steward and scribe.
//!
//! Errors are words (`ENOSPC`), because that is all that anybody does with them: they are shown.

use crate::errno;
use crate::place::open_file;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, mknodat, open, statat};
use rustix::io::{Errno, read, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, recv, send as send_to};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice as splice_fd, tee};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The name of an error: `ENOSPC`, or `ENOTREG` and `ENOTFIFO` for a path that names something else than it should.
pub type Word = &'static str;

/// Bytes looked at or moved at once at most.
pub const CHUNK: usize = 64 * 1024;

/// What became of an attempt to take bytes from a FIFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// So many, at least one.
    Bytes(usize),
    /// Nothing there; a writer is.
    Empty,
    /// Nothing there, and nobody holds the writing end.
    End,
}

fn word(error: Errno) -> Word {
    errno::name(error.raw_os_error())
}

fn word_of(error: &io::Error) -> Word {
    errno::name_of(error)
}

fn flow(result: rustix::io::Result<usize>) -> Result<Flow, Word> {
    match result {
        Ok(0) => Ok(Flow::End),
        Ok(bytes) => Ok(Flow::Bytes(bytes)),
        Err(Errno::AGAIN) => Ok(Flow::Empty),
        Err(error) => Err(word(error)),
    }
}

/// Makes a FIFO (0600).
///
/// # Errors
/// What the system says.
pub fn make_fifo(path: &Path) -> io::Result<()> {
    Ok(mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?)
}

/// Opens a FIFO for reading, non-blocking, and tells how many bytes it holds; `None` when there is nothing by that name.
///
/// # Errors
/// `ENOTFIFO`, `ELOOP` for a symbolic link, or what the system says.
pub fn open_fifo(path: &Path) -> Result<Option<(OwnedFd, u64)>, Word> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let fd = match retry_on_intr(|| open(path, flags, Mode::empty())) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(word(error)),
    };
    if FileType::from_raw_mode(fstat(&fd).map_err(word)?.st_mode) != FileType::Fifo {
        return Err("ENOTFIFO");
    }
    let capacity = fcntl_getpipe_size(&fd).map_err(word)?;
    Ok(Some((fd, capacity as u64)))
}

/// Opens a FIFO, non-blocking, for reading and writing, so that it has no end; or for writing alone, which somebody must read (`ENXIO`).
///
/// # Errors
/// `ELOOP` for a symbolic link, `EINVAL` for what is no FIFO, or what the system says.
pub fn hold_fifo(path: &Path, read: bool) -> io::Result<OwnedFd> {
    let way = if read { OFlags::RDWR } else { OFlags::WRONLY };
    let flags = way | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let fd = retry_on_intr(|| open(path, flags, Mode::empty()))?;
    if FileType::from_raw_mode(fstat(&fd)?.st_mode) != FileType::Fifo {
        return Err(Errno::INVAL.into());
    }
    Ok(fd)
}

/// How many bytes stand in a pipe and nobody has read.
pub fn waiting(fifo: impl AsFd) -> u64 {
    rustix::io::ioctl_fionread(fifo).unwrap_or(0)
}

/// Moves up to `len` bytes from a FIFO to a place in a file, inside the kernel: at no moment are they anywhere else. `EINVAL` = the file
/// knows no splice (see [`Scratch::copy`]).
///
/// # Errors
/// What the system says; what was not moved is still in the FIFO.
pub fn splice(fifo: impl AsFd, file: impl AsFd, at: u64, len: u64) -> Result<Flow, Word> {
    let len = usize::try_from(len).unwrap_or(CHUNK).min(CHUNK);
    flow(retry_on_intr(|| {
        let mut at = at;
        splice_fd(&fifo, None, &file, Some(&mut at), len, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)
    }))
}

/// What is to be expected of a FIFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// Somebody may write more.
    Some,
    /// They have no room for another page, however few bytes stand in the pages that are there.
    Wait,
    /// Nobody holds the writing end.
    None,
}

/// Who writes a FIFO that we read and that was opened by this path.
///
/// A reader that came after the writers is not told of their end (tried), unless another writer comes and goes. So we come and go
/// ourselves; once, for from then on the end is told. A writer sees besides whether there is room.
///
/// # Errors
/// What the system says.
pub fn writers(fifo: impl AsFd, path: &Path) -> Result<Writers, Word> {
    let hung_up = || polled(&fifo, PollFlags::IN).map(|seen| seen.contains(PollFlags::HUP));
    if hung_up()? {
        return Ok(Writers::None);
    }
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let room = match retry_on_intr(|| open(path, flags, Mode::empty())) {
        Ok(end) if is_same(&end, &fifo)? => polled(&end, PollFlags::OUT)?.contains(PollFlags::OUT),
        // Renamed or removed under us: what was told is all that can be known.
        Ok(_) | Err(Errno::NOENT | Errno::NXIO | Errno::LOOP | Errno::NOTDIR | Errno::ACCESS) => true,
        Err(error) => return Err(word(error)),
    };
    Ok(match (hung_up()?, room) {
        (true, _) => Writers::None,
        (false, true) => Writers::Some,
        (false, false) => Writers::Wait,
    })
}

fn polled(fd: impl AsFd, wanted: PollFlags) -> Result<PollFlags, Word> {
    let mut one = [PollFd::new(&fd, wanted)];
    retry_on_intr(|| poll(&mut one, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))).map_err(word)?;
    Ok(one[0].revents())
}

fn is_same(one: impl AsFd, other: impl AsFd) -> Result<bool, Word> {
    let (one, other) = (fstat(one).map_err(word)?, fstat(other).map_err(word)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// Empties a file; not one that is no regular file, and none is made.
///
/// # Errors
/// `ENOENT`, those of [`crate::place::examine`], or what the system says.
pub fn truncate(path: &Path) -> Result<(), Word> {
    let (file, _) = open_file(path, OFlags::WRONLY)?.ok_or("ENOENT")?;
    file.set_len(0).map_err(|error| word_of(&error))
}

/// A pipe and a buffer of our own, for looking at what a FIFO holds without consuming it.
#[derive(Debug)]
pub struct Scratch {
    read: OwnedFd,
    write: OwnedFd,
    bytes: Vec<u8>,
}

impl Scratch {
    /// One is enough for any number of FIFOs.
    ///
    /// # Errors
    /// No descriptor or memory is left.
    pub fn new() -> io::Result<Scratch> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // The one pipe of ours that is grown (back to the usual size, if the user has too many): smaller, it would see less than a FIFO
        // may hold. Refused = long lines are seen in pieces.
        if fcntl_getpipe_size(&write).is_ok_and(|size| size < CHUNK) {
            let _ = fcntl_setpipe_size(&write, CHUNK);
        }
        Ok(Scratch { read, write, bytes: vec![0; CHUNK] })
    }

    /// Looks at the next bytes of a FIFO; on [`Flow::Bytes`] they are in [`Scratch::seen`].
    ///
    /// # Errors
    /// What the system says.
    pub fn peek(&mut self, fifo: impl AsFd, len: u64) -> Result<Flow, Word> {
        let len = usize::try_from(len).unwrap_or(CHUNK).min(CHUNK);
        let found = flow(retry_on_intr(|| tee(&fifo, &self.write, len, SpliceFlags::NONBLOCK)))?;
        if let Flow::Bytes(count) = found {
            let mut have = 0;
            while have < count {
                match retry_on_intr(|| read(&self.read, &mut self.bytes[have..count])) {
                    Ok(0) | Err(Errno::AGAIN) => return Err("EIO"),
                    Ok(more) => have += more,
                    Err(error) => return Err(word(error)),
                }
            }
        }
        Ok(found)
    }

    /// The first `len` bytes of what was peeked last.
    pub fn seen(&self, len: usize) -> &[u8] {
        &self.bytes[..len.min(CHUNK)]
    }

    /// Like [`splice`], for files that know none: looks, writes, and consumes what was written. A kill in between leaves bytes twice,
    /// never not at all.
    ///
    /// # Errors
    /// What the system says; what was not written is still in the FIFO.
    pub fn copy(&mut self, fifo: impl AsFd, file: &File, at: u64, len: u64) -> Result<Flow, Word> {
        let Flow::Bytes(count) = self.peek(&fifo, len)? else { return self.peek(&fifo, len) };
        let written = file.write_at(&self.bytes[..count], at).map_err(|error| word_of(&error))?;
        self.consume(fifo, written)?;
        if written == 0 { Err("EIO") } else { Ok(Flow::Bytes(written)) }
    }

    /// Takes out bytes that were peeked, and no more.
    ///
    /// # Errors
    /// What the system says.
    pub fn consume(&mut self, fifo: impl AsFd, len: usize) -> Result<(), Word> {
        let mut left = len.min(CHUNK);
        while left > 0 {
            match retry_on_intr(|| read(&fifo, &mut self.bytes[..left])) {
                Ok(0) | Err(Errno::AGAIN) => break,
                Ok(some) => left -= some,
                Err(error) => return Err(word(error)),
            }
        }
        Ok(())
    }

    /// Takes out up to `len` bytes; they are lost.
    ///
    /// # Errors
    /// What the system says.
    pub fn discard(&mut self, fifo: impl AsFd, len: u64) -> Result<Flow, Word> {
        let len = usize::try_from(len).unwrap_or(CHUNK).min(CHUNK);
        flow(retry_on_intr(|| read(&fifo, &mut self.bytes[..len])))
    }
}

/// An open log file that knows its own name.
#[derive(Debug)]
pub struct LogHandle {
    file: File,
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl LogHandle {
    /// Opens a log file for reading and writing (0600, missing folders 0700), together with its size; `None` when it is missing and not
    /// to be made. Nothing by that name can keep the caller waiting, and for root nobody else decides where the file is (see [`crate::place`]).
    ///
    /// # Errors
    /// Those of [`crate::place::examine`], or what the system says.
    pub fn open(path: &Path, create: bool) -> Result<Option<(LogHandle, u64)>, Word> {
        let mut flags = OFlags::RDWR;
        flags.set(OFlags::CREATE, create);
        let Some((file, seen)) = open_file(path, flags)? else { return Ok(None) };
        let (size, device, inode) = identity(&seen);
        Ok(Some((LogHandle { file, path: path.to_owned(), device, inode }, size)))
    }

    /// Its size, or `None` when its path is gone or names another file by now.
    ///
    /// # Errors
    /// What the system says.
    pub fn size(&self) -> Result<Option<u64>, Word> {
        match statat(CWD, &self.path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(seen) => {
                let (size, device, inode) = identity(&seen);
                Ok(((device, inode) == (self.device, self.inode)).then_some(size))
            }
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(word(error)),
        }
    }

    /// What it is, whatever its name.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

#[expect(clippy::unnecessary_cast, reason = "the types of these fields differ between targets")]
fn identity(seen: &Stat) -> (u64, u64, u64) {
    (seen.st_size as u64, seen.st_dev as u64, seen.st_ino as u64)
}

/// What came over a message link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A message of this length, in the buffer.
    Message(usize),
    /// A message that was longer than the buffer; it is lost.
    TooLong(usize),
    /// None at present.
    Nothing,
    /// The other end is gone.
    Gone,
}

/// Takes the next message from a `SOCK_SEQPACKET` link, without waiting. An empty message counts as [`Received::Gone`]: the two cannot
/// be told apart, and nobody sends one.
///
/// # Errors
/// What the system says.
pub fn receive(link: impl AsFd, buffer: &mut [u8]) -> Result<Received, Word> {
    let room = buffer.len();
    match retry_on_intr(|| recv(&link, &mut *buffer, RecvFlags::DONTWAIT | RecvFlags::TRUNC)) {
        Ok((_, 0)) | Err(Errno::CONNRESET) => Ok(Received::Gone),
        Ok((_, length)) if length > room => Ok(Received::TooLong(length)),
        Ok((_, length)) => Ok(Received::Message(length)),
        Err(Errno::AGAIN) => Ok(Received::Nothing),
        Err(error) => Err(word(error)),
    }
}

/// Sends one message (or, on a stream socket, these bytes) without waiting; false when there is no room.
///
/// # Errors
/// `EPIPE`: nobody will ever read it. `EIO`: a stream socket took a part only.
pub fn send(link: impl AsFd, message: &[u8]) -> Result<bool, Word> {
    match retry_on_intr(|| send_to(&link, message, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)) {
        Ok(sent) if sent < message.len() => Err("EIO"),
        Ok(_) => Ok(true),
        Err(Errno::AGAIN | Errno::NOBUFS) => Ok(false),
        Err(error) => Err(word(error)),
    }
}
