//! What one table of a file, or one set of flags, sets: keys recognised, values not yet expanded or typed.

use crate::fault::{Fault, Faults, Place};
use crate::keys::{self, Found, KeyDoc, Scope, Suffix};
use std::collections::BTreeMap;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub value: Value,
    pub place: Place,
}

/// A value as a file or a flag gives it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Text with `${…}` to expand.
    Text(String),
    /// Text from a flag: the user's shell has expanded it already. Numbers may be written so.
    Verbatim(String),
    Int(i128),
    Float(String),
    Bool(bool),
    /// A date or time, which no key takes.
    Date(String),
    List(Vec<Item>),
    Table(Vec<Member>),
}

/// A key and its value in a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub name: String,
    pub place: Place,
    pub item: Item,
}

/// A recognised key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub key: &'static KeyDoc,
    pub suffix: Suffix,
    /// The key as written, with `backoff.` before keys of that table.
    pub written: String,
    /// Place of the key.
    pub place: Place,
    pub item: Item,
}

/// Recognised keys by their own name.
pub(crate) type Entries = BTreeMap<&'static str, Entry>;

/// One layer of an app.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    /// All app keys but the two tables.
    pub keys: Entries,
    pub backoff: Entries,
    pub env: Vec<Member>,
    /// Whether a key was not understood, so that a key that seems to be missing may be there.
    pub unsure: bool,
}

impl Value {
    /// What it is, for "expected …, found …".
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) | Value::Verbatim(_) => "a string",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a number with a fraction",
            Value::Bool(_) => "a boolean",
            Value::Date(_) => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

impl Layer {
    /// Sorts the members of `[defaults]` or of an app into a layer.
    pub fn read(members: Vec<Member>, faults: &mut Faults) -> Layer {
        let unsure = members.iter().any(|member| matches!(keys::find(Scope::App, &member.name), Found::Unknown { .. }));
        let mut layer = Layer { keys: entries(Scope::App, "", members, faults), unsure, ..Layer::default() };
        if let Some(entry) = layer.keys.remove("backoff") {
            match entry.item.value {
                Value::Table(members) => layer.backoff = entries(Scope::Backoff, "backoff.", members, faults),
                other => faults.push(
                    Fault::new(&entry.item.place, format!("`backoff` is a table, found {}", other.kind()))
                        .help("write for example `backoff = { min = \"500ms\", max = \"60s\" }`"),
                ),
            }
        }
        if let Some(entry) = layer.keys.remove("env") {
            match entry.item.value {
                Value::Table(members) => layer.env = members,
                other => faults.push(
                    Fault::new(&entry.item.place, format!("`env` is a table, found {}", other.kind()))
                        .help("write for example `env = { NODE_ENV = \"production\" }`"),
                ),
            }
        }
        layer
    }
}

/// Recognises the keys of a table. Unknown ones, later ones, and two spellings of one key are findings.
pub(crate) fn entries(scope: Scope, prefix: &str, members: Vec<Member>, faults: &mut Faults) -> Entries {
    let mut entries = Entries::new();
    for Member { name, place, item } in members {
        let shown = format!("{prefix}{}", crate::diagnostic::clip(&name));
        match keys::find(scope, &name) {
            Found::Key(key, suffix) => {
                let entry = Entry { key, suffix, written: shown, place, item };
                match entries.get(key.name) {
                    Some(first) => faults.push(twice(first, &entry)),
                    None => {
                        entries.insert(key.name, entry);
                    }
                }
            }
            Found::Later => faults.push(
                Fault::new(&place, format!("not yet: `{shown}` is not supported by this version of abide"))
                    .help("remove it for now; a key is never silently ignored"),
            ),
            Found::Unknown { help } => {
                faults.push(Fault::new(&place, format!("unknown key `{shown}`")).maybe_help(help));
            }
        }
    }
    entries
}

fn twice(first: &Entry, second: &Entry) -> Fault {
    Fault::new(&second.place, format!("`{}` and `{}` are two spellings of one key", first.written, second.written))
        .label("the second")
        .help(format!("keep one of them; the key is called `{}`", first.key.name))
}
