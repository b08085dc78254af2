//! A command string: split into words as a POSIX shell splits them, before anything is expanded, so that a value with
//! spaces stays one word. Quotes do not stop `${…}`; a backslash before the dollar sign, or `$$`, does.

use crate::template::{self, Malformed, Piece, push_literal};

/// A word before expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub pieces: Vec<Piece>,
    /// Whether any of it was quoted. Without quotes, a word that expands to nothing is no word, as in a shell.
    pub quoted: bool,
}

/// Why a string cannot be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SplitError {
    Unclosed(char),
    Backslash,
    /// Something that only a shell can do.
    Shell(String),
    Template(Malformed),
}

/// Splits a command.
pub(crate) fn split(text: &str) -> Result<Vec<Word>, SplitError> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if matches!(c, ' ' | '\t' | '\n' | '\r') {
            words.extend(word.take());
            at += 1;
            continue;
        }
        if c == '#' && word.is_none() {
            return Err(SplitError::Shell("#".to_owned()));
        }
        let current = word.get_or_insert_with(|| Word { pieces: Vec::new(), quoted: false });
        match c {
            '\'' | '"' => {
                current.quoted = true;
                at = quoted(text, at, c, &mut current.pieces)?;
            }
            '\\' => {
                let next = text[at + 1..].chars().next().ok_or(SplitError::Backslash)?;
                if next != '\n' {
                    current.quoted = true;
                    push_literal(&mut current.pieces, next.encode_utf8(&mut [0; 4]));
                }
                at += 1 + next.len_utf8();
            }
            '|' | '&' | ';' | '<' | '>' | '`' => return Err(SplitError::Shell(c.to_string())),
            '$' => at += dollar(&text[at..], true, &mut current.pieces)?,
            c => {
                push_literal(&mut current.pieces, c.encode_utf8(&mut [0; 4]));
                at += c.len_utf8();
            }
        }
    }
    words.extend(word);
    if let Some(name) = words.first().and_then(assignment) {
        return Err(SplitError::Shell(format!("{name}=")));
    }
    Ok(words)
}

/// Reads from the opening quote at `at`; the offset behind the closing one.
fn quoted(text: &str, mut at: usize, quote: char, pieces: &mut Vec<Piece>) -> Result<usize, SplitError> {
    at += 1;
    loop {
        let rest = &text[at..];
        let Some(c) = rest.chars().next() else { return Err(SplitError::Unclosed(quote)) };
        if c == quote {
            return Ok(at + 1);
        }
        let escaped = rest[c.len_utf8()..].chars().next().filter(|_| c == '\\' && quote == '"');
        match (c, escaped) {
            (_, Some('\n')) => at += 2,
            (_, Some(next @ ('$' | '`' | '"' | '\\'))) => {
                push_literal(pieces, next.encode_utf8(&mut [0; 4]));
                at += 2;
            }
            ('$', _) => at += dollar(rest, false, pieces)?,
            (c, _) => {
                push_literal(pieces, c.encode_utf8(&mut [0; 4]));
                at += c.len_utf8();
            }
        }
    }
}

