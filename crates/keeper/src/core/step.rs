//! The core: its state, its one entry, and the order in which things are done.

use super::conn::{Conn, Line};
use super::dump::Cursor;
use super::effect::{ConnId, Control, Effect, FdToken, Happening, LifeId};
use super::ledger::{About, Held, Name, Service};
use super::say;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wire::Dialect;

/// What is chosen once, at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many connections there may be at a time.
    pub connections: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { connections: 8 }
    }
}

/// A signal that the keeper got.
pub(super) struct Noted {
    pub(super) number: i32,
    pub(super) at: u64,
    pub(super) count: u64,
}

/// A command that waits for the answer to its effect.
pub(super) struct Asking {
    pub(super) conn: ConnId,
    /// The command as an error quotes it.
    pub(super) quote: Vec<u8>,
    pub(super) what: Ask,
}

/// What the answer decides.
pub(super) enum Ask {
    /// Whether these descriptors are held; what an error begins with.
    Hold { new: Vec<(Name, Held)>, otherwise: &'static str },
    /// Whether a signal was sent.
    Signal(Name),
    /// Whether a service has a process that another keeper bore.
    Adopt { name: Name, dialect: Dialect, pid: u32, ident: u64 },
}

/// The keeper's ledger and what it does about it. See the module's contract.
pub struct Core {
    pub(super) now: u64,
    pub(super) settings: Settings,
    pub(super) services: BTreeMap<Name, Service>,
    pub(super) held: BTreeMap<Name, Held>,
    pub(super) conns: Vec<Conn>,
    /// Planned starts, the next first.
    pub(super) timers: BTreeSet<(u64, Name)>,
    /// Lives that are under way.
    pub(super) lives: BTreeMap<LifeId, Name>,
    pub(super) signals: Vec<Noted>,
    /// The epoch of the pen, and who has it.
    pub(super) pen: Option<(u64, ConnId)>,
    pub(super) asking: Option<Asking>,
    /// Births that are not answered, with the connections that come with them.
    pub(super) bearing: BTreeMap<LifeId, Option<Control>>,
    pub(super) effects: VecDeque<Effect>,
    next_fd: u32,
    next_conn: u32,
    next_life: u64,
}

impl Core {
    /// A keeper that holds only the control handles.
    pub fn new(settings: Settings) -> Core {
        let mut core = Core {
            now: 0,
            settings,
            services: BTreeMap::new(),
            held: BTreeMap::new(),
            conns: Vec::new(),
            timers: BTreeSet::new(),
            lives: BTreeMap::new(),
            signals: Vec::new(),
            pen: None,
            asking: None,
            bearing: BTreeMap::new(),
            effects: VecDeque::new(),
            next_fd: 0,
            next_conn: 0,
            next_life: 0,
        };
        for (name, flags, text) in [
            ("control.cmd", "write", "daemonproxy command pipe"),
            ("control.event", "read", "daemonproxy event stream"),
            ("control.socket", "read,write", "daemonproxy control socket"),
        ] {
            let held = Held { constant: true, ..Held::new(None, "special", flags, About::Text(text.into())) };
            core.held.insert(name.into(), held);
        }
        core
    }

    /// Holds a descriptor that the keeper has from the start (`null`, `stdin`, …). A `constant` one can be neither deleted nor replaced.
    /// The shell puts the descriptor under the token that it gets.
    pub fn inherit(&mut self, name: &str, flags: &str, description: &str, constant: bool) -> FdToken {
        let token = self.new_token();
        let about = About::Text(description.into());
        self.held.insert(name.into(), Held { constant, ..Held::new(Some(token), "special", flags, about) });
        token
    }

    /// A new connection, in dialect 1; `None` when there are as many as there may be. Pending signals are told to it.
    pub fn connect(&mut self, commands: bool, events: bool) -> Option<ConnId> {
        (self.connections() < self.settings.connections).then(|| {
            let id = self.new_conn();
            self.conns.push(Conn::new(id, commands, events));
            self.tell_signals(id);
            id
        })
    }

    /// Executes a list of commands of dialect 2 with the next step. Nobody hears what they answer.
    pub fn script(&mut self, lines: &[u8]) {
        let id = self.new_conn();
        let mut conn = Conn::new(id, true, false);
        conn.preload(lines);
        self.conns.push(conn);
    }

    /// When a [`Happening::Woken`] is due, in nanoseconds of the monotonic clock.
    pub fn deadline(&self) -> Option<u64> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Bytes that wait to be sent on a connection.
    pub fn unsent(&self, conn: ConnId) -> &[u8] {
        self.conns.iter().find(|c| c.id == conn).map_or(&[], Conn::unsent)
    }

    /// How many bytes a connection may be given now.
    pub fn room(&self, conn: ConnId) -> usize {
        self.conns.iter().find(|c| c.id == conn).map_or(0, Conn::room)
    }

