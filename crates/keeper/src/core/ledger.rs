//! What the keeper knows: services and held descriptors.

use super::block::{Block, Part};
use super::effect::{BindHow, Channel, Ending, FdToken, LifeId, OpenHow, Stillborn};
use super::pool::Item;
use wire::{Dialect, Name, fields};

/// Nanoseconds in a second.
pub(super) const SECOND: u64 = 1_000_000_000;

/// Where a service is in its one life after the other.
///
/// `Down` → (`Due` →) (`Blocked` →) `Starting` → `Up` → `Ended` → `Due` … Only the keeper's own restart rules and commands move it forward;
/// only an exit, a refusal to execute, or `service.start NAME -` move it back. Outside, `Due`, `Blocked`, `Starting` and `Failing` are all `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Never started, or its planned start was cancelled.
    Down,
    /// To be started at a time; `again` when the start is announced once more then (daemonproxy does so after an automatic restart).
    Due { at: u64, again: bool },
    /// Due, but the last commands of its former life must be executed first.
    Blocked { at: u64, again: bool },
    /// Forked or being forked, and not known to execute.
    Starting { life: LifeId, at: u64, pid: Option<(u32, u64)> },
    /// Known not to execute, but its process is not over yet.
    Failing { life: LifeId, at: u64, why: Stillborn },
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
            State::Down | State::Due { .. } | State::Blocked { .. } | State::Starting { .. } | State::Failing { .. } => None,
            State::Ended { .. } | State::Failed { .. } => None,
        }
    }

    /// The life that is under way.
    pub(super) fn life(&self) -> Option<LifeId> {
        match self {
            State::Up { life, .. } | State::Starting { life, .. } | State::Failing { life, .. } => Some(*life),
            State::Down | State::Due { .. } | State::Blocked { .. } | State::Ended { .. } | State::Failed { .. } => None,
        }
    }

    /// Whether nothing is under way or planned.
    pub(super) fn idle(&self) -> bool {
        matches!(self, State::Down | State::Ended { .. } | State::Failed { .. })
    }
}

/// How a service that is always to be there is brought back (`mechanisms.md` §1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Keep {
    /// Deaths in a row before `hello`.
    pub(super) deaths: u32,
    /// The present life has said `hello`.
    pub(super) greeted: bool,
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

/// The flags of `service.opt`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Opts {
    pub(super) session: bool,
    pub(super) group: bool,
    pub(super) no_new_privs: bool,
    pub(super) listen_pid: bool,
    pub(super) tty: Option<u32>,
    pub(super) death_signal: Option<i32>,
}

/// A service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: Name,
    /// That of the connection whose command made it.
    pub(super) dialect: Dialect,
    pub(super) block: Block,
    /// Seconds of `service.auto_up`; it is on when there are triggers.
    pub(super) interval: u32,
    pub(super) umask: Option<u32>,
    pub(super) nice: Option<i32>,
    pub(super) oom: Option<i32>,
    /// Set by `service.opt`; else a service of dialect 2 leads a session.
    pub(super) opts: Option<Opts>,
    pub(super) keep: Option<Keep>,
    pub(super) state: State,
}

/// The list of descriptors of a service for which none was said.
pub(super) const NO_FDS: &[u8] = b"null\0null\0null\0";

impl Service {
    /// One without a name, for a pool.
    pub(super) fn blank(bytes: Option<usize>) -> Service {
        Service {
            name: Name::new("-").expect("a name"),
            dialect: Dialect::One,
            block: Block::new(bytes),
            interval: 1,
            umask: None,
            nice: None,
            oom: None,
            opts: None,
            keep: None,
            state: State::Down,
        }
    }

    pub(super) fn list(&self, part: Part) -> impl Iterator<Item = &[u8]> + Clone {
        fields(self.block.get(part))
    }

    pub(super) fn options(&self) -> Opts {
        self.opts.unwrap_or(Opts { session: self.dialect == Dialect::Two, ..Opts::default() })
    }

    /// Whether something shall bring it up by itself.
    pub(super) fn auto_up(&self) -> bool {
        !self.block.get(Part::Triggers).is_empty()
    }

    /// Which number of the child gets which handle; `None` for a field that says neither.
    pub(super) fn places(&self) -> impl Iterator<Item = Option<(u32, &[u8])>> {
        self.list(Part::Fds).enumerate().map(|(at, field)| place(at, field, self.dialect))
    }

    /// The handles that it lists.
    pub(super) fn handles(&self) -> impl Iterator<Item = Name> + '_ {
        self.places().flatten().filter_map(|(_, handle)| Name::new(handle))
    }
}

impl Item for Service {
    fn name(&self) -> &Name {
        &self.name
    }

    fn renew(&mut self, name: Name) {
        self.block.clear();
        let block = std::mem::replace(&mut self.block, Block::new(None));
        *self = Service { name, block, ..Service::blank(None) };
        // The smallest block has room for it.
        let _ = self.block.set(Part::Fds, NO_FDS);
    }

    fn shrink(&mut self) {
        self.block.shrink();
    }
}

/// The highest number that a descriptor of a child may have.
pub(super) const HIGHEST_PLACE: u32 = 1023;

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

/// What a held descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File(OpenHow),
    /// One end of a pipe; whether it is the one to write to.
    Pipe {
        nonblock: bool,
        to: bool,
    },
    /// One end of a pair of sockets.
    Pair(Channel),
    Socket {
        channel: Channel,
        bind: bool,
        backlog: Option<u32>,
        mkdir: bool,
        /// Only of dialect 2.
        how: Option<BindHow>,
    },
    /// Not made by us: readable, writable.
    Special {
        read: bool,
        write: bool,
    },
}

/// Why a descriptor is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bond {
    /// Neither deleted nor replaced.
    Constant,
    /// As any other.
    Standard,
    /// It came from whoever started the keeper.
    Received,
}

/// A held descriptor.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) name: Name,
    /// `None` for the control handles, which are made anew for every child.
    pub(super) token: Option<FdToken>,
    pub(super) kind: Kind,
    /// The path, address or description.
    pub(super) text: Vec<u8>,
    /// The other end, until it is deleted.
    pub(super) peer: Option<Name>,
    pub(super) bond: Bond,
    /// Closed once a service that lists it has been forked.
    pub(super) handoff: bool,
    /// It is a life lock.
    pub(super) lock: bool,
    limit: Option<usize>,
}

impl Held {
    /// One without a name, for a pool.
    pub(super) fn blank(bytes: Option<usize>) -> Held {
        Held {
            name: Name::new("-").expect("a name"),
            token: None,
            kind: Kind::Special { read: false, write: false },
            text: Vec::with_capacity(bytes.unwrap_or(0)),
            peer: None,
            bond: Bond::Standard,
            handoff: false,
            lock: false,
            limit: bytes,
        }
    }

    /// Keeps the text, or in a pool as much of it as there is room for.
    pub(super) fn describe(&mut self, text: &[u8]) {
        self.text.clear();
        match self.limit.filter(|limit| text.len() > *limit) {
            None => {
                self.text.reserve_exact(text.len());
                self.text.extend_from_slice(text);
            }
            Some(limit) => {
                self.text.extend_from_slice(&text[..limit.saturating_sub(3)]);
                self.text.extend_from_slice(b"...");
            }
        }
    }
}

impl Item for Held {
    fn name(&self) -> &Name {
        &self.name
    }

    fn renew(&mut self, name: Name) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        *self = Held { name, text, limit: self.limit, ..Held::blank(None) };
    }

    fn shrink(&mut self) {
        self.text = Vec::new();
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
