//! One connection: who it is, what it speaks, what waits on it.

use super::dump::Cursor;
use super::effect::{ConnId, LifeId};
use super::ledger::SECOND;
use wire::{Dialect, Inbox, Line, Outbox};

/// What a connection is to the keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Standard input and output; its end is the end of the keeper.
    Console,
    /// A file of commands, whose last line may lack its line feed.
    Config,
    /// The keeper's own commands.
    Script,
    /// A client of the control socket.
    Client,
    /// A service (by its place) that was given a control handle, and its life.
    Service(u32, LifeId),
}

/// How long a connection that takes nothing is borne with, in seconds: until commands are executed without a reader, until it is closed.
pub(super) const TIMEOUTS_S: (u32, u32) = (15, 30);

/// One connection.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) id: ConnId,
    pub(super) role: Role,
    pub(super) dialect: Dialect,
    pub(super) commands: bool,
    pub(super) events: bool,
    /// Gets no events before its first command, so that an Abide role never hears dialect 1.
    pub(super) silent: bool,
    /// Nothing more will come in.
    pub(super) ended: bool,
    /// `exit` was said, or it took nothing for too long: no further command, closed when everything is sent or cannot be.
    pub(super) leaving: bool,
    pub(super) dump: Option<Cursor>,
    /// Wants to know of every adopted orphan that ends.
    pub(super) orphans: bool,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
    /// `conn.event_timeout`; `None` bears with it for ever.
    pub(super) timeouts: Option<(u32, u32)>,
    /// Since when nothing has been taken of what waits.
    pub(super) stuck: Option<u64>,
    /// It was warned of that.
    pub(super) warned: bool,
}

impl Conn {
    pub(super) fn new(id: ConnId, role: Role, (inbox, outbox): (Inbox, Outbox)) -> Conn {
        Conn {
            id,
            role,
            dialect: Dialect::One,
            commands: true,
            events: true,
            silent: false,
            ended: false,
            leaving: false,
            dump: None,
            orphans: false,
            inbox,
            outbox,
            timeouts: Some(TIMEOUTS_S),
            stuck: None,
            warned: false,
        }
    }

    /// From now on in dialect 2; its buffers are made here. Who speaks it watches itself: it is not closed for being slow.
    pub(super) fn speak_two(&mut self) {
        self.dialect = Dialect::Two;
        self.timeouts = self.timeouts.filter(|timeouts| *timeouts != TIMEOUTS_S);
        self.inbox.speak_two();
        if self.events {
            self.outbox.speak_two();
        }
    }

    /// How many bytes may come in now.
    pub(super) fn room(&self) -> usize {
        if self.commands && !self.ended { self.inbox.room() } else { 0 }
    }

    /// Whether another command can come out of what has come in.
    pub(super) fn has_command(&self) -> bool {
        self.inbox.has_line() || (self.takes_tail() && !self.inbox.waiting().is_empty())
    }

    /// Whether what has come in last counts without its line feed.
    pub(super) fn takes_tail(&self) -> bool {
        self.ended && self.role == Role::Config
    }

    /// Whether there is room for whatever a command may answer.
    pub(super) fn can_answer(&self) -> bool {
        !self.events || self.outbox.can_answer(self.dialect)
    }

    /// Nothing that is said reaches anybody from now on.
    pub(super) fn mute(&mut self) {
        self.events = false;
        self.outbox.forget();
        self.dump = None;
        self.stuck = None;
    }

    /// Says a line, or counts it as lost when it does not fit.
    pub(super) fn say(&mut self, write: impl FnOnce(&mut Line<'_>)) {
        if self.events && !self.silent {
            self.outbox.say(self.dialect, write);
        }
    }

    pub(super) fn note_sent(&mut self, count: usize) {
        self.outbox.note_sent(count, self.dialect);
        self.stuck = None;
        self.warned = false;
    }

    /// When something is due because nothing is taken: the time, and whether it is the end.
    pub(super) fn patience(&self) -> Option<(u64, bool)> {
        let (since, (reset, close)) = (self.stuck?, self.timeouts?);
        let (after, last) = if self.warned { (close, true) } else { (reset, false) };
        Some((since + u64::from(after) * SECOND, last))
    }
}
