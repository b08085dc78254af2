//! `Procfile`, `Cargo.toml`, `go.mod`, `Gemfile`.

use super::text::word;
use super::{Draft, Folder, Found};
use std::collections::BTreeSet;
use toml::{Table, Value};

/// The first port that is given to an entry of a Procfile that asks for one, and how far apart the next ones are (as foreman has it).
const PORTS: (usize, usize) = (5000, 100);

/// Each line `name: command`. `release` is run by whoever deploys, not all the time. What runs Procfiles reads `.env`, too.
pub(super) fn procfile(folder: &Folder, found: &mut Found) {
    let env_file = folder.has(".env").then_some(".env");
    let has_port = folder.text(".env").is_some_and(|text| text.lines().any(|line| sets_port(line.trim())));
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
        let mut draft = Draft { env_file, ..Draft::new(name, cmd, &from) };
        if draft.name != name {
            draft.remarks.push(format!("it is called {} there", name.escape_debug()));
        }
        if name == "release" {
            draft.autostart = false;
            draft = draft.remark("it is run before each deployment: abide start release");
        }
        if !has_port && (cmd.contains("$PORT") || cmd.contains("${PORT")) {
            draft.env.push(("PORT".to_owned(), (PORTS.0 + found.apps.len() * PORTS.1).to_string()));
        }
        found.apps.push(draft);
    }
}

fn sets_port(line: &str) -> bool {
    line.strip_prefix("export ").unwrap_or(line).split_once('=').is_some_and(|(name, _)| name.trim() == "PORT")
}

/// The programs of a package, as `cargo build --release` leaves them.
pub(super) fn cargo(folder: &Folder, found: &mut Found) {
    let Some(text) = folder.text("Cargo.toml") else { return };
    let Ok(file) = text.parse::<Table>() else {
        found.notes.push("Cargo.toml is not TOML and was not looked at".to_owned());
        return;
    };
    let name = |table: &Value| table.get("name").and_then(Value::as_str).map(str::to_owned);
    let bins = file.get("bin").and_then(Value::as_array).into_iter().flatten();
    let mut names: Vec<String> = bins.clone().filter_map(name).collect();
    let paths: Vec<&str> = bins.filter_map(|bin| bin.get("path")?.as_str()).collect();
    let package = file.get("package");
    let main = "src/main.rs";
    if let (Some(package), true) = (package.and_then(name), folder.texts.contains_key(main) && !paths.contains(&main)) {
        names.push(package);
    }
    let found_by_itself = package.and_then(|package| package.get("autobins")?.as_bool()) != Some(false);
    let others = folder.entries.iter().filter_map(|entry| Some((entry, entry.strip_prefix("src/bin/")?)));
    for (_, entry) in others.filter(|(path, _)| package.is_some() && found_by_itself && !paths.contains(&path.as_str())) {
        names.extend(entry.strip_suffix("/main.rs").or_else(|| entry.strip_suffix(".rs")).map(str::to_owned));
    }
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    for name in &names {
        let draft = Draft::new(name, &word(&format!("./target/release/{name}")), "Cargo.toml");
        found.apps.push(draft.remark("build it first: cargo build --release"));
    }
    if names.is_empty() && package.is_none() && file.contains_key("workspace") {
        found.notes.push(
            "Cargo.toml is a workspace, whose members were not looked at: their programs are in ./target/release".to_owned(),
        );
    } else if names.is_empty() {
        found.notes.push("Cargo.toml names no program of its own: no [[bin]], no src/main.rs and nothing in src/bin".to_owned());
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
