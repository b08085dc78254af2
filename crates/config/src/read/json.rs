//! JSON, with what people put into configurations of it: `//` and `/* */` comments, and a comma after the last one.

use super::{Lines, MAX_DEPTH, place};
use crate::fault::{Fault, Faults, Place};
use crate::layer::{Item, Member, Value};
use jsonc_parser::ast;
use jsonc_parser::common::{Range, Ranged};
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use std::collections::HashMap;

/// Everything else that the parser could be lenient about is an error.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads the text.
pub(super) fn document(text: &str, file: usize, faults: &mut Faults) -> Vec<Member> {
    let parsed = match parse_to_ast(text, &CollectOptions::default(), &OPTIONS) {
        Ok(parsed) => parsed,
        Err(error) => {
            faults.push(not_valid(&error, text, file));
            return Vec::new();
        }
    };
    let mut reader = Reader { text, file, lines: Lines::of(text), faults, broken: false };
    let members = match parsed.value {
        Some(ast::Value::Object(object)) => reader.members(object, 1),
        Some(other) => {
            let place = reader.place(other.range());
            let found = reader.value(other, 1).map_or("nothing", |item| item.value.kind());
            reader.refuse(Fault::new(&place, format!("a configuration is a table, found {found}")).help(BEGIN));
            Vec::new()
        }
        None => {
            reader.refuse(Fault::new(&place(file, 0..0), "not valid JSON: there is nothing in it").help(BEGIN));
            Vec::new()
        }
    };
    if reader.broken { Vec::new() } else { members }
}

const BEGIN: &str = "write for example { \"apps\": { \"web\": { \"cmd\": \"node server.js\" } } }";

struct Reader<'t, 'f> {
    text: &'t str,
    file: usize,
    lines: Lines,
    faults: &'f mut Faults,
    /// Whether something was found that makes the rest a guess.
    broken: bool,
}

impl Reader<'_, '_> {
    fn place(&self, range: Range) -> Place {
        place(self.file, range.start..range.end)
    }

    fn refuse(&mut self, fault: Fault) {
        self.broken = true;
        self.faults.push(fault);
    }

    /// Line breaks and the like are not written as they are; where they are, a quote is missing.
    fn unbroken(&mut self, range: Range) {
        let written = self.text.get(range.start..range.end).unwrap_or_default();
        if let Some(at) = written.find(|c: char| c < ' ') {
            let place = place(self.file, range.start + at..range.start + at + 1);
            let fault = Fault::new(&place, "not valid JSON: a text cannot go on here");
            self.refuse(fault.help("is a quote missing? a line break in a text is written \\n, a tab \\t"));
        }
    }

    fn members(&mut self, object: ast::Object<'_>, depth: usize) -> Vec<Member> {
        let mut members: Vec<Member> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for property in object.properties {
            let at = self.place(property.name.range());
            let start = property.name.range().start;
            self.unbroken(property.name.range());
            let name = property.name.into_string();
            if let Some(first) = seen.get(&name) {
                self.refuse(super::twice(&name, self.lines.number(*first), &at));
                continue;
            }
            seen.insert(name.clone(), start);
            if matches!(property.value, ast::Value::NullKeyword(_)) {
                let place = self.place(property.value.range());
                self.refuse(super::no_value(&name, &place));
            } else if let Some(item) = self.value(property.value, depth + 1) {
                members.push(Member { name, place: at, item });
            }
        }
        members
    }

    /// The value with its place. `None` = refused.
    fn value(&mut self, value: ast::Value<'_>, depth: usize) -> Option<Item> {
        let place = self.place(value.range());
        if depth > MAX_DEPTH {
            self.refuse(super::too_deep(&place));
            return None;
        }
        let value = match value {
            ast::Value::StringLit(text) => {
                self.unbroken(text.range);
                Value::Text(text.value.into_owned())
            }
            ast::Value::NumberLit(number) => self.number(number.value, &place)?,
            ast::Value::BooleanLit(is) => Value::Bool(is.value),
            ast::Value::Object(object) => Value::Table(self.members(object, depth)),
            ast::Value::Array(list) => {
                Value::List(list.elements.into_iter().filter_map(|one| self.value(one, depth + 1)).collect())
            }
            ast::Value::NullKeyword(_) => {
                self.refuse(Fault::new(&place, "`null` stands for no value").help("take it out of the list"));
                return None;
            }
        };
        Some(Item { value, place })
    }

    fn number(&mut self, written: &str, place: &Place) -> Option<Value> {
        if written.contains(['.', 'e', 'E']) {
            return Some(Value::Float(written.to_owned()));
        }
        match written.parse::<i64>() {
            Ok(number) => Some(Value::Int(number.into())),
            Err(_) => {
                self.refuse(Fault::new(place, super::TOO_LARGE));
                None
            }
        }
    }
}

fn not_valid(error: &ParseError, text: &str, file: usize) -> Fault {
    let range = error.range();
    let said = error.kind().to_string();
    let mut letters = said.chars();
    let said: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
    let help = match error.kind() {
        ParseErrorKind::ExpectedComma if text.get(..range.start).is_some_and(|front| front.ends_with('0')) => {
            "a number has no zeros in front; in double quotes it is a text"
        }
        ParseErrorKind::SingleQuotedStringsNotAllowed => "a text stands in double quotes: \"…\"",
        ParseErrorKind::ExpectedStringObjectProperty => "a key stands in double quotes: \"cmd\": …",
        ParseErrorKind::UnexpectedWord | ParseErrorKind::UnexpectedToken => {
            "a text stands in double quotes; without them there are true and false"
        }
        ParseErrorKind::NonFiniteNumbersNotAllowed => "a text stands in double quotes: \"…\"",
        ParseErrorKind::HexadecimalNumbersNotAllowed => "write the number in decimal, or as a text in double quotes",
        ParseErrorKind::MultipleRootJsonValues => "a configuration is one object: { … }",
        _ => "",
    };
    let fault = Fault::new(&place(file, range.start..range.end), format!("not valid JSON: {said}"));
    if help.is_empty() { fault } else { fault.help(help) }
}
