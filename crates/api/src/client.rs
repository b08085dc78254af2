//! A small blocking HTTP/1.1 client over any stream that reads and writes: one exchange a connection, no runtime, no thread.
//!
//! It speaks what the steward speaks: a JSON document with `Content-Length`, or a stream of JSON lines in chunks. A read that
//! times out (see `UnixStream::set_read_timeout`) loses nothing: ask again and it goes on where it was.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use api::client::{Request, exchange};
//! let stream = std::os::unix::net::UnixStream::connect("/home/ada/.local/share/abide/run/abide.sock")?;
//! let rows: Vec<api::SlotRow> = exchange(stream, &Request::get("/api/v1/apps"))?.json()?;
//! # Ok(())
//! # }
//! ```

mod body;
mod path;

pub use path::{PathBuilder, path};

use crate::Problem;
use body::{Body, Framing};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::marker::PhantomData;

/// The longest head of an answer in bytes.
pub const HEAD_LIMIT: usize = 16 * 1024;
/// The longest JSON document in bytes.
pub const DOCUMENT_LIMIT: usize = 64 << 20;
/// The longest line of a stream in bytes.
pub const LINE_LIMIT: usize = 16 << 20;

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection failed or ended before the answer was complete. Who reads may ask again; who writes may ask again with the
    /// same idempotency key.
    #[error("the connection broke: {0}")]
    Broken(#[source] io::Error),
    /// The time for one read is over; nothing is lost, the same call goes on.
    #[error("no answer yet")]
    NotYet,
    /// The other side does not speak HTTP/1.1, or not what we asked for.
    #[error("the answer is not understood: {0}")]
    Garbage(String),
    /// The answer is longer than its bound.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The answer is a refusal.
    #[error(transparent)]
    Refused(#[from] Box<Problem>),
}

/// A request: method, path with query, and perhaps a JSON body.
#[derive(Debug, Clone)]
pub struct Request {
    method: &'static str,
    target: String,
    body: Option<Vec<u8>>,
    kind: &'static str,
    idempotency_key: Option<String>,
}

/// An answer with a good status, its body still to be read.
#[derive(Debug)]
pub struct Response<S> {
    /// The status, 200 to 299.
    pub status: u16,
    body: Body<S>,
}

/// The lines of a stream of JSON objects.
#[derive(Debug)]
pub struct Lines<S, T> {
    body: Body<S>,
    kind: PhantomData<T>,
}

impl Request {
    /// Reads something.
    pub fn get(target: impl Into<String>) -> Request {
        Request { method: "GET", target: target.into(), body: None, kind: "application/json", idempotency_key: None }
    }

    /// Changes something, without a body.
    pub fn post(target: impl Into<String>) -> Request {
        Request { method: "POST", ..Request::get(target) }
    }

    /// Removes something.
    pub fn delete(target: impl Into<String>) -> Request {
        Request { method: "DELETE", ..Request::get(target) }
    }

    /// Adds a body.
    ///
    /// # Errors
    /// The value has no JSON form (a float that is not finite, say).
    pub fn json(mut self, value: &impl Serialize) -> Result<Request, ClientError> {
        self.body = Some(serde_json::to_vec(value).map_err(|error| ClientError::Garbage(error.to_string()))?);
        Ok(self)
    }

    /// Adds a body of bytes that are nothing but bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: Vec<u8>) -> Request {
        self.body = Some(bytes);
        self.kind = "application/octet-stream";
        self
    }

    /// Makes it safe to send twice: the steward carries out one request for one key.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Request {
        self.idempotency_key = Some(key.into());
        self
    }

    /// The bytes on the wire.
    fn encode(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, application/x-ndjson\r\nConnection: close\r\n",
            self.method, self.target
        );
        if let Some(key) = &self.idempotency_key {
            let _ = write!(head, "Idempotency-Key: {key}\r\n");
        }
        let body = self.body.as_deref().unwrap_or_default();
        if self.body.is_some() {
            let _ = write!(head, "Content-Type: {}\r\n", self.kind);
        }
        if self.method != "GET" {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }
}

