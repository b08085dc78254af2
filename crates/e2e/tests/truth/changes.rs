//! What a change touches.

use super::{SOON, history, pids, post, steps};
use api::SignalDone;
use e2e::{App, House, app_file};
use model::Change;
use serde_json::Value;
use std::collections::BTreeMap;

fn apply(house: &House, text: &str) -> Value {
    house.write("abide.toml", text);
    house.abide(["apply", "--json"]).ok().json()
}

#[test]
fn instances_touch_only_the_difference() {
    let house = House::new();
    let file =
        |instances: u32| app_file(&[App::puppet("web", &house.puppet(), "hang").with(&format!("instances = {instances}"))]);
    house.up(&file(3));
    let three = pids(&house);
    assert_eq!(steps(&apply(&house, &file(5))), ["start web-3", "start web-4"]);
    let five = pids(&house);
    assert_eq!(five.len(), 5);
    assert!(three.iter().all(|(slot, pid)| five[slot] == *pid), "{three:?} {five:?}");
    assert_eq!(steps(&apply(&house, &file(2))), ["stop web-2", "stop web-3", "stop web-4"]);
    let two = pids(&house);
    assert_eq!(two, three.into_iter().take(2).collect::<BTreeMap<_, _>>());
}

#[test]
fn what_the_process_does_not_see_is_applied_to_what_runs() {
    let house = House::new();
    let web = || App::puppet("web", &house.puppet(), "print:first hang");
    house.up(&app_file(&[web()]));
    house.until_logged("web-0", "out", "first", SOON);
    let before = pids(&house);
    let quiet = web()
        .with("log_max_size = \"64K\"\nlog_format = \"json\"\nmax_memory = \"600M\"\nstop_timeout = \"2s\"\ndescription = \"x\"");
    let quiet = quiet.with("healthcheck = { exec = \"true\", interval = \"1s\" }\nlabels = { tier = \"front\" }");
    let done = apply(&house, &app_file(&[quiet]));
    assert_eq!((steps(&done), done["changed"].as_array().map(Vec::len)), (Vec::new(), Some(1)));
    assert_eq!(pids(&house), before);
    let row = house.until("web-0", SOON, "is asked how it is", |row| row.health.as_deref() == Some("healthy"));
    assert_eq!(row.pid, before["web-0"]);
    let detail = house.detail("web");
    assert_eq!(detail.spec["usage"]["max_memory"].as_u64(), Some(600 << 20), "{}", detail.spec);
    let folder = house.work().file_name().map(|name| name.to_string_lossy().into_owned());
    assert_eq!(detail.project.as_ref().map(|project| project.name.clone()), folder);
    assert_eq!(detail.source.as_deref(), house.file("abide.toml").to_str());
    let found: SignalDone = house.abide(["signal", "CONT", "label:tier=front", "--json"]).ok().json();
    assert_eq!(found.sent.iter().map(|sent| sent.slot.as_str()).collect::<Vec<_>>(), ["web-0"]);
    let last = history(&house).pop().expect("an entry");
    let keys: Vec<&str> = last.plan.apps[0].differences.iter().map(|difference| difference.key.as_str()).collect();
    assert!(["log_max_size", "max_memory", "stop_timeout"].iter().all(|key| keys.contains(key)), "{keys:?}");
}

