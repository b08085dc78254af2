//! What the core says to its shell, and what it is told. Nothing here owns memory: texts and lists stay in the core, where
//! [`super::Core::text`] and [`super::Core::plan`] show them while the effect is performed.

#![expect(missing_docs, reason = "fields that say by name and type what they are; types and variants say the rest")]

use core::net::SocketAddr;

/// A descriptor that the shell holds for the core. A small number, chosen by the core, and used again only after its `Close`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FdToken(pub u32);

/// A connection to a controller. Chosen by the core, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u32);

/// One life of one process. Chosen by the core, never used again: what is said about a life that is over is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LifeId(pub u64);

/// Bits of a life that say which service it is of.
const SLOT_BITS: u32 = 20;

impl LifeId {
    pub(super) fn new(counter: u64, slot: u32) -> LifeId {
        LifeId((counter << SLOT_BITS) | u64::from(slot))
    }

    /// A small number that no other life has at the same time.
    pub fn slot(self) -> usize {
        (self.0 & ((1 << SLOT_BITS) - 1)) as usize
    }
}

/// How a path is opened: the flags of `fd.open`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenHow {
    pub read: bool,
    pub write: bool,
    pub append: bool,
    pub create: bool,
    pub trunc: bool,
    pub nonblock: bool,
    pub mkdir: bool,
    pub lock: bool,
}

/// How a socket is bound: what dialect 2 adds to `fd.socket`. With it, a path at which a socket was left that nobody has any more is taken over,
/// `[::]` leaves IPv4 alone, and no datagrams are shared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BindHow {
    /// Others that say so may be bound there too.
    pub reuse_port: bool,
    /// Mode of the file.
    pub mode: Option<u32>,
    /// Connections are spread over so many by the client's address.
    pub sticky: Option<u32>,
}

/// Where a socket lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Unix,
    Inet,
    Inet6,
}

/// How a socket carries bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Stream,
    Datagram,
    Seqpacket,
}

/// What kind of socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    pub family: Family,
    pub shape: Shape,
    pub nonblock: bool,
}

/// What a socket is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// The path in [`super::Core::text`].
    Path,
    /// An address and port.
    Net(SocketAddr),
}

/// Where a descriptor of a child comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A copy of this one.
    Held(FdToken),
    /// The child's end of its control connection.
    Control,
    /// There is none: the child shall abort (daemonproxy's way to say so).
    Missing,
}

/// A resource limit of a child (`nofile`, `core`, …); `u64::MAX` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub resource: &'static str,
    pub soft: u64,
    pub hard: u64,
}

/// The control connection that is made together with a child, by the name of our end; which ways are open to the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    pub conn: ConnId,
    pub commands: bool,
    pub events: bool,
}

/// A child to be born, complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan<'a> {
    /// Program and arguments, each ended by NUL.
    pub argv: &'a [u8],
    /// `KEY=VALUE`, each ended by NUL; `None` inherits the keeper's.
    pub env: Option<&'a [u8]>,
    /// Working directory; `None` inherits the keeper's.
    pub cwd: Option<&'a [u8]>,
    /// File mode mask; `None` inherits the keeper's.
    pub umask: Option<u32>,
    /// Whether it leads a session.
    pub session: bool,
    /// Whether it leads a process group.
    pub group: bool,
    /// Niceness.
    pub nice: Option<i32>,
    /// `oom_score_adj`.
    pub oom: Option<i32>,
    /// User and group that it becomes.
    pub user: Option<(u32, u32)>,
    /// Supplementary groups that it gets with them.
    pub groups: &'a [u32],
    /// Limits that were asked for.
    pub limits: &'a [Limit],
    /// Whether `nofile` (soft = min(hard, 65536)) and `core` (0) are limited where `limits` does not name them.
    pub default_limits: bool,
    /// Folder of the control group that it is born in.
    pub cgroup: Option<&'a [u8]>,
    /// Whether it can never gain privileges.
    pub no_new_privs: bool,
    /// The signal that it gets when the keeper dies.
    pub death_signal: Option<i32>,
    /// The number that becomes its controlling terminal.
    pub tty: Option<u32>,
    /// Whether `LISTEN_PID` is set to its pid.
    pub listen_pid: bool,
    /// Which number becomes what, ascending; every other is closed.
    pub places: &'a [(u32, Source)],
    /// The number that is the life lock, into which the child writes its pid.
    pub lock: Option<u32>,
    /// Its control connection.
    pub control: Option<Control>,
}

/// Whom a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The process.
    Process,
    /// The process group that it leads.
    Group,
    /// Its control group where it has one ([`super::Core::text`], empty for none), else its process group and the adopted ones of its
    /// session.
    Tree,
}

