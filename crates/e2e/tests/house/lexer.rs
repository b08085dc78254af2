//! Just enough of Rust's lexical rules to look at code without its comments, strings and tests.

/// A source file taken apart. Each part keeps the line feeds of the whole, so that line numbers agree.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The code, comments and the insides of strings blanked.
    pub code: String,
    /// The insides of string literals only.
    pub strings: String,
    /// The comments only.
    pub comments: String,
}

#[derive(Clone, Copy, PartialEq)]
enum In {
    Code,
    LineComment,
    BlockComment(u32),
    Str,
    RawStr(usize),
}

/// Takes a source apart.
pub fn split(source: &str) -> Parts {
    let chars: Vec<char> = source.chars().collect();
    let mut parts = Parts::default();
    let mut state = In::Code;
    let mut at = 0;
    while at < chars.len() {
        let (next, taken, belongs) = turn(state, &chars[at..], at.checked_sub(1).map(|i| chars[i]));
        for &c in &chars[at..at + taken] {
            let keep = |wanted: bool| if c == '\n' || wanted { c } else { ' ' };
            parts.code.push(keep(belongs == Belongs::Code));
            parts.strings.push(keep(belongs == Belongs::Str));
            parts.comments.push(keep(belongs == Belongs::Comment));
        }
        state = next;
        at += taken;
    }
    parts
}

#[derive(Clone, Copy, PartialEq)]
enum Belongs {
    Code,
    Str,
    Comment,
}

/// One step: what comes next, how many characters were taken, and what they are.
fn turn(state: In, rest: &[char], before: Option<char>) -> (In, usize, Belongs) {
    let starts = |text: &str| text.chars().enumerate().all(|(i, c)| rest.get(i) == Some(&c));
    match state {
        In::LineComment if rest[0] == '\n' => (In::Code, 1, Belongs::Comment),
        In::LineComment => (In::LineComment, 1, Belongs::Comment),
        In::BlockComment(depth) if starts("/*") => (In::BlockComment(depth + 1), 2, Belongs::Comment),
        In::BlockComment(1) if starts("*/") => (In::Code, 2, Belongs::Comment),
        In::BlockComment(depth) if starts("*/") => (In::BlockComment(depth - 1), 2, Belongs::Comment),
        In::BlockComment(depth) => (In::BlockComment(depth), 1, Belongs::Comment),
        In::Str if rest[0] == '\\' => (In::Str, rest.len().min(2), Belongs::Str),
        In::Str if rest[0] == '"' => (In::Code, 1, Belongs::Code),
        In::Str => (In::Str, 1, Belongs::Str),
        In::RawStr(hashes) if rest[0] == '"' && rest[1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes => {
            (In::Code, 1 + hashes, Belongs::Code)
        }
        In::RawStr(hashes) => (In::RawStr(hashes), 1, Belongs::Str),
        In::Code if starts("//") => (In::LineComment, 2, Belongs::Comment),
        In::Code if starts("/*") => (In::BlockComment(1), 2, Belongs::Comment),
        In::Code if rest[0] == '"' => (In::Str, 1, Belongs::Code),
        In::Code if rest[0] == '\'' => (In::Code, char_literal(rest), Belongs::Code),
        In::Code if rest[0] == 'r' && !before.is_some_and(|c| c.is_alphanumeric() && c != 'b' && c != 'c' || c == '_') => {
            let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
            let raw = rest.get(1 + hashes) == Some(&'"');
            if raw { (In::RawStr(hashes), 2 + hashes, Belongs::Code) } else { (In::Code, 1, Belongs::Code) }
        }
        In::Code => (In::Code, 1, Belongs::Code),
    }
}

/// The length of a character literal, or 1 for the tick of a lifetime.
fn char_literal(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', _, more @ ..] => 3 + more.iter().position(|c| *c == '\'').map_or(0, |i| i + 1),
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

/// The code with every item under `#[cfg(test)]` that has a body blanked, and the names of test modules in other files.
pub fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let mut out = code.to_owned();
    let mut elsewhere = Vec::new();
    while let Some(from) = out.find(MARK) {
        let rest = &out[from + MARK.len()..];
        let body = rest.find('{').unwrap_or(rest.len());
        let semicolon = rest.find(';').unwrap_or(rest.len());
        let to = if semicolon < body {
            let words: Vec<&str> = rest[..semicolon].split_whitespace().collect();
            if let [.., "mod", name] = words.as_slice() {
                elsewhere.push((*name).to_owned());
            }
            from + MARK.len() + semicolon
        } else {
            from + MARK.len() + body + closing(&rest[body..])
        };
        let blank: String = out[from..to].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(from..to, &blank);
    }
    (out, elsewhere)
}

