//! Asking the house: connect, start it where that is right, ask, and ask again when the connection breaks.
//!
//! The rules stand in semantics.md, "When the manager is not there". A missing or refused socket, a broken connection and "starting up" all
//! mean *not yet* and are tried again, with pauses that grow from 1 ms to 50 ms, until ten seconds have passed without an answer.

use crate::failure::{Exit, Failure};
use crate::home::{Home, Rest};
use api::client::{ClientError, Lines, Request, Response, exchange};
use serde::de::DeserializeOwned;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long to try before giving up.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an answer may take. Storing a wish takes one fsync; streams are awaited for as long as it takes.
const ANSWER: Duration = Duration::from_secs(60);
/// How long a keeper that was just started may take before another is started in its place.
const GRACE: Duration = Duration::from_millis(1500);

/// What a command does with a house that was stopped by wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Starts it.
    Start,
    /// Says so and leaves it.
    Leave,
    /// Starts nothing, not even a house whose roles died.
    Look,
}

/// The way to the steward of a home.
#[derive(Debug)]
pub struct House {
    /// Its home.
    pub home: Home,
    stopped: Stopped,
    begun: std::cell::Cell<bool>,
}

/// Tries until a deadline, with growing pauses.
struct Patience {
    deadline: Instant,
    pause: Duration,
}

impl Patience {
    fn new() -> Patience {
        Patience { deadline: Instant::now() + PATIENCE, pause: Duration::from_millis(1) }
    }

    /// Pauses; false = the time is over.
    fn wait(&mut self) -> bool {
        if Instant::now() >= self.deadline {
            return false;
        }
        sleep(self.pause);
        self.pause = (self.pause * 2).min(Duration::from_millis(50));
        true
    }
}

impl House {
    /// A way to this home's steward. Nothing is done yet.
    pub fn new(home: Home, stopped: Stopped) -> House {
        House { home, stopped, begun: std::cell::Cell::new(false) }
    }

    /// Whether it was stopped by wish, or never was: then there is nothing to ask. A house whose socket answers is not stopped, whatever its
    /// files say.
    ///
    /// # Errors
    /// The home cannot be looked at.
    pub fn is_stopped(&self) -> Result<bool, Failure> {
        Ok(self.home.rest()? == Rest::Stopped && self.try_connect()?.is_none())
    }

    /// Whether somebody is there to be asked, now or in a moment.
    ///
    /// # Errors
    /// The home cannot be looked at.
    pub fn is_up(&self) -> Result<bool, Failure> {
        Ok(self.try_connect()?.is_some() || self.home.is_kept()?)
    }

    /// Asks for one document.
    ///
    /// # Errors
    /// It cannot be had; see the module.
    pub fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Failure> {
        self.repeat(|| Ok(self.send(request)?.json()?))
    }

    /// Asks for something that must not happen twice: a request that may have been read whole is not sent again.
    ///
    /// # Errors
    /// As [`House::ask`]; and when the connection broke so that nobody knows whether it happened.
    pub fn ask_once<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Failure> {
        let unknown = |error: ClientError| match error {
            ClientError::Broken(error) => {
                let text = format!("the manager went away while it was asked ({error}): nobody knows whether it was done");
                Trouble::Final(Failure::new(Exit::Unreachable, text).next("look what the app has done, then ask again"))
            }
            other => other.into(),
        };
        self.repeat(|| {
            let answer = exchange(self.patient()?, request).map_err(|error| match error {
                ClientError::Broken(error) if sys::peer::was_unread(&error) => Trouble::Again(ClientError::Broken(error)),
                other => unknown(other),
            })?;
            answer.json().map_err(unknown)
        })
    }

    /// Opens a stream of lines.
    ///
    /// # Errors
    /// As [`House::ask`].
    pub fn stream<T: DeserializeOwned>(&self, request: &Request) -> Result<Lines<UnixStream, T>, Failure> {
        self.repeat(|| {
            let response = self.send(request)?;
            // A stream is silent for as long as nothing happens.
            response.stream().set_read_timeout(None).map_err(ClientError::Broken)?;
            Ok(response.lines())
        })
    }

