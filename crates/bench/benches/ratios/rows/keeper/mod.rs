//! The keeper alone, as releases have it (static), against the C that everybody would write.

pub mod ends;
pub mod rest;
pub mod spawns;

mod under;
