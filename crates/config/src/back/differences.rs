//! What is another in one specification than in the other.

use super::effective::{effective, effective_settings};
use super::literal::Literal;
use super::rows::Shown;
use model::{AppSpec, DaemonSettings, Dependency, Difference};
use std::collections::BTreeMap;

/// The keys of which the two say something else, in the order of the documentation, with secrets masked: two secrets that differ are a
/// difference although both are shown as `•••`. Where a value came from does not count.
pub fn differences(old: &AppSpec, new: &AppSpec) -> Vec<Difference> {
    let (shown_old, shown_new) = (old.masked(), new.masked());
    let sides = [&shown_old, &shown_new].map(effective);
    let mut found = apart([effective(old), effective(new)], sides);
    order(old, new, &mut found);
    found
}

/// The same for the manager's own settings.
pub fn setting_differences(old: &DaemonSettings, new: &DaemonSettings) -> Vec<Difference> {
    let sides = || [effective_settings(old), effective_settings(new)];
    apart(sides(), sides())
}

/// What one side says of its keys.
type Said<V> = BTreeMap<String, V>;

/// Compares `real`, tells `shown`: the same rows with secrets masked.
fn apart(real: [Vec<Shown<'_>>; 2], shown: [Vec<Shown<'_>>; 2]) -> Vec<Difference> {
    let [old, new] = real.map(|rows| -> Said<(Option<Literal>, bool)> {
        rows.into_iter().map(|row| (row.key, (row.value, row.is_default))).collect()
    });
    let keys = merged(&shown[0], &shown[1]);
    let [from, to] = shown.map(|rows| -> Said<Option<String>> {
        rows.into_iter().map(|row| (row.key, row.value.map(|value| value.to_string()))).collect()
    });
    let differs = |key: &String| match (old.get(key), new.get(key)) {
        (Some((old, _)), Some((new, _))) => old != new,
        // The keys of a table come and go with it. Of these, what is at its default says nothing.
        (Some((_, is_default)), None) | (None, Some((_, is_default))) => !is_default,
        (None, None) => false,
    };
    let told = |side: &Said<Option<String>>, key: &String| side.get(key).cloned().flatten();
    keys.into_iter().filter(differs).map(|key| Difference { from: told(&from, &key), to: told(&to, &key), key }).collect()
}

/// All keys of both lists, each once: those of the second are put behind the key that they follow there.
fn merged(first: &[Shown<'_>], second: &[Shown<'_>]) -> Vec<String> {
    let mut all: Vec<String> = first.iter().map(|row| row.key.clone()).collect();
    let mut at = 0;
    for row in second {
        at = match all.iter().position(|known| *known == row.key) {
            Some(place) => place + 1,
            None => {
                all.insert(at, row.key.clone());
                at + 1
            }
        };
    }
    all
}

/// Apps that are waited for are told one by one, so that another order of the same would not be told at all.
fn order(old: &AppSpec, new: &AppSpec, found: &mut Vec<Difference>) {
    if old.depends_on == new.depends_on || found.iter().any(|one| one.key.starts_with("depends_on")) {
        return;
    }
    let names =
        |all: &[Dependency]| Some(Literal::List(all.iter().map(|on| Literal::Text(on.app.to_string())).collect()).to_string());
    found.push(Difference { key: "depends_on".to_owned(), from: names(&old.depends_on), to: names(&new.depends_on) });
}