/// Sends one request and reads the head of its answer. While that head is awaited a read timeout counts as no answer at all.
///
/// # Errors
/// [`ClientError::Refused`] for a status outside 200 to 299, with the problem document that came with it or one made from the
/// status; the others as they say.
pub fn exchange<S: Read + Write>(mut stream: S, request: &Request) -> Result<Response<S>, ClientError> {
    // A server that refuses early may close before it has read everything; its answer is then there to be read all the same.
    let sent = stream.write_all(&request.encode()).and_then(|()| stream.flush());
    let response = match (read_head(stream), sent) {
        (Err(ClientError::Broken(_)), Err(error)) => return Err(ClientError::Broken(error)),
        (read, _) => read?,
    };
    if (200..300).contains(&response.status) { Ok(response) } else { Err(ClientError::Refused(Box::new(response.problem()))) }
}

fn read_head<S: Read>(mut stream: S) -> Result<Response<S>, ClientError> {
    let mut buffer: Vec<u8> = Vec::with_capacity(4096);
    let mut got = body::fill(&mut stream, &mut buffer, HEAD_LIMIT)?;
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 48];
        let mut head = httparse::Response::new(&mut headers);
        match head.parse(&buffer) {
            Ok(httparse::Status::Complete(end)) => {
                let status = head.code.unwrap_or_default();
                // 100 Continue and its kin come before the answer.
                if (100..200).contains(&status) {
                    buffer.drain(..end);
                    continue;
                }
                let framing = Framing::of(head.headers, status)?;
                buffer.drain(..end);
                return Ok(Response { status, body: Body::new(stream, buffer, framing) });
            }
            Ok(httparse::Status::Partial) if buffer.len() > HEAD_LIMIT => return Err(ClientError::TooLong(HEAD_LIMIT)),
            Ok(httparse::Status::Partial) if got == 0 => return Err(ClientError::Broken(io::ErrorKind::UnexpectedEof.into())),
            Ok(httparse::Status::Partial) => got = body::fill(&mut stream, &mut buffer, HEAD_LIMIT)?,
            Err(error) => return Err(ClientError::Garbage(format!("its head is no HTTP/1.1 ({error})"))),
        }
    }
}

impl<S: Read> Response<S> {
    /// Reads the whole body as one JSON document.
    ///
    /// # Errors
    /// The body breaks off, is too long, or is not a `T`.
    pub fn json<T: DeserializeOwned>(mut self) -> Result<T, ClientError> {
        let bytes = self.body.read_all(DOCUMENT_LIMIT)?;
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Garbage(error.to_string()))
    }

    /// Reads the body line by line, each a JSON object.
    pub fn lines<T: DeserializeOwned>(self) -> Lines<S, T> {
        Lines { body: self.body, kind: PhantomData }
    }

    /// The stream below, to change its timeout.
    pub fn stream(&self) -> &S {
        self.body.stream()
    }

    fn problem(mut self) -> Problem {
        let status = self.status;
        let bytes = self.body.read_all(LINE_LIMIT).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_else(|_| {
            let code = if status == 403 || status == 401 { "forbidden" } else { "internal" };
            let text: String = String::from_utf8_lossy(&bytes).chars().take(200).flat_map(char::escape_debug).collect();
            Problem::new(status, code, format!("the manager answered {status} {text}").trim_end().to_owned())
        })
    }
}

impl<S: Read, T: DeserializeOwned> Lines<S, T> {
    /// The next line; `None` at the orderly end. Empty lines (a sign of life) are passed over.
    ///
    /// # Errors
    /// [`ClientError::NotYet`] when the stream has a read timeout and it is over: ask again.
    pub fn next_line(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            let Some(line) = self.body.read_line(LINE_LIMIT)? else { return Ok(None) };
            if !line.trim_ascii().is_empty() {
                return serde_json::from_slice(line).map(Some).map_err(|error| ClientError::Garbage(error.to_string()));
            }
        }
    }

    /// The bytes of the next line as they are, for who reads very many and takes them apart himself; it may be empty.
    ///
    /// # Errors
    /// As [`Lines::next_line`].
    pub fn next_bytes(&mut self) -> Result<Option<&[u8]>, ClientError> {
        self.body.read_line(LINE_LIMIT)
    }

    /// The stream below, to change its timeout.
    pub fn stream(&self) -> &S {
        self.body.stream()
    }
}

#[cfg(test)]
mod tests;
