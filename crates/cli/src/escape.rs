//! Text from elsewhere, made safe to print: a log line or an error must never drive the terminal that shows it (row 24 of
//! reliability.md).

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every character escaped that could move the cursor, change colours, reorder what is read, or hide.
pub fn shown(text: &str) -> String {
    shown_text(text).into_owned()
}

/// As [`shown`], lent where nothing is escaped.
pub fn shown_text(text: &str) -> Cow<'_, str> {
    escape(text, |c| c == '\t')
}

/// As [`shown`], for a text of several lines, whose line feeds stay.
pub fn shown_lines(text: &str) -> String {
    escape(text, |c| c == '\t' || c == '\n').into_owned()
}

/// As [`shown`], for a cell of a table: a tab too is escaped.
pub fn shown_word(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// JSON that means the same, in which no character is left that could drive a terminal or turn around what is read: JSON itself lets DEL,
/// C1, marks of direction and invisible ones stand as they are. They can stand in strings only, where an escape says the same.
pub fn json(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n')) {
        return Cow::Borrowed(text);
    }
    let hostile = |c: char| !c.is_ascii_graphic() && is_hostile(c) && c != '\n';
    if !text.chars().any(hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hostile(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    // Most text is this plain, and that is quickly seen.
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let hostile = |c: char| is_hostile(c) && !keep(c);
    if !text.chars().any(hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        let code = u32::from(c);
        // Writing to a string cannot fail.
        let _ = match c {
            _ if !hostile(c) => out.write_char(c),
            '\r' => out.write_str("\\r"),
            '\n' => out.write_str("\\n"),
            '\t' => out.write_str("\\t"),
            _ if code < 0x100 => write!(out, "\\x{code:02x}"),
            _ => write!(out, "\\u{{{code:x}}}"),
        };
    }
    Cow::Owned(out)
}

/// Control characters (C0, DEL, C1), what changes the direction of reading, what separates lines in Unicode, and what is
/// invisible.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_and_is_harmless() {
        let hostile = "\u{1b}[31m \u{9b}2J \u{7f} \u{202e} \u{200b} \u{e0041} \u{2028} ünïcödé 漢字 \\ \" \n";
        let plain = serde_json::to_string_pretty(&serde_json::json!({ "line": hostile })).expect("JSON");
        let safe = json(&plain);
        assert!(!safe.chars().any(|c| is_hostile(c) && c != '\n'), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).expect("JSON")["line"], hostile);
        assert!(safe.contains("ünïcödé 漢字") && safe.contains("\\u202e") && safe.contains("\\udb40\\udc41"), "{safe}");
    }

    /// Row 24: a hostile corpus, and exactly what is shown for it.
    #[test]
    fn hostile_corpus() {
        let cases = [
            ("plain text, ünïcödé, 漢字, 🦀", "plain text, ünïcödé, 漢字, 🦀"),
            ("\u{1b}[31mred\u{1b}[0m", "\\x1b[31mred\\x1b[0m"),
            ("\u{1b}]0;title\u{7}", "\\x1b]0;title\\x07"),
            ("\u{1b}[2J\u{1b}[H", "\\x1b[2J\\x1b[H"),
            ("\u{9b}31m", "\\x9b31m"),
            ("password: ok\rdenied", "password: ok\\rdenied"),
            ("a\u{8}\u{8}b\u{7f}", "a\\x08\\x08b\\x7f"),
            ("nul\0", "nul\\x00"),
            ("abc\u{202e}fdp.exe", "abc\\u{202e}fdp.exe"),
            ("\u{2066}x\u{2069}\u{200f}\u{61c}", "\\u{2066}x\\u{2069}\\u{200f}\\u{61c}"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("two\u{2028}lines\u{85}", "two\\u{2028}lines\\x85"),
            ("tab\tstays", "tab\tstays"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ];
        for (hostile, harmless) in cases {
            assert_eq!(shown(hostile), harmless);
            assert!(!shown(hostile).chars().any(|c| c.is_control() && c != '\t'));
        }
        assert_eq!(shown("a\nb"), "a\\nb");
        assert_eq!(shown_lines("a\nb\r"), "a\nb\\r");
        assert_eq!(shown_word("a\tb"), "a\\tb");
    }
}
