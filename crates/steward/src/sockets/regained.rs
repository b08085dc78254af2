//! Sockets whose keeper is gone, from a life that has them.

use super::Socket;
use crate::log::say;
use model::{LifeRecord, ListenAddress};
use std::os::fd::OwnedFd;
use sys::regain::{At, listeners};

/// Those of these sockets that the life still has: places and copies. What cannot be had is said.
pub(crate) fn regain(life: &LifeRecord, wanted: &[&Socket]) -> Vec<(usize, OwnedFd)> {
    let (Some(pid), Some(ident)) = (life.pid, life.ident) else { return Vec::new() };
    let places: Vec<At<'_>> = wanted.iter().map(|socket| at(&socket.listen.address)).collect();
    match listeners(pid, ident, &places) {
        Ok(found) => found.into_iter().enumerate().filter_map(|(at, fd)| Some((at, fd?))).collect(),
        Err(error) => {
            let addresses: Vec<String> = wanted.iter().map(|socket| socket.listen.address.to_string()).collect();
            let addresses = addresses.join(", ");
            say!(
                "{}: {addresses} cannot be had back from its life {} (pid {pid}): {error}; a new socket is bound when that has ended",
                life.slot,
                life.instance
            );
            Vec::new()
        }
    }
}

fn at(address: &ListenAddress) -> At<'_> {
    match address {
        ListenAddress::Tcp(at) => At::Tcp(*at),
        ListenAddress::Udp(at) => At::Udp(*at),
        ListenAddress::Unix(path) => At::Unix(path),
    }
}
