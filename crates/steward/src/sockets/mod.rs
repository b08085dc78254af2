//! Listening sockets: bound by the keeper before anything starts, held by it over every life, given to each.

mod names;
mod regained;
mod words;

pub(crate) use names::{Socket, of_life, room_taken};
pub(crate) use regained::regain;
pub(crate) use words::{Obstacle, Refused, explain};
