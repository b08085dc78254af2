//! What is wrong, where, and what to do about it.

use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is not used.
    Error,
    /// The file is used all the same.
    Warning,
}

/// One finding, with the place it points at. All texts are safe to print on a terminal: what could steer one is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// The file as it is shown: its name for the loaded file, the path as written for an env file.
    pub file: String,
    /// Line, counted from 1; 0 = the file as a whole.
    pub line: usize,
    /// Column in characters, counted from 1; 0 = the file as a whole.
    pub column: usize,
    /// How many characters of that line it concerns.
    pub length: usize,
    /// The line, escaped and cut to a window around the place. Empty for the file as a whole and for env files, whose lines
    /// may be secrets.
    pub source: String,
    /// Characters of `source` before the mark. Differs from `column` where the line was cut or escaped.
    pub mark_at: usize,
    /// How many characters of `source` are marked.
    pub mark_length: usize,
    /// A word beside the mark; may be empty.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

/// All findings of one load, in order of position.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.severity, self.message)?;
        let number = if self.line == 0 { String::new() } else { self.line.to_string() };
        let gutter = " ".repeat(number.len().max(1));
        if self.line == 0 {
            writeln!(f, "{gutter} --> {}", self.file)?;
        } else {
            writeln!(f, "{gutter} --> {}:{}:{}", self.file, self.line, self.column)?;
        }
        if !self.source.is_empty() {
            writeln!(f, "{gutter}  |")?;
            writeln!(f, " {number} | {}", self.source)?;
            let mark = format!("{}{} {}", " ".repeat(self.mark_at), "^".repeat(self.mark_length.max(1)), self.label);
            writeln!(f, "{gutter}  | {}", mark.trim_end())?;
        }
        if let Some(help) = &self.help {
            for (at, line) in help.lines().enumerate() {
                writeln!(f, "{gutter}  {} {line}", if at == 0 { "= help:" } else { "       " })?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, one) in self.0.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{one}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Whether a character could steer a terminal, or make a line read other than it is (bidirectional controls, invisible marks).
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
        || matches!(c, '\u{e0000}'..='\u{e0fff}' | '\u{fff9}'..='\u{fffb}')
}

/// Escapes what is hostile, keeps all else.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    out
}

/// Escapes one character into `out`; how many characters it became.
pub(crate) fn push_escaped(out: &mut String, c: char) -> usize {
    if c == '\t' {
        // A tab moves to a column that depends on what stands before it; the mark below could not follow.
        out.push_str("    ");
        4
    } else if is_hostile(c) {
        let escaped = c.escape_default();
        let length = escaped.len();
        out.extend(escaped);
        length
    } else {
        out.push(c);
        1
    }
}

/// A text from outside for use inside a message: at most 60 characters.
pub(crate) fn clip(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_shown_not_sent() {
        assert_eq!(escape("a\u{1b}[31m\u{202e}b\tc"), "a\\u{1b}[31m\\u{202e}b    c");
        assert_eq!(escape("grüße 你好"), "grüße 你好");
        assert_eq!(clip(&"x".repeat(61)), format!("{}…", "x".repeat(60)));
    }
}
