//! The ledger and its step function. No I/O, no clock, no environment, no randomness: it can be run by the shell or by a simulator.
//!
//! # Contract of whoever runs it
//!
//! * [`Core::step`] takes one [`Happening`] and the time, and appends [`Effect`]s. Effects are performed in order.
//! * These effects are answered, each by exactly one happening, which is stepped before any happening that is no answer:
//!   `Open`, `Pipe`, `SocketPair`, `Socket`, `Signal`, `SignalPid` by `Done`; `Spawn` by `Spawned`; `Adopt` by `Adopted`.
//!   No command is executed while an answer is awaited. Effects that an answer gives come behind those already there.
//! * `Close`, `Drain`, `Hangup` and `End` are not answered; after `End` nothing more is stepped.
//! * Whoever runs it steps exits before anything else that he knows of. For a life whose program has not been reported as executed,
//!   `Executed` or `NotExecuted` comes before `Exited`.
//! * Bytes for a connection stand in [`Core::unsent`]; what has been written is told by `Sent`. No more than [`Core::room`] bytes may be
//!   given with one `Received`.
//! * After `Drain`, all that the connection still holds is given by `Received`, then `Ended`, without waiting for more.
//! * At [`Core::deadline`] a `Woken` is due. Every step also does what is due by then.

mod command;
mod conn;
mod dump;
mod effect;
mod handles;
mod ledger;
mod lives;
mod say;
mod services;
mod signals;
mod step;
#[cfg(test)]
mod tests;

pub use effect::{
    Address, Born, Channel, ConnId, Control, Effect, Ending, Family, Fault, FdToken, Happening, LifeId, Limit, OpenHow, Plan,
    Shape, Source, Stillborn,
};
pub use signals::{signal_name, signal_number};
pub use step::{Core, Settings};
