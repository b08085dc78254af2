//! Which port a life gets, and whether there are enough. Pure but for the last: what the machine says is asked through functions that are given.
//!
//! There is no list of leases: a lease is the port in the record of a life that is not over ([`Claims`] collects them). A life gets its port when it
//! is about to be born ([`choose`]); before a wish is accepted it is looked at whether everybody will get one ([`beforehand`]). Only [`look`], which fills
//! in what `abide ports` shows, asks the machine itself.

mod beforehand;
mod choice;
mod claims;
mod shown;

#[cfg(test)]
mod tests;

pub(crate) use beforehand::{Demand, Look, beforehand};
pub(crate) use choice::{choose, held_by};
pub(crate) use claims::Claims;
pub(crate) use shown::{Shown, look, rows_of};
