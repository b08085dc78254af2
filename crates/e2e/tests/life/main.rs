//! The life of an app, with the real programs: what it waits for, how it is known that it is ready and well, what it may use, when it
//! runs, and what is told of it.

mod boxes;
mod clock;
mod commands;
mod hard;
mod hooks;
mod limits;
mod listen;
mod notify;
mod order;
mod ports;
mod probes;
mod real;
mod stops;
mod successors;
mod verbs;
mod voices;
mod watch;

use std::time::Duration;

/// How long anything may take. Generous: it only ends a test that hangs.
const SOON: Duration = Duration::from_secs(60);
