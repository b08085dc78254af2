//! `GET`, and what counts as a good answer. HTTP/1.1 without encryption; redirects are not followed.

use super::asking::{Asking, plain};
use engine::Outcome;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::Builder;
use hyper::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use regex_lite::Regex;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error as _;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use tokio::net::TcpStream;

/// So much of a body is read; no more counts.
const BODY: usize = 64 << 10;
/// The head of an answer may have so many bytes, and so many headers.
const HEAD: (usize, usize) = (64 << 10, 256);
/// Characters of a pattern that are shown.
const SHOWN: usize = 60;
/// What is good where nothing is said.
const GOOD: &[(u16, u16)] = &[(200, 399)];

/// What to ask for, and what to expect: `model::Probe::Http` with the names in its address filled in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Get {
    pub(crate) url: String,
    pub(crate) status: Vec<(u16, u16)>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<String>,
}

impl Asking {
    /// Asks, and judges the answer.
    pub(crate) async fn http(&self, get: &Get) -> Outcome {
        match self.exchange(get).await {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }

    async fn exchange(&self, get: &Get) -> Result<Outcome, Outcome> {
        let (address, request) = request(get).map_err(Outcome::Bad)?;
        let (stream, ends) = self.connect(&address).await?.split();
        let mut builder = Builder::new();
        builder.max_buf_size(HEAD.0).max_headers(HEAD.1);
        // What was wrong with the connection, which who waits for the answer is not always told.
        let broken = OnceLock::new();
        let wrong = |error: hyper::Error| Outcome::Bad(in_words(&[Some(&error), broken.get()], &address));
        let shaken = builder.handshake::<_, String>(TokioIo::<TcpStream>::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(wrong)?;
        let answer = async {
            let sent = self.within(|| "no answer".to_owned(), sender.send_request(request)).await?;
            let response = sent.map_err(wrong)?;
            if self.was_other(ends).await {
                return Err(Outcome::Elsewhere);
            }
            self.judge_answer(get, response).await
        };
        let moved = async {
            if let Err(error) = connection.await {
                let _ = broken.set(error);
            }
            pending::<Infallible>().await
        };
        tokio::select! {
            judged = answer => judged,
            never = moved => match never {},
        }
    }

    async fn judge_answer(&self, get: &Get, response: Response<Incoming>) -> Result<Outcome, Outcome> {
        let status = response.status().as_u16();
        let good = if get.status.is_empty() { GOOD } else { &get.status };
        if !good.iter().any(|(from, to)| (*from..=*to).contains(&status)) {
            return Ok(Outcome::Bad(format!("status {status}")));
        }
        let Some(pattern) = &get.body else { return Ok(Outcome::Good) };
        let read = self.within(|| "the body did not end".to_owned(), beginning(response.into_body())).await?;
        let body = read.map_err(|_| Outcome::Bad("the body broke off".to_owned()))?;
        let wanted = pattern.clone();
        let found = self.pool.look(move || found(&wanted, &body));
        let found = self.within(|| "the body was not searched".to_owned(), found).await?;
        Ok(match found {
            Some(Ok(true)) => Outcome::Good,
            Some(Ok(false)) => Outcome::Bad(format!("the body does not match `{}`", shown(pattern))),
            Some(Err(wrong)) => Outcome::Bad(wrong),
            None => Outcome::Bad("the manager ends".to_owned()),
        })
    }
}

/// What counts of a body.
async fn beginning(mut body: Incoming) -> hyper::Result<Vec<u8>> {
    let mut read = Vec::new();
    while read.len() < BODY {
        match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            Some(frame) => {
                if let Ok(data) = frame?.into_data() {
                    read.extend_from_slice(&data[..data.len().min(BODY - read.len())]);
                }
            }
            None => break,
        }
    }
    Ok(read)
}

fn found(pattern: &str, body: &[u8]) -> Result<bool, String> {
    let pattern = Regex::new(pattern).map_err(|error| format!("`{}` is no regular expression: {error}", shown(pattern)))?;
    Ok(pattern.is_match(&String::from_utf8_lossy(body)))
}

fn shown(pattern: &str) -> String {
    let mut cut: String = pattern.chars().take(SHOWN).collect();
    if cut.len() < pattern.len() {
        cut.push('…');
    }
    cut
}

/// `HOST:PORT` to connect to, and what to say there.
fn request(get: &Get) -> Result<(String, Request<String>), String> {
    let wrong = |why: &str| format!("`{}` cannot be asked: {why}", get.url);
    let url: Uri = get.url.parse().map_err(|_| wrong("it is no URL"))?;
    if url.scheme_str() != Some("http") {
        return Err(wrong("a URL begins with http:// here; there is no https"));
    }
    let authority = url.authority().ok_or_else(|| wrong("it names no host"))?.as_str();
    if authority.contains('@') {
        return Err(wrong("the user goes into headers, as authorization"));
    }
    let host = url.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it names no host"))?;
    let port = match url.port() {
        Some(port) => port.as_u16(),
        None if authority == host => 80,
        None => return Err(wrong("its port is no number from 1 to 65535")),
    };
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::get(path).body(String::new()).map_err(|_| wrong("its path cannot be sent"))?;
    let value = |text: &str| HeaderValue::from_str(text);
    let headers = request.headers_mut();
    headers.insert(HOST, value(authority).map_err(|_| wrong("its host cannot be sent"))?);
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("abide/", env!("CARGO_PKG_VERSION"))));
    for (name, text) in &get.headers {
        let pair = HeaderName::from_bytes(name.as_bytes()).ok().zip(value(text).ok());
        let (name, text) = pair.ok_or_else(|| format!("the header `{name}` cannot be sent"))?;
        headers.insert(name, text);
    }
    Ok((format!("{host}:{port}"), request))
}

/// What was wrong with the answer.
fn in_words(errors: &[Option<&hyper::Error>], address: &str) -> String {
    let any = |is: fn(&hyper::Error) -> bool| errors.iter().flatten().any(|error| is(error));
    if any(hyper::Error::is_parse_too_large) {
        return format!("the head of its answer is larger than {} KiB or has more than {} headers", HEAD.0 >> 10, HEAD.1);
    }
    if any(hyper::Error::is_parse) {
        return "its answer is not HTTP/1.1".to_owned();
    }
    match errors.iter().flatten().find_map(|error| error.source()?.downcast_ref::<io::Error>()) {
        Some(cause) if cause.kind() == io::ErrorKind::ConnectionReset => format!("connection reset by {address}"),
        Some(cause) if cause.raw_os_error().is_some() => plain(cause),
        _ => "closed without an answer".to_owned(),
    }
}
