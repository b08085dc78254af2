//! What one table of a file, or one set of flags, sets: keys recognised, values not yet expanded or typed.

use crate::fault::{Fault, Faults, Place};
use crate::keys::{self, Found, KeyDoc, Scope, Suffix};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Text from a flag, where the user's shell has expanded it already and numbers can only be text; or a number of YAML with zeros in
    /// front, which is that text wherever a text is wanted.
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
    /// The key as written, with `backoff.` and the like before keys of that table.
    pub written: String,
    /// Place of the key.
    pub place: Place,
    pub item: Item,
}

/// Recognised keys by their own name.
pub(crate) type Entries = BTreeMap<&'static str, Entry>;

/// Tables that merge by key, and what to write instead of something that is no table.
const MERGED: [(&str, Scope, &str); 4] = [
    ("backoff", Scope::Backoff, "backoff = { min = \"500ms\", max = \"60s\" }"),
    ("healthcheck", Scope::Health, "healthcheck = { http = \"http://127.0.0.1:3000/health\" }"),
    ("limits", Scope::Limits, "limits = { nofile = 65536 }"),
    ("hooks", Scope::Hooks, "hooks = { on_crash = \"./tell-me.sh\" }"),
];

/// Keys that may be tables, of which a higher one replaces the whole of a lower one.
const WHOLE: [(&str, Scope); 3] = [("ready", Scope::Ready), ("schedule", Scope::Schedule), ("watch", Scope::Watch)];

/// Flat spellings of keys of `healthcheck`.
const FLAT_HEALTH: [(&str, &str); 9] = [
    ("health_cmd", "exec"),
    ("health_http", "http"),
    ("health_tcp", "tcp"),
    ("health_interval", "interval"),
    ("health_timeout", "timeout"),
    ("health_failures", "failures"),
    ("health_successes", "successes"),
    ("health_start_period", "start_period"),
    ("health_action", "action"),
];

/// One layer of an app.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    /// All app keys but `env` and the tables that merge by key.
    pub keys: Entries,
    /// The keys of each table, by the name of the table. Those that do not merge stand in `keys` too.
    pub tables: BTreeMap<&'static str, Entries>,
    pub env: Vec<Member>,
    /// Tables with a key that was not understood.
    pub misread: BTreeSet<&'static str>,
    /// Whether a key was not understood, so that a key that seems to be missing may be there.
    pub unsure: bool,
}

impl Item {
    /// Whether `is` holds for any text in it.
    pub fn any_text(&self, is: &impl Fn(&str) -> bool) -> bool {
        match &self.value {
            Value::Text(text) => is(text),
            Value::List(items) => items.iter().any(|item| item.any_text(is)),
            Value::Table(members) => members.iter().any(|member| member.item.any_text(is)),
            _ => false,
        }
    }
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
        let unsure = members.iter().any(|member| matches!(keys::find(Scope::App, &member.name), Found::Unknown));
        let mut layer = Layer { keys: entries(Scope::App, "", members, faults), unsure, ..Layer::default() };
        for (table, scope, example) in MERGED {
            layer.merged(table, scope, example, faults);
        }
        layer.flat_health(faults);
        for (table, scope) in WHOLE {
            if let Some(Value::Table(members)) = layer.keys.get(table).map(|entry| &entry.item.value) {
                let members = members.clone();
                layer.table(table, scope, &format!("{table}."), members, faults);
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

    fn table(&mut self, table: &'static str, scope: Scope, prefix: &str, members: Vec<Member>, faults: &mut Faults) {
        let count = members.len();
        let keys = entries(scope, prefix, members, faults);
        if keys.len() < count {
            self.misread.insert(table);
        }
        self.tables.insert(table, keys);
    }

    /// Takes a table that merges by key apart. `healthcheck = "none"` stays where it is.
    fn merged(&mut self, table: &'static str, scope: Scope, example: &str, faults: &mut Faults) {
        let Some(entry) = self.keys.remove(table) else { return };
        let prefix = format!("{}.", entry.written);
        match entry.item.value {
            Value::Table(members) => self.table(table, scope, &prefix, members, faults),
            Value::Text(text) if table == "healthcheck" && text == "none" => {
                let item = Item { value: Value::Text(text), ..entry.item };
                self.keys.insert(table, Entry { item, ..entry });
            }
            other => faults.push(
                Fault::new(&entry.item.place, format!("`{}` is a table, found {}", entry.written, other.kind()))
                    .help(format!("write for example `{example}`")),
            ),
        }
    }

    /// Puts the flat spellings (`health_cmd`) to where they belong.
    pub fn flat_health(&mut self, faults: &mut Faults) {
        for (flat, key) in FLAT_HEALTH {
            let Some(entry) = self.keys.remove(flat) else { continue };
            let table = self.tables.entry("healthcheck").or_default();
            match table.get(key) {
                Some(first) => faults.push(
                    Fault::new(&entry.place, format!("`{}` and `{}` are two spellings of one key", first.written, entry.written))
                        .label("the second")
                        .help(format!("keep one of them; in the table `healthcheck` the key is called `{key}`")),
                ),
                None => drop(table.insert(key, entry)),
            }
        }
    }

    /// Every key with the name under which its origin is known.
    pub fn origins(&self) -> impl Iterator<Item = (String, &Entry)> {
        let own = self.keys.iter().map(|(key, entry)| ((*key).to_owned(), entry));
        let names = MERGED.into_iter().map(|(table, ..)| table).chain(WHOLE.into_iter().map(|(table, _)| table));
        let tables = names.filter_map(|table| Some((table, self.tables.get(table)?)));
        own.chain(tables.flat_map(|(table, keys)| keys.iter().map(move |(key, entry)| (format!("{table}.{key}"), entry))))
    }

    /// Keeps the entries that `is` says yes to.
    pub fn retain(&mut self, is: impl Fn(&Entry) -> bool) {
        self.keys.retain(|_, entry| is(entry));
        self.tables.values_mut().for_each(|table| table.retain(|_, entry| is(entry)));
    }
}

/// Whether a higher one replaces the whole of this key, also where it is a table.
pub(crate) fn is_whole(key: &str) -> bool {
    WHOLE.iter().any(|(table, _)| *table == key)
}

/// The topmost entry of a key.
pub(crate) fn top<'l>(layers: &[&'l Layer], key: &str) -> Option<&'l Entry> {
    layers.iter().rev().find_map(|layer| layer.keys.get(key))
}

/// The topmost entry of a key of a table that merges.
pub(crate) fn top_in<'l>(layers: &[&'l Layer], table: &str, key: &str) -> Option<&'l Entry> {
    layers.iter().rev().find_map(|layer| layer.tables.get(table)?.get(key))
}

/// The topmost entry of a key that may be a table, and the keys of that table.
pub(crate) fn whole<'l>(layers: &[&'l Layer], key: &str) -> Option<(&'l Entry, Option<&'l Entries>)> {
    layers.iter().rev().find_map(|layer| Some((layer.keys.get(key)?, layer.tables.get(key))))
}

/// Puts a value in its place where the key is set and good.
pub(crate) fn set<T>(entry: Option<&Entry>, target: &mut T, read: impl FnOnce(&Entry) -> Option<T>) {
    if let Some(value) = entry.and_then(read) {
        *target = value;
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
            Found::Unknown => {
                // Advice costs far more than the finding, and nobody reads what is over the bound.
                let help = if faults.is_full() { None } else { keys::suggest(scope, &name) };
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
