//! Row 24 of reliability.md: text from elsewhere drives no terminal, whoever shows it.

use crate::SOON;
use e2e::{App, House, app_file};

/// What an app prints, and what is shown for it.
const CORPUS: [(&str, &str); 14] = [
    ("plain ünïcödé 漢字 🦀", "plain ünïcödé 漢字 🦀"),
    ("\u{1b}[31mred\u{1b}[0m", "\\x1b[31mred\\x1b[0m"),
    ("\u{1b}]0;title\u{7}", "\\x1b]0;title\\x07"),
    ("\u{1b}]52;c;cm0gLXJm\u{7}", "\\x1b]52;c;cm0gLXJm\\x07"),
    ("\u{1b}P$q\"p\u{1b}\\", "\\x1bP$q\"p\\x1b\\"),
    ("\u{1b}[2J\u{1b}[H", "\\x1b[2J\\x1b[H"),
    ("\u{9b}31m \u{9d}0;x\u{9c}", "\\x9b31m \\x9d0;x\\x9c"),
    ("password: ok\rdenied", "password: ok\\rdenied"),
    ("a\u{8}\u{8}b\u{7f}", "a\\x08\\x08b\\x7f"),
    ("abc\u{202e}fdp.exe", "abc\\u{202e}fdp.exe"),
    ("\u{2066}x\u{2069}\u{200f}\u{61c}", "\\u{2066}x\\u{2069}\\u{200f}\\u{61c}"),
    ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
    ("two\u{2028}lines\u{85}", "two\\u{2028}lines\\x85"),
    ("tab\tstays", "tab\tstays"),
];

/// Nothing in it that a terminal would obey or a reader be misled by.
#[track_caller]
fn harmless(what: &str, text: &str) {
    let hostile = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}')
    };
    let found: Vec<char> = text.chars().filter(|c| hostile(*c)).collect();
    assert!(found.is_empty(), "{what} shows {found:?} in {text:?}");
}

#[test]
fn whoever_shows_it() {
    let house = House::new();
    let lines: String = CORPUS.iter().map(|(hostile, _)| format!("{hostile}\n")).collect();
    let file = house.write("corpus", &lines);
    let all: String = CORPUS.iter().map(|(hostile, _)| *hostile).collect();
    let script = format!("cat {}; exec sleep 1000", file.display());
    let app = App::new("web", ["sh".to_owned(), "-c".to_owned(), script, all.clone()]);
    let bad = App::new("bad", ["sh".to_owned(), "-c".to_owned(), format!("cat {} >&2; exit 3", file.display()), all.clone()]);
    let env = format!("env = {{ EVIL = {} }}", e2e::toml_string(&all));
    house.write("abide.toml", app_file(&[app.with(&env), bad.with("max_restarts = 0")]));
    house.abide(["up"]);
    house.until_status("bad-0", "errored", SOON);
    house.until_logged("web-0", "out", "stays\n", SOON);
    house.until_logged("bad-0", "err", "stays\n", SOON);

    let shown = house.abide(["logs", "web"]).ok().out;
    let golden: String = CORPUS.iter().map(|(_, shown)| format!("web-0 | {shown}\n")).collect();
    assert_eq!(shown, golden);
    let status = house.abide(["status", "bad"]).ok().out;
    for (_, shown) in &CORPUS[9..] {
        assert!(status.contains(&format!("| {shown}\n")), "{shown} in {status}");
    }
    let commands: [&[&str]; 13] = [
        &["list"],
        &["list", "--json"],
        &["status", "web"],
        &["status", "bad", "--json"],
        &["logs"],
        &["logs", "--timestamps"],
        &["logs", "--json"],
        &["events"],
        &["events", "--json"],
        &["restart", "bad"],
        &["up"],
        &["stop", &all],
        &["start", "true", "--name", &all],
    ];
    for command in commands {
        let done = house.abide(command);
        harmless(&format!("{command:?}"), &done.out);
        harmless(&format!("{command:?}"), &done.err);
        assert!(!done.out.is_empty() || !done.err.is_empty());
    }
    // Lossless all the same.
    let said: Vec<String> = house.logs("web", 100).into_iter().map(|line| line.line).collect();
    assert_eq!(said, CORPUS.map(|(hostile, _)| hostile.to_owned()));
    assert_eq!(house.abide(["logs", "web", "--raw"]).ok().out, lines);
}
