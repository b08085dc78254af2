//! Rows 44 and 47 of reliability.md: names that are none, and files that are no configuration. The words are kept in snapshots.

mod support;

use std::time::{Duration, Instant};
use support::World;

/// Row 44.
#[test]
fn names_that_are_none() {
    let long = "x".repeat(10_000);
    let quoted =
        |name: &str| format!("\"{}\"", name.escape_default().to_string().replace("\\u{0}", "\\u0000").replace("\\'", "'"));
    let mut report = String::new();
    for name in [
        "", "../x", "/", "..", ".hidden", "a/b", "-rf", "--", "_x", "all", "0", "42", "a b", "a\nb", "a,b", "a*", "ns:x",
        "{{app}}", "${A}", "a\\b",
    ] {
        report += &said(&quoted(name));
    }
    for (name, written) in [
        ("NUL", "\"a\\u0000b\"".to_owned()),
        ("an escape", "\"\\u001b[31m\"".to_owned()),
        ("10 kB", long),
        ("65 letters", "y".repeat(65)),
        ("an emoji", "\"🚀\"".to_owned()),
        ("a Cyrillic а", "\"аpi\"".to_owned()),
        ("a wide digit", "\"１2\"".to_owned()),
        ("from right to left", "\"a\\u202eb\"".to_owned()),
        ("a combining mark", "\"e\\u0301\"".to_owned()),
    ] {
        report += &format!("({name}) {}", said(&written));
    }
    insta::assert_snapshot!(report);
    for good in ["a", "0a", "A.b_c-D", &"z".repeat(64), "x-1", "All"] {
        World::default().load(&format!("[apps.\"{good}\"]\ncmd = 'x'")).unwrap_or_else(|wrong| panic!("{good}: {wrong}"));
    }
    let clash = World::default().wrong("[apps.Web]\ncmd = 'x'\n[apps.WEB]\ncmd = 'x'");
    assert!(clash.contains("differ only in upper and lower case"), "{clash}");
}

/// What is said of an app of this name, in one line. The name stands in the file as it is given here.
fn said(written: &str) -> String {
    let wrong = World::default().wrong(&format!("[apps.{written}]\ncmd = 'x'\n"));
    let first = wrong.lines().next().unwrap_or_default();
    let place = wrong.lines().nth(1).unwrap_or_default().trim();
    let shown: String = written.chars().take(24).collect();
    assert!(wrong.chars().all(|c| c == '\n' || !c.is_control()), "{wrong:?}");
    assert!(wrong.len() < 2000, "{} bytes are said of {shown}", wrong.len());
    format!("{shown}\n    {first}\n    {place}\n")
}

/// Row 47.
#[test]
fn files_that_are_no_configuration() {
    let world = World::default().var("A", "1");
    let mut report = String::new();
    for (what, text) in [
        ("50 MB", format!("# {}\n", "x".repeat(50_000_000))),
        ("a program", "#!/bin/sh\nexec node server.js\n".to_owned()),
        ("JSON", "{\n  \"apps\": {}\n}\n".to_owned()),
        ("lists in lists", format!("a = {}", "[".repeat(100_000))),
        ("tables in tables", format!("a = {}", "{a=".repeat(100_000))),
        ("tables in tables, by dots", format!("{}a = 1", "a.".repeat(100_000))),
        ("a key twice", "[apps.a]\ncmd = 'x'\ncwd = '/a'\ncwd = '/b'\n".to_owned()),
        ("a table twice", "[apps.a]\ncmd = 'x'\n[apps.b]\ncmd = 'x'\n[apps.a]\ncwd = '/'\n".to_owned()),
        ("a table that is a value", "[apps.a]\ncmd = 'x'\nenv = { A = '1' }\n[apps.a.env]\nB = '2'\n".to_owned()),
        ("unknown keys", "[apps.a]\ncmd = 'x'\nport_number = 1\nauto_start = true\nenv_vars = {}\n[deamon]\n".to_owned()),
        ("a circle of apps", "[apps.a]\ncmd = 'x'\ndepends_on = ['b']\n[apps.b]\ncmd = 'x'\ndepends_on = ['c']\n[apps.c]\ncmd = 'x'\ndepends_on = ['a']\n".to_owned()),
        ("an app that waits for itself", "[apps.a]\ncmd = 'x'\ndepends_on = ['a']\n".to_owned()),
        ("a circle of variables", "[apps.a]\ncmd = 'x ${P}'\nenv = { P = '${Q}', Q = '${R}', R = '${P}' }\n".to_owned()),
        ("a variable of itself, and none below", "[apps.a]\ncmd = 'x'\nenv = { SELF = 'a ${SELF}' }\n".to_owned()),
        ("a chain of variables", format!("[apps.a]\ncmd = 'x'\n[apps.a.env]\n{}", (0..70).map(|n| format!("V{n} = '${{V{}}}'\n", n + 1)).collect::<String>())),
        ("a command in a command", "[apps.a]\ncmd = 'echo $(rm -rf /)'\nargs = ['$(id)', '`id`']\n".to_owned()),
        ("a command in backquotes", "[apps.a]\ncmd = 'echo `id`'\n".to_owned()),
        ("two commands", "[apps.a]\ncmd = 'a && b; c | d > e'\n".to_owned()),
        ("values that double", format!("[apps.a]\ncmd = 'x'\n[apps.a.env]\nV0 = '{}'\n{}", "y".repeat(1000), (1..30).map(|n| format!("V{n} = '${{V{0}}}${{V{0}}}'\n", n - 1)).collect::<String>())),
        ("fallbacks in fallbacks", format!("[apps.a]\ncmd = 'x {}'", "${N:-".repeat(1000))),
    ] {
        let begun = Instant::now();
        let wrong = world.wrong(&text);
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}: {:?}", begun.elapsed());
        assert!(wrong.lines().all(|line| line.chars().count() < 400), "{what}: {wrong}");
        report += &format!("({what})\n{wrong}\n");
    }
    insta::assert_snapshot!(report);
}

/// `$(…)` in a list and in variables is text like any other: there is no shell, and what a value holds is never looked at again.
#[test]
fn nothing_is_run_and_nothing_is_expanded_twice() {
    let world = World::default().var("EVIL", "${HOME} $(id) `id`");
    let app = world.app("[apps.a]\ncmd = ['echo', '$(id)', '${EVIL}']\nenv = { X = '$(id)', Y = '${EVIL}' }\n");
    assert_eq!(app.argv, ["echo", "$(id)", "${HOME} $(id) `id`"]);
    assert_eq!((app.env["X"].as_str(), app.env["Y"].as_str()), ("$(id)", "${HOME} $(id) `id`"));
}
