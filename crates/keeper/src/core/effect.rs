//! What the core says to its shell, and what it is told.

#![expect(missing_docs, reason = "fields that say by name and type what they are; types and variants say the rest")]

use core::net::SocketAddr;

/// A descriptor that the shell holds for the core. Chosen by the core, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FdToken(pub u32);

/// A connection to a controller. Chosen by the core, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u32);

/// One life of one process. Chosen by the core, never used again: what is said about a life that is over is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LifeId(pub u64);

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A path.
    Path(Vec<u8>),
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Program and arguments.
    pub argv: Vec<Vec<u8>>,
    /// `KEY=VALUE`; `None` inherits the keeper's.
    pub env: Option<Vec<Vec<u8>>>,
    /// Working directory; `None` inherits the keeper's.
    pub cwd: Option<Vec<u8>>,
    /// File mode mask; `None` inherits the keeper's.
    pub umask: Option<u32>,
    /// Whether it leads a session.
    pub session: bool,
    /// Limits that were asked for.
    pub limits: Vec<Limit>,
    /// Whether `nofile` (soft = min(hard, 65536)) and `core` (0) are limited where `limits` does not name them.
    pub default_limits: bool,
    /// Which number becomes what, ascending; every other is closed.
    pub places: Vec<(u32, Source)>,
    /// The number that is the life lock, into which the child writes its pid.
    pub lock: Option<u32>,
    /// Its control connection.
    pub control: Option<Control>,
}

/// What the core wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Open a path, relative to where the keeper stands. Answered by [`Happening::Done`]; a held lock is errno `EAGAIN`.
    Open { token: FdToken, path: Vec<u8>, how: OpenHow },
    /// Make a pipe. Answered by [`Happening::Done`].
    Pipe { read: FdToken, write: FdToken, nonblock: bool },
    /// Make two connected sockets. Answered by [`Happening::Done`].
    SocketPair { ends: [FdToken; 2], channel: Channel },
    /// Make a socket, bind it, let it listen with this backlog; `mkdir` makes missing folders of a path. Answered by [`Happening::Done`], whose text then names the call that failed (`bind: …`).
    Socket { token: FdToken, channel: Channel, address: Option<Address>, backlog: Option<u32>, mkdir: bool },
    /// Close a descriptor.
    Close { token: FdToken },
    /// Bear a child. Answered by [`Happening::Spawned`]; when that is good, the control connection exists too.
    Spawn { life: LifeId, plan: Box<Plan> },
    /// Take charge of a process that is not our child; its start time `ident` must be right. Answered by [`Happening::Adopted`].
    Adopt { life: LifeId, pid: u32, ident: u64 },
    /// Send a signal to a life that has not been reported as over, or to its process group. Answered by [`Happening::Done`].
    Signal { life: LifeId, signal: i32, group: bool },
    /// Send a signal to any process, if its start time is right. Answered by [`Happening::Done`].
    SignalPid { pid: u32, ident: u64, signal: i32 },
    /// Read what this connection still holds, without waiting, then say `Ended`.
    Drain { conn: ConnId },
    /// Close this connection; the core has forgotten it.
    Hangup { conn: ConnId },
    /// End the keeper with this code, children untouched.
    End { code: i32 },
}

/// Why the system refused: `ENOENT`, and what `strerror` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub errno: &'static str,
    pub text: String,
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
}
