//! One webhook, told: a `POST`, signed, tried again when it fails.

use super::{sign, tls};
use crate::probe::{Pool, addresses};
use axum::body::Body;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long is waited for an answer, and before it is tried again.
#[derive(Debug, Clone, Copy)]
struct Patience {
    one: Duration,
    pauses: [Duration; 3],
}

const PATIENCE: Patience =
    Patience { one: Duration::from_secs(10), pauses: [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16)] };

/// Bytes of an answer's head at most; its body is not read.
const HEAD: usize = 16 << 10;

/// Refusals that mean "not now".
const LATER: [StatusCode; 3] = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];

/// What is sent, and where to.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) url: String,
    pub(crate) secret_file: Option<PathBuf>,
    /// The name of the event.
    pub(crate) event: String,
    pub(crate) body: Vec<u8>,
    /// Somebody waits for the answer: a refusal (400 to 499) is a no, and not asked again.
    pub(crate) is_question: bool,
}

/// Why a try came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failed {
    /// Another may do better.
    Again(String),
    /// That is the answer.
    No(String),
}

impl From<String> for Failed {
    fn from(why: String) -> Failed {
        Failed::Again(why)
    }
}

/// A URL, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    tls: bool,
    /// Without brackets.
    host: String,
    port: u16,
    /// As in the header `Host`.
    authority: String,
    path: String,
}

impl Place {
    /// Understands a URL.
    ///
    /// # Errors
    /// What is wrong with it; of the URL, no more than its scheme is said.
    pub(crate) fn of(url: &str) -> Result<Place, String> {
        let uri: Uri =
            url.parse().map_err(|_| "the URL is not understood; write http://HOST/PATH or https://HOST/PATH".to_owned())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(other) => return Err(format!("a URL with {other}:// cannot be told; write http:// or https://")),
            None => return Err("the URL has no scheme; write http://HOST/PATH or https://HOST/PATH".to_owned()),
        };
        let authority = uri.authority().filter(|there| !there.host().is_empty()).ok_or("the URL names no host")?;
        if authority.as_str().contains('@') {
            return Err("a user and password in the URL are not sent; use secret_file, which signs each request".to_owned());
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if authority.as_str().len() > authority.host().len() => return Err("the URL has no good port".to_owned()),
            None => [80, 443][usize::from(tls)],
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Place { tls, host, port, authority: authority.to_string(), path })
    }

    /// `HOST:PORT`.
    fn address(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }

    /// For people: a path may hold a token.
    fn named(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.authority)
    }
}

/// Tells a webhook; gives up after some tries. What may hang (a name, a disk) is done in turn with the others of `pool`.
///
/// # Errors
/// Why the last try failed, in words, without the path of the URL.
pub(crate) async fn deliver(post: Post, pool: Pool) -> Result<(), String> {
    deliver_within(PATIENCE, post, pool).await
}

async fn deliver_within(patience: Patience, post: Post, pool: Pool) -> Result<(), String> {
    let place = Place::of(&post.url)?;
    let signature = match post.secret_file.clone() {
        None => None,
        Some(path) => {
            let secret = pool.look(move || sign::secret(&path)).await.unwrap_or_else(ended)?;
            Some(sign::signature(&secret, &post.body))
        }
    };
    let mut pauses = patience.pauses.into_iter();
    loop {
        let failed = match timeout(patience.one, attempt(&place, &post, signature.as_deref(), &pool)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Failed::Again(why))) => why,
            Ok(Err(Failed::No(why))) => return Err(format!("{}: {why}", place.named())),
            Err(_) => format!("no answer within {}", model::format_span(patience.one)),
        };
        match pauses.next() {
            Some(pause) => sleep(pause).await,
            None => return Err(format!("{}: {failed} (tried {} times)", place.named(), patience.pauses.len() + 1)),
        }
    }
}

fn ended<T>() -> Result<T, String> {
    Err("the manager ends".to_owned())
}

async fn attempt(place: &Place, post: &Post, signature: Option<&str>, pool: &Pool) -> Result<(), Failed> {
    let there = addresses(&place.address(), pool).await?;
    let socket = TcpStream::connect(there.as_slice()).await.map_err(|error| words(&error))?;
    if place.tls {
        let roots = pool.look(tls::roots).await.unwrap_or_else(ended)?;
        exchange(tls::wrap(roots, &place.host, socket).await?, place, post, signature).await
    } else {
        exchange(socket, place, post, signature).await
    }
}

async fn exchange<S>(stream: S, place: &Place, post: &Post, signature: Option<&str>) -> Result<(), Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut request = Request::post(&place.path)
        .header(HOST, &place.authority)
        .header(USER_AGENT, concat!("abide/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header("connection", "close")
        .header("x-abide-event", &post.event);
    if let Some(signature) = signature {
        request = request.header("x-abide-signature", signature);
    }
    let request = request.body(Body::from(post.body.clone())).map_err(|error| error.to_string())?;
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(HEAD).handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // Both end with the try: whoever drips an answer for ever is left then.
    let mut asked = pin!(sender.send_request(request));
    let answer = tokio::select! {
        answer = &mut asked => answer,
        ended = connection => match ended {
            // The answer may have come with the end.
            Ok(()) => asked.await,
            Err(error) => Err(error),
        },
    };
    let answer = answer.map_err(|error| format!("no answer: {error}"))?;
    let status = answer.status();
    if status.is_success() {
        Ok(())
    } else if status.is_redirection() {
        Err(Failed::Again(format!("the answer was {status}; redirections are not followed, write the final URL")))
    } else if post.is_question && status.is_client_error() && !LATER.contains(&status) {
        Err(Failed::No(format!("the answer was {status}")))
    } else {
        Err(Failed::Again(format!("the answer was {status}")))
    }
}

fn words(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => format!("{} ({})", sys::errno::text(number).to_lowercase(), sys::errno::name(number)),
        None => error.to_string(),
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
