//! `statedump` as a cursor: the next line is made when there is room for it, from what the ledger says then. Names are remembered, not
//! places, so the object under the cursor may be deleted meanwhile.

use super::conn::Line;
use super::ledger::Name;
use super::say;
use super::step::Core;
use wire::Dialect;

/// Where a dump stands: the next line to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl Core {
    /// The line at the cursor, and the cursor behind it; `None` at the end.
    pub(super) fn dump_line(&self, mut at: Cursor, dialect: Dialect) -> Option<(Line, Cursor)> {
        use std::ops::Bound::{Excluded, Unbounded};
        loop {
            at = match at {
                Cursor::Fds(after) => {
                    let from = after.as_ref().map_or(Unbounded, Excluded);
                    match self.held.range::<Name, _>((from, Unbounded)).next() {
                        Some((name, held)) => return Some((say::held(dialect, name, held), Cursor::Fds(Some(name.clone())))),
                        None => match self.services.keys().next() {
                            Some(first) => Cursor::Service(first.clone(), 0),
                            None => Cursor::Signals(0),
                        },
                    }
                }
                Cursor::Service(name, part) => match self.service_line(&name, part, dialect) {
                    Some(Some(line)) => return Some((line, Cursor::Service(name, part + 1))),
                    Some(None) => Cursor::Service(name, part + 1),
                    None => match self.services.range::<Name, _>((Excluded(&name), Unbounded)).next() {
                        Some((next, _)) => Cursor::Service(next.clone(), 0),
                        None => Cursor::Signals(0),
                    },
                },
                Cursor::Signals(at) => {
                    let signal = self.signals.get(at)?;
                    if signal.count > 0 {
                        return Some((say::signal(dialect, signal.number, signal.at, signal.count), Cursor::Signals(at + 1)));
                    }
                    Cursor::Signals(at + 1)
                }
            };
        }
    }

    /// `None` when the service is gone or has no such part; `Some(None)` when the part has nothing to say.
    fn service_line(&self, name: &Name, part: usize, dialect: Dialect) -> Option<Option<Line>> {
        let service = self.services.get(name)?;
        Some(Some(match part {
            0 => say::state(dialect, name, service, self.now),
            1 => say::list(dialect, "service.tags", name, &service.tags),
            2 => say::list(dialect, "service.args", name, &service.argv),
            3 => say::list(dialect, "service.fds", name, &service.fds),
            4 => say::auto_up(dialect, name, service),
            _ if dialect == Dialect::Two && part < COMMON + say::EXTRAS.len() => {
                return Some(say::extra(part - COMMON, name, service));
            }
            _ => return None,
        }))
    }
}
