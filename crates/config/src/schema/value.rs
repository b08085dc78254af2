//! What one value can be, in the words of JSON Schema.

use super::{any_of, pointer};
use crate::shape::{Bare, MAX_INSTANCES, MOST_PERCENT, Names, Shape, Text};
use model::Signal;
use serde_json::{Value, json};

/// The longest duration, as in [`model::parse_span`].
pub(super) const MAX_MS: i64 = 100 * 366 * 86_400_000;

/// A text that is filled in: its value is not known here.
pub(super) const VARIABLE: &str = r"\$\{[A-Za-z_]";

const NUMBER: &str = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)";
const UNIT: &str = "(ms|s|secs?|m|min|h|d)";
const STATUS: &str = r"\+?0*[1-5][0-9][0-9]";

/// Names of apps; [`model::AppName`] says the same.
const APP: &str = "(?![0-9]+$)(?!all$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}";

/// The alternatives, each a schema of its own.
pub(super) fn values(shape: &'static Shape) -> Vec<Value> {
    match shape {
        Shape::Bool => vec![json!({ "type": ["boolean", "string"], "pattern": VARIABLE })],
        Shape::Int { least, most } if least == most => vec![json!({ "const": least })],
        Shape::Int { least, most } => vec![loose_integer(*least, *most)],
        Shape::Number { least } => vec![json!({ "type": ["number", "string"], "minimum": least, "pattern": VARIABLE })],
        Shape::Percent => {
            let pattern = filled(r"\s*\+?[0-9.]+([eE][+-]?[0-9]+)?\s*%\s*");
            vec![json!({ "type": ["number", "string"], "exclusiveMinimum": 0, "maximum": MOST_PERCENT, "pattern": pattern })]
        }
        Shape::Span { bare, .. } => vec![span(*bare)],
        Shape::Size { least } => {
            let pattern = filled(&format!(r"\s*{NUMBER}\s*([kKmMgGtT]([iI]?[bB])?|[bB])?\s*"));
            vec![json!({ "type": ["string", "integer"], "minimum": least, "maximum": i64::MAX, "pattern": pattern })]
        }
        Shape::Instances => {
            let pattern = filled(r"\s*(max|cpu(\s*[-/]\s*\+?[0-9]+)?|\+?[0-9]+)\s*");
            vec![json!({ "type": ["integer", "string"], "minimum": 0, "maximum": MAX_INSTANCES, "pattern": pattern })]
        }
        Shape::Signal => vec![json!({ "$ref": "#/$defs/signal" })],
        Shape::Octal => {
            let pattern = filled("(0o)?0*[0-7]{1,3}");
            vec![json!({ "type": ["string", "integer"], "minimum": 0, "maximum": 0o777, "pattern": pattern })]
        }
        Shape::Text(kind) => vec![text(*kind)],
        Shape::Choice(words) => choice(words),
        Shape::Fixed(word) => vec![json!({ "const": word })],
        Shape::List { of, least: 0 } => vec![json!({ "type": "array", "items": any_of(values(of)) })],
        Shape::List { of, least } => vec![json!({ "type": "array", "items": any_of(values(of)), "minItems": least })],
        Shape::Map { names, of } => {
            let pattern = keys(*names);
            vec![json!({ "type": "object", "patternProperties": { pattern: any_of(values(of)) }, "additionalProperties": false })]
        }
        Shape::Table(scope) => vec![json!({ "$ref": pointer(*scope) })],
        Shape::Apps => {
            let by_name = json!({ keys(Names::Apps): { "$ref": "#/$defs/named-app" } });
            vec![
                json!({ "type": "object", "patternProperties": by_name, "additionalProperties": false }),
                json!({ "type": "array", "items": { "$ref": "#/$defs/listed-app" } }),
            ]
        }
        Shape::Either(all) => all.iter().flat_map(values).collect(),
    }
}

/// An integer, or a text from which a variable makes one.
pub(super) fn loose_integer(least: i64, most: i64) -> Value {
    json!({ "type": ["integer", "string"], "minimum": least, "maximum": most, "pattern": VARIABLE })
}

/// The whole of a text, or anything with a variable in it.
fn filled(pattern: &str) -> String {
    format!("^({pattern})$|{VARIABLE}")
}

