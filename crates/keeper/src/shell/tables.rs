//! What the shell holds, found by the core's small numbers.

use crate::core::{FdToken, LifeId};
use std::os::fd::OwnedFd;

/// Descriptors by token.
pub(super) struct Fds(Vec<Option<OwnedFd>>);

impl Fds {
    pub(super) fn with_capacity(count: usize) -> Fds {
        Fds(Vec::with_capacity(count))
    }

    pub(super) fn hold(&mut self, token: FdToken, fd: OwnedFd) {
        let at = token.0 as usize;
        if at >= self.0.len() {
            self.0.resize_with(at + 1, || None);
        }
        self.0[at] = Some(fd);
    }

    pub(super) fn get(&self, token: FdToken) -> Option<&OwnedFd> {
        self.0.get(token.0 as usize)?.as_ref()
    }

    pub(super) fn close(&mut self, token: FdToken) {
        if let Some(place) = self.0.get_mut(token.0 as usize) {
            *place = None;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (FdToken, &OwnedFd)> {
        (0..).zip(&self.0).filter_map(|(token, fd)| Some((FdToken(token), fd.as_ref()?)))
    }
}

/// A process that has not been reported as over.
pub(super) struct Life {
    pub(super) id: LifeId,
    pub(super) pid: u32,
    pub(super) pidfd: OwnedFd,
    /// Until its program runs.
    pub(super) report: Option<OwnedFd>,
    /// Whether it was born by us: the kernel then tells us its end. Another is watched by its descriptor.
    pub(super) child: bool,
    /// When an adopted life that has ended is no longer asked how.
    pub(super) give_up: Option<u64>,
}

/// Lives by the place of their service, and by pid.
pub(super) struct Lives {
    places: Vec<Option<Life>>,
    /// Sorted.
    pids: Vec<(u32, LifeId)>,
    /// Those with a `give_up`, the earliest first.
    giving_up: Vec<(u64, LifeId)>,
}

impl Lives {
    pub(super) fn with_capacity(count: usize) -> Lives {
        Lives { places: Vec::with_capacity(count), pids: Vec::with_capacity(count), giving_up: Vec::with_capacity(count) }
    }

    pub(super) fn insert(&mut self, life: Life) {
        let at = life.id.slot();
        // A place is used again only when its life is over; what would still stand there is forgotten whole.
        if let Some(old) = self.places.get(at).and_then(|place| place.as_ref()).map(|old| old.id) {
            self.remove(old);
        }
        match self.pids.binary_search_by_key(&life.pid, |known| known.0) {
            Ok(found) => self.pids[found].1 = life.id,
            Err(place) => self.pids.insert(place, (life.pid, life.id)),
        }
        if let Some(when) = life.give_up {
            self.note(when, life.id);
        }
        if at >= self.places.len() {
            self.places.resize_with(at + 1, || None);
        }
        self.places[at] = Some(life);
    }

    pub(super) fn get(&self, life: LifeId) -> Option<&Life> {
        self.places.get(life.slot())?.as_ref().filter(|there| there.id == life)
    }

    pub(super) fn get_mut(&mut self, life: LifeId) -> Option<&mut Life> {
        self.places.get_mut(life.slot())?.as_mut().filter(|there| there.id == life)
    }

    pub(super) fn of_pid(&self, pid: u32) -> Option<LifeId> {
        self.pids.binary_search_by_key(&pid, |known| known.0).ok().map(|found| self.pids[found].1)
    }

    pub(super) fn remove(&mut self, life: LifeId) -> Option<Life> {
        self.get(life)?;
        let gone = self.places[life.slot()].take()?;
        if let Ok(found) = self.pids.binary_search_by_key(&gone.pid, |known| known.0)
            && self.pids[found].1 == life
        {
            self.pids.remove(found);
        }
        self.giving_up.retain(|(_, of)| *of != life);
        Some(gone)
    }

    /// From `when` on a life is no longer asked how it ended. The first word counts.
    pub(super) fn give_up(&mut self, life: LifeId, when: u64) {
        if let Some(there) = self.get_mut(life)
            && there.give_up.is_none()
        {
            there.give_up = Some(when);
            self.note(when, life);
        }
    }

    fn note(&mut self, when: u64, life: LifeId) {
        let place = self.giving_up.partition_point(|known| *known <= (when, life));
        self.giving_up.insert(place, (when, life));
    }

    /// The next to be given up.
    pub(super) fn next_given_up(&self) -> Option<(u64, LifeId)> {
        self.giving_up.first().copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Life> {
        self.places.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(id: u64, pid: u32) -> Life {
        let pidfd = sys::handle::null().expect("null");
        Life { id: LifeId(id), pid, pidfd, report: None, child: true, give_up: None }
    }

    /// The second life of the same service.
    const LATER: u64 = 1 << 20;

    #[test]
    fn a_life_that_is_over_is_not_its_successor() {
        let mut lives = Lives::with_capacity(0);
        lives.insert(life(3, 70));
        lives.insert(life(1, 60));
        assert_eq!((lives.of_pid(60), lives.of_pid(70), lives.of_pid(65)), (Some(LifeId(1)), Some(LifeId(3)), None));
        assert!(lives.remove(LifeId(3)).is_some() && lives.remove(LifeId(3)).is_none());
        lives.insert(life(3 + LATER, 70));
        assert!(lives.get(LifeId(3)).is_none() && lives.get(LifeId(3 + LATER)).is_some());
        assert!(lives.remove(LifeId(3)).is_none());
        assert_eq!(lives.of_pid(70), Some(LifeId(3 + LATER)));
        assert_eq!(lives.iter().map(|l| l.pid).collect::<Vec<_>>(), [60, 70]);
    }

    #[test]
    fn the_earliest_is_given_up_first_and_once() {
        let mut lives = Lives::with_capacity(0);
        (1..=3).for_each(|n| lives.insert(life(n, n as u32)));
        lives.give_up(LifeId(2), 50);
        lives.give_up(LifeId(1), 40);
        lives.give_up(LifeId(1), 10);
        lives.give_up(LifeId(9), 1);
        assert_eq!(lives.next_given_up(), Some((40, LifeId(1))));
        lives.remove(LifeId(1));
        assert_eq!(lives.next_given_up(), Some((50, LifeId(2))));
    }

    #[test]
    fn descriptors_by_number() {
        let mut fds = Fds::with_capacity(2);
        fds.close(FdToken(4));
        fds.hold(FdToken(4), sys::handle::null().expect("null"));
        assert!(fds.get(FdToken(4)).is_some() && fds.get(FdToken(3)).is_none() && fds.get(FdToken(9)).is_none());
        assert_eq!(fds.iter().map(|(token, _)| token).collect::<Vec<_>>(), [FdToken(4)]);
        fds.close(FdToken(4));
        assert_eq!(fds.iter().count(), 0);
    }
}
