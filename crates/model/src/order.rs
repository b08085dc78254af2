//! Who waits for whom, and who shares whose fate.

use crate::AppName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One app that another waits for before each of its births.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Which app.
    pub app: AppName,
    /// How far it must be.
    pub condition: Condition,
    /// A soft dependency (`required = false`) is waited for only while it is on its way: one that is stopped, unknown or given up holds
    /// nobody back.
    pub required: bool,
}

/// How far an app must be, in all of its slots, before its dependents are born.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It runs.
    Started,
    /// It is ready; where it has no readiness: it runs.
    Ready,
    /// It has ended, with success or without, and no restart is due.
    Completed,
    /// It has ended with success.
    CompletedOk,
}

/// A group of apps (`[groups.NAME]`, or all apps of one file), as each of its members knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What the failure of one means for the others.
    pub strategy: Strategy,
}

/// What it means for the members of a group when a life of one of them fails and is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Nothing.
    #[default]
    One,
    /// All are restarted.
    All,
    /// Those that start after it are restarted.
    Rest,
}

/// What the last end of an app means for its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnExit {
    /// The others are stopped.
    StopGroup,
}

impl Condition {
    /// The word in files and messages.
    pub fn word(self) -> &'static str {
        match self {
            Condition::Started => "started",
            Condition::Ready => "ready",
            Condition::Completed => "completed",
            Condition::CompletedOk => "completed_ok",
        }
    }
}

impl Strategy {
    /// The word in files.
    pub fn word(self) -> &'static str {
        match self {
            Strategy::One => "one",
            Strategy::All => "all",
            Strategy::Rest => "rest",
        }
    }
}

/// A cycle among dependencies: `[a, b, c]` where a waits for b, b for c, and c for a. `None` where there is none. Of several the first by
/// name; apps that are not in the map wait for nobody.
pub fn cycle(waits: &BTreeMap<AppName, Vec<AppName>>) -> Option<Vec<AppName>> {
    let mut done: BTreeMap<&AppName, bool> = BTreeMap::new();
    for start in waits.keys() {
        // Depth first by hand: a chain may be as long as there are apps.
        let mut path: Vec<(&AppName, usize)> = vec![(start, 0)];
        while let Some((at, next)) = path.last_mut() {
            let node = *at;
            if *next == 0 && done.insert(node, false) == Some(true) {
                done.insert(node, true);
                path.pop();
                continue;
            }
            match waits.get(node).and_then(|needs| needs.get(*next)) {
                Some(need) => {
                    *next += 1;
                    if done.get(need) == Some(&false) {
                        let from = path.iter().position(|(on, _)| *on == need).unwrap_or(0);
                        return Some(path[from..].iter().map(|(on, _)| (*on).clone()).collect());
                    }
                    path.push((need, 0));
                }
                None => {
                    done.insert(node, true);
                    path.pop();
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(rows: &[(&str, &[&str])]) -> BTreeMap<AppName, Vec<AppName>> {
        let name = |text: &&str| AppName::new(text).expect("a name");
        rows.iter().map(|(app, needs)| (name(app), needs.iter().map(name).collect())).collect()
    }

    fn found(rows: &[(&str, &[&str])]) -> Option<String> {
        cycle(&waits(rows)).map(|apps| apps.iter().map(AppName::as_str).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn cycles_are_found_and_told_in_order() {
        assert_eq!(found(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &["elsewhere"])]), None);
        assert_eq!(found(&[("a", &["a"])]).as_deref(), Some("a"));
        assert_eq!(found(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]).as_deref(), Some("b c"));
        assert_eq!(found(&[("a", &["x", "b"]), ("b", &["c"]), ("c", &["a"]), ("x", &[])]).as_deref(), Some("a b c"));
    }

    #[test]
    fn a_long_chain_is_no_burden() {
        let names: Vec<String> = (0..20_000).map(|n| format!("a{n}")).collect();
        let mut map: BTreeMap<AppName, Vec<AppName>> = BTreeMap::new();
        for pair in names.windows(2) {
            map.insert(AppName::new(&pair[0]).expect("name"), vec![AppName::new(&pair[1]).expect("name")]);
        }
        assert_eq!(cycle(&map), None);
        map.insert(AppName::new(&names[19_999]).expect("name"), vec![AppName::new("a0").expect("name")]);
        assert_eq!(cycle(&map).map(|apps| apps.len()), Some(20_000));
    }
}