    fn repeat<T>(&self, mut attempt: impl FnMut() -> Result<T, Trouble>) -> Result<T, Failure> {
        let mut patience = Patience::new();
        loop {
            let trouble = match attempt() {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Final(failure)) => return Err(failure),
                Err(Trouble::Again(error)) => error,
            };
            if !patience.wait() {
                return Err(trouble.into());
            }
        }
    }

    fn send(&self, request: &Request) -> Result<Response<UnixStream>, Trouble> {
        Ok(exchange(self.patient()?, request)?)
    }

    /// A connection on which an answer has its time.
    fn patient(&self) -> Result<UnixStream, Trouble> {
        let stream = self.connect()?;
        stream.set_read_timeout(Some(ANSWER)).map_err(ClientError::Broken)?;
        stream.set_write_timeout(Some(ANSWER)).map_err(ClientError::Broken)?;
        Ok(stream)
    }

    /// A connection to a steward that is who it should be, started if need be.
    fn connect(&self) -> Result<UnixStream, Failure> {
        let mut patience = Patience::new();
        let mut started: Option<Instant> = None;
        loop {
            if let Some(stream) = self.try_connect()? {
                return Ok(stream);
            }
            if started.is_none_or(|at| at.elapsed() > GRACE) && self.should_start()? {
                self.home.start_keeper()?;
                started = Some(Instant::now());
            }
            if !patience.wait() {
                let path = self.home.path.display();
                // Neither a scribe nor a steward may be there to write down what was said.
                let _ = sys::own_log::rescue(&self.home.path, b"");
                return Err(Failure::new(
                    Exit::Unreachable,
                    format!("no manager answers in {path} for {}", model::format_span(PATIENCE)),
                )
                .next(format!("{path}/daemon.log says what is in the way")));
            }
        }
    }

    /// `None` = nobody listens there.
    fn try_connect(&self) -> Result<Option<UnixStream>, Failure> {
        // A link could lead to anybody, and a file will never answer: neither is waited for.
        let socket = self.home.socket();
        if std::fs::symlink_metadata(&socket).is_ok_and(|there| !there.file_type().is_socket()) {
            let what = format!("{} is in the way: it is no socket, so the manager did not make it", socket.display());
            return Err(Failure::new(Exit::Refused, what).next("find out who put it there, and move it away"));
        }
        let stream = match sys::peer::connect(&self.home.socket()) {
            Ok(stream) => stream,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::NotFound
                    | io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::WouldBlock
                    | io::ErrorKind::Interrupted => Ok(None),
                    _ => Err(self.home.denied(&error)),
                };
            }
        };
        let uid = sys::peer::credentials(&stream).map(|peer| peer.uid).map_err(|error| self.home.denied(&error))?;
        if self.trusts(uid) {
            return Ok(Some(stream));
        }
        Err(Failure::new(
            Exit::Refused,
            format!("{} is answered by uid {uid}, who is not you: nothing was sent", socket.display()),
        )
        .next("choose another home with --home, or find out who put that socket there"))
    }

    /// Ourselves, root, and for root also the owner of the home that it asks about.
    fn trusts(&self, uid: u32) -> bool {
        let own = self.home.own.uid;
        uid == own || uid == 0 || (own == 0 && self.home.owner() == Some(uid))
    }

    /// Whether the keeper is to be started now.
    fn should_start(&self) -> Result<bool, Failure> {
        match (self.home.rest()?, self.stopped) {
            (_, Stopped::Look) => return Ok(false),
            (Rest::Orphaned, _) => {}
            (Rest::Stopped, Stopped::Start) => self.home.unmark()?,
            // It was there a moment ago: it has been stopped meanwhile, or is being started by somebody else.
            (Rest::Stopped, Stopped::Leave) if self.begun.get() => return Ok(false),
            (Rest::Stopped, Stopped::Leave) => {
                return Err(Failure::new(Exit::Unreachable, format!("the manager in {} is stopped", self.home.path.display()))
                    .next("`abide daemon start` starts it; so do `abide up` and `abide start`"));
            }
        }
        self.begun.set(true);
        // A keeper that is there brings its steward back itself.
        Ok(!self.home.is_kept()?)
    }
}

/// Why one attempt failed.
enum Trouble {
    /// Asking again may help.
    Again(ClientError),
    /// It will not.
    Final(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Final(failure)
    }
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Trouble {
        match error {
            ClientError::Broken(_) => Trouble::Again(error),
            ClientError::Refused(problem) if problem.code == "starting_up" => Trouble::Again(ClientError::Refused(problem)),
            ClientError::NotYet | ClientError::Garbage(_) | ClientError::TooLong(_) | ClientError::Refused(_) => {
                Trouble::Final(error.into())
            }
        }
    }
}

/// A fresh key that makes a write safe to send twice.
pub fn fresh_key() -> String {
    // `RandomState` is seeded by the system; process and time tell two commands apart even if it were not.
    let draw = |round: u8| RandomState::new().hash_one((std::process::id(), sys::clock::now(), round));
    format!("{:016x}{:016x}", draw(0), draw(1))
}

#[cfg(test)]
pub(crate) mod tests;
