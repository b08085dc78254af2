//! Time, and what is done in the background.

use super::World;
use crate::core::*;
use model::Tick;
use model::beside::{index_path, rotated_path, unfinished_path, zipped_path};
use std::time::Duration;

impl World {
    /// Lets so much time pass, with everything that is due in it.
    pub fn pass(&mut self, span: Duration) {
        let end = self.now.tick + span;
        while self.core.deadline().is_some_and(|at| at <= end) {
            self.wait();
        }
        self.advance(end);
    }

    pub(super) fn advance(&mut self, to: Tick) {
        let to = self.now.tick.max(to);
        self.nanos += to.0 - self.now.tick.0;
        self.now.wall.0 += (self.nanos / 1_000_000) as i64;
        self.nanos %= 1_000_000;
        self.now.tick = to;
    }

    /// Somebody sets the wall clock.
    pub fn jump(&mut self, ms: i64) {
        self.now.wall.0 += ms;
    }

    /// What is being compressed, if anything, comes to its end. (What is "compressed" has the same bytes here.)
    pub fn background_ends(&mut self, result: Result<(), Cause>) -> bool {
        let Some((log, from, inode)) = self.background.take() else { return false };
        let mut result = result;
        if result.is_ok() && self.names.get(&from) != Some(&inode) {
            result = Err(Cause("ESTALE"));
        }
        if result.is_ok() {
            let temp = self.make(&unfinished_path(&log));
            let bytes = self.inodes[&inode].clone();
            self.inodes.insert(temp, bytes);
            let written = self.written.get(&inode).copied().unwrap_or_default();
            self.written.insert(temp, written);
        }
        self.happen(Happening::Compressed { log, inode, result });
        self.settle();
        true
    }

    pub fn surveyed(&mut self, logs: Vec<Tally>) {
        self.happen(Happening::Surveyed { logs, elsewhere: 0 });
        self.settle();
    }

    pub fn inode(&self, path: &str) -> u64 {
        self.names[path]
    }

    pub(in super::super) fn begin_background(&mut self, effect: Effect) {
        if let Effect::Compress { log, from, inode } = effect {
            assert!(self.background.is_none(), "one at a time");
            self.background = Some((log, from, inode));
        } else {
            self.surveys += 1;
        }
    }

    pub(in super::super) fn sibling(&self, path: &str, n: usize) -> Sibling {
        let plain = rotated_path(path, n);
        let inode = self.names.get(&plain).or_else(|| self.names.get(&zipped_path(&plain))).copied().unwrap_or(0);
        let written = self.written.get(&inode).copied().unwrap_or_default();
        let (log, zip, index) = (self.exists(&plain), self.exists(&zipped_path(&plain)), self.exists(&index_path(&plain)));
        Sibling { log, zip, index, inode, written }
    }
}
