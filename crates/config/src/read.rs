//! From text to members with places, in whatever format it is written.
//!
//! What a format has more than TOML is taken for what it means (an alias for a copy, `<<` for the keys it brings) or refused by name (tags,
//! several documents, nothing as a value), so that whatever reads the members need not know the format.

mod core_schema;
mod json;
mod toml;
mod yaml;

use crate::diagnostic::clip;
use crate::fault::{Fault, Faults, Part, Place};
use crate::layer::{Item, Member, Value};
use crate::load::Format;
use std::ops::Range;

/// How deep lists and tables may stand in each other in YAML and JSON. What walks them later does so by recursion.
const MAX_DEPTH: usize = 64;

/// Reads the text. Where it is not well formed, only that is reported: what was meant by the rest is a guess.
pub(crate) fn document(text: &str, format: Format, file: usize, faults: &mut Faults) -> Vec<Member> {
    match format {
        Format::Toml => toml::document(text, file, faults),
        Format::Yaml => yaml::document(text, file, faults),
        Format::Json => json::document(text, file, faults),
    }
}

/// What a YAML file of another program says, as far as it can be understood: there a key with nothing behind it is nothing odd.
pub(crate) fn sketch(text: &str) -> Vec<Member> {
    yaml::members(text, 0, &mut Faults::default(), true)
}

fn place(file: usize, span: Range<usize>) -> Place {
    Place::File { file, span, part: Part::App }
}

/// Where lines begin, to name a second place in a message.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line of an offset, counted from 1.
    fn number(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}

const TOO_LARGE: &str = "this integer does not fit into 64 bits";

fn twice(name: &str, first_line: usize, second: &Place) -> Fault {
    Fault::new(second, format!("`{}` is written twice in one table", clip(name)))
        .label("the second")
        .help(format!("the first is in line {first_line}; keep one of them"))
}

fn no_value(name: &str, place: &Place) -> Fault {
    Fault::new(place, format!("`{}` has no value", clip(name)))
        .help("give it one, or take the key out; an empty text is \"\", an empty table {}")
}

fn too_deep(place: &Place) -> Fault {
    Fault::new(place, format!("lists and tables stand in each other more than {MAX_DEPTH} deep"))
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
