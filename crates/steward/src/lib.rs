//! The steward.
#![allow(dead_code, unused)]

mod birth;
mod fill;
mod home;
mod journal;
mod keeper_link;
mod log;
mod scribe_link;
mod store;
mod time;
