//! Connections to controllers: what is read, what is written, what is waited for.

use super::outlets::Outlet;
use super::rounds::{KEY_CONN, KEY_OUT, Shell};
use crate::core::{ConnId, Happening};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use sys::poll::Ready;

/// Reads of one connection whose process is over; more than a socket buffer holds.
const DRAIN_READS: usize = 256;
/// Reads of a plain file in one round: a megabyte of commands.
const PLAIN_READS: usize = 1024;
/// Descriptors on their way to controllers. One more is not sent: its event comes alone.
const GIVEN: usize = 64;
/// Bytes read at once at most, and connections that have room reserved.
const SCRATCH: usize = 64 * 1024 + 1;

/// Where the events of a connection go.
pub(super) enum Out {
    /// Where its commands come from.
    Same,
    /// Elsewhere: standard output.
    Other(Outlet),
    /// Nowhere: a file of commands.
    Nowhere,
}

/// Our end of a connection.
pub(super) struct Link {
    pub(super) conn: ConnId,
    pub(super) input: Outlet,
    pub(super) out: Out,
    /// Whether commands may come.
    pub(super) commands: bool,
    /// Nothing more comes, or goes.
    pub(super) ended: bool,
    pub(super) broken: bool,
    /// Descriptors that came and that nobody has taken yet, oldest first.
    pub(super) taken: [Option<OwnedFd>; 2],
}

impl Link {
    fn writes_to(&self) -> Option<&Outlet> {
        match &self.out {
            Out::Same => Some(&self.input),
            Out::Other(outlet) => Some(outlet),
            Out::Nowhere => None,
        }
    }
}

/// All connections, and what is between them and the core.
pub(super) struct Links {
    pub(super) all: Vec<Link>,
    /// Whose process is over.
    pub(super) drains: Vec<ConnId>,
    /// What goes with the byte at a place of a stream.
    pub(super) given: VecDeque<(ConnId, u64, OwnedFd)>,
    scratch: Vec<u8>,
}

impl Links {
    pub(super) fn new(connections: usize) -> Links {
        Links {
            all: Vec::with_capacity(connections + 1),
            drains: Vec::with_capacity(connections + 1),
            given: VecDeque::with_capacity(GIVEN),
            scratch: vec![0; SCRATCH],
        }
    }

    pub(super) fn get(&mut self, conn: ConnId) -> Option<&mut Link> {
        self.all.iter_mut().find(|link| link.conn == conn)
    }

    pub(super) fn add(&mut self, conn: ConnId, input: OwnedFd, out: Out, commands: bool) {
        let input = Outlet::new(input);
        self.all.push(Link { conn, input, out, commands, ended: false, broken: false, taken: [None, None] });
    }

    /// The oldest descriptor that came on a connection.
    pub(super) fn take(&mut self, conn: ConnId) -> Option<OwnedFd> {
        let link = self.get(conn)?;
        let taken = link.taken[0].take();
        link.taken.rotate_left(1);
        taken
    }

    /// Lets a copy of a descriptor go with the byte at place `at`.
    pub(super) fn give(&mut self, conn: ConnId, at: u64, fd: Option<&OwnedFd>) {
        if self.given.len() < GIVEN
            && let Some(Ok(copy)) = fd.map(OwnedFd::try_clone)
        {
            self.given.push_back((conn, at, copy));
        }
    }
}

impl Shell {
    /// Forgets a connection.
    pub(super) fn unlink(&mut self, conn: ConnId) {
        if let Some(at) = self.links.all.iter().position(|link| link.conn == conn) {
            let mut link = self.links.all.remove(at);
            link.input.unwatch(&self.poller);
            if let Out::Other(outlet) = &mut link.out {
                outlet.unwatch(&self.poller);
            }
        }
        self.links.given.retain(|(of, ..)| *of != conn);
    }

    pub(super) fn serve(&mut self, conn: ConnId, event: Ready) {
        if event.readable || event.hangup {
            self.read(conn);
        }
        // A controller that only listens and has gone can be seen by nothing else.
        let is_gone = |link: &mut Link| matches!(link.out, Out::Same) && (!link.commands || link.ended);
        if event.hangup && self.links.get(conn).is_some_and(is_gone) {
            self.break_off(conn);
            self.step(Happening::Ended { conn });
        }
        self.write(conn);
    }

    /// Where the events of a connection go there is room, or nobody.
    pub(super) fn serve_out(&mut self, conn: ConnId, event: Ready) {
        self.write(conn);
        if event.hangup && self.links.get(conn).is_some_and(|link| !link.broken) {
            self.break_off(conn);
        }
    }

    fn break_off(&mut self, conn: ConnId) {
        if let Some(link) = self.links.get(conn) {
            link.broken = true;
            self.step(Happening::Broken { conn });
        }
    }

