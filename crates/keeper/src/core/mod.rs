//! The ledger and its step function. No I/O, no clock, no environment, no randomness: it can be run by the shell or by a simulator.
//!
//! # Contract of whoever runs it
//!
//! * [`Core::step`] takes one [`Happening`] and the time, and appends [`Effect`]s. Effects are performed in order.
//! * These effects are answered, each by exactly one happening, which is stepped before any happening that is no answer:
//!   `Open`, `Pipe`, `SocketPair`, `Socket`, `Take`, `Chdir`, `Listen`, `Signal`, `SignalPid` by `Done`; `Spawn` by `Spawned`; `Adopt` by
//!   `Adopted`. At most one such effect is out at a time, and no command is executed meanwhile. Effects that an answer gives come behind
//!   those already there.
//! * An effect owns nothing: its path is [`Core::text`], a child to be born is [`Core::plan`], both good until the answer is stepped.
//! * `Close`, `Give`, `Untaken`, `Unlisten`, `Arm`, `Upgrade`, `Drain`, `Hangup` and `End` are not answered; after `End` nothing more is stepped.
//! * Whoever runs it steps exits before anything else that he knows of. For a life whose program has not been reported as executed,
//!   `Executed` or `NotExecuted` comes before `Exited`.
//! * Bytes for a connection stand in [`Core::unsent`]; what has been written is told by `Sent`. No more than [`Core::room`] bytes may be
//!   given with one `Received`. Bytes for the log stand in [`Core::log_unsent`].
//! * After `Drain`, all that the connection still holds is given by `Received`, then `Ended`, without waiting for more.
//! * At [`Core::deadline`] a `Woken` is due. Every step also does what is due by then.
//!
//! # Memory
//!
//! With fixed pools ([`Settings`]) nothing is allocated after [`Core::new`], except the buffers of a connection that asks for dialect 2.

mod args;
mod block;
mod command;
mod conn;
mod dump;
mod effect;
mod exit;
mod extras;
mod handles;
mod ledger;
mod lives;
mod log;
mod pool;
mod restore;
mod save;
mod say;
mod services;
mod state;
mod step;
#[cfg(test)]
mod tests;
mod tokens;

pub use effect::{
    Address, BindHow, Born, Channel, ConnId, Control, Effect, Ending, Family, Fault, FdToken, Happening, LifeId, Limit, OpenHow,
    Plan, Reach, Shape, Source, Stillborn,
};
pub use ledger::Bond;
pub use log::Level;
pub use state::{Core, PoolSize, Settings};
