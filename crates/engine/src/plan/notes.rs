//! What somebody who agrees to a plan should know besides.

use super::{KnownApp, WishedApp};
use model::{AppName, AppSpec, Definition, Project};
use std::collections::BTreeMap;

/// So many names are told at most.
const NAMES: usize = 5;

/// Who defined the app before, if that was somebody else.
pub(super) fn of_origin(before: &Definition, after: &Definition) -> Vec<String> {
    let mut notes = Vec::new();
    if before.source != after.source {
        notes.push(match &before.source {
            Some(file) => format!("was defined by {}", file.display()),
            None => "was defined without a file".to_owned(),
        });
    }
    match (&before.project, &after.project) {
        (Some(old), Some(new)) if old != new => notes.push(format!("moves from project {} to {}", words(old), words(new))),
        _ => {}
    }
    notes
}

fn words(project: &Project) -> String {
    match &project.folder {
        Some(folder) => format!("{} ({})", project.name, folder.display()),
        None => project.name.clone(),
    }
}

/// Which variables of the session are others now; never their values.
pub(super) fn of_session(before: &Definition, after: &Definition) -> String {
    let (old, new) = (&before.session_env, &after.session_env);
    let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(value)).map(|(name, _)| name.as_str());
    let gone = old.keys().filter(|name| !new.contains_key(*name)).map(String::as_str);
    let mut names: Vec<&str> = changed.chain(gone).collect();
    names.sort_unstable();
    names.extend((before.umask != after.umask).then_some("umask"));
    format!("takes the variables of this session anew: {}", listed(&names))
}

/// Whom it leaves behind that waits for it.
pub(super) fn of_dependents(
    name: &AppName,
    gone: &[&AppName],
    known: &BTreeMap<AppName, KnownApp<'_>>,
    wished: &[WishedApp<'_>],
) -> Vec<String> {
    let anew = |app: &AppName| wished.iter().map(|wished| &wished.definition.spec).find(|spec| spec.name == *app);
    let stays = known.iter().filter(|(other, _)| !gone.contains(other));
    let left = stays.map(|(other, app)| anew(other).unwrap_or(&app.definition.spec));
    let new = wished.iter().map(|wished| &wished.definition.spec).filter(|spec| !known.contains_key(&spec.name));
    let waits = |spec: &&AppSpec| spec.depends_on.iter().any(|need| need.required && need.app == *name);
    let names: Vec<&str> = left.chain(new).filter(waits).map(|spec| spec.name.as_str()).collect();
    if names.is_empty() { Vec::new() } else { vec![format!("still waited for by {}", listed(&names))] }
}

/// Whom it would wait for in vain: a misspelled name is found here, or when `up` says that it goes on waiting.
pub(super) fn of_missing(spec: &AppSpec, known: &BTreeMap<AppName, KnownApp<'_>>, wished: &[WishedApp<'_>]) -> Vec<String> {
    let there = |name: &AppName| known.contains_key(name) || wished.iter().any(|app| app.definition.spec.name == *name);
    let missing = spec.depends_on.iter().filter(|need| need.required && !there(&need.app));
    let names: Vec<&str> = missing.map(|need| need.app.as_str()).collect();
    if names.is_empty() { Vec::new() } else { vec![format!("waits for what is not defined: {}", listed(&names))] }
}

fn listed(names: &[&str]) -> String {
    match names.len().checked_sub(NAMES) {
        Some(more @ 1..) => format!("{} and {more} more", names[..NAMES].join(", ")),
        _ => names.join(", "),
    }
}
