//! From TOML to members with places.

use crate::fault::{Fault, Faults, Part, Place};
use crate::layer::{Item, Member, Value};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads the text. Where the syntax is wrong, only that is reported: what was meant by the rest is a guess.
pub(crate) fn document(text: &str, file: usize, faults: &mut Faults) -> Vec<Member> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let starts: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let mut last_line = None;
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        // Errors after the first of a line are mostly its echo.
        let line = starts.partition_point(|start| *start < span.start);
        if last_line.replace(line) != Some(line) {
            let (said, help) = plain(error.message());
            faults.push(Fault::new(&place(file, span), format!("not valid TOML: {said}")).maybe_help(help.map(str::to_owned)));
        }
        if faults.is_full() {
            break;
        }
    }
    if errors.is_empty() { members(table.get_ref(), file, faults) } else { Vec::new() }
}

/// Words of the reader that would leave somebody guessing, and what to do.
fn plain(message: &str) -> (&str, Option<&'static str>) {
    match message {
        "duplicate key" => {
            ("this name is defined already", Some("a table is written once: put all its keys below one header, each once"))
        }
        "cannot recurse further; max recursion depth met" | "recursion limit" => ("nested too deeply", None),
        other => (other, None),
    }
}

fn place(file: usize, span: Range<usize>) -> Place {
    Place::File { file, span, part: Part::App }
}

/// The members of a table in the order of the file.
fn members(table: &DeTable<'_>, file: usize, faults: &mut Faults) -> Vec<Member> {
    let mut list: Vec<Member> = table.iter().map(|(key, value)| member(key, value, file, faults)).collect();
    list.sort_by_key(|member| match &member.place {
        Place::File { span, .. } => span.start,
        _ => 0,
    });
    list
}

fn member(key: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>, file: usize, faults: &mut Faults) -> Member {
    let name = key.get_ref().to_string();
    Member { place: place(file, key.span()), item: item(value, file, faults), name }
}

fn item(value: &Spanned<DeValue<'_>>, file: usize, faults: &mut Faults) -> Item {
    let place = place(file, value.span());
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Int(match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => number.into(),
            Err(_) => {
                faults.push(Fault::new(&place, "this integer does not fit into 64 bits"));
                0
            }
        }),
        DeValue::Float(number) => Value::Float(number.as_str().to_owned()),
        DeValue::Boolean(is) => Value::Bool(*is),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(list) => Value::List(list.iter().map(|one| item(one, file, faults)).collect()),
        DeValue::Table(table) => Value::Table(members(table, file, faults)),
    };
    Item { value, place }
}

/// Where the values of headers stand, which may be secrets.
pub(crate) fn secrets(members: &[Member]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    members.iter().for_each(|member| hide(&member.item, member.name == "headers", &mut found));
    found
}

fn hide(item: &Item, secret: bool, found: &mut Vec<Range<usize>>) {
    match (&item.value, &item.place) {
        (Value::Table(members), _) => {
            members.iter().for_each(|inner| hide(&inner.item, secret || inner.name == "headers", found))
        }
        (Value::List(items), _) => items.iter().for_each(|inner| hide(inner, secret, found)),
        (_, Place::File { span, .. }) if secret => found.push(span.clone()),
        _ => {}
    }
}

/// Marks everything in the item as being of that part of the file.
pub(crate) fn mark(item: &mut Item, part: Part) {
    mark_place(&mut item.place, part);
    match &mut item.value {
        Value::List(list) => list.iter_mut().for_each(|item| mark(item, part)),
        Value::Table(members) => {
            for member in members {
                mark_place(&mut member.place, part);
                mark(&mut member.item, part);
            }
        }
        _ => {}
    }
}

fn mark_place(place: &mut Place, to: Part) {
    if let Place::File { part, .. } = place {
        *part = to;
    }
}
