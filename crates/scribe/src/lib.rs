//! Abide's scribe: carries what apps print from their FIFOs to log files.
//!
//! [`core`] decides and is pure; the shell around it waits, asks the clock and performs. Bytes go by `splice`, so that there is no moment
//! in which they are in the scribe's hands only: whenever it is killed, a new one carries on from the FIFOs and files alone.

pub mod core;
mod shell;

pub use shell::main;
