//! Who gets a box, and where.

use model::{CgroupUse, Usage};
use sys::cgroup::{Held, Limits, Place, places};

/// A place, and whether boxes can be made there.
pub(super) type Checked = (Place, Result<(), &'static str>);

/// Why a life that must have a box gets none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) errno: &'static str,
    pub(crate) why: String,
}

/// What a life is to be held to.
pub(crate) fn limits_of(usage: &Usage) -> Limits {
    Limits { memory: usage.max_memory, cpu_percent: usage.max_cpu, tasks: usage.max_tasks }
}

/// Why an app that must have a box could not have one here, asked before anything is done. Changes nothing.
pub(crate) fn refusal(usage: &Usage, home: &str) -> Option<String> {
    match usage.cgroup {
        CgroupUse::Required => choose(&look(home), usage).err().map(|refused| refused.why),
        CgroupUse::Auto | CgroupUse::Off => None,
    }
}

/// The folder of all boxes of a home: one word for each home (FNV-1a of its path).
pub(super) fn name_of(home: &str) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("abide-{:016x}", home.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

/// Looks where boxes can be made. Makes none.
pub(super) fn look(home: &str) -> Vec<Checked> {
    let checked = |place: Place| {
        let can = place.check().map_err(|error| sys::errno::name_of(&error));
        (place, can)
    };
    places(&name_of(home)).unwrap_or_default().into_iter().map(checked).collect()
}

/// In which place a life gets its box. `auto`: where a box can be made, if a limit is asked for at all, and there the place where the kernel holds
/// it to most of them; the rest is sampled. `required`: everything that is asked for must be held. `off`: in none.
///
/// # Errors
/// `required`, and it cannot be so.
pub(super) fn choose<'a>(places: &'a [Checked], usage: &Usage) -> Result<Option<&'a Place>, Refused> {
    let wanted = limits_of(usage).wanted();
    let required = usage.cgroup == CgroupUse::Required;
    if usage.cgroup == CgroupUse::Off || (!required && wanted == Held::default()) {
        return Ok(None);
    }
    let can = places.iter().filter(|(_, can)| can.is_ok()).map(|(place, _)| place);
    // Of equal ones the first: version 2.
    let best = can.rev().max_by_key(|place| place.offers.and(wanted).count());
    match best {
        best if !required => Ok(best),
        Some(place) if place.offers.covers(wanted) => Ok(Some(place)),
        Some(place) => Err(not_offered(place.offers.without(wanted))),
        None => Err(nowhere(places)),
    }
}

fn nowhere(places: &[Checked]) -> Refused {
    let (errno, why) = match places.first() {
        Some((place, Err(errno))) => (*errno, format!("none can be made below {} ({errno})", place.own.display())),
        _ => ("EOPNOTSUPP", "this machine has no cgroups that can be used".to_owned()),
    };
    Refused {
        errno,
        why: format!("cgroup = \"required\", and {why}; have them delegated to this manager, or write cgroup = \"auto\""),
    }
}

fn not_offered(missing: Held) -> Refused {
    let why = format!(
        "cgroup = \"required\", and the kernel cannot hold it to {} here; have the controller delegated to this manager, or write cgroup = \"auto\"",
        keys(missing)
    );
    Refused { errno: "EOPNOTSUPP", why }
}

/// The controllers are there, and cannot be had below the group that we are in.
pub(super) fn not_handed_down(place: &Place, missing: Held) -> Refused {
    let own = place.own.display();
    let why = format!(
        "cgroup = \"required\", and {own} hands nothing down for {}, since processes other than Abide's are in it; start Abide in a group of its own, or write cgroup = \"auto\"",
        keys(missing)
    );
    Refused { errno: "EBUSY", why }
}

fn keys(missing: Held) -> String {
    let keys = [(missing.memory, "max_memory", "memory"), (missing.cpu, "max_cpu", "cpu"), (missing.tasks, "max_tasks", "pids")];
    let keys: Vec<String> =
        keys.iter().filter(|(is, ..)| *is).map(|(_, key, word)| format!("{key} (controller `{word}`)")).collect();
    keys.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::cgroup::Version;

    fn checked(places: &[(Version, &[&str], Result<(), &'static str>)]) -> Vec<Checked> {
        let place = |(version, offers, can): &(Version, &[&str], Result<(), &'static str>)| {
            let has = |word: &str| offers.contains(&word);
            let offers = Held { memory: has("memory"), cpu: has("cpu"), tasks: has("pids") };
            let own = std::path::PathBuf::from(format!("/{version:?}"));
            (Place { version: *version, base: own.join("abide-x"), own, offers }, *can)
        };
        places.iter().map(place).collect()
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
        let none = checked(&[]);
        let denied = checked(&[(Two, &["memory", "cpu", "pids"], Err("EACCES")), (One, &["pids"], Err("EACCES"))]);
        let bare = checked(&[(Two, &[], Ok(()))]);
        let hybrid = checked(&[(Two, &[], Ok(())), (One, &["pids"], Ok(()))]);
        let full = checked(&[(Two, &["memory", "cpu", "pids"], Ok(()))]);
        let chosen = |places: &[Checked], cgroup, wanted| match choose(places, &usage(cgroup, wanted)) {
            Ok(Some(place)) => format!("{:?}", place.version),
            Ok(None) => "none".to_owned(),
            Err(refused) => refused.errno.to_owned(),
        };
        for (places, cgroup, wanted, want) in [
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
            assert_eq!(chosen(places, cgroup, wanted), want, "{cgroup:?} {wanted}");
        }
        let why = choose(&hybrid, &usage(Required, "memory cpu")).expect_err("refused").why;
        assert!(
            why.contains("max_memory (controller `memory`), max_cpu (controller `cpu`)") && why.contains("cgroup = \"auto\""),
            "{why}"
        );
        assert!(choose(&denied, &usage(Required, "")).expect_err("refused").why.contains("(EACCES)"));
    }

    #[test]
    fn each_home_has_a_folder_of_its_own() {
        assert_eq!(name_of("/a"), name_of("/a"));
        assert_ne!(name_of("/a"), name_of("/b"));
        assert_eq!(name_of("/a").len(), "abide-".len() + 16);
    }
}
