//! A load of busy HTTP/1.1 connections, and what became of every single request.
//!
//! **What counts as failed.** Every request that was sent and did not get a whole answer with status 200: the connection was reset or closed
//! before the first byte or in the midst of the answer, the answer is no HTTP or has another status, or nothing came for 60 seconds. So does
//! every connection that could not be made; that it was *refused* is counted besides. Nothing is ever sent twice, and nothing is forgiven:
//! a server that closes a connection while a request is on its way has lost that request, also where HTTP would allow the client to repeat it.
//!
//! **What does not.** After an answer with `Connection: close` the client opens another connection. A connection that the server closed
//! without a word while no request was on it is looked at before the next request would be sent: then nobody lost anything, and it is counted
//! as [`Tally::closed_between`] only. (A server that does this risks the failure above; one that drains announces the end.)

mod answer;
mod client;
mod tally;

pub use client::{Load, Target};
pub use tally::Tally;
