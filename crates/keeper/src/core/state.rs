//! What the core is made of, and how it begins.

use super::args::Speaker;
use super::conn::{Conn, Role};
use super::effect::{ConnId, Control, Effect, FdToken, LifeId, Limit, Source};
use super::ledger::{Bond, Held, Kind, Service};
use super::log::{Level, Log};
use super::pool::Pool;
use super::tokens::Tokens;
use std::collections::VecDeque;
use wire::{Inbox, Name, Outbox};

/// The size of a pool that never grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize {
    /// How many there can be.
    pub count: u32,
    /// Bytes of text that each can have.
    pub bytes: usize,
}

/// What is chosen once, at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many connections there may be at a time.
    pub connections: usize,
    /// A fixed pool of services.
    pub services: Option<PoolSize>,
    /// A fixed pool of descriptors.
    pub fds: Option<PoolSize>,
    /// The keeper is PID 1.
    pub init: bool,
    /// What the log hides: this and what is below.
    pub quiet: Level,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { connections: 8, services: None, fds: None, init: false, quiet: Level::Debug }
    }
}

/// A signal that the keeper got.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noted {
    pub(super) number: i32,
    pub(super) at: u64,
    pub(super) count: u64,
}

/// Signals that can be noted, at most.
const SIGNALS: usize = 16;

/// A command that waits for the answer to its effect.
pub(super) struct Asking {
    pub(super) speaker: Speaker,
    pub(super) what: Ask,
}

/// A descriptor that is held if it can be made; its text is that of the effect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft {
    pub(super) name: Name,
    pub(super) token: FdToken,
    pub(super) kind: Kind,
    pub(super) peer: Option<Name>,
    pub(super) handoff: bool,
    pub(super) lock: bool,
}

/// What the answer decides.
pub(super) enum Ask {
    /// Whether these descriptors are held; what an error begins with.
    Hold { new: [Option<Draft>; 2], otherwise: &'static str },
    /// Whether a signal was sent.
    Signal(Name),
    /// Whether a service, which was made for it or not, has a process that another keeper bore.
    Adopt { at: u32, new: bool, pid: u32, ident: u64 },
    /// Whether connections are spread over so many sockets at the address of this one.
    Steer { name: Name, count: u32 },
    /// Whether the keeper stands elsewhere now.
    Chdir,
    /// Whether there is a control socket.
    Listen,
}

/// The keeper's ledger and what it does about it. See the module's contract.
pub struct Core {
    pub(super) now: u64,
    pub(super) settings: Settings,
    pub(super) services: Pool<Service>,
    pub(super) held: Pool<Held>,
    pub(super) tokens: Tokens,
    pub(super) conns: Vec<Conn>,
    /// Buffers of connections that are gone, for the next.
    pub(super) spare: Vec<(Inbox, Outbox)>,
    /// Planned starts, the next last.
    pub(super) timers: Vec<(u64, u32)>,
    pub(super) signals: Vec<Noted>,
    /// The epoch of the pen, and who has it.
    pub(super) pen: Option<(u64, ConnId)>,
    pub(super) asking: Option<Asking>,
    /// The birth that is not answered, with the connection that comes with it.
    pub(super) bearing: Option<(LifeId, Option<Control>)>,
    /// Who asked for an upgrade that is being looked into.
    pub(super) upgrading: Option<Speaker>,
    pub(super) upgrade_path: Vec<u8>,
    pub(super) guard: i64,
    /// Fields ended by NUL; what is executed instead of ending.
    pub(super) exec_args: Vec<u8>,
    pub(super) log: Log,
    /// The code with which the keeper is to end.
    pub(super) over: bool,
    pub(super) effects: VecDeque<Effect>,
    /// The text of the effect that is out.
    pub(super) text: Vec<u8>,
    /// Parts of the plan that is out.
    pub(super) places: Vec<(u32, Source)>,
    pub(super) lock_place: Option<u32>,
    pub(super) limits: Vec<Limit>,
    pub(super) groups: Vec<u32>,
    /// The command in hand.
    pub(super) line: Vec<u8>,
    pub(super) next_conn: u32,
    pub(super) next_life: u64,
}

/// The longest text of an effect: a path.
const LONGEST_TEXT: usize = 4096;

impl Core {
    /// A keeper that holds only the control handles.
    pub fn new(settings: Settings) -> Core {
        let mut core = Core::blank(settings);
        for (name, read, write, text) in [
            ("control.cmd", false, true, "daemonproxy command pipe"),
            ("control.event", true, false, "daemonproxy event stream"),
            ("control.socket", true, true, "daemonproxy control socket"),
        ] {
            let name = Name::new(name).expect("a name");
            let at = core.held.insert(name).expect("the smallest pool has room for them");
            core.held[at].kind = Kind::Special { read, write };
            core.held[at].bond = Bond::Constant;
            core.held[at].describe(text.as_bytes());
        }
        core
    }