/// Where the block that begins `text` ends.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// Every path that the code names, in full: `use std::{fs, time::{Duration, Instant}}` gives `std::fs`, `std::time::Duration`,
/// `std::time::Instant`; a lone word is a path of one.
pub fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut prefix: Vec<String> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut joined = false;
    for token in tokens(code) {
        let word = token.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if token == "::" {
            joined = true;
            continue;
        }
        if word && joined {
            path.push(token);
        } else if token == "{" && joined {
            open.push(path.len());
            prefix.append(&mut path);
        } else {
            if !path.is_empty() {
                found.push([prefix.as_slice(), &path].concat().join("::"));
                path.clear();
            }
            match token.as_str() {
                "}" if !open.is_empty() => {
                    let keep = prefix.len() - open.pop().unwrap_or(0);
                    prefix.truncate(keep);
                }
                _ if word => path.push(token),
                _ => {}
            }
        }
        joined = false;
    }
    if !path.is_empty() {
        found.push([prefix.as_slice(), &path].concat().join("::"));
    }
    found
}

fn tokens(code: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let taken = if word > 0 {
            word
        } else if rest.starts_with("::") {
            2
        } else {
            c.len_utf8()
        };
        if !c.is_whitespace() {
            out.push(rest[..taken].to_owned());
        }
        rest = &rest[taken..];
    }
    out
}

#[test]
fn comments_and_strings_are_told_from_code() {
    let source = "let a = \"std::fs // no\"; // std::net\nlet r = r#\"un\"safe\"#; /* a /* b */ c */ let c = '\"'; fn f<'a>() {}\nlet b = b\"x\\\"y\";";
    let parts = split(source);
    assert!(!parts.code.contains("std::") && !parts.code.contains("un\"safe"), "{}", parts.code);
    assert!(parts.code.contains("let c = '\"'; fn f<'a>() {}"), "{}", parts.code);
    assert!(parts.code.contains("let b = b\""), "{}", parts.code);
    assert!(parts.comments.contains("std::net") && parts.comments.contains("a /* b */ c"));
    assert!(parts.strings.contains("std::fs // no") && parts.strings.contains("un\"safe"));
    assert_eq!(parts.code.lines().count(), source.lines().count());
}

#[test]
fn tests_are_no_code() {
    let code = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { if x {} } }\nfn c() {}\n#[cfg(test)]\nmod far;\nfn d() {}";
    let (rest, elsewhere) = without_tests(code);
    assert!(rest.contains("fn a") && rest.contains("fn c") && rest.contains("fn d") && !rest.contains("fn b"), "{rest}");
    assert_eq!(elsewhere, ["far"]);
}

#[test]
fn paths_are_given_in_full() {
    let found =
        paths("use std::{fs, time::{Duration, Instant}, io::Read as R}; fn f() { std::env::var(x); a.await; let rand = 1; }");
    for path in ["std::fs", "std::time::Duration", "std::time::Instant", "std::io::Read", "std::env::var", "await", "rand"] {
        assert!(found.iter().any(|p| p == path), "{path} in {found:?}");
    }
    assert!(!found.iter().any(|p| p == "std::x" || p == "std::time::io::Read"), "{found:?}");
}
