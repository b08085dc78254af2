//! The boxes (cgroups) of lives: what the kernel holds a life to, what it has had to do.

use super::choice::{Checked, Refused, choose, limits_of, look, name_of, not_handed_down};
use model::{CgroupUse, InstanceId, Usage};
use std::collections::BTreeMap;
use std::io;
use sys::cgroup::{Acts, Cell, Held, Place, ROOM, Version, Watcher, places_of};
use tokio::net::unix::pipe::Receiver;

/// Tries to remove a box that is not empty yet.
const TRIES: u32 = 30;

/// The boxes of this home.
#[derive(Debug)]
pub(crate) struct Boxes {
    places: Vec<Checked>,
    /// Where a manager in another group has made boxes.
    elsewhere: Vec<Place>,
    cells: BTreeMap<InstanceId, Kept>,
    /// What is watched, and where it is heard.
    watcher: Option<(Watcher, Receiver)>,
    /// Boxes whose last zombies are not reaped yet.
    leaving: Vec<(Cell, u32)>,
}

#[derive(Debug)]
struct Kept {
    cell: Cell,
    place: Place,
    /// Whether the kernel tells when it has acted.
    tells: bool,
    /// What of that was given to those who tell.
    heard: Acts,
}

/// What the kernel has done since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct News {
    /// Processes killed because memory was short.
    pub(crate) killed: u32,
    /// Whether forks were refused, the first time in this life.
    pub(crate) refused_forks: bool,
}

impl Boxes {
    /// Looks where boxes can be made. Makes none.
    pub(crate) fn find(home: &str) -> Boxes {
        Boxes { places: look(home), elsewhere: Vec::new(), cells: BTreeMap::new(), watcher: None, leaving: Vec::new() }
    }

    /// Makes the box of a life; gives back its folder for the keeper. `None` = it gets none.
    ///
    /// # Errors
    /// `required`, and it cannot be so.
    pub(crate) fn make(
        &mut self,
        instance: InstanceId,
        usage: &Usage,
        ours: &dyn Fn(u32) -> bool,
    ) -> Result<Option<String>, Refused> {
        let Some(place) = choose(&self.places, usage)?.cloned() else { return Ok(None) };
        let required = usage.cgroup == CgroupUse::Required;
        let limits = limits_of(usage);
        let made = place.make(&instance.to_string(), &limits, ours);
        let made =
            made.and_then(|cell| cell.path().map(|path| (cell, path)).ok_or_else(|| io::ErrorKind::InvalidFilename.into()));
        let (cell, path) = match made {
            Ok(made) => made,
            Err(error) if required => {
                let errno = sys::errno::name_of(&error);
                let why = format!("cgroup = \"required\", and its cgroup below {} cannot be made: {error}", place.base.display());
                return Err(Refused { errno, why });
            }
            Err(_) => return Ok(None),
        };
        let missing = cell.held().without(limits.wanted());
        if required && missing != Held::default() {
            let _ = cell.remove();
            return Err(not_handed_down(&place, missing));
        }
        // From now on whoever finds this box knows what was told of it.
        cell.note_told(Acts::default());
        self.keep(instance, cell, place);
        Ok(Some(path))
    }

    fn keep(&mut self, instance: InstanceId, cell: Cell, place: Place) {
        let tells = place.version == Version::Two && self.listen(instance, &cell);
        let heard = cell.told().unwrap_or_else(|| cell.acts());
        self.cells.insert(instance, Kept { cell, place, tells, heard });
    }

    fn listen(&mut self, instance: InstanceId, cell: &Cell) -> bool {
        let files = cell.event_files();
        if files.is_empty() {
            return true;
        }
        if self.watcher.is_none() {
            self.watcher = watcher().ok();
        }
        let Some((watcher, _)) = &mut self.watcher else { return false };
        files.iter().all(|file| watcher.add(file, instance.0).is_ok())
    }

    /// Finds the boxes of lives that an earlier steward has begun, and removes those that are nobody's. `leaders`: processes of these lives; an earlier
    /// manager may have been in another group than we are, and then its boxes are where they are.
    pub(crate) fn recall(&mut self, home: &str, leaders: impl Iterator<Item = u32>, known: impl Fn(InstanceId) -> bool) {
        let here: Vec<Place> = self.places.iter().map(|(place, _)| place.clone()).collect();
        for place in leaders.flat_map(|pid| places_of(pid, &name_of(home))) {
            if !here.iter().chain(&self.elsewhere).any(|other| other.base == place.base) {
                self.elsewhere.push(place);
            }
        }
        for place in here.into_iter().chain(self.elsewhere.clone()) {
            for name in place.lives() {
                let (Ok(instance), Some(mut cell)) = (name.parse::<InstanceId>(), place.cell(&name)) else { continue };
                if known(instance) {
                    cell.look();
                    self.keep(instance, cell, place.clone());
                } else if cell.remove().is_err() {
                    self.leaving.push((cell, 0));
                }
            }
        }
    }