#[test]
fn what_is_not_in_the_file_any_more_goes_if_that_is_asked_for() {
    let house = House::new();
    let app = |name: &str| App::puppet(name, &house.puppet(), "hang");
    house.up(&app_file(&[app("web"), app("api"), app("db")]));
    house.abide(["start", "--name", "by-hand", &house.puppet(), "hang"]).ok();
    let before = pids(&house);
    house.write("abide.toml", app_file(&[app("web")]));
    let planned: Value = house.abide(["plan", "--json"]).ok().json();
    assert_eq!((steps(&planned), planned["removed"].as_array().map(Vec::len)), (Vec::new(), Some(0)));
    let planned: Value = house.abide(["plan", "--prune", "--json"]).ok().json();
    assert_eq!(steps(&planned), ["stop api-0", "stop db-0"]);
    house.abide(["apply", "--prune"]).code(2).says(&["--yes", "nothing was changed"]);
    assert_eq!(pids(&house), before);
    house.abide(["apply", "--prune", "--only", "db", "--yes"]).ok();
    assert_eq!(pids(&house).into_keys().collect::<Vec<_>>(), ["api-0", "by-hand-0", "web-0"]);
    house.abide(["apply", "--prune", "--yes"]).ok();
    let left = pids(&house);
    assert_eq!(left.keys().collect::<Vec<_>>(), ["by-hand-0", "web-0"]);
    assert!(left.iter().all(|(slot, pid)| before[slot] == *pid));
}

#[test]
fn a_plan_says_what_then_is_done_and_is_refused_when_it_is_old() {
    let house = House::new();
    let web = |more: &str| app_file(&[App::puppet("web", &house.puppet(), "hang").with(more)]);
    house.up(&web(""));
    house.write("abide.toml", web("env = { SECRET_KEY = \"hunter2\" }"));
    let planned = house.abide(["plan"]).ok();
    assert!(!planned.out.contains("hunter2") && planned.out.contains("env.SECRET_KEY"), "{planned:?}");
    let report: Value = house.abide(["plan", "--json"]).ok().json();
    house.abide(["stop", "web"]).ok();
    let other: Value = house.abide(["plan", "--json"]).ok().json();
    assert_eq!((steps(&report), steps(&other)), (vec!["restart web-0".to_owned()], vec!["start web-0".to_owned()]));
    house.abide(["apply"]).ok();
    let last = history(&house).pop().expect("an entry");
    assert_eq!((last.plan.apps[0].change, last.plan.apps[0].steps.len()), (Change::Change, 1));
    let journal = std::fs::read_dir(house.home().join("events")).expect("events").flatten();
    let journal: String = journal.map(|file| std::fs::read_to_string(file.path()).expect("readable")).collect();
    assert!(journal.contains("env.SECRET_KEY") && !journal.contains("hunter2"), "the difference is told, the secret is not");
    let old = r#"{"definitions":[],"plan":"0000000000000000"}"#;
    let refused = post(&house, "/api/v1/apply", old);
    assert!(refused.starts_with("HTTP/1.1 409") && refused.contains("plan_changed"), "{refused}");
}

#[test]
fn a_restart_takes_the_variables_of_today_if_that_is_asked_for() {
    let house = House::new();
    let out = house.file("seen");
    let script = format!("echo \"$COLOUR\" >> {}; exec sleep 100000", out.display());
    let text = format!(
        "version = 1\n[apps.web]\ncmd = {}\nshell = true\ninherit_env = [\"COLOUR\", \"PATH\"]\n",
        e2e::toml_string(&script)
    );
    house.write("abide.toml", text);
    let up = |colour: &str, args: &[&str]| {
        let mut command = house.command(args);
        command.env("COLOUR", colour);
        e2e::run(command, SOON).ok()
    };
    up("red", &["up"]);
    up("green", &["up"]);
    let seen = |count: usize| {
        e2e::wait_until(SOON, "it has begun", || (house.notes("seen").len() == count).then(|| house.notes("seen")))
    };
    assert_eq!(seen(1), ["red"], "an apply never restarts for captured variables");
    up("blue", &["restart", "web", "--update-env"]);
    assert_eq!(seen(2), ["red", "blue"]);
    house.abide(["restart", "web-0", "--update-env"]).code(2).says(&["whole apps"]);
    up("black", &["restart", "web"]);
    assert_eq!(seen(3), ["red", "blue", "blue"]);
    up("white", &["apply", "--update-env"]);
    assert_eq!(seen(4), ["red", "blue", "blue", "white"]);
    let last = history(&house).pop().expect("an entry");
    let notes = &last.plan.apps[0].notes;
    assert!(notes[0].contains("COLOUR") && !notes[0].contains("white"), "{notes:?}");
}
