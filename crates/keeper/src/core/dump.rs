//! `statedump` as a cursor: the next line is made when there is room for it, from what the ledger says then. Names are remembered, not
//! places, so the object under the cursor may be deleted meanwhile.

use super::block::Part;
use super::say;
use super::state::Core;
use wire::{Dialect, Line, Name};

/// Where a dump stands: the next line to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cursor {
    /// The first descriptor after this name.
    Fds(Option<Name>),
    /// A line of this service; when it is gone or has said all, the first line of the one after it.
    Service(Name, usize),
    /// A pending signal.
    Signals(usize),
}

/// Lines of a service before those that only dialect 2 has.
const COMMON: usize = 5;

/// A line of a dump.
#[derive(Debug, Clone, Copy)]
enum Said {
    Fd(u32),
    Service(u32, usize),
    Signal(usize),
}

impl Core {
    /// Says the line at the cursor of a connection, if there is room. Whether anything was done.
    pub(super) fn dump_on(&mut self, at: usize, cursor: Cursor) -> bool {
        let (said, next) = match self.dump_next(cursor, self.conns[at].dialect) {
            None => {
                self.conns[at].dump = None;
                return true;
            }
            Some(found) => found,
        };
        let (held, services, signals, now) = (&self.held, &self.services, &self.signals, self.now);
        let conn = &mut self.conns[at];
        let fits = conn.outbox.offer(conn.dialect, |line: &mut Line<'_>| match said {
            Said::Fd(at) => say::held(line, &held[at]),
            Said::Service(at, 0) => say::state(line, &services[at], now),
            Said::Service(at, 1) => say::list(line, "service.tags", &services[at], Part::Tags),
            Said::Service(at, 2) => say::list(line, "service.args", &services[at], Part::Args),
            Said::Service(at, 3) => say::list(line, "service.fds", &services[at], Part::Fds),
            Said::Service(at, 4) => say::auto_up(line, &services[at]),
            Said::Service(at, part) => say::extra(line, say::EXTRAS[part - COMMON], &services[at]),
            Said::Signal(at) => say::signal(line, signals[at].number, signals[at].at, signals[at].count),
        });
        if fits {
            conn.dump = Some(next);
        }
        fits
    }

    /// The line at the cursor, and the cursor behind it; `None` at the end.
    fn dump_next(&self, mut at: Cursor, dialect: Dialect) -> Option<(Said, Cursor)> {
        loop {
            at = match at {
                Cursor::Fds(after) => match self.held.after(after.as_ref()) {
                    Some(at) => return Some((Said::Fd(at), Cursor::Fds(Some(self.held[at].name)))),
                    None => self.first_line(None),
                },
                Cursor::Service(name, part) => match self.services.find(&name) {
                    Some(at) if part < COMMON => return Some((Said::Service(at, part), Cursor::Service(name, part + 1))),
                    Some(at) if dialect == Dialect::Two && part < COMMON + say::EXTRAS.len() => {
                        if say::has(say::EXTRAS[part - COMMON], &self.services[at]) {
                            return Some((Said::Service(at, part), Cursor::Service(name, part + 1)));
                        }
                        Cursor::Service(name, part + 1)
                    }
                    _ => self.first_line(Some(&name)),
                },
                Cursor::Signals(at) => {
                    if self.signals.get(at)?.count > 0 {
                        return Some((Said::Signal(at), Cursor::Signals(at + 1)));
                    }
                    Cursor::Signals(at + 1)
                }
            };
        }
    }

    fn first_line(&self, after: Option<&Name>) -> Cursor {
        self.services.after(after).map_or(Cursor::Signals(0), |at| Cursor::Service(self.services[at].name, 0))
    }
}
