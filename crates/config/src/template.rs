//! `${NAME}`, `${NAME:-fallback}`, `${NAME:?message}`, `$$`: parsed once, expanded once. What a variable holds is never
//! looked at again, so no value can smuggle in another variable.

/// How deep fallbacks may nest (`${A:-${B:-c}}`).
const MAX_DEPTH: usize = 8;

/// No value grows beyond this: small texts can name large variables many times.
pub(crate) const MAX_LENGTH: usize = 256 * 1024;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    Variable { name: String, otherwise: Otherwise },
}

/// What happens when a variable is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// It is an error.
    Refuse,
    /// This stands instead, also for an empty value (as in a shell).
    Fallback(Vec<Piece>),
    /// It is an error in these words, also for an empty value.
    Complain(String),
}

/// A template that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub message: String,
    /// The part that is meant.
    pub needle: String,
}

/// What is known of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lookup {
    Value(String),
    Missing,
    /// Its own value could not be found out, and that has been said already.
    Broken,
}

/// Why a text could not be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failed {
    Missing { name: String },
    Complaint { name: String, message: String },
    TooLong,
    Broken,
}

/// Reads a template.
pub(crate) fn parse(text: &str) -> Result<Vec<Piece>, Malformed> {
    parse_within(text, 0)
}

/// Whether a text has anything to expand.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("${") || text.contains("$$")
}

fn parse_within(text: &str, depth: usize) -> Result<Vec<Piece>, Malformed> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        push_literal(&mut pieces, &rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("$$") {
            push_literal(&mut pieces, "$");
            rest = &rest[2..];
        } else if rest.starts_with("${") {
            let (piece, length) = variable(rest, depth)?;
            pieces.push(piece);
            rest = &rest[length..];
        } else {
            push_literal(&mut pieces, "$");
            rest = &rest[1..];
        }
    }
    push_literal(&mut pieces, rest);
    Ok(pieces)
}

/// Adds plain text, to the last piece if that is plain too.
pub(crate) fn push_literal(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        Some(Piece::Literal(last)) => last.push_str(text),
        _ if text.is_empty() => {}
        _ => pieces.push(Piece::Literal(text.to_owned())),
    }
}

/// Reads the `${…}` at the beginning of `text`: the piece, and how many bytes it takes.
pub(crate) fn variable(text: &str, depth: usize) -> Result<(Piece, usize), Malformed> {
    let shown = || text.chars().take_while(|c| *c != '\n').take(40).collect::<String>();
    let wrong = |message: String| Malformed { message, needle: shown() };
    if depth >= MAX_DEPTH {
        return Err(wrong(format!("`${{…}}` is nested more than {MAX_DEPTH} deep")));
    }
    let length = closing(text).ok_or_else(|| wrong("`${` without a closing `}`; write `$$` for a dollar sign".to_owned()))?;
    let inner = &text[2..length - 1];
    let wrong = |message: String| Malformed { message, needle: text[..length].to_owned() };
    let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
    let (name, tail) = inner.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(wrong(format!(
            "`{}` names no variable; write `$$` for a dollar sign",
            crate::diagnostic::clip(&text[..length])
        )));
    }
    let otherwise = if tail.is_empty() {
        Otherwise::Refuse
    } else if let Some(fallback) = tail.strip_prefix(":-") {
        Otherwise::Fallback(parse_within(fallback, depth + 1)?)
    } else if let Some(message) = tail.strip_prefix(":?") {
        Otherwise::Complain(message.to_owned())
    } else {
        return Err(wrong(format!("after `${{{name}` only `}}`, `:-fallback}}` or `:?message}}` can follow")));
    };
    Ok((Piece::Variable { name: name.to_owned(), otherwise }, length))
}

/// Length of the `${…}` at the beginning, inner ones included.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("$$") {
            at += 2;
        } else if rest.starts_with("${") {
            depth += 1;
            at += 2;
        } else if rest.starts_with('}') {
            depth -= 1;
            at += 1;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    None
}

