//! The sources of the workspace.

use crate::lexer::{Parts, split, without_tests};
use e2e::workspace_root;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
pub struct Source {
    /// Its path below the root of the workspace.
    pub path: String,
    /// All of it.
    pub text: String,
    /// Taken apart.
    pub parts: Parts,
    /// Its code without tests; empty for a file that is a test as a whole.
    pub code: String,
    /// Its strings without those in tests.
    pub strings: String,
}

impl Source {
    /// A source from text, for the tests of the rules themselves.
    pub fn of(path: &str, text: &str) -> Source {
        let parts = split(text);
        let (code, _) = without_tests(&parts.code);
        let strings = strings_outside(&parts, &code);
        Source { path: path.to_owned(), text: text.to_owned(), parts, code, strings }
    }

    /// Whether the file lies below this folder of the workspace (or is this file).
    pub fn below(&self, folder: &str) -> bool {
        Path::new(&self.path).starts_with(folder)
    }
}

/// The strings, without those that stand between the first and the last blanked character of a test.
fn strings_outside(parts: &Parts, code: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for ((now, was), string) in code.chars().zip(parts.code.chars()).zip(parts.strings.chars()) {
        if was != ' ' && was != '\n' {
            inside = now != was;
        }
        // The quotes stay, so that a rule can ask how a string begins.
        out.push(match string {
            _ if inside && string != '\n' => ' ',
            ' ' if now == '"' => '"',
            other => other,
        });
    }
    out
}

/// Every `.rs` file of the workspace, generated ones excepted.
pub fn all() -> Vec<Source> {
    let root = workspace_root();
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = ["crates", "examples", "benches", "xtask"].map(|f| root.join(f)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let short = path.strip_prefix(&root).expect("found below the root");
        Source::of(&short.to_string_lossy(), &text)
    };
    let mut sources: Vec<Source> = files.iter().map(read).collect();
    let tests = test_files(&sources);
    for source in &mut sources {
        let whole = source.path.contains("/tests/") || source.path.contains("/benches/");
        if whole || tests.iter().any(|t| source.below(t)) {
            source.code.clear();
            source.strings.clear();
        }
    }
    assert!(sources.len() > 40, "the sources were found");
    sources
}

/// Files and folders of modules that are declared under `#[cfg(test)]`.
fn test_files(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let (_, elsewhere) = without_tests(&source.parts.code);
        let path = Path::new(&source.path);
        let root = ["lib.rs", "mod.rs", "main.rs"].iter().any(|n| path.ends_with(n));
        let folder = if root { path.with_file_name("") } else { path.with_extension("") };
        for name in elsewhere {
            found.push(folder.join(format!("{name}.rs")).to_string_lossy().into_owned());
            found.push(folder.join(name).to_string_lossy().into_owned());
        }
    }
    found
}
