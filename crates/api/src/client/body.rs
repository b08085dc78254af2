//! The body of an answer: by length, in chunks, or to the end of the connection. Every state is kept between calls, so a read
//! that times out loses nothing.

use super::{ClientError, HEAD_LIMIT};
use std::io::{self, Read};

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    /// Chunks; where in them we are.
    Chunked(Chunk),
    /// Whatever comes until the connection ends.
    UntilClose,
}

/// Where in a chunked body we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// Before the line with a chunk's size.
    Size,
    /// Inside a chunk, so many bytes are still to come.
    Data(u64),
    /// Before the line end after a chunk.
    DataEnd,
    /// After the last chunk: trailers up to an empty line.
    Trailers,
    /// Past the end.
    Over,
}

/// A body that is being read.
#[derive(Debug)]
pub(super) struct Body<S> {
    stream: S,
    /// Bytes from the stream. Those before `raw_at` have been taken apart; they are forgotten when more is read.
    raw: Vec<u8>,
    raw_at: usize,
    /// Bytes of the body; those before `ready_at` have been taken.
    ready: Vec<u8>,
    ready_at: usize,
    /// Up to here `ready` holds no line feed that has not been taken.
    searched: usize,
    framing: Framing,
}

/// So much of a body is read at once.
const BLOCK: usize = 64 << 10;

impl Framing {
    pub(super) fn of(headers: &[httparse::Header<'_>], status: u16) -> Result<Framing, ClientError> {
        let garbage = |what: &str| ClientError::Garbage(what.to_owned());
        let mut length = None;
        for header in headers {
            if header.name.eq_ignore_ascii_case("transfer-encoding") {
                if header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Ok(Framing::Chunked(Chunk::Size));
                }
                return Err(garbage("a transfer encoding other than chunked"));
            }
            if header.name.eq_ignore_ascii_case("content-length") {
                let text = std::str::from_utf8(header.value).map_err(|_| garbage("a content length that is no number"))?.trim();
                if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(garbage("a content length that is no number"));
                }
                let value: u64 = text.parse().map_err(|_| garbage("a content length that is no number"))?;
                if length.replace(value).is_some_and(|other| other != value) {
                    return Err(garbage("two content lengths"));
                }
            }
        }
        Ok(match (length, status) {
            (_, 204 | 304) => Framing::Length(0),
            (Some(length), _) => Framing::Length(length),
            (None, _) => Framing::UntilClose,
        })
    }
}

/// Reads once, up to so many bytes, and appends what came; 0 = the end.
pub(super) fn fill(stream: &mut impl Read, buffer: &mut Vec<u8>, most: usize) -> Result<usize, ClientError> {
    let old = buffer.len();
    buffer.resize(old + most, 0);
    loop {
        let got = stream.read(&mut buffer[old..]);
        if got.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
            continue;
        }
        buffer.truncate(old + got.as_ref().map_or(0, |got| *got));
        return got.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientError::NotYet,
            _ => ClientError::Broken(error),
        });
    }
}

impl<S: Read> Body<S> {
    pub(super) fn new(stream: S, raw: Vec<u8>, framing: Framing) -> Body<S> {
        Body { stream, raw, raw_at: 0, ready: Vec::new(), ready_at: 0, searched: 0, framing }
    }

    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    /// The whole body.
    pub(super) fn read_all(&mut self, limit: usize) -> Result<Vec<u8>, ClientError> {
        while self.more()? {
            if self.ready.len() > limit {
                return Err(ClientError::TooLong(limit));
            }
        }
        Ok(std::mem::take(&mut self.ready))
    }

