//! Rows of logs.

mod carry;
mod cat;
mod latency;
mod read;

pub use carry::carry;
pub use latency::{beside_a_flood, latency};
pub use read::read;
