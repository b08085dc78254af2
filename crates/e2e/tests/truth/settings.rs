//! The manager's own settings: from `daemon.toml` of the home and from applied files.

use super::{SOON, history};
use e2e::{App, House, app_file};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

fn own_file(house: &House, text: &str) -> PathBuf {
    let path = house.home().join("daemon.toml");
    fs::create_dir_all(house.home()).expect("a home");
    fs::write(&path, text).expect("written");
    path
}

/// What holds and who said so.
fn status(house: &House) -> api::DaemonStatus {
    house.daemon().expect("it runs")
}

fn files(house: &House) -> Option<u32> {
    status(house).settings.log_max_files
}

/// A home that only we can write, as the manager makes it.
fn house() -> House {
    let house = House::new();
    fs::create_dir_all(house.home()).expect("a home");
    fs::set_permissions(house.home(), fs::Permissions::from_mode(0o700)).expect("ours");
    house
}

#[test]
fn the_file_of_the_home_counts_at_the_start_and_with_each_apply() {
    let house = house();
    let path = own_file(&house, "log_max_files = 7\n");
    let web = app_file(&[App::puppet("web", &house.puppet(), "hang")]);
    house.up(&web);
    let first = status(&house);
    assert_eq!(first.settings.log_max_files, Some(7));
    assert_eq!(first.settings_from["log_max_files"], path.to_string_lossy());
    own_file(&house, "log_max_files = 8\n");
    let pid = house.process("web-0").pid;
    let plan: Value = house.abide(["plan", "--json"]).ok().json();
    assert_eq!((plan["plan"]["settings"][0]["to"].as_str(), files(&house)), (Some("8"), Some(7)), "a plan only looks: {plan}");
    house.abide(["apply"]).ok().says(&["daemon.log_max_files"]);
    assert_eq!((files(&house), house.process("web-0").pid), (Some(8), pid));
    // Without any project: the file itself is applied.
    own_file(&house, "history = '3d'\n");
    house.abide(["apply", &*path.to_string_lossy()]).ok();
    let third = status(&house);
    assert_eq!((third.settings.log_max_files, third.settings.history), (Some(5), Some(Duration::from_secs(3 * 86_400))));
    house.abide(["daemon", "stop"]).ok();
    fs::remove_file(&path).expect("removed");
    house.abide(["daemon", "start"]).ok();
    assert_eq!(status(&house).settings.history, Some(Duration::from_secs(30 * 86_400)), "what is removed goes");
}

/// Who names apps means these and not the manager.
#[test]
fn only_some_apps_leave_the_manager_as_it_is() {
    let house = house();
    let app = |name: &str| App::puppet(name, &house.puppet(), "hang");
    house.up(&format!("{}[daemon]\nlog_max_files = 7\n", app_file(&[app("web")])));
    house.write("abide.toml", format!("{}[daemon]\nlog_max_files = 9\n", app_file(&[app("web"), app("api")])));
    for command in ["plan", "apply", "up"] {
        let said = house.abide([command, "--only", "api"]).ok();
        assert!(!said.out.contains("log_max_files") && !said.err.contains("log_max_files"), "{said:?}");
        assert_eq!(files(&house), Some(7));
    }
    house.abide(["apply"]).ok().says(&["daemon.log_max_files"]);
    assert_eq!(files(&house), Some(9));
}

#[test]
fn a_broken_file_stops_nothing_and_what_was_known_stays() {
    let house = house();
    own_file(&house, "log_max_files = 7\n");
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "hang")]));
    let path = own_file(&house, "log_max_files = 8\nlog_max_sise = '1M'\n");
    let place = format!("{}:2:1", path.display());
    house.abide(["apply"]).ok().says(&["unknown key `log_max_sise`", &place, "^^^^^^^^^^^^", "does not count"]);
    house.abide(["daemon", "stop"]).ok();
    house.abide(["daemon", "start"]).ok();
    let broken = status(&house);
    assert_eq!(broken.settings.log_max_files, Some(7));
    assert!(broken.settings_trouble.as_deref().is_some_and(|why| why.contains(&place)), "{broken:?}");
    let shown = house.abide(["daemon", "status"]).ok().out;
    assert!(shown.contains(&place) && shown.contains("^^^^^^^^^^^^"), "{shown}");
    let log = || fs::read_to_string(house.home().join("daemon.log")).unwrap_or_default();
    e2e::wait_until(SOON, "the log tells it", || log().contains(&place).then_some(()));
    house.abide(["validate", "--json"]).code(3).says(&["log_max_sise"]);
    house.abide(["validate", &*path.to_string_lossy()]).code(3).says(&[&place]);
    own_file(&house, "[daemon]\nlog_max_files = 9\n");
    house.abide(["validate"]).code(3).says(&["without [daemon]"]);
    own_file(&house, "log_max_files = 9\n");
    assert!(house.abide(["validate"]).ok().out.contains("valid, the manager's own settings"));
    house.abide(["apply"]).ok();
    assert_eq!((files(&house), status(&house).settings_trouble), (Some(9), None));
    // Something that cannot be read as a file at all.
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("a folder");
    house.abide(["apply"]).ok().says(&["not a file"]);
    assert_eq!(files(&house), Some(9));
}

#[test]
fn what_others_can_write_does_not_count_under_root_and_is_told_to_others() {
    let house = house();
    let path = own_file(&house, "log_max_files = 7\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("ours");
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "hang")]));
    let root = rustix_is_root(&path);
    assert_eq!(files(&house), Some(if root { 5 } else { 7 }));
    let log = || fs::read_to_string(house.home().join("daemon.log")).unwrap_or_default();
    e2e::wait_until(SOON, "the log tells it", || log().contains("everybody can write it (mode 0666)").then_some(()));
    assert_eq!(status(&house).settings_trouble.is_some(), root);
}

