//! Advice is written once, in the words of TOML. In a file of another format it is given in the words of that.

use crate::load::Format;

/// The advice with what stands in backticks, and headers of tables, put into the format.
pub(crate) fn advice(help: &str, format: Format) -> String {
    if format == Format::Toml {
        return help.to_owned();
    }
    let parts = help.split('`').enumerate().map(|(at, part)| if at % 2 == 1 { code(part, format) } else { headers(part) });
    parts.collect::<Vec<_>>().join("`")
}

/// `[apps.web]` → `apps.web`: no other format has headers.
fn headers(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((front, tail)) = rest.split_once('[') {
        let name = tail.split_once(']').filter(|(name, _)| {
            let tops = ["apps", "defaults", "groups", "profiles", "daemon"];
            tops.contains(&name.split('.').next().unwrap_or_default())
        });
        out.push_str(front);
        rest = match name {
            Some((name, behind)) => {
                out.push_str(name);
                behind
            }
            None => {
                out.push('[');
                tail
            }
        };
    }
    out + rest
}

/// `key = value` → `key: value`, wherever it stands.
fn code(text: &str, format: Format) -> String {
    let mut pieces = text.split(" = ").peekable();
    let mut out = String::new();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            out.push_str(piece);
            break;
        }
        let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '…');
        let (front, key) = piece.split_at(piece.trim_end_matches(is_key).len());
        out.push_str(front);
        match (key.is_empty(), format) {
            (true, _) => out.push_str(" = "),
            (false, Format::Json) => out.push_str(&format!("\"{key}\": ")),
            (false, _) => out.push_str(&format!("{key}: ")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        for (toml, yaml, json) in [
            ("did you mean `restart`?", "did you mean `restart`?", "did you mean `restart`?"),
            ("write `a_ms = 10`", "write `a_ms: 10`", "write `\"a_ms\": 10`"),
            ("x = 1 or `y = { z = \"q\" }`", "x = 1 or `y: { z: \"q\" }`", "x = 1 or `\"y\": { \"z\": \"q\" }`"),
            ("write [apps.web] or [x] [y", "write apps.web or [x] [y", "write apps.web or [x] [y"),
            ("`a ? = b`", "`a ? = b`", "`a ? = b`"),
        ] {
            assert_eq!(advice(toml, Format::Toml), toml);
            assert_eq!(advice(toml, Format::Yaml), yaml);
            assert_eq!(advice(toml, Format::Json), json);
        }
    }
}
