//! What an app is called beside its name, and which of the session's variables it gets: `description`, `labels`, `inherit_env`.

use crate::diagnostic::clip;
use crate::env;
use crate::fault::Fault;
use crate::layer::{Entry, Item, Layer, Value, set, top};
use crate::texts::Texts;
use model::{AppSpec, InheritEnv};
use std::collections::BTreeMap;

/// The longest description and the longest value of a label, in bytes.
const MAX_TEXT: usize = 1024;

/// The most labels of one app, and the most names in `inherit_env`.
const MAX_COUNT: usize = 256;

/// Reads the keys of this topic.
pub(crate) fn settings(spec: &mut AppSpec, layers: &[&Layer], t: &mut Texts<'_, '_>) {
    let key = |name| top(layers, name);
    set(key("description"), &mut spec.description, |e| short(&e.item, &e.written, t).map(Some));
    set(key("labels"), &mut spec.labels, |e| labels(e, t));
    set(key("inherit_env"), &mut spec.inherit_env, |e| inherit_env(e, t));
}

/// A text for people: one line of no great length.
fn short(item: &Item, label: &str, t: &mut Texts<'_, '_>) -> Option<String> {
    let text = t.text(item, label, "a text")?;
    if text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        let what =
            if text.len() > MAX_TEXT { format!("has more than {MAX_TEXT} bytes") } else { "is more than one line".to_owned() };
        t.faults.push(Fault::new(&item.place, format!("`{label}` {what}")));
        return None;
    }
    Some(text)
}

fn labels(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<BTreeMap<String, String>> {
    let Value::Table(members) = &entry.item.value else {
        let help = "write for example `labels = { tier = \"web\" }`".to_owned();
        return t.refuse(entry, format!("expected a table of strings, found {}", entry.item.value.kind()), Some(help));
    };
    if members.len() > MAX_COUNT {
        return t.refuse(entry, format!("{} labels, more than {MAX_COUNT}", members.len()), None);
    }
    let mut labels = BTreeMap::new();
    let mut good = true;
    for member in members {
        let label = format!("{}.{}", entry.written, clip(&member.name));
        if !is_label(&member.name) {
            let fault = Fault::new(&member.place, format!("`{}` cannot be a label", clip(&member.name)));
            t.faults.push(fault.help("up to 64 of A-Z a-z 0-9 . _ - / and a letter or digit first"));
            good = false;
            continue;
        }
        match short(&member.item, &label, t) {
            Some(value) => _ = labels.insert(member.name.clone(), value),
            None => good = false,
        }
    }
    good.then_some(labels)
}

fn is_label(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    (1..=64).contains(&name.len()) && name.chars().all(fits) && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn inherit_env(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<InheritEnv> {
    let Value::List(items) = &entry.item.value else {
        let nothing = t.choice(entry, &[("session", false), ("none", true)])?;
        return Some(if nothing { InheritEnv::None } else { InheritEnv::Session });
    };
    if items.len() > MAX_COUNT {
        return t.refuse(entry, format!("{} names, more than {MAX_COUNT}", items.len()), None);
    }
    let names: Vec<Option<String>> = items.iter().map(|item| name(item, &entry.written, t)).collect();
    names.into_iter().collect::<Option<Vec<String>>>().map(InheritEnv::Named)
}

fn name(item: &Item, label: &str, t: &mut Texts<'_, '_>) -> Option<String> {
    let text = t.text(item, label, "the name of a variable, or a pattern such as \"LC_*\"")?;
    match env::bad_name(&text.replace('*', "")).filter(|_| !text.chars().all(|c| c == '*')) {
        Some(message) => {
            t.faults.push(Fault::new(&item.place, format!("`{label}`: {message}")));
            None
        }
        None => Some(text),
    }
}