/// Who has written a file is who runs the test.
fn rustix_is_root(path: &std::path::Path) -> bool {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata(path).expect("there")) == 0
}

#[test]
fn two_sources_that_want_different_things_are_named() {
    let house = house();
    let own = own_file(&house, "log_max_files = 7\n");
    house.write("a.toml", "[daemon]\nlog_max_size = '1M'\n");
    house.write("b.toml", "[daemon]\nlog_max_size = '2M'\n");
    house.abide(["up", "a.toml"]).ok();
    let [a, b] = ["a.toml", "b.toml"].map(|name| house.file(name).to_string_lossy().into_owned());
    house.abide(["up", "b.toml"]).code(3).says(&["log_max_size", &a, &b, "\"1M\"", "\"2M\""]);
    house.write("b.toml", "[daemon]\nlog_max_files = 8\n");
    let own_name = own.to_string_lossy().into_owned();
    house.abide(["up", "b.toml"]).code(3).says(&["log_max_files", &own_name, &b]);
    house.abide(["plan", "b.toml"]).code(3).says(&["log_max_files", &own_name, &b]);
    assert_eq!(files(&house), Some(7));
    // The home's file comes to differ from what was applied: what is known of it before stays.
    own_file(&house, "log_max_size = '3M'\n");
    house.abide(["apply", &own_name]).ok().says(&["log_max_size", &a, "does not count"]);
    assert_eq!((files(&house), status(&house).settings.log_max_size), (Some(7), Some(1 << 20)));
    // A file that is no more wants nothing.
    fs::remove_file(house.file("a.toml")).expect("removed");
    house.abide(["apply", &own_name]).ok();
    assert_eq!(status(&house).settings.log_max_size, Some(3 << 20));
    assert_eq!(status(&house).settings_trouble, None);
    // A key moves from one file to another.
    own_file(&house, "");
    house.write("b.toml", "[daemon]\nlog_max_files = 8\nlog_max_size = '4M'\n");
    house.abide(["up", "b.toml"]).ok();
    assert_eq!((files(&house), status(&house).settings.log_max_size), (Some(8), Some(4 << 20)));
    assert_eq!(status(&house).settings_from["log_max_size"], b);
}

#[test]
fn the_history_is_as_long_as_it_is_set_to_be() {
    let house = house();
    house.up("[daemon]\nlog_max_files = 3\n");
    let events = house.home().join("events");
    let day = |name: &str| {
        let path = events.join(format!("{name}.jsonl"));
        fs::write(&path, "").expect("written");
        path
    };
    let ago = |days: u32| {
        let mut date = house.plain("date");
        date.args(["-u", "-d", &format!("{days} days ago"), "+%F"]);
        day(e2e::run(date, SOON).ok().out.trim())
    };
    let (old, young, other) = (ago(9), ago(3), day("notes"));
    house.up("[daemon]\nhistory = '10d'\n");
    assert!(old.exists() && young.exists());
    house.up("[daemon]\nhistory = '5d'\n");
    assert_eq!((old.exists(), young.exists(), other.exists()), (false, true, true), "live");
    assert!(house.events(None).iter().any(|event| event.event == "manager.started"), "today's stays");
}

#[test]
fn a_rollback_brings_the_settings_of_then_back() {
    let house = house();
    own_file(&house, "history = '9d'\n");
    house.up("[daemon]\nlog_max_files = 3\n");
    let then = history(&house).pop().expect("an entry").operation;
    house.up("[daemon]\nlog_max_files = 4\nlog_max_size = '1M'\n");
    house.up("[daemon]\nlog_max_files = 6\n");
    own_file(&house, "history = '8d'\n");
    let operation = then.to_string();
    house.abide(["rollback", "--operation", &operation, "--yes"]).ok();
    let now = status(&house);
    assert_eq!((now.settings.log_max_files, now.settings.log_max_size), (Some(3), Some(20 << 20)));
    assert_eq!(now.settings.history, Some(Duration::from_secs(8 * 86_400)), "the file of the home says what it says now");
    let last = history(&house).pop().expect("an entry");
    assert_eq!((last.back_to, last.plan.settings.len()), (Some(then), 2), "{last:?}");
}

#[test]
fn config_show_tells_where_a_setting_stands() {
    let house = house();
    let own = own_file(&house, "# the machine's\nhistory = '9d'\n");
    house.write("abide.toml", "[daemon]\nlog_max_files = 3\n[apps.web]\ncmd = 'true'\n");
    let at = format!("{}:2", own.display());
    let shown = house.abide(["config", "show", "--changed"]).ok().out;
    let has = |words: [&str; 2]| shown.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(has(["daemon.history", &at]) && has(["daemon.log_max_files", "abide.toml:2"]), "{shown}");
    let rows: Vec<Value> = house.abide(["config", "show", "--json"]).ok().json();
    let row = rows.iter().find(|row| row["key"] == "daemon.history").expect("it is there");
    assert_eq!((row["app"].is_null(), row["origin"]["app"]["at"].as_str()), (true, Some(at.as_str())), "{row}");
    house.write("abide.toml", "[daemon]\nhistory = '3d'\n");
    house.abide(["config", "show"]).code(3).says(&["history", "daemon.toml", "abide.toml"]);
    house.abide(["validate"]).code(3).says(&["history", "daemon.toml", "abide.toml"]);
}
