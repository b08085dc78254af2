//! One question: of whom, until when, and the way there.

use super::place::{Place, look_up, place};
use super::pool::Pool;
use engine::Outcome;
use model::format_span;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use sys::acceptor::{Acceptor, acceptor};
use sys::lives::Member;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

/// Connections that are made to find the right life, where several lives accept at one address.
const TRIES: u32 = 16;
/// The pause between them, and between two looks at one that nobody has accepted yet.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a connection is looked at until somebody has accepted it. A life that is too busy for that may still answer.
const UNACCEPTED: Duration = Duration::from_millis(200);

/// Of whom it is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Who {
    /// The leader of the asked life.
    pub(crate) asked: Option<Member>,
    /// The leaders of lives that must not answer in its place.
    pub(crate) others: Vec<Member>,
}

/// A question on its way.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    timeout: Duration,
    deadline: Instant,
    pub(super) pool: Pool,
    who: Who,
}

/// A connection to the asked life, or to whom it is asked through.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    /// Our end and the other.
    ends: Ends,
    /// Who has accepted it was not known yet, and is to be asked again when there is an answer.
    open: bool,
}

type Ends = Option<(SocketAddr, SocketAddr)>;

/// Whether a connection may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Yes.
    Go,
    /// Yes, but it is not known yet who will answer.
    Open,
    /// No; another may be better.
    Again,
    /// No, nor would another be.
    Never,
}

impl Asking {
    /// A question that ends within `timeout` from now.
    pub(crate) fn new(timeout: Duration, pool: Pool, who: Who) -> Asking {
        Asking { timeout, deadline: Instant::now() + timeout, pool, who }
    }

    /// Waits, but not longer than the question may take; `what` has not happened then.
    pub(super) async fn within<T>(&self, what: impl FnOnce() -> String, work: impl Future<Output = T>) -> Result<T, Outcome> {
        let late = |_| Outcome::Bad(format!("{} within {}", what(), format_span(self.timeout)));
        timeout_at(self.deadline, work).await.map_err(late)
    }

    /// Connects to `HOST:PORT`.
    pub(super) async fn connect(&self, address: &str) -> Result<Link, Outcome> {
        let places = self.places(address).await?;
        for _ in 0..TRIES {
            let stream = self.reach(&places, address).await?;
            let ends = stream.local_addr().ok().zip(stream.peer_addr().ok());
            match self.judge(ends).await {
                Use::Go => return Ok(Link { stream, ends, open: false }),
                Use::Open => return Ok(Link { stream, ends, open: true }),
                Use::Never => break,
                Use::Again => {
                    drop(stream);
                    sleep(PAUSE).await;
                }
            }
            if Instant::now() >= self.deadline {
                break;
            }
        }
        Err(Outcome::Elsewhere)
    }

    async fn places(&self, address: &str) -> Result<Vec<SocketAddr>, Outcome> {
        match place(address).map_err(Outcome::Bad)? {
            Place::At(places) => Ok(places),
            Place::Named(host, port) => {
                let name = host.clone();
                let found = self.pool.look_up(move || look_up(&name, port));
                let found = self.within(|| format!("the name {host} was not looked up"), found).await?;
                found.unwrap_or_else(|| Err("the manager ends".to_owned())).map_err(Outcome::Bad)
            }
        }
    }

    /// A connection to the first of these that accepts one. Each gets its share of the time that is left.
    async fn reach(&self, places: &[SocketAddr], address: &str) -> Result<TcpStream, Outcome> {
        let mut first = None;
        for (at, place) in places.iter().enumerate() {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(places.len() - at).unwrap_or(u32::MAX);
            let outcome = match timeout_at(Instant::now() + share, TcpStream::connect(place)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => unreached(address, &error),
                Err(_) => Outcome::Bad(format!("no connection to {address} within {}", format_span(self.timeout))),
            };
            first.get_or_insert(outcome);
        }
        Err(first.unwrap_or_else(|| Outcome::Bad(format!("no address for {address}"))))
    }

    /// Who has accepted, as far as it matters and can be told.
    async fn judge(&self, ends: Ends) -> Use {
        let until = (Instant::now() + UNACCEPTED).min(self.deadline);
        loop {
            match self.acceptor(ends).await {
                Acceptor::Asked | Acceptor::Unknown => return Use::Go,
                Acceptor::Other { either: true } => return Use::Again,
                Acceptor::Other { either: false } => return Use::Never,
                Acceptor::Open if Instant::now() >= until => return Use::Open,
                Acceptor::Open => sleep(PAUSE).await,
            }
        }
    }

    async fn acceptor(&self, ends: Ends) -> Acceptor {
        let (Some(asked), Some((local, peer))) = (self.who.asked, ends) else { return Acceptor::Unknown };
        if self.who.others.is_empty() {
            return Acceptor::Unknown;
        }
        let others = self.who.others.clone();
        let looked = self.pool.look(move || acceptor(local, peer, asked, &others));
        timeout_at(self.deadline, looked).await.ok().flatten().unwrap_or(Acceptor::Unknown)
    }

    /// Whether another life has answered, where that could not be known before.
    pub(super) async fn was_other(&self, (ends, open): (Ends, bool)) -> bool {
        open && matches!(self.acceptor(ends).await, Acceptor::Other { .. })
    }
}

impl Link {
    /// The stream, and what [`Asking::was_other`] wants to know.
    pub(super) fn split(self) -> (TcpStream, (Ends, bool)) {
        (self.stream, (self.ends, self.open))
    }
}

fn unreached(address: &str, error: &io::Error) -> Outcome {
    Outcome::Bad(match error.kind() {
        ErrorKind::ConnectionRefused => format!("connection refused by {address}"),
        ErrorKind::ConnectionReset => format!("connection reset by {address}"),
        _ => format!("no connection to {address}: {}", plain(error)),
    })
}

/// The system's words without their number.
pub(super) fn plain(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |number| sys::errno::text(number).to_lowercase())
}
