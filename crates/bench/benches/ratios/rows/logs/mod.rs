//! Rows of logs.

mod carry;
mod cat;
mod latency;

pub use carry::carry;
pub use latency::{beside_a_flood, latency};