    /// The next line without its line feed; `None` at the end. A last line without one counts. It stays where it is until the next call, so
    /// that a line costs no allocation.
    pub(super) fn read_line(&mut self, limit: usize) -> Result<Option<&[u8]>, ClientError> {
        loop {
            let rest = &self.ready[self.searched..];
            let (begin, end) = match memchr::memchr(b'\n', rest) {
                Some(at) => (self.ready_at, self.searched + at),
                None => {
                    self.searched = self.ready.len();
                    if self.searched - self.ready_at > limit {
                        return Err(ClientError::TooLong(limit));
                    }
                    if self.more()? {
                        continue;
                    }
                    if self.ready_at == self.ready.len() {
                        return Ok(None);
                    }
                    (self.ready_at, self.ready.len())
                }
            };
            self.ready_at = (end + 1).min(self.ready.len());
            self.searched = self.ready_at;
            return Ok(Some(&self.ready[begin..end]));
        }
    }

    /// Brings more of the body into `ready`, or says that there is no more.
    fn more(&mut self) -> Result<bool, ClientError> {
        self.ready.drain(..self.ready_at);
        (self.searched, self.ready_at) = (self.searched - self.ready_at, 0);
        loop {
            let before = self.ready.len();
            if self.take_apart()? {
                return Ok(self.ready.len() > before);
            }
            if self.ready.len() > before {
                return Ok(true);
            }
            self.raw.drain(..self.raw_at);
            self.raw_at = 0;
            if fill(&mut self.stream, &mut self.raw, BLOCK)? == 0 {
                return match self.framing {
                    Framing::UntilClose => Ok(false),
                    Framing::Length(_) | Framing::Chunked(_) => Err(ClientError::Broken(io::ErrorKind::UnexpectedEof.into())),
                };
            }
        }
    }

    /// Moves what `raw` has of the body into `ready`. True = the body is over.
    fn take_apart(&mut self) -> Result<bool, ClientError> {
        loop {
            match &mut self.framing {
                Framing::UntilClose => {
                    self.ready.extend_from_slice(&self.raw[self.raw_at..]);
                    self.raw_at = self.raw.len();
                    return Ok(false);
                }
                Framing::Length(left) | Framing::Chunked(Chunk::Data(left)) => {
                    let rest = &self.raw[self.raw_at..];
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    self.ready.extend_from_slice(&rest[..take]);
                    self.raw_at += take;
                    *left -= take as u64;
                    if *left > 0 {
                        return Ok(false);
                    }
                    match self.framing {
                        Framing::Chunked(_) => self.framing = Framing::Chunked(Chunk::DataEnd),
                        Framing::Length(_) | Framing::UntilClose => return Ok(true),
                    }
                }
                Framing::Chunked(Chunk::Over) => return Ok(true),
                Framing::Chunked(at @ (Chunk::Size | Chunk::DataEnd | Chunk::Trailers)) => {
                    let rest = &self.raw[self.raw_at..];
                    let Some(end) = memchr::memchr(b'\n', rest) else {
                        if rest.len() > HEAD_LIMIT {
                            return Err(ClientError::TooLong(HEAD_LIMIT));
                        }
                        return Ok(false);
                    };
                    *at = after(*at, rest[..end].trim_ascii())?;
                    self.raw_at += end + 1;
                }
            }
        }
    }
}

/// What comes after this line of a chunked body.
fn after(at: Chunk, line: &[u8]) -> Result<Chunk, ClientError> {
    match at {
        Chunk::Size => {
            let digits = line.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
            let text = std::str::from_utf8(digits).unwrap_or_default();
            if text.is_empty() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(ClientError::Garbage("a chunk without a size".to_owned()));
            }
            match u64::from_str_radix(text, 16) {
                Ok(0) => Ok(Chunk::Trailers),
                Ok(size) => Ok(Chunk::Data(size)),
                Err(_) => Err(ClientError::Garbage("a chunk of impossible size".to_owned())),
            }
        }
        Chunk::DataEnd if line.is_empty() => Ok(Chunk::Size),
        Chunk::DataEnd => Err(ClientError::Garbage("a chunk longer than its size".to_owned())),
        Chunk::Trailers if line.is_empty() => Ok(Chunk::Over),
        Chunk::Trailers => Ok(Chunk::Trailers),
        Chunk::Data(_) | Chunk::Over => Ok(at),
    }
}
