//! Ports of a test's own.

use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Mutex, PoisonError};

/// Below the ports from which the kernel takes for connections, and below those that Abide itself chooses from (`auto`).
const FIRST: u16 = 10_000;
const BLOCKS: u16 = 100;
const BLOCK: u16 = 100;

/// A block that this process holds, and how many of it are given away.
struct Held {
    /// Locked as long as we live: the kernel lets go of it, however we end.
    _lock: File,
    first: u16,
    given: u16,
}

static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());

/// The first of `count` ports in a row that nobody listens at and that no other test on this machine gets as long as this process lives. (To bind one
/// and let go of it proves nothing a moment later.)
///
/// # Panics
/// When thousands of ports are taken.
pub fn free_ports(count: u16) -> u16 {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(block) = held.last_mut() {
            while block.given + count <= BLOCK {
                let first = block.first + block.given;
                let taken = (first..first + count).rev().find(|port| !is_free(*port));
                block.given = taken.unwrap_or(first + count - 1) + 1 - block.first;
                if taken.is_none() {
                    return first;
                }
            }
        }
        // Each process looks in a place of its own first.
        let begin = std::process::id() % u32::from(BLOCKS);
        let next = (0..u32::from(BLOCKS)).map(|n| ((begin + n) % u32::from(BLOCKS)) as u16).find_map(|at| {
            let first = FIRST + at * BLOCK;
            if held.iter().any(|block| block.first == first) {
                return None;
            }
            Some(Held { _lock: lock(at).expect("a file in /tmp")?, first, given: 0 })
        });
        held.push(next.expect("some ports of ten thousand are free"));
    }
}

/// One of them.
pub fn free_port() -> u16 {
    free_ports(1)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("0.0.0.0", port)).is_ok() && UdpSocket::bind(("0.0.0.0", port)).is_ok()
}

/// Takes a block; `None` = another process has it. The files stay, so that two never lock different ones of the same name.
fn lock(at: u16) -> io::Result<Option<File>> {
    let path = std::env::temp_dir().join(format!("abide-e2e-ports-{}-{at}", rustix::process::geteuid().as_raw()));
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_given_twice() {
        let (one, row) = (free_port(), free_ports(40));
        assert!(!(row..row + 40).contains(&one));
        let taken = TcpListener::bind(("127.0.0.1", row + 40)).ok();
        let more: Vec<u16> = (0..3).map(|_| free_ports(50)).collect();
        for first in &more {
            let own = *first..*first + 50;
            assert!(
                !own.contains(&one) && (row..row + 40).all(|port| !own.contains(&port)) && !own.contains(&(row + 40)),
                "{more:?}"
            );
        }
        assert!(more.windows(2).all(|pair| pair[0].abs_diff(pair[1]) >= 50), "{more:?}");
        drop(taken);
        let at = (one - FIRST) / BLOCK;
        assert!(lock(at).expect("opened").is_none(), "nobody else gets this block");
    }
}
