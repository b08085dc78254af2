//! Which port a life gets, and whether there are enough. Pure: what the machine says is asked through functions that are given.
//!
//! There is no list of leases: a lease is the port in the record of a life that is not over ([`Claims`] collects them). A life gets its port when it
//! is about to be born ([`choose`]); before a wish is accepted it is looked at whether everybody will get one ([`beforehand`]).

mod beforehand;
mod choice;
mod claims;

#[cfg(test)]
mod tests;

pub(crate) use beforehand::{Demand, Look, beforehand};
pub(crate) use choice::{choose, held_by};
pub(crate) use claims::Claims;
