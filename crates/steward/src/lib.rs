//! The steward.
#![allow(dead_code, unused)]

mod birth;
mod fill;
mod home;
mod log;
mod store;
mod time;
