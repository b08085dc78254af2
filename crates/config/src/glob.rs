//! Patterns of paths: `*` and `?` stand for characters of one name.

use crate::include::is_absent;
use crate::surroundings::Surroundings;
use std::io::Error;
use std::path::PathBuf;

/// Whether the text is more than a path.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether it would have to look into folders of any depth.
pub(crate) fn is_recursive(text: &str) -> bool {
    text.contains("**")
}

/// The folders before the first pattern, and the rest; of a plain path all of it and nothing.
pub(crate) fn split(text: &str) -> (&str, &str) {
    let Some(first) = text.find(['*', '?']) else { return (text, "") };
    text.split_at(text[..first].rfind('/').map_or(0, |slash| slash + 1))
}

/// The paths below `start` that match, in order. Names that begin with a dot are found only by patterns that do. More than `most` are not
/// looked for, but one, so that it can be seen that there are.
pub(crate) fn matching(
    start: PathBuf,
    pattern: &str,
    around: &dyn Surroundings,
    most: usize,
) -> Result<Vec<PathBuf>, (PathBuf, Error)> {
    let mut found = vec![start];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        if !is_pattern(part) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let mut next = Vec::new();
        for folder in found {
            let mut names = match around.list(&folder) {
                Ok(names) => names,
                Err(error) if is_absent(error.kind()) => continue,
                Err(error) => return Err((folder, error)),
            };
            names.retain(|name| (part.starts_with('.') || !name.starts_with('.')) && model::fits(part, name));
            names.sort();
            next.extend(names.into_iter().take(most + 1 - next.len().min(most)).map(|name| folder.join(name)));
        }
        found = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::fits;

    #[test]
    fn table() {
        for (pattern, name, fitting) in [
            ("*.toml", "a.toml", true),
            ("*.toml", ".toml", true),
            ("*.toml", "a.toml.bak", false),
            ("*", "", true),
            ("?", "", false),
            ("?", "é", true),
            ("a*b*c", "axxbyybzc", true),
            ("a*b*c", "axxbyyb", false),
            ("*a", "aaaa", true),
            ("[a]", "a", false),
            ("web-?.*", "web-1.json", true),
        ] {
            assert_eq!(fits(pattern, name), fitting, "{pattern} {name}");
        }
        assert!(!fits(&"*a".repeat(2000), &"a".repeat(1999)), "also where it is hard");
        for (text, parts) in [
            ("a/b.toml", ("a/b.toml", "")),
            ("*.toml", ("", "*.toml")),
            ("conf.d/*.toml", ("conf.d/", "*.toml")),
            ("/etc/x?/y/*.json", ("/etc/", "x?/y/*.json")),
        ] {
            assert_eq!(split(text), parts, "{text}");
        }
    }
}
