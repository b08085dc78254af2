//! The boxes (cgroups) of lives: who gets one, what the kernel holds it to, what it has had to do.

use model::{CgroupUse, InstanceId, Usage};
use std::collections::BTreeMap;
use std::io;
use sys::cgroup::{Cell, Held, Limits, Place, ROOM, Version, Watcher, places};
use tokio::net::unix::pipe::Receiver;

/// Tries to remove a box that is not empty yet.
const TRIES: u32 = 30;

/// The boxes of this home.
#[derive(Debug)]
pub(crate) struct Boxes {
    places: Vec<(Place, Result<(), &'static str>)>,
    cells: BTreeMap<InstanceId, Kept>,
    /// What is watched, and where it is heard.
    watcher: Option<(Watcher, Receiver)>,
    /// Boxes whose last zombies are not reaped yet.
    leaving: Vec<(Cell, u32)>,
}

#[derive(Debug)]
struct Kept {
    cell: Cell,
    version: Version,
    /// Whether the kernel tells when it has acted.
    tells: bool,
    oom_kills: u64,
    refused_forks: u64,
}

/// Why a life that must have a box gets none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) errno: &'static str,
    pub(crate) why: String,
}

/// What the kernel has done since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct News {
    /// Processes killed because memory was short.
    pub(crate) killed: u32,
    /// Whether forks were refused, the first time in this life.
    pub(crate) refused_forks: bool,
}

/// What a life is to be held to.
pub(crate) fn limits_of(usage: &Usage) -> Limits {
    Limits { memory: usage.max_memory, cpu_percent: usage.max_cpu, tasks: usage.max_tasks }
}

/// Why an app that must have a box could not have one here, asked before anything is done. Changes nothing.
pub(crate) fn refusal(usage: &Usage, home: &str) -> Option<String> {
    match usage.cgroup {
        CgroupUse::Required => Boxes::find(home).choose(usage).err().map(|refused| refused.why),
        CgroupUse::Auto | CgroupUse::Off => None,
    }
}