    /// One that holds nothing at all.
    pub(super) fn blank(settings: Settings) -> Core {
        let fixed = settings.services.is_some();
        let spare = if fixed { settings.connections } else { 0 };
        let services = settings.services.map_or(0, |pool| pool.count as usize);
        Core {
            now: 0,
            settings,
            services: Pool::new(settings.services.map(|pool| (pool.count, pool.bytes)), Service::blank),
            held: Pool::new(settings.fds.map(|pool| (pool.count, pool.bytes)), Held::blank),
            tokens: Tokens::with_capacity(settings.fds.map_or(0, |pool| pool.count as usize)),
            conns: Vec::with_capacity(settings.connections + 2),
            spare: (0..spare).map(|_| Default::default()).collect(),
            timers: Vec::with_capacity(services),
            signals: Vec::with_capacity(SIGNALS),
            pen: None,
            asking: None,
            bearing: None,
            upgrading: None,
            upgrade_path: Vec::with_capacity(if fixed { LONGEST_TEXT } else { 0 }),
            guard: 0,
            exec_args: Vec::with_capacity(if fixed { super::exit::LONGEST_EXEC + 1 } else { 0 }),
            log: Log::new(settings.quiet),
            over: false,
            effects: VecDeque::with_capacity(if fixed { 64 } else { 0 }),
            text: Vec::with_capacity(if fixed { LONGEST_TEXT } else { 0 }),
            places: Vec::with_capacity(if fixed { super::ledger::HIGHEST_PLACE as usize } else { 0 }),
            lock_place: None,
            limits: Vec::with_capacity(if fixed { 16 } else { 0 }),
            groups: Vec::with_capacity(if fixed { 64 } else { 0 }),
            line: Vec::with_capacity(wire::DIALECT1_LINE + 1),
            next_conn: 0,
            next_life: 0,
        }
    }

    /// Holds a descriptor that the keeper has from the start (`null`, `stdin`, …). The shell puts the descriptor under the token that it
    /// gets; `None` when the name cannot be or is taken, or the pool is exhausted.
    pub fn inherit(&mut self, name: &str, (read, write): (bool, bool), description: &str, bond: Bond) -> Option<FdToken> {
        let at = self.held.insert(Name::new(name)?)?;
        let token = self.tokens.take();
        let held = &mut self.held[at];
        (held.token, held.kind, held.bond) = (Some(token), Kind::Special { read, write }, bond);
        held.describe(description.as_bytes());
        Some(token)
    }

    /// Whether there may be one more connection.
    pub fn can_connect(&self) -> bool {
        self.connections() < self.settings.connections
    }

    /// A new client, in dialect 1; `None` when there are as many as there may be. Pending signals are told to it.
    pub fn connect(&mut self) -> Option<ConnId> {
        self.can_connect().then(|| self.open(Role::Client, |_| {}))
    }

    /// Standard input and output as a controller, whose end is the end of the keeper.
    /// `head` is the commit that it was built from.
    pub fn console(&mut self, head: &str) -> ConnId {
        let id = self.open(Role::Console, |_| {});
        for parts in [
            [concat!("daemonproxy protocol version 1.1.0, abide-keeper version ", env!("CARGO_PKG_VERSION"), ", git "), head],
            ["Copyright 2026 The Abide founders", ""],
            ["LICENSE: MIT OR Apache-2.0", ""],
            ["Fields are separated by TAB, commands end with LF.", ""],
            ["Dialect 1 is spoken until you say: dialect 2 (with a TAB).", ""],
            ["The protocol and its commands are told in docs/keeper.md.", ""],
        ] {
            self.say_to(id, |line| _ = line.raw("info").field(parts[0]).text(parts[1]));
        }
        id
    }

    /// A file of commands: nobody hears what they answer, but the log.
    pub fn config(&mut self) -> ConnId {
        self.open(Role::Config, |conn| conn.events = false)
    }

    /// Executes a list of commands of dialect 2 with the next step. Nobody hears what they answer.
    pub fn script(&mut self, lines: &[u8]) {
        self.open(Role::Script, |conn| {
            conn.events = false;
            conn.speak_two();
            conn.inbox.receive(lines);
            conn.ended = true;
        });
    }

    pub(super) fn open(&mut self, role: Role, set: impl FnOnce(&mut Conn)) -> ConnId {
        let id = self.new_conn();
        self.add_conn(id, role, set);
        id
    }

    pub(super) fn add_conn(&mut self, id: ConnId, role: Role, set: impl FnOnce(&mut Conn)) {
        let mut conn = Conn::new(id, role, self.spare.pop().unwrap_or_default());
        set(&mut conn);
        self.conns.push(conn);
        self.tell_signals(id);
    }
}
