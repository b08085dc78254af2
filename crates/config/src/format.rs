//! How a configuration is written, by its name or by its looks.

use crate::load::Format;
use std::path::Path;

impl Format {
    /// What the ending of a file's name says; `None` = nothing.
    pub fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()? {
            "toml" => Some(Format::Toml),
            "yaml" | "yml" => Some(Format::Yaml),
            "json" => Some(Format::Json),
            _ => None,
        }
    }

    /// What a text without a name looks like. A text that could be anything is TOML.
    pub fn guess(text: &str) -> Format {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.as_bytes() {
                [b'{', ..] | [b'/', b'/' | b'*', ..] => return Format::Json,
                [b'[', ..] => return Format::Toml,
                [b'-', ..] | [b'%', ..] => return Format::Yaml,
                _ => {}
            }
            // A key in quotes may hold either.
            let rest = match line.chars().next() {
                Some(quote @ ('"' | '\'')) => line[1..].split_once(quote).map_or("", |(_, rest)| rest),
                _ => line,
            };
            match rest.find([':', '=']).map(|at| rest.as_bytes()[at]) {
                Some(b':') => return Format::Yaml,
                Some(_) => return Format::Toml,
                None => {}
            }
        }
        Format::Toml
    }

    /// Whether the ending is that of a program that would have to be run to know what it says.
    pub(crate) fn is_program(path: &Path) -> bool {
        path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| matches!(ending, "js" | "cjs" | "mjs" | "ts"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name() {
        for (name, format) in [
            ("abide.toml", Some(Format::Toml)),
            ("/a/b.yaml", Some(Format::Yaml)),
            ("x.yml", Some(Format::Yaml)),
            ("x.json", Some(Format::Json)),
            ("x.conf", None),
            ("toml", None),
            ("<stdin>", None),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn by_looks() {
        for (text, format) in [
            ("", Format::Toml),
            ("# a: b\n\n[apps.web]\ncmd = 'x: y'", Format::Toml),
            ("apps.web.cmd = 'a: b'", Format::Toml),
            ("\"a:b\" = 1", Format::Toml),
            ("apps:\n  web: {cmd: x}", Format::Yaml),
            ("\u{feff}# c\n---\napps: {}", Format::Yaml),
            ("'a=b': 1", Format::Yaml),
            ("name: a=b", Format::Yaml),
            ("- a", Format::Yaml),
            ("\n {\"apps\": {}}", Format::Json),
            ("// c\n{}", Format::Json),
        ] {
            assert_eq!(Format::guess(text), format, "{text}");
        }
    }
}