/// What the core wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Open the path in [`super::Core::text`], relative to where the keeper stands. Answered by [`Happening::Done`]; a held lock is errno `EAGAIN`.
    Open { token: FdToken, how: OpenHow },
    /// Make a pipe. Answered by [`Happening::Done`].
    Pipe { read: FdToken, write: FdToken, nonblock: bool },
    /// Make two connected sockets. Answered by [`Happening::Done`].
    SocketPair { ends: [FdToken; 2], channel: Channel },
    /// Make a socket, bind it, let it listen with this backlog; `mkdir` makes missing folders of a path. Answered by [`Happening::Done`], whose
    /// fault then names the call that failed (`bind`).
    Socket { token: FdToken, channel: Channel, address: Option<Address>, backlog: Option<u32>, mkdir: bool, how: Option<BindHow> },
    /// Spread what comes to the address of this socket over so many, by the client's address. Answered by [`Happening::Done`].
    Steer { token: FdToken, count: u32 },
    /// Hold the descriptor that came with the oldest message of this connection. Answered by [`Happening::Done`].
    Take { conn: ConnId, token: FdToken },
    /// Close the descriptor that came with the oldest message of this connection, if one did: the command that was to take it was refused.
    Untaken { conn: ConnId },
    /// Send a copy of this descriptor with the byte at place `at` of the connection's stream (counted as [`super::Core::sent`] counts).
    Give { conn: ConnId, token: FdToken, at: u64 },
    /// Close a descriptor.
    Close { token: FdToken },
    /// Stand in the folder in [`super::Core::text`]. Answered by [`Happening::Done`].
    Chdir,
    /// Make the control socket at the path in [`super::Core::text`]; a former one is closed and unlinked. Answered by [`Happening::Done`].
    Listen,
    /// Close and unlink the control socket, if there is one.
    Unlisten,
    /// Bear the child in [`super::Core::plan`]. Answered by [`Happening::Spawned`]; when that is good, the control connection exists too.
    Spawn { life: LifeId },
    /// Take charge of a process that is not our child; its start time `ident` must be right. Answered by [`Happening::Adopted`].
    Adopt { life: LifeId, pid: u32, ident: u64 },
    /// Send a signal to a life that has not been reported as over. Answered by [`Happening::Done`].
    Signal { life: LifeId, signal: i32, reach: Reach },
    /// Send a signal to any process, if its start time is right. Answered by [`Happening::Done`].
    SignalPid { pid: u32, ident: u64, signal: i32 },
    /// Read what this connection still holds, without waiting, then say `Ended`.
    Drain { conn: ConnId },
    /// Close this connection; the core has forgotten it.
    Hangup { conn: ConnId },
    /// [`super::Core::exec_args`] changed: what is executed instead of ending.
    Arm,
    /// Ask the executable in [`super::Core::upgrade_path`] whether it can take over, without waiting; then execute it in our place, or say
    /// [`Happening::NotUpgraded`].
    Upgrade,
    /// End the keeper with this code, children untouched.
    End { code: i32 },
}

/// Why the system refused: `ENOENT`, what `strerror` says, and which call it was where several are made (else empty).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub errno: &'static str,
    pub text: &'static str,
    pub call: &'static str,
}

/// Why a child was not born, or did not execute: `exec` (the words of `model::Stage`) and `ENOENT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stillborn {
    pub stage: &'static str,
    pub errno: &'static str,
}

/// A child that has been forked; `ident` is its start time in clock ticks since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Born {
    pub pid: u32,
    pub ident: u64,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a code.
    Code(i32),
    /// By a signal.
    Signal { number: i32, core: bool },
    /// It was not our child, and the kernel does not tell.
    Unseen,
}

/// What the core is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening<'a> {
    /// A controller sent this: at most [`super::Core::room`] bytes.
    Received { conn: ConnId, bytes: &'a [u8] },
    /// Nothing more will come from this connection.
    Ended { conn: ConnId },
    /// Nothing more can be sent on this connection.
    Broken { conn: ConnId },
    /// So many bytes of [`super::Core::unsent`] are on their way.
    Sent { conn: ConnId, count: usize },
    /// The deadline has come.
    Woken,
    /// The keeper got a signal.
    Signal { number: i32 },
    /// The answer to the last effect that has one.
    Done(Result<(), Fault>),
    /// The answer to `Spawn`.
    Spawned { life: LifeId, result: Result<Born, Stillborn> },
    /// The answer to `Adopt`: when it had started (nanoseconds of the monotonic clock), or why not.
    Adopted { life: LifeId, result: Result<u64, Fault> },
    /// The program of this life runs now.
    Executed { life: LifeId },
    /// The program of this life will never run.
    NotExecuted { life: LifeId, why: Stillborn },
    /// A life is over, and reaped if it was ours.
    Exited { life: LifeId, ending: Ending },
    /// An orphan that had come to us is over and reaped; its session, where it could be asked. Said only while [`super::Core::wants_orphans`].
    Orphan { pid: u32, session: Option<u32>, ending: Ending },
    /// Nothing came of `Upgrade`; why.
    NotUpgraded { why: &'a str },
    /// So many bytes of the log ([`super::Core::log_unsent`]) are written.
    Logged { count: usize },
    /// The log cannot be written: what waits is dropped and counted.
    NotLogged,
}
