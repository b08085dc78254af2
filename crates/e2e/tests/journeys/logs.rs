//! Where logs go, and what is done to them on demand.

use crate::SOON;
use e2e::{App, House, app_file, wait_until};
use serde_json::{Value, json};
use std::fs;

/// Waits until a file of the test has this text.
#[track_caller]
fn until_read(house: &House, file: &str, text: &str) {
    wait_until(SOON, &format!("{file} is {text:?}"), || (house.read(file) == text).then_some(()));
}

fn log_files(house: &House, app: &str) -> Value {
    let detail: Value = house.abide(["status", app, "--json"]).ok().json();
    detail["slots"][0]["log_files"].clone()
}

#[test]
fn files_of_ones_own() {
    let house = House::new();
    let talk = |name: &str| App::puppet(name, &house.puppet(), "print:out eprint:err hang");
    let apart = talk("apart").with("out_file = 'o/{{app}}-{{slot}}.log'").with("err_file = 'none'");
    let whole = talk("whole").with("out_file = '{{home}}/whole.log'\nmerge_logs = true").with("instances = 2");
    house.up(&app_file(&[apart, whole, talk("plain").with("merge_logs = true")]));
    until_read(&house, "o/apart-0.log", "out\n");
    let path = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    assert_eq!(log_files(&house, "apart"), json!([path(house.file("o/apart-0.log")), null]));
    let both = path(house.home().join("whole.log"));
    assert_eq!(log_files(&house, "whole"), json!([both, both]));
    let merged = path(house.home().join("logs/plain-0.log"));
    assert_eq!(log_files(&house, "plain"), json!([merged, merged]));
    let lines = |file: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    wait_until(SOON, "two slots share a file", || (lines(&both) == ["err", "err", "out", "out"]).then_some(()));
    wait_until(SOON, "two streams share a file", || (lines(&merged) == ["err", "out"]).then_some(()));
    let shown = house.abide(["status", "apart"]).ok().out;
    assert!(shown.contains("apart-0.log, none"), "{shown}");
}

/// The third file: everything is in it too, whoever is killed meanwhile, and nobody sees a line twice.
#[test]
fn one_file_more_for_both_streams() {
    let house = House::new();
    let go = |n: u32| house.file(&format!("go{n}"));
    let script = format!("print:one eprint:two until:{} print:three until:{} eprint:four hang", go(1).display(), go(2).display());
    let file = |lines: &str| app_file(&[App::puppet("web", &house.puppet(), &script).with(lines)]);
    house.up(&file("log_file = 'all.log'\nlog_format = 'text'"));
    let sorted = |file: &str| {
        let text = house.read(file);
        let mut lines: Vec<&str> = text.lines().filter_map(|line| line.split_once(' ')).map(|(_, line)| line).collect();
        lines.sort_unstable();
        lines.join(", ")
    };
    wait_until(SOON, "both are in the third file", || (sorted("all.log") == "err two, out one").then_some(()));
    let home = |name: &str| house.home().join(name).to_string_lossy().into_owned();
    let all = house.file("all.log").to_string_lossy().into_owned();
    assert_eq!(log_files(&house, "web"), json!([home("logs/web-0.out.log"), home("logs/web-0.err.log"), all]));
    let life = house.slot("web-0").instance;
    house.kill_roles();
    house.until_status("web-0", "running", SOON);
    house.write("go1", "");
    wait_until(SOON, "a new scribe goes on", || (sorted("all.log") == "err two, out one, out three").then_some(()));
    // The two files are written one after the other.
    house.until_logged("web-0", "out", "three\n", SOON);
    let shown = house.abide(["logs", "web", "--raw"]).ok().out;
    assert_eq!(
        (shown.matches("one").count(), shown.matches("two").count(), shown.matches("three").count()),
        (1, 1, 1),
        "{shown}"
    );
    let done: Value = house.abide(["logs", "web", "--clear", "--json"]).ok().json();
    assert_eq!(done["files"].as_array().map(Vec::len), Some(3), "{done}");
    assert_eq!((house.read("all.log").as_str(), house.slot("web-0").instance), ("", life.clone()));
    // The streams' own files may be none. That takes no new life, for nothing is `/dev/null`.
    house.up(&file("log_file = 'all.log'\nout_file = 'none'\nerr_file = 'none'"));
    house.write("go2", "");
    until_read(&house, "all.log", "four\n");
    assert_eq!((house.read(&home("logs/web-0.err.log")).as_str(), house.slot("web-0").instance), ("", life));
    assert_eq!(log_files(&house, "web"), json!([all, all]));
    assert_eq!(house.abide(["logs", "web", "--raw"]).ok().out, "four\n");
}

