//! Where a reader begins: far enough back for the lines that are wanted.

use crate::chain::Entry;
use crate::cursor::Position;
use crate::reader::Reader;
use crate::tail::{self, Wanted};
use model::InstanceId;
use std::io;

impl Reader {
    pub(crate) fn begin(&mut self, chain: &[Entry]) -> io::Result<()> {
        self.set_stop(chain);
        let Some(newest) = chain.last() else { return Ok(()) };
        if let (Some(life), None) = (self.query.life, self.query.lines) {
            return self.begin_at_life(chain, life);
        }
        let filter = self.query.filter.clone();
        let mut need = self.query.lines.unwrap_or(0);
        if self.query.lines == Some(0) {
            return self.begin_at_end(chain, newest);
        }
        let mut chosen = None;
        let mut reach = self.query.reach.unwrap_or(u64::MAX);
        for (at, entry) in chain.iter().enumerate().rev() {
            if self.query.reach.is_some() && (entry.packed || reach == 0) {
                break;
            }
            let mut index = entry.index();
            let (mut low, high) = index.bounds(filter.since, filter.until, self.slack());
            let is_old = index.count() == 0 && filter.since.is_some_and(|since| entry.changed < since.0);
            if low == u64::MAX || is_old {
                // So is everything before it.
                break;
            }
            let near = if self.query.reach.is_some() { entry.size.saturating_sub(reach) } else { 0 };
            let torn = near > low;
            low = low.max(near);
            reach = reach.saturating_sub(entry.size);
            if self.query.lines.is_none() {
                chosen = Some((at, low));
            } else {
                let unfinished = !self.query.follow || at + 1 < chain.len();
                let wanted = Wanted { source: &self.source, filter: &filter, lines: need, low, torn, high, unfinished };
                // What cannot be read is told when its turn comes.
                let (start, found) = match tail::find(entry, &wanted) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                    other => other.unwrap_or((low, 0)),
                };
                chosen = Some((at, start));
                need -= found;
            }
            if low > 0 || (self.query.lines.is_some() && need == 0) {
                break;
            }
        }
        match chosen {
            Some((at, start)) => self.enter(chain, at, start),
            None => self.begin_at_end(chain, newest),
        }
    }

    /// At the first record of a life. Where there is none yet: at the newest record of all, for what stands behind that may be the life's.
    fn begin_at_life(&mut self, chain: &[Entry], life: InstanceId) -> io::Result<()> {
        let mut start = None;
        for (at, entry) in chain.iter().enumerate().rev() {
            let mut index = entry.index();
            match index.first_of(life) {
                Some((number, offset)) => {
                    start = Some((at, offset));
                    // Behind a record of somebody else it has begun here.
                    if number > 0 {
                        break;
                    }
                }
                None if index.count() == 0 => {
                    start = start.or(Some((at, 0)));
                }
                None => {
                    start = start.or_else(|| Some((at, index.newest()?.offset)));
                    break;
                }
            }
        }
        let (at, offset) = start.unwrap_or_default();
        self.enter(chain, at, offset)
    }

    /// Nothing of what is there is wanted.
    fn begin_at_end(&mut self, chain: &[Entry], newest: &Entry) -> io::Result<()> {
        if newest.packed {
            self.older = chain.iter().map(|entry| entry.id).collect();
            self.rest = Some(Position { id: newest.id, offset: u64::MAX, time: None });
            return Ok(());
        }
        let opened = newest.open(0)?;
        let start = opened.bytes.plain().map_or(newest.size, |file| tail::unfinished(file, newest.size));
        self.enter(chain, chain.len() - 1, if self.query.follow { start } else { newest.size })
    }
}
