//! What could be run in a folder, from the files in it: a first `abide.toml`, with remarks.
//!
//! Pure: it is given the names of what is there and the texts of a few files.

mod compose;
mod node;
mod others;
mod python;
mod text;

use std::collections::{BTreeMap, BTreeSet};

pub use text::file;

/// The files whose contents are looked at, where they are there.
pub const LOOKED_AT: [&str; 18] = [
    "Procfile",
    ".env",
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "package.json",
    "pyproject.toml",
    "requirements.txt",
    "manage.py",
    "main.py",
    "app.py",
    "app/main.py",
    "Cargo.toml",
    "go.mod",
    "Gemfile",
    "config.ru",
    "src/main.rs",
];

/// Files that say what runs in containers.
const COMPOSE: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// A folder whose entries are looked at as well, each of them a program of Cargo.
pub const OF_CARGO: &str = "src/bin";

/// Files of PM2 and of Oxmgr.
const OF_OTHERS: [&str; 5] =
    ["ecosystem.config.js", "ecosystem.config.cjs", "ecosystem.config.mjs", "ecosystem.json", "oxfile.toml"];

/// A folder as it is looked at.
#[derive(Debug, Default)]
pub struct Folder {
    /// Its own name.
    pub name: String,
    /// What is in it; of [`OF_CARGO`] with its path in front.
    pub entries: BTreeSet<String>,
    /// The contents of those of [`LOOKED_AT`] that could be read.
    pub texts: BTreeMap<String, String>,
}

/// An app to write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// Its command, as a shell would split it.
    pub cmd: String,
    /// Where the command comes from, for a comment.
    pub from: String,
    /// What has to be known or done before it runs, for comments.
    pub remarks: Vec<String>,
    /// Variables that it needs.
    pub env: Vec<(String, String)>,
    /// A file with more of them.
    pub env_file: Option<&'static str>,
    /// The apps that it waits for.
    pub depends_on: Vec<String>,
    /// Whether `up` starts it.
    pub autostart: bool,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Apps.
    pub apps: Vec<Draft>,
    /// Apps that are run otherwise and could be run by Abide. They are written as comments.
    pub offered: Vec<Draft>,
    /// What else is there that was not taken over, and why, as sentences without a stop.
    pub notes: Vec<String>,
}

impl Folder {
    fn has(&self, name: &str) -> bool {
        self.entries.contains(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    fn first<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| self.has(name))
    }
}

impl Draft {
    /// An app with this command and nothing else.
    pub fn new(name: &str, cmd: &str, from: &str) -> Draft {
        Draft {
            name: fit(name),
            cmd: cmd.to_owned(),
            from: from.to_owned(),
            remarks: Vec::new(),
            env: Vec::new(),
            env_file: None,
            depends_on: Vec::new(),
            autostart: true,
        }
    }

    fn remark(mut self, remark: impl Into<String>) -> Draft {
        self.remarks.push(remark.into());
        self
    }
}

/// Looks at a folder. A Procfile says everything there is to run; otherwise each kind of project says what it has.
pub fn detect(folder: &Folder) -> Found {
    let mut found = Found::default();
    if folder.has("Procfile") {
        others::procfile(folder, &mut found);
    }
    if found.apps.is_empty() {
        node::detect(folder, &mut found);
        python::detect(folder, &mut found);
        others::cargo(folder, &mut found);
        others::go(folder, &mut found);
        others::ruby(folder, &mut found);
    }
    if let Some(name) = folder.first(&COMPOSE) {
        compose::detect(folder, name, &mut found);
    }
    if let Some(name) = folder.first(&OF_OTHERS) {
        found
            .notes
            .push(format!("{name} is there: a later version of abide reads it (abide import); until then copy its apps by hand"));
    }
    if folder.has(".env") && found.apps.iter().any(|app| app.env_file.is_none()) {
        found
            .notes
            .push(".env is there: for a program that does not read it itself, add env_file = \".env\" to its app".to_owned());
    }
    apart(&mut found.apps);
    apart(&mut found.offered);
    found
}

/// Gives each app a name of its own, also where only upper and lower case differ.
fn apart(apps: &mut [Draft]) {
    let mut seen = BTreeSet::new();
    for app in apps {
        let stem: String = app.name.chars().take(58).collect();
        let mut number = 2;
        while !seen.insert(app.name.to_ascii_lowercase()) {
            app.name = format!("{stem}.{number}");
            number += 1;
        }
    }
}

/// A name of an app that is made from this one.
fn fit(name: &str) -> String {
    let plain = name.rsplit('/').next().unwrap_or(name);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = plain.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let name: String = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).chars().take(60).collect();
    let name = name.trim_end_matches(['-', '.', '_']);
    if model::AppName::new(name).is_ok() { name.to_owned() } else { "app".to_owned() }
}

#[cfg(test)]
mod tests;