/// Reads what begins with a dollar sign; how many bytes it takes.
fn dollar(rest: &str, bare: bool, pieces: &mut Vec<Piece>) -> Result<usize, SplitError> {
    if rest.starts_with("${") {
        let (piece, length) = template::variable(rest, 0).map_err(SplitError::Template)?;
        pieces.push(piece);
        return Ok(length);
    }
    let next = rest[1..].chars().next();
    let shell = |c: char| c == '(' || c == '_' || c.is_ascii_alphanumeric() || matches!(c, '@' | '*' | '#' | '?' | '!');
    if let Some(c) = next.filter(|c| bare && shell(*c)) {
        let end = rest[1..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(rest.len(), |end| end + 1);
        return Err(SplitError::Shell(rest[..end.max(1 + c.len_utf8())].to_owned()));
    }
    push_literal(pieces, "$");
    Ok(if next == Some('$') { 2 } else { 1 })
}

/// The name in `NAME=value`, which a shell would take out of the words.
fn assignment(word: &Word) -> Option<&str> {
    let Some(Piece::Literal(text)) = word.pieces.first() else { return None };
    let name = &text[..text.find('=')?];
    let first = name.chars().next()?;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !first.is_ascii_digit();
    (plain && !word.quoted).then_some(name)
}

/// Words that mean something to a shell itself, so that `exec` cannot stand in front of them.
const BUILTINS: &[&str] = &[
    ".", ":", "[[", "!", "{", "}", "alias", "bg", "bind", "break", "builtin", "case", "cd", "command", "continue", "coproc",
    "declare", "dirs", "disown", "do", "done", "elif", "else", "enable", "esac", "eval", "exec", "exit", "export", "false", "fc",
    "fg", "fi", "for", "function", "getopts", "hash", "if", "in", "jobs", "let", "local", "mapfile", "popd", "pushd", "read",
    "readonly", "return", "select", "set", "shift", "shopt", "source", "then", "time", "times", "trap", "true", "type",
    "typeset", "ulimit", "umask", "unalias", "unset", "until", "wait", "while",
];

/// Whether a shell would do nothing with this command but split it, fill in variables and run it: then `exec` can stand in
/// front of it, and signals reach the program itself.
pub(crate) fn is_simple(command: &str) -> bool {
    if command.contains(['|', '&', ';', '<', '>', '(', ')', '`', '\n', '{', '}', '#', '!']) {
        return false;
    }
    let Some(words) = shlex::split(command) else { return false };
    let Some(first) = words.first() else { return false };
    !first.contains(['$', '=', '*', '?', '[']) && !first.is_empty() && !BUILTINS.contains(&first.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{Lookup, expand};
    use proptest::prelude::*;

    fn words(text: &str) -> Result<Vec<String>, SplitError> {
        let mut lookup = |name: &str| if name == "A" { Lookup::Value("a  b".into()) } else { Lookup::Missing };
        Ok(split(text)?.iter().map(|word| expand(&word.pieces, &mut lookup).unwrap_or_else(|e| format!("{e:?}"))).collect())
    }

    #[test]
    fn splits() {
        for (text, want) in [
            ("node server.js", vec!["node", "server.js"]),
            ("  a\tb\n c ", vec!["a", "b", "c"]),
            ("a 'b c' \"d e\" f\\ g", vec!["a", "b c", "d e", "f g"]),
            ("a '' \"\"", vec!["a", "", ""]),
            ("x ${A} y", vec!["x", "a  b", "y"]),
            ("x${A}y", vec!["xa  by"]),
            ("x ${NO:-two words} y", vec!["x", "two words", "y"]),
            ("'${A}' \"${A}\"", vec!["a  b", "a  b"]),
            ("\\${A} \"\\${A}\" $${A}", vec!["${A}", "${A}", "${A}"]),
            ("sh -c 'echo $HOME | cat; ls > x'", vec!["sh", "-c", "echo $HOME | cat; ls > x"]),
            ("sh -c \"a && b\"", vec!["sh", "-c", "a && b"]),
            ("a#b 5$ \\$HOME \\; \\|", vec!["a#b", "5$", "$HOME", ";", "|"]),
            ("\"a\\nb\\\"\" 'a\\nb'", vec!["a\\nb\"", "a\\nb"]),
            ("gr\u{fc}\u{df}e '\u{4f60} \u{597d}'", vec!["gr\u{fc}\u{df}e", "\u{4f60} \u{597d}"]),
            ("a\\\nb", vec!["ab"]),
            ("x A=1", vec!["x", "A=1"]),
        ] {
            assert_eq!(words(text), Ok(want.iter().map(|w| (*w).to_owned()).collect()), "{text}");
        }
    }

    #[test]
    fn refuses_what_needs_a_shell() {
        for (text, what) in [
            ("a | b", "|"),
            ("a && b", "&"),
            ("a; b", ";"),
            ("a > f", ">"),
            ("a < f", "<"),
            ("a $HOME", "$HOME"),
            ("a $(b)", "$("),
            ("a $1", "$1"),
            ("a `b`", "`"),
            ("a # b", "#"),
            ("A=1 node x", "A="),
        ] {
            assert_eq!(split(text), Err(SplitError::Shell(what.to_owned())), "{text}");
        }
        assert_eq!(split("a 'b"), Err(SplitError::Unclosed('\'')));
        assert_eq!(split("a \"b"), Err(SplitError::Unclosed('"')));
        assert_eq!(split("a \\"), Err(SplitError::Backslash));
        assert!(matches!(split("a ${b"), Err(SplitError::Template(_))));
    }

    #[test]
    fn simple_commands() {
        for yes in ["node server.js", "./run 'a b'", "echo $HOME", "ls *.txt", "\"/opt/my app/x\" y"] {
            assert!(is_simple(yes), "{yes}");
        }
        for no in
            ["", "a | b", "A=1 node x", "cd /x", "if true", "a && b", "$CMD x", "exec x", "'x", "a\nb", "(a)", "! a", "a > b"]
        {
            assert!(!is_simple(no), "{no}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_split_or_refused(text in "[ '\"\\\\${}A#=\n\u{e9}-]{0,30}|.{0,40}") {
            let _ = split(&text);
            let _ = is_simple(&text);
        }

        /// Without dollar signs and shell characters it splits as every other splitter does.
        #[test]
        fn agrees_with_shlex(text in "[a-c '\"\\\\\n]{0,30}") {
            prop_assert_eq!(words(&text).ok(), shlex::split(&text));
        }
    }
}