#[test]
fn another_file_for_a_life_that_runs_and_another_life_for_none() {
    let house = House::new();
    let go = house.file("go");
    let script = format!("print:one until:{} print:two hang", go.display());
    let file = |line: &str| app_file(&[App::puppet("web", &house.puppet(), &script).with(line)]);
    house.up(&file("out_file = 'a.log'"));
    until_read(&house, "a.log", "one\n");
    let life = house.slot("web-0").instance;
    house.up(&file("out_file = 'b.log'"));
    house.write("go", "");
    until_read(&house, "b.log", "two\n");
    assert_eq!((house.read("a.log").as_str(), house.slot("web-0").instance), ("one\n", life.clone()), "the same life");
    house.up(&file("out_file = 'none'"));
    assert_ne!(house.slot("web-0").instance, life, "what is /dev/null is so for good");
    assert_eq!(house.read("b.log"), "two\n");
}

#[test]
fn what_goes_nowhere_is_waited_for_by_nobody() {
    let house = House::new();
    house.up(&app_file(&[
        App::puppet("mute", &house.puppet(), "print:nothing hang").with("out_file = 'none'\nerr_file = 'none'")
    ]));
    let instance = house.slot("mute-0").instance.expect("it runs");
    let before = house.process("mute-0");
    let streams =
        || fs::read_dir(house.home().join("run/io")).expect("there").filter_map(Result::ok).map(|entry| entry.file_name());
    assert!(!streams().any(|name| name.to_string_lossy().starts_with(&instance)), "no FIFO is made");
    house.kill_roles();
    house.until_status("mute-0", "running", SOON);
    assert_eq!(house.process("mute-0"), before, "it is adopted");
    house.abide(["restart", "mute"]).ok();
    let lock = house.home().join(format!("run/lives/{instance}.lock"));
    wait_until(SOON, "the old life is let go of", || (!lock.exists()).then_some(()));
    house.abide(["delete", "mute"]).ok();
    let left = || fs::read_dir(house.home().join("run/lives")).expect("there").count();
    wait_until(SOON, "so is the new one", || (left() == 0).then_some(()));
}

#[test]
fn logs_are_cleared_and_opened_anew() {
    let house = House::new();
    let go = |n: u32| house.file(&format!("go{n}"));
    let script = format!("print:one until:{} print:two until:{} print:three hang", go(1).display(), go(2).display());
    house.up(&app_file(&[App::puppet("web", &house.puppet(), &script).with("out_file = 'web.log'\nmerge_logs = true")]));
    until_read(&house, "web.log", "one\n");
    let done: Value = house.abide(["logs", "web", "--clear", "--json"]).ok().json();
    let path = house.file("web.log").to_string_lossy().into_owned();
    assert_eq!(done["files"], json!([{ "app": "web", "slot": "web-0", "stream": "out", "file": path }]));
    assert_eq!(house.read("web.log"), "");
    house.write("go1", "");
    until_read(&house, "web.log", "two\n");
    fs::rename(house.file("web.log"), house.file("web.moved")).expect("as logrotate does");
    house.abide(["logs", "--reopen"]).ok();
    house.write("go2", "");
    until_read(&house, "web.log", "three\n");
    assert_eq!(house.read("web.moved"), "two\n");
    let events: Vec<String> = house.events(None).into_iter().map(|event| event.event).collect();
    assert!(["log.cleared", "log.reopened"].iter().all(|event| events.iter().any(|e| e == event)), "{events:?}");
    house.abide(["logs", "nobody", "--clear"]).code(1).says(&["nobody"]);
}

#[test]
fn the_managers_settings_are_kept() {
    let house = House::new();
    let settings = || house.daemon().expect("it runs").settings;
    house.abide(["daemon", "start"]).ok();
    assert_eq!(settings().log_total_max, Some(5 << 30));
    house.up("[daemon]\nlog_max_files = 3\nlog_max_size = '1M'\n");
    house.up("[daemon]\nlog_total_max = '1G'\nlog_max_age = 'none'\nlog_max_files = 3\n");
    let want = settings();
    assert_eq!(
        (want.log_total_max, want.log_max_files, want.log_max_age, want.log_max_size),
        (Some(1 << 30), Some(3), Some(std::time::Duration::ZERO), Some(20 << 20)),
        "what the file does not set any more is at its default"
    );
    house.abide(["daemon", "stop"]).ok();
    house.abide(["daemon", "start"]).ok();
    assert_eq!(settings(), want);
    house.write("a.toml", "[daemon]\nlog_max_files = 4\n");
    house.abide(["up", "abide.toml", "a.toml"]).code(3).says(&["abide.toml", "a.toml", "log_max_files"]);
    house.write("abide.toml", "[daemon]\nmetrics = 'open'\n");
    house.abide(["up"]).code(3).says(&["not yet: `daemon.metrics`"]);
}
