//! `Procfile`, `Cargo.toml`, `go.mod`, `Gemfile`.

use super::text::word;
use super::{Draft, Folder, Found};
use toml::{Table, Value};

/// The first port that is given to an entry of a Procfile that asks for one, and how far apart the next ones are (as foreman has it).
const PORTS: (usize, usize) = (5000, 100);

/// Each line `name: command`. `release` is run by whoever deploys, not all the time.
pub(super) fn procfile(folder: &Folder, found: &mut Found) {
    for (number, line) in folder.text("Procfile").unwrap_or_default().lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let from = format!("Procfile, line {}", number + 1);
        let entry = line.split_once(':').map(|(name, cmd)| (name.trim(), cmd.trim()));
        let Some((name, cmd)) =
            entry.filter(|(name, cmd)| !name.is_empty() && !name.contains(char::is_whitespace) && !cmd.is_empty())
        else {
            found.notes.push(format!("{from}, is not `name: command` and was left out"));
            continue;
        };
        let mut draft = Draft::new(name, cmd, &from);
        if draft.name != name {
            draft.remarks.push(format!("it is called {} there", name.escape_debug()));
        }
        if name == "release" {
            draft.autostart = false;
            draft = draft.remark("it is run before each deployment: abide start release");
        }
        if cmd.contains("$PORT") || cmd.contains("${PORT") {
            draft.env.push(("PORT".to_owned(), (PORTS.0 + found.apps.len() * PORTS.1).to_string()));
        }
        found.apps.push(draft);
    }
}

/// The programs of a package, as `cargo build --release` leaves them.
pub(super) fn cargo(folder: &Folder, found: &mut Found) {
    let Some(text) = folder.text("Cargo.toml") else { return };
    let Ok(file) = text.parse::<Table>() else {
        found.notes.push("Cargo.toml is not TOML and was not looked at".to_owned());
        return;
    };
    let name = |table: &Value| table.get("name").and_then(Value::as_str).map(str::to_owned);
    let bins = file.get("bin").and_then(Value::as_array).into_iter().flatten().filter_map(name);
    let mut names: Vec<String> = bins.collect();
    let package = file.get("package").and_then(name);
    if let (Some(package), true) = (package, names.is_empty() && folder.texts.contains_key("src/main.rs")) {
        names.push(package);
    }
    for name in &names {
        let draft = Draft::new(name, &word(&format!("./target/release/{name}")), "Cargo.toml");
        found.apps.push(draft.remark("build it first: cargo build --release"));
    }
    if names.is_empty() {
        found.notes.push("Cargo.toml names no program of its own: no [[bin]] and no src/main.rs".to_owned());
    }
}

/// A program of Go, as `go build` leaves it.
pub(super) fn go(folder: &Folder, found: &mut Found) {
    let Some(text) = folder.text("go.mod") else { return };
    let module = text.lines().find_map(|line| line.trim().strip_prefix("module ")).unwrap_or(&folder.name);
    let name = module.trim().trim_matches('"').rsplit('/').next().unwrap_or_default();
    if folder.has("main.go") {
        let draft = Draft::new(name, &word(&format!("./{name}")), "go.mod");
        found.apps.push(draft.remark(format!("build it first: go build -o {} .", word(name))));
    } else {
        found.notes.push("go.mod is there and main.go is not, so it is open which program to run".to_owned());
    }
}

/// Puma where it is named, else whatever rackup finds.
pub(super) fn ruby(folder: &Folder, found: &mut Found) {
    let Some(gems) = folder.text("Gemfile") else { return };
    let names = |line: &str, gem: &str| line.split(['"', '\'']).nth(1) == Some(gem);
    let has = |gem: &str| gems.lines().any(|line| line.trim_start().starts_with("gem") && names(line, gem));
    if has("puma") {
        found.apps.push(Draft::new(&folder.name, "bundle exec puma", "Gemfile, which names puma"));
    } else if folder.has("config.ru") {
        found.apps.push(Draft::new(&folder.name, "bundle exec rackup", "config.ru"));
    } else {
        found.notes.push("Gemfile is there, and neither puma in it nor config.ru: it is open what to run".to_owned());
    }
}
