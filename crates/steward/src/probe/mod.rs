//! Questions to lives, each asked by a task of its own beside the loop.
//!
//! A question is complete before it is asked: what to ask, of whom, until when ([`Asking`]). It ends by its deadline whatever the other side does:
//! names are looked up, connections made and answers read within the one time, and no more of an answer is read than counts. What is blocking
//! runs on a thread of the pool, of which probes take two at most ([`Pool`]): one for names, which a dead name server may hold for long, and one
//! for everything that is short.

mod asking;
mod http;
mod place;
mod pool;
mod silence;
mod tcp;
#[cfg(test)]
mod tests;

pub(crate) use asking::{Asking, Who};
pub(crate) use http::Get;
pub(crate) use place::addresses;
pub(crate) use pool::Pool;
pub(crate) use silence::Quiet;
