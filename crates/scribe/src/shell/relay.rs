//! The main loop between the steward and the lanes.

use super::lanes::Lanes;
use super::perform::{Hands, complain};
use super::run::{LINK, MOST_LANES};
use crate::core::Core;
use model::ToScribe;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use sys::poll::{Interest, Ready};

/// Bytes of log files in each lane, as counted last. Numbers only: what is decided of them is decided by each loop for itself.
#[derive(Debug, Default)]
pub(super) struct Sums([AtomicU64; MOST_LANES + 1]);

impl Sums {
    /// Notes what a loop has counted; what all the others have.
    pub fn exchange(&self, index: usize, sum: u64) -> u64 {
        self.0[index].store(sum, Ordering::Relaxed);
        let others = self.0.iter().enumerate().filter(|(other, _)| *other != index);
        others.fold(0u64, |all, (_, one)| all.saturating_add(one.load(Ordering::Relaxed)))
    }
}

impl Hands {
    /// Takes what was said over the link. Returns what the core of this loop is to hear of it.
    pub fn route(&mut self, message: ToScribe, core: &Core) -> Option<ToScribe> {
        match &mut self.lanes {
            Some(lanes) => lanes.route(message, &self.poller, core),
            None => Some(message),
        }
    }

    pub fn lane_ready(&mut self, at: usize, ready: &Ready) -> io::Result<()> {
        let Some(lanes) = &mut self.lanes else { return Ok(()) };
        let done = lanes.ready(at, ready, &self.poller, &self.link);
        self.watch_link();
        done
    }

    /// Their time has come.
    pub fn lanes_due(&mut self) {
        if let Some(lanes) = &mut self.lanes {
            lanes.conclude();
        }
        self.lanes_go_on();
    }

    /// There is room in the link, or something new to be said.
    pub fn lanes_go_on(&mut self) {
        if let Some(lanes) = &mut self.lanes {
            lanes.flush(&self.poller, &self.link);
        }
        self.watch_link();
    }

    pub fn farewell(&mut self) -> io::Result<()> {
        self.lanes.as_mut().map_or(Ok(()), |lanes| lanes.farewell(&self.link))
    }

    /// The core may wait for room, and what lanes say may.
    pub fn watch_link(&mut self) {
        let write = self.core_waits || self.lanes.as_ref().is_some_and(Lanes::waits_for_room);
        if std::mem::replace(&mut self.link_watched, write) != write {
            let interest = Interest { read: true, write, edge: false };
            complain("failed to watch the steward's link", self.poller.change(&self.link, LINK, interest));
        }
    }
}