/// The folder of all boxes of a home: one word for each home (FNV-1a of its path).
fn name_of(home: &str) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("abide-{:016x}", home.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

impl Boxes {
    /// Looks where boxes can be made. Makes none.
    pub(crate) fn find(home: &str) -> Boxes {
        let checked = |place: Place| {
            let can = place.check().map_err(|error| sys::errno::name_of(&error));
            (place, can)
        };
        let places = places(&name_of(home)).unwrap_or_default().into_iter().map(checked).collect();
        Boxes { places, cells: BTreeMap::new(), watcher: None, leaving: Vec::new() }
    }

    /// In which place a life gets its box. `auto`: where a box can be made, if a limit is asked for at all, and there the place where the kernel holds
    /// it to most of them; the rest is sampled. `required`: everything that is asked for must be held. `off`: in none.
    ///
    /// # Errors
    /// `required`, and it cannot be so.
    pub(crate) fn choose(&self, usage: &Usage) -> Result<Option<&Place>, Refused> {
        let wanted = limits_of(usage).wanted();
        let required = usage.cgroup == CgroupUse::Required;
        if usage.cgroup == CgroupUse::Off || (!required && wanted == Held::default()) {
            return Ok(None);
        }
        let can = self.places.iter().filter(|(_, can)| can.is_ok()).map(|(place, _)| place);
        // Of equal ones the first: version 2.
        let best = can.rev().max_by_key(|place| place.offers.and(wanted).count());
        match best {
            best if !required => Ok(best),
            Some(place) if place.offers.covers(wanted) => Ok(Some(place)),
            Some(place) => Err(not_offered(place.offers.without(wanted))),
            None => Err(self.nowhere()),
        }
    }

    fn nowhere(&self) -> Refused {
        let (errno, why) = match self.places.first() {
            Some((place, Err(errno))) => (*errno, format!("none can be made below {} ({errno})", place.own.display())),
            _ => ("EOPNOTSUPP", "this machine has no cgroups that can be used".to_owned()),
        };
        Refused {
            errno,
            why: format!("cgroup = \"required\", and {why}; have them delegated to this manager, or write cgroup = \"auto\""),
        }
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
        let Some(place) = self.choose(usage)?.cloned() else { return Ok(None) };
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
            return Err(not_offered(missing));
        }
        let before = cell.oom_kills().unwrap_or(0);
        self.keep(instance, cell, place.version, before);
        Ok(Some(path))
    }

    fn keep(&mut self, instance: InstanceId, cell: Cell, version: Version, oom_kills: u64) {
        let tells = version == Version::Two && self.listen(instance, &cell);
        self.cells.insert(instance, Kept { cell, version, tells, oom_kills, refused_forks: 0 });
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

    /// Finds the boxes of lives that an earlier steward has begun, and removes those that are nobody's.
    /// `known`: how many kills of a life have been told, of lives that are known.
    pub(crate) fn recall(&mut self, known: impl Fn(InstanceId) -> Option<u64>) {
        for (place, _) in self.places.clone() {
            for name in place.lives() {
                let (Ok(instance), Some(mut cell)) = (name.parse::<InstanceId>(), place.cell(&name)) else { continue };
                if let Some(told) = known(instance) {
                    cell.look();
                    self.keep(instance, cell, place.version, told);
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

    /// Who has one.
    pub(crate) fn lives(&self) -> Vec<InstanceId> {
        self.cells.keys().copied().collect()
    }

    /// Whether the box of a life must be looked at now and then, since nobody tells.
    pub(crate) fn is_mute(&self, instance: InstanceId) -> bool {
        self.cells.get(&instance).is_some_and(|kept| !kept.tells && (kept.cell.held().tasks || kept.cell.held().memory))
    }

    /// Other limits for a life that runs.
    pub(crate) fn limit(&mut self, instance: InstanceId, usage: &Usage) {
        if let Some(kept) = self.cells.get_mut(&instance) {
            kept.cell.limit(&limits_of(usage));
        }
    }

    /// A life could not go into its box: nobody is put into that kind of box any more.
    pub(crate) fn deny(&mut self, instance: InstanceId, errno: &'static str) {
        let Some(version) = self.cells.get(&instance).map(|kept| kept.version) else { return };
        for (_, can) in self.places.iter_mut().filter(|(place, _)| place.version == version) {
            *can = Err(errno);
        }
    }

    /// What the kernel has done in a box since the last look.
    pub(crate) fn news(&mut self, instance: InstanceId) -> News {
        let Some(kept) = self.cells.get_mut(&instance) else { return News::default() };
        let kills = kept.cell.oom_kills().unwrap_or(0).max(kept.oom_kills);
        let killed = u32::try_from(kills - kept.oom_kills).unwrap_or(u32::MAX);
        kept.oom_kills = kills;
        let refused = kept.cell.refused_forks().unwrap_or(0);
        let refused_forks = kept.refused_forks == 0 && refused > 0;
        kept.refused_forks = refused;
        News { killed, refused_forks }
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
            self.places.iter().for_each(|(place, _)| place.remove());
        }
    }
}

/// An inotify descriptor is read like a pipe.
fn watcher() -> io::Result<(Watcher, Receiver)> {
    let watcher = Watcher::new()?;
    let source = Receiver::from_owned_fd_unchecked(watcher.source()?)?;
    Ok((watcher, source))
}

fn not_offered(missing: Held) -> Refused {
    let keys = [(missing.memory, "max_memory", "memory"), (missing.cpu, "max_cpu", "cpu"), (missing.tasks, "max_tasks", "pids")];
    let missing: Vec<String> =
        keys.iter().filter(|(is, ..)| *is).map(|(_, key, word)| format!("{key} (controller `{word}`)")).collect();
    let why = format!(
        "cgroup = \"required\", and the kernel cannot hold it to {} here; have the controller delegated to this manager, or write cgroup = \"auto\"",
        missing.join(", ")
    );
    Refused { errno: "EOPNOTSUPP", why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(places: &[(Version, &[&str], Result<(), &'static str>)]) -> Boxes {
        let place = |(version, offers, can): &(Version, &[&str], Result<(), &'static str>)| {
            let has = |word: &str| offers.contains(&word);
            let offers = Held { memory: has("memory"), cpu: has("cpu"), tasks: has("pids") };
            let own = std::path::PathBuf::from(format!("/{version:?}"));
            (Place { version: *version, base: own.join("abide-x"), own, offers }, *can)
        };
        Boxes { places: places.iter().map(place).collect(), cells: BTreeMap::new(), watcher: None, leaving: Vec::new() }
    }

    fn usage(cgroup: CgroupUse, wanted: &str) -> Usage {
        let has = |word: &str| wanted.contains(word);
        Usage {
            max_memory: has("memory").then_some(1 << 20),
            max_cpu: has("cpu").then_some(50.0),
            max_tasks: has("tasks").then_some(10),
            cgroup,
            ..Usage::default()
        }
    }

    /// Row 59 of reliability.md, for `cgroup`: the stated rule for each value on each kind of machine.
    #[test]
    fn who_gets_a_box_where() {
        use CgroupUse::{Auto, Off, Required};
        use Version::{One, Two};
        let none = boxes(&[]);
        let denied = boxes(&[(Two, &["memory", "cpu", "pids"], Err("EACCES")), (One, &["pids"], Err("EACCES"))]);
        let bare = boxes(&[(Two, &[], Ok(()))]);
        let hybrid = boxes(&[(Two, &[], Ok(())), (One, &["pids"], Ok(()))]);
        let full = boxes(&[(Two, &["memory", "cpu", "pids"], Ok(()))]);
        let chosen = |boxes: &Boxes, cgroup, wanted| match boxes.choose(&usage(cgroup, wanted)) {
            Ok(Some(place)) => format!("{:?}", place.version),
            Ok(None) => "none".to_owned(),
            Err(refused) => refused.errno.to_owned(),
        };
        for (boxes, cgroup, wanted, want) in [
            (&full, Off, "memory cpu tasks", "none"),
            (&full, Auto, "", "none"),
            (&full, Auto, "memory", "Two"),
            (&full, Required, "memory cpu tasks", "Two"),
            (&full, Required, "", "Two"),
            (&hybrid, Auto, "memory", "Two"),
            (&hybrid, Auto, "memory tasks", "One"),
            (&hybrid, Required, "tasks", "One"),
            (&hybrid, Required, "", "Two"),
            (&hybrid, Required, "memory tasks", "EOPNOTSUPP"),
            (&bare, Auto, "tasks", "Two"),
            (&bare, Required, "cpu", "EOPNOTSUPP"),
            (&denied, Auto, "memory", "none"),
            (&denied, Required, "memory", "EACCES"),
            (&none, Auto, "memory", "none"),
            (&none, Required, "", "EOPNOTSUPP"),
        ] {
            assert_eq!(chosen(boxes, cgroup, wanted), want, "{cgroup:?} {wanted}");
        }
        let why = hybrid.choose(&usage(Required, "memory cpu")).expect_err("refused").why;
        assert!(
            why.contains("max_memory (controller `memory`), max_cpu (controller `cpu`)") && why.contains("cgroup = \"auto\""),
            "{why}"
        );
        assert!(denied.choose(&usage(Required, "")).expect_err("refused").why.contains("(EACCES)"));
    }

    #[tokio::test]
    async fn kills_while_nobody_looked_are_told_once() {
        let folder = tempfile::tempdir().expect("tempdir");
        let own = folder.path().to_owned();
        let base = own.join("abide-x");
        let kills = |count: u64| {
            let text = format!("low 0\nhigh 4\nmax 9\noom 2\noom_kill {count}\n");
            std::fs::write(base.join("i7/memory.events"), text).expect("written");
        };
        std::fs::create_dir_all(base.join("i7")).expect("made");
        std::fs::write(base.join("i7/cgroup.procs"), "").expect("written");
        let offers = Held { memory: true, ..Held::default() };
        let mut boxes = boxes(&[]);
        boxes.places.push((Place { version: Version::Two, base: base.clone(), own, offers }, Ok(())));
        kills(3);
        // Of these three one had been told by the steward before.
        boxes.recall(|instance| (instance == InstanceId(7)).then_some(1));
        assert_eq!(boxes.lives(), [InstanceId(7)]);
        assert_eq!(boxes.news(InstanceId(7)).killed, 2);
        assert_eq!(boxes.news(InstanceId(7)), News::default());
        kills(4);
        assert_eq!(boxes.news(InstanceId(7)).killed, 1);
    }

    #[test]
    fn each_home_has_a_folder_of_its_own() {
        assert_eq!(name_of("/a"), name_of("/a"));
        assert_ne!(name_of("/a"), name_of("/b"));
        assert_eq!(name_of("/a").len(), "abide-".len() + 16);
    }
}
