//! Writing `abide.toml` for tests.

use std::fmt::Write as _;

/// An app of a test's `abide.toml`.
#[derive(Debug, Clone)]
pub struct App {
    name: String,
    cmd: Vec<String>,
    more: String,
}

impl App {
    /// An app that runs these arguments.
    pub fn new<S: Into<String>>(name: &str, cmd: impl IntoIterator<Item = S>) -> App {
        App { name: name.to_owned(), cmd: cmd.into_iter().map(Into::into).collect(), more: String::new() }
    }

    /// An app that runs the puppet with these actions, given as one text split at blanks.
    pub fn puppet(name: &str, puppet: &str, actions: &str) -> App {
        App::new(name, std::iter::once(puppet).chain(actions.split_whitespace()))
    }

    /// One more line of TOML.
    #[must_use]
    pub fn with(mut self, line: &str) -> App {
        self.more.push_str(line);
        self.more.push('\n');
        self
    }
}

/// The text of an `abide.toml` with these apps.
pub fn app_file(apps: &[App]) -> String {
    let mut text = String::from("version = 1\n");
    for app in apps {
        let words: Vec<String> = app.cmd.iter().map(|w| toml_string(w)).collect();
        let _ = write!(text, "\n[apps.{}]\ncmd = [{}]\n{}", app.name, words.join(", "), app.more);
    }
    text
}

/// A basic string of TOML.
pub fn toml_string(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
