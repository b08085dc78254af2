//! One answer of HTTP/1.1, as far as the servers of these tests go: a status, headers, and a body with its length.

use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// The longest head and body of a test's server.
const MOST: usize = 64 * 1024;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub body: Vec<u8>,
    /// The server closes the connection after it.
    pub last: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    length: usize,
    last: bool,
}

/// Reads one whole answer.
///
/// # Errors
/// Why there is none, in words without figures, so that equal failures count together.
pub async fn read(stream: &mut TcpStream, limit: Duration) -> Result<Answer, String> {
    let mut got = Vec::new();
    match tokio::time::timeout(limit, whole(stream, &mut got)).await {
        Ok(answer) => answer,
        Err(_) if got.is_empty() => Err("no byte of an answer came in time".to_owned()),
        Err(_) => Err("the answer did not end in time".to_owned()),
    }
}

async fn whole(stream: &mut TcpStream, got: &mut Vec<u8>) -> Result<Answer, String> {
    loop {
        if let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = head(&got[..end])?;
            while got.len() < end + 4 + head.length {
                more(stream, got).await?;
            }
            let body = got.split_off(end + 4);
            return match body.len() == head.length {
                true => Ok(Answer { body, last: head.last }),
                false => Err("more came than was asked for".to_owned()),
            };
        }
        more(stream, got).await?;
    }
}

async fn more(stream: &mut TcpStream, got: &mut Vec<u8>) -> Result<(), String> {
    let when = if got.is_empty() { "before any byte of the answer" } else { "in the midst of the answer" };
    if got.len() > MOST {
        return Err("the answer is too long".to_owned());
    }
    match stream.read_buf(got).await {
        Ok(0) => Err(format!("closed {when}")),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{} {when}", error.kind())),
    }
}

fn head(bytes: &[u8]) -> Result<Head, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the head of the answer is no text")?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    if !first.starts_with("HTTP/1.1 200") {
        return Err(format!("answered {first:?}"));
    }
    let mut head = Head { length: usize::MAX, last: false };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = value.trim().parse().map_err(|_| "the length of the answer is no number")?,
            "connection" => head.last = value.trim().eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    if head.length > MOST { Err("the answer has no length, or too much of it".to_owned()) } else { Ok(head) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let good = |text: &str, length, last| assert_eq!(head(text.as_bytes()), Ok(Head { length, last }), "{text}");
        good("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: x", 5, false);
        good("HTTP/1.1 200\r\ncontent-length:0\r\nCONNECTION: Close", 0, true);
        for bad in
            ["", "HTTP/1.1 502 Bad\r\ncontent-length: 1", "HTTP/1.1 200 OK\r\nDate: x", "HTTP/1.1 200 OK\r\ncontent-length: x"]
        {
            assert!(head(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