    /// Takes notice of what happened, and says what is to be done.
    pub fn step(&mut self, happening: Happening<'_>, now: u64, effects: &mut VecDeque<Effect>) {
        self.now = now;
        match happening {
            Happening::Received { conn, bytes } => self.on(conn, |c| c.receive(bytes)),
            Happening::Ended { conn } => self.on(conn, |c| c.ended = true),
            Happening::Broken { conn } => self.on(conn, Conn::mute),
            Happening::Sent { conn, count } => self.on(conn, |c| c.note_sent(count)),
            Happening::Woken => {}
            Happening::Signal { number } => self.on_signal(number),
            Happening::Done(result) => self.on_done(result),
            Happening::Spawned { life, result } => self.on_spawned(life, result),
            Happening::Adopted { life, result } => self.on_adopted(life, result),
            Happening::Executed { life } => self.on_executed(life),
            Happening::NotExecuted { life, why } => self.on_not_executed(life, why),
            Happening::Exited { life, ending } => self.on_exited(life, ending),
        }
        self.run();
        effects.append(&mut self.effects);
    }

    fn on(&mut self, conn: ConnId, change: impl FnOnce(&mut Conn)) {
        if let Some(conn) = self.conns.iter_mut().find(|c| c.id == conn) {
            change(conn);
        }
    }

    /// Goes round the connections, a command of each, until nobody can go on or an answer is awaited. What is due is started first.
    fn run(&mut self) {
        loop {
            self.start_due();
            let mut went_on = false;
            let mut at = 0;
            while at < self.conns.len() {
                went_on |= self.turn(at);
                self.start_due();
                let closed = self.close_when_done(at);
                // A start may have waited for it.
                went_on |= closed;
                at += usize::from(!closed);
            }
            if !went_on {
                return;
            }
        }
    }

    /// One line of a dump or one command of this connection. Whether anything was done.
    fn turn(&mut self, at: usize) -> bool {
        let conn = &self.conns[at];
        if let Some(cursor) = conn.dump.clone()
            && !conn.next_is(b"statedump")
        {
            return self.dump_on(at, cursor);
        }
        if self.asking.is_some() || !self.bearing.is_empty() || conn.leaving || !conn.can_answer() {
            return false;
        }
        self.command(at)
    }

    fn dump_on(&mut self, at: usize, cursor: Cursor) -> bool {
        let next = self.dump_line(cursor, self.conns[at].dialect);
        let conn = &mut self.conns[at];
        match next {
            None => conn.dump = None,
            Some((line, _)) if !conn.can_dump(&line) => return false,
            Some((line, cursor)) => {
                conn.say(line);
                conn.dump = Some(cursor);
            }
        }
        true
    }

    /// Forgets a connection from which nothing can come any more and to which everything has been sent. Whether it is gone.
    fn close_when_done(&mut self, at: usize) -> bool {
        let conn = &self.conns[at];
        let silent = conn.leaving || (conn.ended && !conn.has_line() && conn.dump.is_none());
        let awaited = self.asking.as_ref().is_some_and(|a| a.conn == conn.id);
        if !silent || awaited || !conn.unsent().is_empty() {
            return false;
        }
        let gone = self.conns.remove(at);
        self.effects.push_back(Effect::Hangup { conn: gone.id });
        if let Some((name, _)) = gone.life {
            self.unblock(&name);
        }
        true
    }

    /// Connections, with those that are about to be.
    pub(super) fn connections(&self) -> usize {
        self.conns.len() + self.bearing.values().flatten().count()
    }

    pub(super) fn say_to(&mut self, conn: ConnId, write: impl FnOnce(Dialect) -> Line) {
        self.on(conn, |c| {
            let line = write(c.dialect);
            c.say(line);
        });
    }

    /// An event for everybody.
    pub(super) fn tell(&mut self, write: impl Fn(Dialect) -> Line) {
        say::tell(&mut self.conns, Dialect::One, write);
    }

    pub(super) fn tell_signals(&mut self, conn: ConnId) {
        let pending: Vec<_> = self.signals.iter().filter(|s| s.count > 0).map(|s| (s.number, s.at, s.count)).collect();
        for (number, at, count) in pending {
            self.say_to(conn, |dialect| say::signal(dialect, number, at, count));
        }
    }

    pub(super) fn new_token(&mut self) -> FdToken {
        self.next_fd += 1;
        FdToken(self.next_fd)
    }

    pub(super) fn new_conn(&mut self) -> ConnId {
        self.next_conn += 1;
        ConnId(self.next_conn)
    }

    pub(super) fn new_life(&mut self) -> LifeId {
        self.next_life += 1;
        LifeId(self.next_life)
    }
}