/// Puts values in. One pass: values are copied as they are.
pub(crate) fn expand(pieces: &[Piece], lookup: &mut dyn FnMut(&str) -> Lookup) -> Result<String, Failed> {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => out.push_str(text),
            Piece::Variable { name, otherwise } => match (lookup(name), otherwise) {
                (Lookup::Broken, _) => return Err(Failed::Broken),
                (Lookup::Value(value), Otherwise::Refuse) => out.push_str(&value),
                (Lookup::Value(value), _) if !value.is_empty() => out.push_str(&value),
                (_, Otherwise::Fallback(fallback)) => out.push_str(&expand(fallback, lookup)?),
                (_, Otherwise::Complain(message)) => {
                    return Err(Failed::Complaint { name: name.clone(), message: message.clone() });
                }
                (Lookup::Missing, Otherwise::Refuse) => return Err(Failed::Missing { name: name.clone() }),
            },
        }
        if out.len() > MAX_LENGTH {
            return Err(Failed::TooLong);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(text: &str) -> Result<String, String> {
        let pieces = parse(text).map_err(|e| e.message)?;
        let mut lookup = |name: &str| match name {
            "A" => Lookup::Value("a b".into()),
            "EMPTY" => Lookup::Value(String::new()),
            "TRICK" => Lookup::Value("${A}$$".into()),
            _ => Lookup::Missing,
        };
        expand(&pieces, &mut lookup).map_err(|e| format!("{e:?}"))
    }

    #[test]
    fn table() {
        for (text, value) in [
            ("", ""),
            ("plain", "plain"),
            ("${A}", "a b"),
            ("x${A}y", "xa by"),
            ("$A $ $", "$A $ $"),
            ("$$", "$"),
            ("$${A}", "${A}"),
            ("$$$${A}", "$${A}"),
            ("$$$", "$$"),
            ("${NO:-}", ""),
            ("${NO:-x y}", "x y"),
            ("${EMPTY:-x}", "x"),
            ("${EMPTY}", ""),
            ("${A:-x}", "a b"),
            ("${A:?m}", "a b"),
            ("${NO:-${A}}", "a b"),
            ("${NO:-${NO:-$$}}", "$"),
            ("${TRICK}", "${A}$$"),
            ("${NO:-http://x:80/}", "http://x:80/"),
            ("€${A}€", "€a b€"),
        ] {
            assert_eq!(filled(text), Ok(value.to_owned()), "{text}");
        }
        for wrong in ["${", "${A", "${}", "${1A}", "${A-x}", "${A:x}", "${A b}", "${NO}", "${NO:?m}", "${EMPTY:?m}", "${NO:-${A}"]
        {
            assert!(filled(wrong).is_err(), "{wrong}");
        }
        let deep = format!("{}x{}", "${N:-".repeat(50), "}".repeat(50));
        assert!(filled(&deep).is_err());
        assert!(filled(&"${".repeat(100_000)).is_err());
    }

    #[test]
    fn a_small_text_makes_no_huge_value() {
        let pieces = parse(&"${X}".repeat(1000)).expect("well formed");
        let mut lookup = |_: &str| Lookup::Value("x".repeat(10_000));
        assert_eq!(expand(&pieces, &mut lookup), Err(Failed::TooLong));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}|[${}A:?\\-a]{0,40}") {
            let _ = filled(&text);
        }

        /// Whatever a variable holds arrives as it is.
        #[test]
        fn one_pass(value in "[${}A-C:?\\-]{0,30}|.{0,30}", before in "[a-z {}]{0,5}", after in "[a-z{}]{0,5}") {
            let pieces = parse(&format!("{before}${{X}}{after}")).expect("well formed");
            let got = expand(&pieces, &mut |_| Lookup::Value(value.clone())).expect("present");
            prop_assert_eq!(got, format!("{before}{value}{after}"));
        }

        /// Doubling every dollar protects any text.
        #[test]
        fn doubled_dollars_protect(text in "[${}A-C:?\\-]{0,30}|.{0,30}") {
            let pieces = parse(&text.replace('$', "$$")).expect("well formed");
            prop_assert_eq!(expand(&pieces, &mut |_| Lookup::Missing), Ok(text));
        }
    }
}