    /// The box of a life.
    pub(crate) fn cell(&self, instance: InstanceId) -> Option<&Cell> {
        self.cells.get(&instance).map(|kept| &kept.cell)
    }

    /// What the kernel holds a life to.
    pub(crate) fn held(&self, instance: InstanceId) -> Held {
        self.cell(instance).map_or_else(Held::default, Cell::held)
    }

    /// Whether the box of a life must be looked at now and then, since nobody tells.
    pub(crate) fn is_mute(&self, instance: InstanceId) -> bool {
        self.cells.get(&instance).is_some_and(|kept| !kept.tells && (kept.cell.held().tasks || kept.cell.held().memory))
    }

    /// Other limits for a life that runs.
    pub(crate) fn limit(&mut self, instance: InstanceId, usage: &Usage, ours: &dyn Fn(u32) -> bool) {
        let Some(mut kept) = self.cells.remove(&instance) else { return };
        kept.place.limit(&mut kept.cell, &limits_of(usage), ours);
        // It may have controllers now that tell of their own.
        kept.tells = kept.place.version == Version::Two && self.listen(instance, &kept.cell);
        self.cells.insert(instance, kept);
    }

    /// A life could not go into its box: nobody is put into that kind of box any more.
    pub(crate) fn deny(&mut self, instance: InstanceId, errno: &'static str) {
        let Some(version) = self.cells.get(&instance).map(|kept| kept.place.version) else { return };
        for (_, can) in self.places.iter_mut().filter(|(place, _)| place.version == version) {
            *can = Err(errno);
        }
    }

    /// What the kernel has done in a box since the last look.
    pub(crate) fn news(&mut self, instance: InstanceId) -> News {
        let Some(kept) = self.cells.get_mut(&instance) else { return News::default() };
        let (now, before) = (kept.cell.acts(), kept.heard);
        kept.heard =
            Acts { oom_kills: now.oom_kills.max(before.oom_kills), refused_forks: now.refused_forks.max(before.refused_forks) };
        News {
            killed: u32::try_from(kept.heard.oom_kills - before.oom_kills).unwrap_or(u32::MAX),
            refused_forks: before.refused_forks == 0 && now.refused_forks > 0,
        }
    }

    /// The news of a box have been told: whoever finds it later tells what comes after.
    pub(crate) fn told(&self, instance: InstanceId) {
        if let Some(kept) = self.cells.get(&instance) {
            kept.cell.note_told(kept.heard);
        }
    }

    /// Waits until the kernel says that it has acted; gives back in which boxes.
    pub(crate) async fn acted(&mut self) -> Vec<InstanceId> {
        let Some((watcher, source)) = &mut self.watcher else { return std::future::pending().await };
        loop {
            let mut room = [0; ROOM];
            match source.try_read(&mut room) {
                Ok(read) if read > 0 => return watcher.heard(&room[..read]).into_iter().map(InstanceId).collect(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && source.readable().await.is_ok() => {}
                // Nobody tells any more; what has happened is still told with each end.
                _ => return std::future::pending().await,
            }
        }
    }

    /// The life is over.
    pub(crate) fn close(&mut self, instance: InstanceId) {
        if let Some(Kept { cell, .. }) = self.cells.remove(&instance)
            && cell.remove().is_err()
        {
            self.leaving.push((cell, 0));
        }
        self.tidy();
    }

    /// Whether boxes are still to be removed.
    pub(crate) fn is_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Tries again to remove what was not empty.
    pub(crate) fn tidy(&mut self) {
        self.leaving.retain_mut(|(cell, tries)| {
            *tries += 1;
            cell.remove().is_err() && *tries < TRIES
        });
        if self.cells.is_empty() && self.leaving.is_empty() {
            self.places.iter().map(|(place, _)| place).chain(&self.elsewhere).for_each(Place::remove);
        }
    }
}

/// An inotify descriptor is read like a pipe.
fn watcher() -> io::Result<(Watcher, Receiver)> {
    let watcher = Watcher::new()?;
    let source = Receiver::from_owned_fd_unchecked(watcher.source()?)?;
    Ok((watcher, source))
}
