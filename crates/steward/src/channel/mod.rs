//! The channels by which a life speaks for itself: the socket of sd_notify (`notify`, its words in `message`), the descriptor that takes a
//! line feed and Node's channel (`line`). What the keeper holds for them so that nothing is lost while no steward lives (`desk`), and the
//! descriptors that lives leave to their successors (`store`).
//!
//! Each channel is read by a task of its own, which tells the engine few words, however many it hears.

mod desk;
mod line;
mod message;
mod notify;
#[cfg(test)]
mod notify_tests;
mod socket;
mod store;

pub(crate) use desk::{Asked, Desk, Errand};
pub(crate) use line::{Hearer, hear_feed, hear_node};
pub(crate) use notify::{Ear, Gift, Wish, hear};
pub(crate) use socket::{Place, forget, is_too_long, make, place_of};
pub(crate) use store::Shelf;
