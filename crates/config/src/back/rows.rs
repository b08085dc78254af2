//! The values of one app, key by key.

use super::literal::{self, Literal};
use crate::keys::{Scope, known_keys};
use model::Origin;
use std::collections::BTreeMap;

/// One key of an app, what it comes to, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown<'s> {
    /// As a file names it: `stop_timeout`, `env.PORT`, `backoff.min`.
    pub key: String,
    /// The value as a file would say it. `None` = nothing is set, and no file could say what holds then (`user`: the manager's).
    pub value: Option<Literal>,
    /// Where it was written; `None` = nowhere, so that it is at its default, or it came in another way than by a file or by flags.
    pub origin: Option<&'s Origin>,
    /// Whether it is what holds where nobody says anything.
    pub is_default: bool,
    /// The parts of the key.
    pub(super) path: Vec<String>,
}

impl Shown<'_> {
    /// What holds where there is no value, in the words of the documentation: `the manager's`, `200-399`.
    pub fn otherwise(&self) -> &'static str {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let (scope, name) = match path.as_slice() {
            [name] => (Scope::App, *name),
            ["ready", name] => (Scope::Ready, *name),
            ["healthcheck", name] => (Scope::Health, *name),
            ["limits", name] => (Scope::Limits, *name),
            ["schedule", name] => (Scope::Schedule, *name),
            _ => return "none",
        };
        known_keys().find(|key| key.scope == scope && key.name == name).map_or("none", |key| key.default)
    }
}

/// Collects the keys of one app.
pub(super) struct Rows<'s> {
    origins: Option<&'s BTreeMap<String, Origin>>,
    list: Vec<Shown<'s>>,
}

impl<'s> Rows<'s> {
    pub fn new(origins: Option<&'s BTreeMap<String, Origin>>) -> Rows<'s> {
        Rows { origins, list: Vec::new() }
    }

    /// A key that always has a value, and the value that it has where nobody says anything.
    pub fn key(&mut self, path: &[&str], value: Literal, default: Literal) {
        let is_default = value == default;
        self.push(path, Some(value), is_default, &[]);
    }

    /// A key that has no value where nobody says anything, or one that no file could say.
    pub fn maybe(&mut self, path: &[&str], value: Option<Literal>) {
        let is_default = value.is_none();
        self.push(path, value, is_default, &[]);
    }

    /// A key that somebody must have set.
    pub fn set(&mut self, path: &[&str], value: Literal) {
        self.push(path, Some(value), false, &[]);
    }

    /// Any key. Where nothing is known of where it came from, the place of the first of `instead` counts.
    pub fn push(&mut self, path: &[&str], value: Option<Literal>, is_default: bool, instead: &[&str]) {
        let origin = self.origins.and_then(|origins| {
            // A key of a table may have come with the whole: `watch = ["src"]`.
            let whole = (1..path.len()).rev().map(|length| path[..length].join(".")).filter(|_| !is_default);
            let instead = instead.iter().map(|key| (*key).to_owned());
            std::iter::once(path.join(".")).chain(instead).chain(whole).find_map(|key| origins.get(&key))
        });
        let key = path.iter().map(|part| literal::key(part)).collect::<Vec<_>>().join(".");
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        self.list.push(Shown { key, value, origin, is_default, path });
    }

    /// All of them, in the order of `place`.
    pub fn sorted(self, place: impl Fn(&str) -> usize) -> Vec<Shown<'s>> {
        let mut list = self.list;
        list.sort_by_cached_key(|row| row.path.first().map_or(0, |key| place(key)));
        list
    }
}
