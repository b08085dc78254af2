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
    /// Bytes from the stream that are not taken apart yet.
    raw: Vec<u8>,
    /// Bytes of the body that nobody has taken yet.
    ready: Vec<u8>,
    /// How much of `ready` holds no line feed.
    searched: usize,
    framing: Framing,
}

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

/// Reads once and appends what came; 0 = the end.
pub(super) fn fill(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Result<usize, ClientError> {
    let mut block = [0; 16 * 1024];
    loop {
        match stream.read(&mut block) {
            Ok(got) => {
                buffer.extend_from_slice(&block[..got]);
                return Ok(got);
            }
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Err(ClientError::NotYet),
                _ => return Err(ClientError::Broken(error)),
            },
        }
    }
}

impl<S: Read> Body<S> {
    pub(super) fn new(stream: S, raw: Vec<u8>, framing: Framing) -> Body<S> {
        Body { stream, raw, ready: Vec::new(), searched: 0, framing }
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

    /// The next line without its line feed; `None` at the end. A last line without one counts.
    pub(super) fn read_line(&mut self, limit: usize) -> Result<Option<Vec<u8>>, ClientError> {
        loop {
            if let Some(at) = self.ready[self.searched..].iter().position(|b| *b == b'\n') {
                let mut line: Vec<u8> = self.ready.drain(..=self.searched + at).collect();
                line.pop();
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.ready.len();
            if self.searched > limit {
                return Err(ClientError::TooLong(limit));
            }
            if !self.more()? {
                self.searched = 0;
                let rest = std::mem::take(&mut self.ready);
                return Ok(if rest.is_empty() { None } else { Some(rest) });
            }
        }
    }

    /// Brings more of the body into `ready`, or says that there is no more.
    fn more(&mut self) -> Result<bool, ClientError> {
        loop {
            let before = self.ready.len();
            if self.take_apart()? {
                return Ok(self.ready.len() > before);
            }
            if self.ready.len() > before {
                return Ok(true);
            }
            if fill(&mut self.stream, &mut self.raw)? == 0 {
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
                    self.ready.append(&mut self.raw);
                    return Ok(false);
                }
                Framing::Length(left) | Framing::Chunked(Chunk::Data(left)) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(self.raw.len());
                    self.ready.extend(self.raw.drain(..take));
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
                    let Some(end) = self.raw.iter().position(|b| *b == b'\n') else {
                        if self.raw.len() > HEAD_LIMIT {
                            return Err(ClientError::TooLong(HEAD_LIMIT));
                        }
                        return Ok(false);
                    };
                    let line: Vec<u8> = self.raw.drain(..=end).collect();
                    *at = after(*at, line.trim_ascii())?;
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
