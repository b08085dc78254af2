//! Arrows between crates, and what the keeper carries.

use e2e::workspace_root;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use toml::{Table, Value};

/// Which of our crates a crate may depend on: `architecture.md` §6. A crate that is not here is not allowed to be.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &[]),
    ("config", &["model"]),
    ("convert", &["model", "config"]),
    ("engine", &["model"]),
    ("sys", &["wire"]),
    ("keeper", &["wire", "sys"]),
    ("scribe", &["model", "sys"]),
    ("logs", &["model"]),
    ("api", &["model"]),
    ("steward", &["engine", "api", "logs", "config", "wire", "sys", "model"]),
    ("launcher", &["sys"]),
    ("cli", &["api", "config", "convert", "sys", "model"]),
    ("abide", &["keeper", "scribe", "steward", "launcher", "cli"]),
    ("sim", &["engine", "keeper", "scribe", "wire", "model"]),
    ("e2e", &["api"]),
    ("bench", &["api", "sys", "e2e"]),
];

/// What a crate may use besides in its own tests.
const IN_TESTS: &[&str] = &["model", "wire", "sys", "config", "api"];

/// Crates that may be in the keeper's tree besides ours.
const KEEPER_BUDGET: usize = 6;

/// Crates that would make the keeper something else.
const NEVER_IN_KEEPER: &[&str] = &["tokio", "serde", "serde_json"];

fn wrong_arrows(name: &str, manifest: &Table) -> Vec<String> {
    let Some((_, allowed)) = ARROWS.iter().find(|(n, _)| *n == name) else {
        return vec![format!("crates/{name} is not in the table of arrows")];
    };
    let ours = |dependency: &str| ARROWS.iter().any(|(n, _)| *n == dependency.trim_start_matches("abide-"));
    let mut wrong = Vec::new();
    for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
        for dependency in manifest.get(section).and_then(Value::as_table).into_iter().flat_map(Table::keys) {
            let short = dependency.trim_start_matches("abide-");
            let in_tests = section == "dev-dependencies" && IN_TESTS.contains(&short);
            if ours(dependency) && !allowed.contains(&short) && !in_tests {
                wrong.push(format!("{name} → {short} ([{section}])"));
            }
        }
    }
    if manifest.get("target").is_some() {
        wrong.push(format!("{name} has dependencies by target; the arrows cannot be checked"));
    }
    wrong
}

fn manifests() -> BTreeMap<String, Table> {
    let crates = fs::read_dir(workspace_root().join("crates")).expect("crates/ is there");
    let read = |entry: fs::DirEntry| {
        let path = entry.path().join("Cargo.toml");
        let text = fs::read_to_string(&path).ok()?;
        let table = text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Some((entry.file_name().to_string_lossy().into_owned(), table))
    };
    crates.flatten().filter_map(read).collect()
}

#[test]
fn dependencies_point_towards_purer_code() {
    let found = manifests();
    assert!(found.len() >= 13, "the crates were found");
    let wrong: Vec<String> = found.iter().flat_map(|(name, manifest)| wrong_arrows(name, manifest)).collect();
    assert!(wrong.is_empty(), "arrows that architecture.md §6 does not have:\n{}", wrong.join("\n"));
}

#[test]
fn a_wrong_arrow_is_seen() {
    let manifest = |text: &str| text.parse::<Table>().expect("valid TOML");
    let wrong = wrong_arrows("engine", &manifest("[dependencies]\nmodel.workspace = true\nsys.workspace = true\nlibc = \"1\""));
    assert_eq!(wrong, ["engine → sys ([dependencies])"]);
    assert_eq!(wrong_arrows("engine", &manifest("[dev-dependencies]\nsteward.workspace = true")).len(), 1);
    assert_eq!(wrong_arrows("engine", &manifest("[dev-dependencies]\nwire.workspace = true")).len(), 0);
    assert_eq!(wrong_arrows("heap", &manifest("")).len(), 1);
    assert_eq!(wrong_arrows("api", &manifest("[target.'cfg(unix)'.dependencies]\nsys.workspace = true")).len(), 1);
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    let mut wrong = Vec::new();
    let mut folders: Vec<_> = manifests().into_keys().map(|name| workspace_root().join("crates").join(name)).collect();
    let examples = fs::read_dir(workspace_root().join("examples")).expect("examples/ is there");
    folders.extend(examples.flatten().map(|e| e.path()).filter(|p| p.join("Cargo.toml").is_file()));
    for folder in folders {
        let path = folder.join("Cargo.toml");
        let manifest: Table = fs::read_to_string(&path).expect("readable").parse().expect("valid TOML");
        let lints = manifest.get("lints").and_then(|l| l.get("workspace")).and_then(Value::as_bool);
        if lints != Some(true) {
            wrong.push(format!("{}: `lints.workspace = true` is missing", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_keeper_carries_little() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let args = ["tree", "-p", "abide-keeper", "--edges", "normal", "--prefix", "none", "--locked"];
    let tree = Command::new(cargo).args(args).current_dir(workspace_root()).output().expect("cargo can be run");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8_lossy(&tree.stdout).into_owned();
    let names: BTreeSet<&str> = text.lines().filter_map(|l| l.split_whitespace().next()).collect();
    let foreign: Vec<&str> = names.into_iter().filter(|n| !n.starts_with("abide-")).collect();
    assert!(!foreign.is_empty() && foreign.len() <= KEEPER_BUDGET, "third parties of the keeper: {foreign:?}");
    assert!(!foreign.iter().any(|n| NEVER_IN_KEEPER.contains(n)), "third parties of the keeper: {foreign:?}");
}
