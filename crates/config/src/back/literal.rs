//! A value as a file would say it.

use crate::braces;
use crate::diagnostic::is_hostile;
use std::fmt::{self, Write};
use std::time::Duration;

/// A value of a key. Printed, it is TOML on one line, which loads to what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Text, with `$$` and `{{{{` where the text would else be filled in.
    Text(String),
    /// What stands for a secret. It is printed without quotes, so that nothing can take it for the value.
    Hidden,
    /// A whole number.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A list.
    List(Vec<Literal>),
    /// A table, its keys in order.
    Table(Vec<(String, Literal)>),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Text(text) => quoted(text, f),
            Literal::Hidden => f.write_str(model::MASK),
            Literal::Int(number) => write!(f, "{number}"),
            // The form with a dot or an exponent, from which the same number is read.
            Literal::Float(number) => write!(f, "{number:?}"),
            Literal::Bool(is) => write!(f, "{is}"),
            Literal::List(items) => {
                f.write_char('[')?;
                for (at, item) in items.iter().enumerate() {
                    let comma = if at > 0 { ", " } else { "" };
                    write!(f, "{comma}{item}")?;
                }
                f.write_char(']')
            }
            Literal::Table(members) if members.is_empty() => f.write_str("{}"),
            Literal::Table(members) => {
                for (at, (name, value)) in members.iter().enumerate() {
                    let front = if at > 0 { "," } else { "{" };
                    write!(f, "{front} {} = {value}", key(name))?;
                }
                f.write_str(" }")
            }
        }
    }
}

/// A basic string. What could steer a terminal is escaped too.
fn quoted(text: &str, f: &mut impl Write) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            c if is_hostile(c) && u32::from(c) <= 0xffff => write!(f, "\\u{:04X}", u32::from(c))?,
            c if is_hostile(c) => write!(f, "\\U{:08X}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// A key, in quotes where it needs them.
pub(super) fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) {
        return name.to_owned();
    }
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = quoted(name, &mut out);
    out
}

/// Text in the form that is filled at birth: only what would be filled in when it is loaded is protected.
pub(super) fn filled(text: &str) -> Literal {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '$' && matches!(chars.peek(), Some('$' | '{')) {
            out.push('$');
        }
    }
    Literal::Text(out)
}

/// Text that is used as it is, also at birth.
pub(super) fn plain(text: &str) -> Literal {
    filled(&braces::protect(text))
}

/// Text that may be a secret, in the form that is filled at birth.
pub(super) fn secret(text: &str) -> Literal {
    if text == model::MASK { Literal::Hidden } else { filled(text) }
}

/// A word of the format itself.
pub(super) fn word(text: &str) -> Literal {
    Literal::Text(text.to_owned())
}

pub(super) fn int(number: impl Into<i128>) -> Literal {
    Literal::Int(number.into())
}

/// A number, whole where it is.
pub(super) fn number(number: f64) -> Literal {
    // Below 2^53 every whole number is exact.
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        return Literal::Int(number as i128);
    }
    Literal::Float(number)
}

/// A duration, exactly: `"1h30m"`, `"1s500ms"`. Specifications know whole milliseconds.
pub(super) fn span(span: Duration) -> Literal {
    const UNITS: [(u128, &str); 5] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let mut rest = span.as_millis();
    let mut out = String::new();
    for (unit, name) in UNITS {
        if rest >= unit {
            out.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    word(if out.is_empty() { "0s" } else { &out })
}

/// A size in bytes, exactly: `"20M"`, `1000`.
pub(super) fn size(bytes: u64) -> Literal {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => Literal::Text(format!("{}{name}", bytes / unit)),
        None => int(bytes),
    }
}

/// `"none"`, or the value.
pub(super) fn or_none<T>(value: Option<T>, literal: impl FnOnce(T) -> Literal) -> Literal {
    value.map_or_else(|| word("none"), literal)
}

pub(super) fn list<'a, T: 'a + ?Sized>(items: impl IntoIterator<Item = &'a T>, literal: impl Fn(&'a T) -> Literal) -> Literal {
    Literal::List(items.into_iter().map(literal).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed() {
        for (literal, text) in [
            (filled("a$b ${c} $$ d$"), r#""a$b $${c} $$$ d$""#),
            (plain("{{slot}} {{x}}"), r#""{{{{slot}} {{x}}""#),
            (word("\"\\\n\t\u{1b}\u{202e}\u{e0001}é"), r#""\"\\\n\t\u001B\u202E\U000E0001é""#),
            (secret("•••"), "•••"),
            (number(2.0), "2"),
            (number(1.5), "1.5"),
            (number(1e-7), "1e-7"),
            (number(1e300), "1e300"),
            (span(Duration::ZERO), r#""0s""#),
            (span(Duration::from_millis(93_784_005)), r#""1d2h3m4s5ms""#),
            (size(0), "0"),
            (size(1000), "1000"),
            (size(1536 << 10), r#""1536K""#),
            (size(20 << 20), r#""20M""#),
            (list(&[1, 2], |n| int(*n)), "[1, 2]"),
            (Literal::Table(vec![]), "{}"),
            (Literal::Table(vec![("a".into(), int(1)), ("b.c".into(), word("x"))]), r#"{ a = 1, "b.c" = "x" }"#),
        ] {
            assert_eq!(literal.to_string(), text);
        }
    }
}
