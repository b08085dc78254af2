//! Abide's door to the operating system: all `unsafe` code and all platform code stand here and nowhere else.
//!
//! Seams are cut at intent ("spawn this plan", "who of this life is left"), not at system calls. Linux so far; a further platform is
//! chosen here, never by `cfg` inside logic.

#![expect(unsafe_code, reason = "the one crate that may; every block says why it holds")]

#[cfg(test)]
mod alone;
mod decimal;
mod exec;
mod text;
mod tree;

/// Whose process has accepted a connection.
pub mod acceptor;
/// Users and groups of this machine, by name and by number.
pub mod account;
/// An alarm on the wall clock.
pub mod alarm;
/// Control groups: a kernel-held box around a life.
pub mod cgroup;
/// Clocks and the identity of this boot.
pub mod clock;
/// Becoming a daemon, and starting the keeper.
pub mod daemon;
/// Datagram sockets at a path, whose messages carry who sent them and descriptors.
pub mod datagram;
/// Errors of the system by name.
pub mod errno;
/// The last line of a command that somebody interrupts.
pub mod farewell;
/// Descriptors: open, pipe, socket, close-on-exec.
pub mod handle;
/// Who holds a port of this machine.
pub mod holder;
/// The last thing that this process does: another program in its place, or an exit.
pub mod last;
/// Whether a recorded life still lives, and who belongs to it.
pub mod lives;
/// File locks that say who is at work.
pub mod lock;
/// What is mounted where, told without touching any of it.
pub mod mounts;
/// The way into the manager's own log.
pub mod own_log;
/// The other end of a local socket, and long socket paths.
pub mod peer;
/// The folder in which a file of ours stands, reached so that nobody else decides where it is.
pub mod place;
/// Waiting for the kernel: readiness, exits, signals, deadlines.
pub mod poll;
/// Whether a port can be bound.
pub mod port;
/// Processes by descriptor: signal, identity, how they ended.
pub mod process;
/// Listening sockets that a process still has.
pub mod regain;
/// Bearing a process.
pub mod spawn;
/// Moving log bytes: FIFO to file without touching them.
pub mod stream;
/// A thread that gives way to everything else.
pub mod thread;
/// Another version of this program in place of this one.
pub mod upgrade;