fn span(bare: Bare) -> Value {
    let units = format!(r"\s*{NUMBER}{UNIT}(\s*{NUMBER}{UNIT})*\s*");
    match bare {
        Bare::Refused => json!({ "type": "string", "pattern": filled(&units) }),
        Bare::Seconds => {
            let pattern = filled(&format!("{units}|[0-9]+"));
            json!({ "type": ["string", "integer"], "minimum": 0, "maximum": MAX_MS / 1000, "pattern": pattern })
        }
        Bare::Millis => json!({ "type": ["string", "integer"], "minimum": 0, "maximum": MAX_MS, "pattern": filled(&units) }),
    }
}

/// `-` and `_` stand for each other; the spelling of the table is the one to offer.
fn choice(words: &[&str]) -> Vec<Value> {
    let other = |word: &&&str| word.contains(['-', '_']);
    let twins: Vec<String> =
        words.iter().filter(other).map(|word| word.replace('-', "|").replace('_', "-").replace('|', "_")).collect();
    let mut all = vec![json!({ "enum": words })];
    if !twins.is_empty() {
        all.push(json!({ "enum": twins, "$comment": "other spellings" }));
    }
    all.push(json!({ "$ref": "#/$defs/variable" }));
    all
}

fn text(kind: Text) -> Value {
    let like = |pattern: &str| json!({ "type": "string", "pattern": filled(pattern) });
    match kind {
        Text::Word => json!({ "type": ["string", "number", "boolean"] }),
        Text::Any | Text::Command | Text::Path | Text::Glob | Text::Regex | Text::Cron => {
            json!({ "type": "string", "minLength": 1 })
        }
        Text::Program => like(r"\S+"),
        Text::Http => like("[hH][tT][tT][pP]://.+"),
        Text::Url => like("[hH][tT][tT][pP][sS]?://.+"),
        Text::Address => like(r"\S+"),
        Text::Statuses => like(&format!(r"\s*(\+?0*[1-5](xx|XX)|{STATUS}(\s*-\s*{STATUS})?)\s*")),
        Text::Zone => like("[A-Za-z0-9/_+-]+"),
        Text::Account => like(r"[^-\s:/,][^\s:/,]*"),
        Text::App => like(APP),
        Text::Namespace => like("[A-Za-z0-9][A-Za-z0-9._-]{0,63}"),
        Text::Port => like(r"\s*([0-9]+(-[0-9]+)?|auto(:[0-9]+-[0-9]+)?)\s*"),
        Text::Listen => like(r"(tcp|udp)://\S+|unix:.+"),
        Text::Variable => like("[A-Za-z_][A-Za-z0-9_]*"),
    }
}

/// What a key of a free table looks like.
fn keys(names: Names) -> String {
    match names {
        Names::Apps => format!("^{APP}$"),
        Names::Variables => "^[^=]+$".to_owned(),
        Names::Labels => "^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$".to_owned(),
        Names::Profiles => "^(?!none$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$".to_owned(),
        Names::Headers => r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$".to_owned(),
    }
}

/// Signals by name, in any case and with or without SIG, and by number.
pub(super) fn signal() -> Value {
    let known: Vec<String> =
        (1..=31).filter_map(|number| Signal::from_number(number).ok()).map(|signal| signal.to_string()).collect();
    let any_case = |text: &str| -> String {
        text.chars().map(|c| format!("[{}{}]", c.to_ascii_lowercase(), c.to_ascii_uppercase())).collect()
    };
    let more = ["POLL", "IOT", "CLD", "RTMIN", "RTMAX"].map(str::to_owned);
    let names: Vec<String> =
        known.iter().map(|name| any_case(name.trim_start_matches("SIG"))).chain(more.map(|name| any_case(&name))).collect();
    let (front, rt) = (any_case("SIG"), any_case("RTMIN"));
    let number = "0*([1-9]|[1-5][0-9]|6[0-4])";
    let pattern = filled(&format!(r"({front})?({}|{rt}\+[0-9]+|{number})", names.join("|")));
    let number = json!({ "type": ["integer", "string"], "minimum": 1, "maximum": 64, "pattern": pattern });
    json!({ "anyOf": [{ "enum": known }, number] })
}
