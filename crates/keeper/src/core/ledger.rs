//! What the keeper knows: services and held descriptors.

use super::effect::{Ending, FdToken, LifeId, Limit, Stillborn};
use std::sync::Arc;
use wire::Dialect;

/// A name of a service or descriptor.
pub(super) type Name = Arc<str>;

/// Nanoseconds in a second.
pub(super) const SECOND: u64 = 1_000_000_000;

/// Where a service is in its one life after the other.
///
/// `Down` → (`Due` →) (`Blocked` →) `Starting` → `Up` → `Ended` → `Due` … Only the keeper's own restart rules and commands move it forward;
/// only an exit, a refusal to execute, or `service.start NAME -` move it back. Outside, `Due`, `Blocked` and `Starting` are all `start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Never started, or its planned start was cancelled.
    Down,
    /// To be started at a time; `again` when the start is announced once more then (daemonproxy does so after an automatic restart).
    Due { at: u64, again: bool },
    /// Due, but the last commands of its former life must be executed first.
    Blocked { at: u64, again: bool },
    /// Forked or being forked, and not known to execute.
    Starting { life: LifeId, at: u64, pid: Option<(u32, u64)> },
    /// Running.
    Up { life: LifeId, at: u64, pid: u32, ident: u64 },
    /// It is over.
    Ended { began: u64, at: u64, pid: u32, ident: u64, how: Ending },
    /// It never ran.
    Failed { at: u64, why: Stillborn },
}

impl State {
    /// The life that a signal would reach, with its pid.
    pub(super) fn alive(&self) -> Option<(LifeId, u32)> {
        match self {
            State::Up { life, pid, .. } | State::Starting { life, pid: Some((pid, _)), .. } => Some((*life, *pid)),
            State::Down | State::Due { .. } | State::Blocked { .. } | State::Starting { .. } => None,
            State::Ended { .. } | State::Failed { .. } => None,
        }
    }

    /// The life that is under way.
    pub(super) fn life(&self) -> Option<LifeId> {
        match self {
            State::Up { life, .. } | State::Starting { life, .. } => Some(*life),
            State::Down | State::Due { .. } | State::Blocked { .. } | State::Ended { .. } | State::Failed { .. } => None,
        }
    }
}

/// What brings a service up again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AutoUp {
    /// Seconds.
    pub(super) interval: u64,
    /// As they were said; `always` or signal names.
    pub(super) triggers: Vec<Vec<u8>>,
}

/// How a service that is always to be there is brought back (`mechanisms.md` §1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keep {
    /// Deaths in a row before `hello`.
    deaths: u32,
    /// The present life has said `hello`.
    greeted: bool,
}

/// Deaths before `hello` that are followed by a restart at once.
const FREE_DEATHS: u32 = 4;
/// The longest pause, in seconds.
const LONGEST_PAUSE_S: u64 = 30;
/// Between two starts of a role that did say `hello`: at most 20 a second.
const SHORTEST_LIFE_NS: u64 = SECOND / 20;

impl Keep {
    pub(super) fn hello(&mut self) {
        self.greeted = true;
        self.deaths = 0;
    }

    /// When to start again, after a life that began then has ended now.
    pub(super) fn again_at(&mut self, began: u64, now: u64) -> u64 {
        if std::mem::take(&mut self.greeted) {
            return now.max(began + SHORTEST_LIFE_NS);
        }
        self.deaths = self.deaths.saturating_add(1);
        let pause = match self.deaths.checked_sub(FREE_DEATHS + 1) {
            None => 0,
            Some(over) => 1u64.checked_shl(over).map_or(LONGEST_PAUSE_S, |s| s.min(LONGEST_PAUSE_S)),
        };
        now + pause * SECOND
    }
}

/// A service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    /// That of the connection whose command made it.
    pub(super) dialect: Dialect,
    pub(super) tags: Vec<Vec<u8>>,
    pub(super) argv: Vec<Vec<u8>>,
    /// As they were said: handles, `-`, `N=HANDLE`.
    pub(super) fds: Vec<Vec<u8>>,
    pub(super) auto_up: Option<AutoUp>,
    pub(super) env: Option<Vec<Vec<u8>>>,
    pub(super) cwd: Option<Vec<u8>>,
    pub(super) umask: Option<u32>,
    pub(super) limits: Vec<Limit>,
    pub(super) keep: Option<Keep>,
    pub(super) state: State,
}

impl Service {
    pub(super) fn new(dialect: Dialect) -> Service {
        Service {
            dialect,
            tags: Vec::new(),
            argv: Vec::new(),
            fds: vec![b"null".to_vec(); 3],
            auto_up: None,
            env: None,
            cwd: None,
            umask: None,
            limits: Vec::new(),
            keep: None,
            state: State::Down,
        }
    }

    /// Which number of the child gets which handle; `None` for a field that says neither.
    pub(super) fn places(&self) -> impl Iterator<Item = Option<(u32, &[u8])>> {
        self.fds.iter().enumerate().map(|(at, field)| place(at, field, self.dialect))
    }

    /// The handles that it lists.
    pub(super) fn handles(&self) -> impl Iterator<Item = &[u8]> {
        self.places().flatten().map(|(_, handle)| handle)
    }
}

/// The highest number that a descriptor of a child may have.
const HIGHEST_PLACE: u32 = 1023;

/// Understands one field of `service.fds`. Dialect 2 also knows `N=HANDLE`.
pub(super) fn place(at: usize, field: &[u8], dialect: Dialect) -> Option<(u32, &[u8])> {
    let (number, handle) = match field.iter().position(|b| *b == b'=') {
        Some(equals) if dialect == Dialect::Two => {
            (std::str::from_utf8(&field[..equals]).ok()?.parse().ok()?, &field[equals + 1..])
        }
        _ => (u32::try_from(at).ok()?, field),
    };
    (number <= HIGHEST_PLACE && (handle == b"-" || wire::is_name(handle))).then_some((number, handle))
}

/// What a held descriptor is, in the words of `fd.state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// The path, address or description.
    Text(Vec<u8>),
    /// The other end, until it is deleted.
    Peer(Option<Name>),
}

/// A held descriptor.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// `None` for the control handles, which are made anew for every child.
    pub(super) token: Option<FdToken>,
    /// `file`, `pipe`, `socket`, `special`.
    pub(super) kind: &'static str,
    pub(super) flags: String,
    pub(super) about: About,
    /// Neither deleted nor replaced.
    pub(super) constant: bool,
    /// Closed once a service that lists it has been forked.
    pub(super) handoff: bool,
    /// It is a life lock.
    pub(super) lock: bool,
}

impl Held {
    pub(super) fn new(token: Option<FdToken>, kind: &'static str, flags: impl Into<String>, about: About) -> Held {
        Held { token, kind, flags: flags.into(), about, constant: false, handoff: false, lock: false }
    }
}

/// Which way a control handle goes: commands, events.
pub(super) fn control(handle: &[u8]) -> Option<(bool, bool)> {
    match handle {
        b"control.cmd" => Some((true, false)),
        b"control.event" => Some((false, true)),
        b"control.socket" => Some((true, true)),
        _ => None,
    }
}
