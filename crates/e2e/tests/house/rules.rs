//! What stands nowhere, or in one place only.

use crate::lexer::paths;
use crate::sources::{Source, all};

/// Folders whose code is pure: no clock, no files, no network, no environment, no threads, no chance, no async.
const PURE: &[&str] = &[
    "crates/engine/src",
    "crates/model/src",
    "crates/wire/src",
    "crates/config/src",
    "crates/keeper/src/core",
    "crates/scribe/src/core",
];

/// Paths, as whole or as a beginning, that pure code does not name.
const IMPURE: &[&str] = &[
    "std::time::Instant",
    "std::time::SystemTime",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "std::os",
    "std::sync::mpsc",
    "rand",
    "fastrand",
    "getrandom",
    "tokio",
    "libc",
    "rustix",
    "sys",
    "async",
    "await",
];

/// Where `unsafe` may stand.
const UNSAFE_HOME: &str = "crates/sys";

/// The steward's web module, which cannot see the keeper's protocol.
const WEB: &[&str] = &["crates/steward/src/http", "crates/steward/src/http.rs", "crates/steward/src/web"];

/// The steward's store, the only one that knows the state files.
const STORE: &[&str] = &["crates/steward/src/store", "crates/steward/src/store.rs"];

/// How a path to one of them begins, as a string (a message may name them).
const STATE_FILES: &[&str] = &["\"store/operations", "\"store/snapshot", "\"store/lives", "\"operations.", "\"snapshot."];

const MOST_LINES: usize = 400;

fn impure(source: &Source) -> Vec<String> {
    let names = paths(&source.code);
    let hit = |path: &&String| IMPURE.iter().any(|i| path == i || path.strip_prefix(i).is_some_and(|r| r.starts_with("::")));
    names.iter().filter(hit).map(|path| format!("{} names {path}", source.path)).collect()
}

fn names(source: &Source, first: &str) -> bool {
    paths(&source.code).iter().any(|p| p.split("::").next() == Some(first))
}

fn unfinished(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for word in ["todo", "unimplemented"] {
        if source.code.contains(&format!("{word}!")) {
            wrong.push(format!("{} has {word}!", source.path));
        }
    }
    for word in ["FIXME", "XXX", "TODO"] {
        if source.parts.comments.contains(word) {
            wrong.push(format!("{} has a comment with {word}", source.path));
        }
    }
    wrong
}

/// Functions in a `lib.rs` or `mod.rs`.
fn bodies(source: &Source) -> bool {
    let front = source.path.ends_with("/lib.rs") || source.path.ends_with("/mod.rs");
    front && paths(&source.code).iter().any(|p| p == "fn" || p == "impl")
}

fn none(what: &str, wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn pure_code_names_no_world() {
    let sources = all();
    for folder in PURE {
        assert!(sources.iter().any(|s| s.below(folder)), "{folder} has moved: tell the house test where to");
    }
    let pure = sources.iter().filter(|s| PURE.iter().any(|f| s.below(f)));
    none("pure code names the world", pure.flat_map(impure).collect());
}

#[test]
fn unsafe_code_has_one_home() {
    let wrong = |s: &&Source| !s.below(UNSAFE_HOME) && paths(&s.parts.code).iter().any(|p| p == "unsafe");
    none("`unsafe` outside sys", all().iter().filter(wrong).map(|s| s.path.clone()).collect());
}

#[test]
fn the_web_module_does_not_see_the_keepers_protocol() {
    let sources = all();
    let web: Vec<&Source> = sources.iter().filter(|s| WEB.iter().any(|f| s.below(f))).collect();
    assert!(!web.is_empty(), "the web module has moved: tell the house test where to");
    none("the web module names `wire`", web.iter().filter(|s| names(s, "wire")).map(|s| s.path.clone()).collect());
}

#[test]
fn only_the_store_knows_the_state_files() {
    let sources = all();
    assert!(sources.iter().any(|s| STORE.iter().any(|f| s.below(f))), "the store has moved: tell the house test where to");
    let others = sources.iter().filter(|s| s.below("crates/steward/src") && !STORE.iter().any(|f| s.below(f)));
    let wrong = others.filter(|s| STATE_FILES.iter().any(|f| s.strings.contains(f)));
    none("state files are named outside the store", wrong.map(|s| s.path.clone()).collect());
}

#[test]
fn front_files_hold_docs_and_names_only() {
    none("lib.rs or mod.rs with code", all().iter().filter(|s| bodies(s)).map(|s| s.path.clone()).collect());
}

#[test]
fn files_are_small() {
    let sources = all();
    let long = sources.iter().map(|s| (s.text.lines().count(), s)).filter(|(n, _)| *n > MOST_LINES);
    none("split by idea", long.map(|(n, s)| format!("{} has {n} lines", s.path)).collect());
}

#[test]
fn nothing_is_left_for_later() {
    none("left for later", all().iter().flat_map(unfinished).collect());
}

#[test]
fn the_rules_can_fail() {
    let source = |text: &str| Source::of("crates/x/src/lib.rs", text);
    for wrong in [
        "use std::{collections::BTreeMap, time::{Duration, Instant}};",
        "fn f() { let x = std::fs::read(p); }",
        "async fn f() {}",
        "fn f() { x.await }",
        "use tokio::sync::mpsc;",
        "fn f() -> u8 { rand::random() }",
    ] {
        assert_eq!(impure(&source(wrong)).len(), 1, "{wrong}");
    }
    for right in [
        "// std::fs\nuse std::time::Duration; const A: &str = \"std::fs\"; fn f() { let brand = env!(\"A\"); }",
        "use std::fmt; #[cfg(test)] mod tests { use std::fs; }",
    ] {
        assert_eq!(impure(&source(right)), [""; 0], "{right}");
    }
    assert!(names(&source("use wire::Event;"), "wire") && names(&source("fn f() { wire::x() }"), "wire"));
    assert!(!names(&source("// wire::\nfn rewire() {}"), "wire"));
    assert!(bodies(&source("//! Docs.\nfn f() {}")) && !bodies(&source("//! fn f() {}\nmod a;\npub use a::f;")));
    assert!(!bodies(&source("mod a;\n#[cfg(test)]\nmod tests { fn f() {} }")));
    assert_eq!(unfinished(&source(concat!("fn f() { to", "do!() } // FIX", "ME"))).len(), 2);
    let known = |text: &str| STATE_FILES.iter().any(|f| source(text).strings.contains(f));
    assert!(known("const A: &str = \"store/lives\";"));
    assert!(!known("#[cfg(test)]\nmod t { const A: &str = \"store/lives\"; }"));
    assert!(!known("const A: &str = \"failed to write store/lives\";"));
}
