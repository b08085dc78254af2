//! The door: HTTP/1.1 and JSON on the local socket. Nothing is decided here; questions and wishes go to the brain.

mod guard;
mod logs;
mod plans;
mod reply;
mod routes;
mod server;
mod streams;

pub(crate) use routes::{House, router};
pub(crate) use server::serve;

#[cfg(test)]
mod tests;
