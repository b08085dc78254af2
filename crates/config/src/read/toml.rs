//! TOML.

use super::place;
use crate::fault::{Fault, Faults, Place};
use crate::layer::{Item, Member, Value};
use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

/// Reads the text. The parser itself bounds how deep tables stand in each other.
pub(super) fn document(text: &str, file: usize, faults: &mut Faults) -> Vec<Member> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let starts: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let mut last_line = None;
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        // Errors after the first of a line are mostly its echo.
        let line = starts.partition_point(|start| *start < span.start);
        if last_line.replace(line) != Some(line) {
            faults.push(Fault::new(&place(file, span), format!("not valid TOML: {}", error.message())));
        }
        if faults.is_full() {
            break;
        }
    }
    if errors.is_empty() { members(table.get_ref(), file, faults) } else { Vec::new() }
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
