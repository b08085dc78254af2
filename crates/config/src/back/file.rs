//! A file that loads to given apps.

use super::effective::effective;
use super::literal::{self, Literal};
use super::rows::Shown;
use model::{AppSpec, Group};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// How much of an app is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detail {
    /// What is not at its default.
    Changed,
    /// Also what is at its default, as far as a file can say it.
    All,
}

/// A file `abide.toml` that loads to these apps, in any folder and with any environment. All of them must be able to stand in one file:
/// apps that share a group share it here too. Secrets are written out, unless the apps are [`AppSpec::masked`].
pub fn to_toml(apps: &[AppSpec], detail: Detail) -> String {
    let mut out = String::new();
    // Without [groups] the file is the group, and only its name can be any text.
    let free = |app: &AppSpec| app.group.as_ref().is_some_and(|group| model::AppName::new(&group.name).is_err());
    let file = apps.iter().find(|app| free(app)).and_then(|app| app.group.as_ref());
    if let Some(Group { name, .. }) = file {
        line(&mut out, "name", &literal::plain(name));
    }
    for app in apps {
        one(app, detail, &mut out);
    }
    if file.is_none() {
        groups(apps, &mut out);
    }
    // Their values are in the apps already; what is left of a profile is its name.
    for profile in apps.iter().filter_map(|app| app.profile.as_deref()).collect::<BTreeSet<_>>() {
        header(&mut out, &["profiles", profile]);
    }
    out
}

fn one(app: &AppSpec, detail: Detail, out: &mut String) {
    let wanted = |row: &Shown<'_>| detail == Detail::All || !row.is_default || row.path == ["cwd"];
    let rows: Vec<Shown<'_>> = effective(app).into_iter().filter(|row| wanted(row) && row.value.is_some()).collect();
    let inside = |row: &&Shown<'_>| !(row.path.len() > 1 && row.path[0] == "groups");
    let front = ["apps", app.name.as_str()];
    header(out, &front);
    for row in rows.iter().filter(inside).filter(|row| row.path.len() == 1) {
        write(out, row);
    }
    let mut tables: Vec<&[String]> = Vec::new();
    for row in rows.iter().filter(inside).filter(|row| row.path.len() > 1) {
        let table = &row.path[..row.path.len() - 1];
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    for table in tables {
        let path: Vec<&str> = front.into_iter().chain(table.iter().map(String::as_str)).collect();
        header(out, &path);
        for row in rows.iter().filter(|row| row.path.len() == table.len() + 1 && row.path.starts_with(table)) {
            write(out, row);
        }
    }
}

fn write(out: &mut String, row: &Shown<'_>) {
    if let (Some(name), Some(value)) = (row.path.last(), &row.value) {
        line(out, name, value);
    }
}

fn groups(apps: &[AppSpec], out: &mut String) {
    let mut groups: BTreeMap<&str, (Vec<&str>, &'static str)> = BTreeMap::new();
    for app in apps {
        if let Some(Group { name, strategy }) = &app.group {
            groups.entry(name).or_insert((Vec::new(), strategy.word())).0.push(app.name.as_str());
        }
    }
    for (name, (members, strategy)) in groups {
        header(out, &["groups", name]);
        line(out, "apps", &Literal::List(members.into_iter().map(literal::word).collect()));
        line(out, "strategy", &literal::word(strategy));
    }
}

fn header(out: &mut String, path: &[&str]) {
    let blank = if out.is_empty() { "" } else { "\n" };
    let path: Vec<String> = path.iter().map(|part| literal::key(part)).collect();
    // Writing into a string cannot fail.
    let _ = writeln!(out, "{blank}[{}]", path.join("."));
}

fn line(out: &mut String, name: &str, value: &Literal) {
    let name = literal::key(name);
    let _ = match value {
        // A mask is no value; as text it can at least be read.
        Literal::Hidden => writeln!(out, "{name} = \"{value}\""),
        value => writeln!(out, "{name} = {value}"),
    };
}
