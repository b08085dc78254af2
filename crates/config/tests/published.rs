//! What is written down from the table of keys: the tables of the documentation, and the schema that editors fetch.
//!
//! Both are made anew by `RENEW=1 cargo test -p abide-config --test published`.

use config::{KeyDoc, Scope};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const PAGES: [&str; 2] = ["configuration.md", "configuration-life.md"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// Compares what is written down with what it should be, or writes it.
fn keep(path: &Path, wanted: &str) {
    if std::env::var_os("RENEW").is_some() {
        fs::write(path, wanted).expect("written");
        return;
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    let line =
        found.lines().zip(wanted.lines()).position(|(a, b)| a != b).unwrap_or(found.lines().count().min(wanted.lines().count()));
    assert!(
        found == wanted,
        "{} is not what the table of keys says; its line {} should be\n{}\nmake it anew: RENEW=1 cargo test -p abide-config --test published",
        path.display(),
        line + 1,
        wanted.lines().nth(line).unwrap_or("nothing")
    );
}

fn row(key: &'static KeyDoc) -> String {
    let aliases: String = key.aliases.iter().map(|alias| format!(", `{alias}`")).collect();
    format!("| `{}`{aliases} | {} | {} | {} |\n", key.name, key.kind(), key.default, key.doc)
}

/// The keys that a marker names: `<!-- keys App: cmd args -->`, or `<!-- keys Backoff -->` for all of a scope.
fn named(marker: &str) -> Vec<&'static KeyDoc> {
    let (scope, names) = marker.split_once(':').unwrap_or((marker, ""));
    let of_scope: Vec<_> = config::known_keys().filter(|key| format!("{:?}", key.scope) == scope.trim()).collect();
    let names: Vec<&str> = names.split_whitespace().collect();
    let find = |name: &str| *of_scope.iter().find(|key| key.name == name).unwrap_or_else(|| panic!("{marker}: no key `{name}`"));
    if names.is_empty() { of_scope } else { names.into_iter().map(find).collect() }
}

/// A page with the tables between its markers made anew. Says which keys it has.
fn renewed(page: &str, seen: &mut Vec<(Scope, &'static str)>) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in page.lines() {
        if let Some(marker) = line.strip_prefix("<!-- keys ").and_then(|rest| rest.strip_suffix(" -->")) {
            let keys = named(marker);
            assert!(!keys.is_empty(), "{line}: no such keys");
            seen.extend(keys.iter().map(|key| (key.scope, key.name)));
            writeln!(out, "{line}\n| key | type | default | meaning |\n|---|---|---|---|").expect("a string");
            keys.into_iter().for_each(|key| out.push_str(&row(key)));
            inside = true;
        }
        inside &= line != "<!-- end -->";
        if !inside {
            writeln!(out, "{line}").expect("a string");
        }
    }
    assert!(!inside, "a marker without its end");
    out
}

#[test]
fn the_tables_of_the_documentation() {
    let mut seen = Vec::new();
    for page in PAGES {
        let path = docs().join(page);
        let text = fs::read_to_string(&path).expect("a page");
        keep(&path, &renewed(&text, &mut seen));
    }
    for key in config::known_keys() {
        let times = seen.iter().filter(|one| **one == (key.scope, key.name)).count();
        assert_eq!(times, 1, "`{}` of {:?} should stand once between the markers of {PAGES:?}", key.name, key.scope);
    }
}

#[test]
fn the_schema() {
    keep(&docs().join("abide.schema.json"), &config::schema());
}
