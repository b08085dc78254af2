//! As whom, and within which limits, each process of an app runs.

use crate::base::Base;
use crate::diagnostic::clip;
use crate::fault::{Fault, Place};
use crate::keys::Scope;
use crate::layer::{self, Entry, Item, Layer, Value, set, top, top_in};
use crate::texts::{Scalar, Texts};
use model::{Identity, Rlimit};

/// The highest user or group number; one more means "none" to the system.
const MOST_ID: i128 = u32::MAX as i128 - 1;

/// Everything of this kind.
pub(crate) fn settings(identity: &mut Identity, layers: &[&Layer], base: &Base<'_>, t: &mut Texts<'_, '_>) {
    let key = |name| top(layers, name);
    set(key("user"), &mut identity.user, |e| who(&e.item, &e.written, t).map(Some));
    set(key("group"), &mut identity.group, |e| who(&e.item, &e.written, t).map(Some));
    set(key("groups"), &mut identity.groups, |e| groups(e, t).map(Some));
    set(key("umask"), &mut identity.umask, |e| octal(e, ("mask", "027"), base, t).map(Some));
    set(key("nice"), &mut identity.nice, |e| t.int(e).map(Some));
    set(key("oom_score_adj"), &mut identity.oom_score_adj, |e| t.int(e).map(Some));
    for name in Identity::LIMITS {
        // Those that are counted in bytes can be written as sizes.
        let limit = |entry: &Entry| limit(entry, entry.key.shape.size_bound().is_some(), t);
        if let Some(limit) = top_in(layers, "limits", name).and_then(limit) {
            identity.limits.insert(name.to_owned(), limit);
        }
    }
}

/// A user or group by name or number.
fn who(item: &Item, label: &str, t: &mut Texts<'_, '_>) -> Option<String> {
    let wanted = "a name or a number";
    let scalar = t.scalar(item, label, wanted)?;
    let text = match &scalar {
        Scalar::Int(number) if (0..=MOST_ID).contains(number) => return Some(number.to_string()),
        Scalar::Text { text, .. } => text,
        _ => return t.mismatch(item, label, wanted, &scalar),
    };
    if text.is_empty() {
        t.faults.push(Fault::new(&item.place, format!("`{label}` is empty; expected {wanted}")));
        return None;
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse::<i128>().ok().filter(|number| *number <= MOST_ID);
    let name = |c: char| !(c.is_control() || c.is_whitespace() || matches!(c, ':' | '/' | ','));
    let good = if digits { number.is_some() } else { text.len() <= 256 && text.chars().all(name) };
    if good && !text.starts_with('-') {
        return Some(number.filter(|_| digits).map_or_else(|| text.clone(), |number| number.to_string()));
    }
    let help = text.contains(':').then(|| "write user and group as two keys, `user` and `group`".to_owned());
    t.faults.push(Fault::new(&item.place, format!("`{label}`: `{}` cannot be the name of one", clip(text))).maybe_help(help));
    None
}

fn groups(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<Vec<String>> {
    let Value::List(items) = &entry.item.value else {
        let help = "write for example `groups = [\"video\", 44]`; for the one main group there is `group`".to_owned();
        return t.refuse(entry, format!("expected a list, found {}", entry.item.value.kind()), Some(help));
    };
    let all: Vec<_> = items.iter().map(|item| who(item, &entry.written, t)).collect();
    all.into_iter().collect()
}

/// Octal: a string, or an integer that is written so. `what` is it, and an example of one.
pub(crate) fn octal(entry: &Entry, what: (&str, &str), base: &Base<'_>, t: &mut Texts<'_, '_>) -> Option<u32> {
    let (noun, example) = what;
    let wanted = format!("an octal {noun} such as \"{example}\" or 0o{}", example.trim_start_matches('0'));
    let scalar = t.scalar(&entry.item, &entry.written, &wanted)?;
    let mask = match &scalar {
        Scalar::Text { text, .. } => {
            let digits = text.strip_prefix("0o").unwrap_or(text);
            u32::from_str_radix(digits, 8).ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
        }
        // Of one digit both readings are the same.
        Scalar::Int(number) if (0..8).contains(number) || is_octal(&entry.item.place, base) => u32::try_from(*number).ok(),
        Scalar::Int(number) => return both_readings(entry, *number, what, t),
        _ => None,
    };
    match mask.filter(|mask| *mask <= 0o777) {
        Some(mask) => Some(mask),
        None => t.mismatch(&entry.item, &entry.written, &wanted, &scalar),
    }
}

fn is_octal(place: &Place, base: &Base<'_>) -> bool {
    match place {
        Place::File { file, span, .. } => base.sources.written(*file, span.clone()).starts_with("0o"),
        _ => false,
    }
}

fn both_readings<T>(entry: &Entry, number: i128, (noun, example): (&str, &str), t: &mut Texts<'_, '_>) -> Option<T> {
    let key = entry.key.name;
    let as_octal = u32::from_str_radix(&number.to_string(), 8).ok().filter(|mask| *mask <= 0o777);
    let as_number = u32::try_from(number).ok().filter(|mask| *mask <= 0o777);
    let help = match (as_octal, as_number) {
        (Some(octal), Some(number)) => {
            format!(
                "write `{key} = \"{octal:03o}\"` for what a shell calls {key} {octal:o}, or \"{number:03o}\" for the decimal number {number}"
            )
        }
        (Some(octal), None) => format!("write `{key} = \"{octal:03o}\"`"),
        (None, Some(number)) => format!("write `{key} = \"{number:03o}\"` for the decimal number {number}"),
        (None, None) => format!("write for example `{key} = \"{example}\"`"),
    };
    t.refuse(entry, format!("a {noun} is octal, and {number} is not written so"), Some(help))
}

/// A number, "unlimited", or both of them apart.
fn limit(entry: &Entry, in_bytes: bool, t: &mut Texts<'_, '_>) -> Option<Rlimit> {
    let Value::Table(members) = &entry.item.value else {
        let value = amount(entry, in_bytes, t)?;
        return Some(Rlimit { soft: value, hard: value });
    };
    let keys = layer::entries(Scope::Rlimit, &format!("{}.", entry.written), members.clone(), t.faults);
    let (Some(soft_entry), Some(hard_entry)) = (keys.get("soft"), keys.get("hard")) else {
        let help = "write for example `{ soft = 1024, hard = \"unlimited\" }`, or one number for both".to_owned();
        return t.refuse(entry, "`soft` and `hard` are both needed", Some(help));
    };
    let (soft, hard) = (amount(soft_entry, in_bytes, t), amount(hard_entry, in_bytes, t));
    let (soft, hard) = (soft?, hard?);
    if hard.is_some_and(|hard| soft.is_none_or(|soft| soft > hard)) {
        return t.refuse(soft_entry, "`soft` can be at most `hard`", None);
    }
    Some(Rlimit { soft, hard })
}

/// A number, or `None` for "unlimited".
fn amount(entry: &Entry, in_bytes: bool, t: &mut Texts<'_, '_>) -> Option<Option<u64>> {
    match &entry.item.value {
        Value::Text(text) if matches!(text.as_str(), "unlimited" | "infinity") => Some(None),
        Value::Text(_) if in_bytes => t.size(entry).map(Some),
        Value::Text(_) | Value::Int(_) => t.count(entry, i128::from(i64::MAX)).map(Some),
        other => t.refuse(entry, format!("expected a number or \"unlimited\", found {}", other.kind()), None),
    }
}