    /// Plain files are never waited for: their next bytes are there.
    pub(super) fn serve_plain(&mut self) {
        for at in 0..self.links.all.len() {
            for _ in 0..PLAIN_READS {
                let Some(link) = self.links.all.get(at).filter(|link| link.input.is_plain() && !link.ended) else { break };
                if !self.read(link.conn) {
                    break;
                }
            }
        }
    }

    /// Whether a plain file can be read on at once.
    pub(super) fn plain_waits(&self) -> bool {
        self.links.all.iter().any(|link| link.input.is_plain() && !link.ended && self.core.room(link.conn) > 0)
    }

    /// Reads once. Whether there may be more.
    fn read(&mut self, conn: ConnId) -> bool {
        let room = self.core.room(conn).min(SCRATCH);
        let mut scratch = std::mem::take(&mut self.links.scratch);
        let Some(link) = self.links.get(conn).filter(|link| room > 0 && !link.ended) else {
            self.links.scratch = scratch;
            return false;
        };
        let more = match link.input.read(&mut scratch[..room], &mut link.taken) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Ok(count) if count > 0 => {
                self.step(Happening::Received { conn, bytes: &scratch[..count] });
                true
            }
            Ok(_) | Err(_) => {
                link.ended = true;
                self.step(Happening::Ended { conn });
                false
            }
        };
        self.links.scratch = scratch;
        more
    }

    /// Writes all that goes in.
    pub(super) fn write(&mut self, conn: ConnId) {
        // After the end nothing is told any more, so that what was written would be written again.
        while !self.is_over() {
            match self.write_once(conn) {
                Some(Ok(count)) => self.step(Happening::Sent { conn, count }),
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                Some(Err(_)) => self.break_off(conn),
                None => return,
            }
        }
    }

    /// Writes what goes in, everywhere.
    pub(super) fn write_all(&mut self) {
        for at in 0..self.links.all.len() {
            if let Some(link) = self.links.all.get(at) {
                self.write(link.conn);
            }
        }
    }

    /// One attempt to write; `None` when there is nothing to write, or nowhere.
    pub(super) fn write_once(&mut self, conn: ConnId) -> Option<io::Result<usize>> {
        let mut bytes = self.core.unsent(conn);
        let outlet = self.links.all.iter().find(|link| link.conn == conn && !link.broken)?.writes_to()?;
        if bytes.is_empty() {
            return None;
        }
        let at = self.core.sent(conn);
        // What should have gone with a byte that is dropped goes nowhere.
        self.links.given.retain(|(of, place, _)| *of != conn || *place >= at);
        let Some(next) = self.links.given.iter().position(|(of, ..)| *of == conn) else { return Some(outlet.write(bytes)) };
        let before = usize::try_from(self.links.given[next].1 - at).unwrap_or(usize::MAX);
        if before > 0 {
            bytes = &bytes[..before.min(bytes.len())];
            return Some(outlet.write(bytes));
        }
        // Up to the next one only: each goes with its own byte.
        let behind = self.links.given.iter().skip(next + 1).find(|(of, ..)| *of == conn);
        let until = behind.and_then(|(_, place, _)| usize::try_from(place - at).ok()).unwrap_or(usize::MAX).max(1);
        let wrote = outlet.write_with(&bytes[..until.min(bytes.len())], &self.links.given[next].2);
        if wrote.is_ok() {
            self.links.given.remove(next);
        }
        Some(wrote)
    }

    /// After the happenings of a round: former lives are heard to the end, everything is sent, and what is waited for is set.
    pub(super) fn settle(&mut self) {
        self.write_log();
        loop {
            while let Some(conn) = self.links.drains.pop() {
                self.drain(conn);
            }
            self.write_all();
            if self.links.drains.is_empty() {
                break;
            }
        }
        for link in &mut self.links.all {
            let key = u64::from(link.conn.0);
            let read = !link.ended && self.core.room(link.conn) > 0;
            let write = !link.broken && !self.core.unsent(link.conn).is_empty();
            link.input.watch(&self.poller, KEY_CONN | key, read, write && matches!(link.out, Out::Same));
            if let Out::Other(outlet) = &mut link.out {
                outlet.watch(&self.poller, KEY_OUT | key, false, write);
            }
        }
        self.watch_listener();
        sys::last::guard(self.core.guarded());
        self.remember_log();
    }

    fn drain(&mut self, conn: ConnId) {
        for _ in 0..DRAIN_READS {
            if self.links.get(conn).is_none_or(|link| !link.input.is_socket()) || !self.read(conn) {
                break;
            }
        }
        // One that could not even be linked has ended too: a start may wait for it.
        if self.links.get(conn).is_none_or(|link| !std::mem::replace(&mut link.ended, true)) {
            self.step(Happening::Ended { conn });
        }
    }
}
