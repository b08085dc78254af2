//! What is shown of a configuration: every value and where it came from, and no secret unless it is asked for.

use e2e::House;
use serde_json::Value;
use std::process::Command;

/// Stands in every place where a secret can be.
const SECRET: &str = "hunter2plant";

fn file() -> String {
    format!(
        r#"
[defaults]
stop_timeout = "3s"

[apps.web]
cmd = ["sleep", "1000"]
env = {{ KEY = "{SECRET}-{{{{slot}}}}" }}
env_file = "web.env"
instances = 2
healthcheck = {{ http = "http://127.0.0.1:1/h", headers = {{ Authorization = "{SECRET}" }}, action = "none", interval = "1h", start_period = "1h" }}
ready = {{ after = "10ms" }}
hooks = {{ on_errored = {{ webhook = "https://127.0.0.1:1/{SECRET}" }} }}
profiles.fast = {{ stop_timeout = "1s" }}

[apps.other]
cmd = ["sleep", "1000"]
"#
    )
}

fn house() -> House {
    let house = House::new();
    house.write("web.env", format!("FROM_FILE={SECRET}\n"));
    house.write("abide.toml", file());
    house
}

#[track_caller]
fn row<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let row = text.lines().find(|line| line.split_whitespace().next() == Some(key));
    row.unwrap_or_else(|| panic!("no {key} in\n{text}")).split_whitespace().collect()
}

#[test]
fn of_a_file_without_a_manager() {
    let house = house();
    let shown = house.abide(["config", "show"]).ok();
    assert_eq!(row(&shown.out, "stop_timeout"), ["stop_timeout", "\"3s\"", "abide.toml:3", "(defaults)"]);
    assert_eq!(row(&shown.out, "env.FROM_FILE"), ["env.FROM_FILE", "•••", "web.env:1"]);
    assert_eq!(row(&shown.out, "restart"), ["restart", "\"on-failure\"", "default"]);
    assert!(!format!("{}{}", shown.out, shown.err).contains(SECRET));
    let fast =
        house.abide(["config", "show", "./abide.toml", "--only", "web", "--profile", "fast", "--changed", "--reveal"]).ok();
    assert_eq!(row(&fast.out, "stop_timeout"), ["stop_timeout", "\"1s\"", "abide.toml:13", "(profile", "fast)"]);
    assert_eq!(row(&fast.out, "env.KEY")[1], format!("\"{SECRET}-{{{{slot}}}}\""));
    assert!(!fast.out.contains("restart ") && !fast.out.contains("other"), "{}", fast.out);
    let rows: Vec<Value> = house.abide(["config", "show", "--json"]).ok().json();
    let one = |key: &str| rows.iter().find(|row| row["app"] == "web" && row["key"] == key).unwrap_or_else(|| panic!("no {key}"));
    assert_eq!(one("instances")["value"], 2);
    assert_eq!(one("instances")["origin"]["app"]["at"], "abide.toml:9");
    assert_eq!((&one("nice")["value"], &one("nice")["default"]), (&Value::Null, &Value::Bool(true)));
    assert!(house.role("abide-keeper").is_empty(), "nothing was started");
}

#[test]
fn of_an_app_as_the_manager_has_it() {
    let house = house();
    house.abide(["up"]).ok();
    // The file says something else by now.
    house.write("abide.toml", "[apps.web]\ncmd = \"true\"\n");
    let shown = house.abide(["config", "show", "web"]).ok();
    assert_eq!(row(&shown.out, "stop_timeout"), ["stop_timeout", "\"3s\"", "abide.toml:3", "(defaults)"]);
    let all = house.abide(["config", "show", "web", "--reveal", "--toml", "--changed"]).ok().out;
    assert_eq!(all.matches(SECRET).count(), 4, "{all}");
    // What it prints is a file that comes to the same.
    house.write("again.toml", &all);
    let stored = house.abide(["config", "show", "web", "--reveal", "--toml"]).ok().out;
    let loaded = house.abide(["config", "show", "./again.toml", "--reveal", "--toml"]).ok().out;
    assert_eq!(stored, loaded);
    house.abide(["config", "show", "nobody"]).code(1);
    house.abide(["config", "show", "web", "--profile", "fast"]).code(2).says(&["belong to files"]);
}

#[test]
fn the_environment_of_a_slot() {
    let house = house();
    let mut up = house.command(["up"]);
    up.env("LC_PLANT", SECRET);
    e2e::run(up, crate::SOON).ok();
    let shown = house.abide(["env", "web-1"]).ok();
    assert_eq!(row(&shown.out, "INSTANCE_ID"), ["INSTANCE_ID", "1", "manager"]);
    assert_eq!(row(&shown.out, "LC_PLANT"), ["LC_PLANT", "•••", "session"]);
    assert_eq!(row(&shown.out, "FROM_FILE"), ["FROM_FILE", "•••", "web.env:1"]);
    let open = house.abide(["env", "web-1", "--reveal"]).ok();
    assert_eq!(row(&open.out, "KEY")[..2], ["KEY", &format!("{SECRET}-1")]);
    // It is what the life really got.
    let slots: Vec<Value> = house.abide(["list", "--json"]).ok().json();
    let pid = slots.iter().find(|slot| slot["slot"] == "web-1").and_then(|slot| slot["pid"].as_u64()).expect("it runs");
    let real = std::fs::read(format!("/proc/{pid}/environ")).expect("our own process");
    let real: Vec<String> =
        real.split(|b| *b == 0).filter(|v| !v.is_empty()).map(|v| String::from_utf8_lossy(v).into_owned()).collect();
    let told: Value = house.abide(["env", "web-1", "--reveal", "--json"]).ok().json();
    let told = told["variables"].as_array().expect("a list");
    let names = |one: &str| one.split('=').next().unwrap_or_default().to_owned();
    let mut really: Vec<String> = real.iter().map(|one| names(one)).collect();
    really.sort();
    assert_eq!(told.iter().filter_map(|one| one["name"].as_str()).collect::<Vec<_>>(), really);
    for one in told {
        if let (Some(name), Some(value)) = (one["name"].as_str(), one["value"].as_str()) {
            assert!(real.contains(&format!("{name}={value}")), "{name}={value}");
        }
    }
}

/// Row by row of what can be asked without `--reveal`.
#[test]
fn no_secret_without_being_asked_for() {
    let house = house();
    let mut up = house.command(["up"]);
    up.env("LC_PLANT", SECRET);
    e2e::run(up, crate::SOON).ok();
    for args in [
        &["config", "show"][..],
        &["config", "show", "web"],
        &["config", "show", "web", "--json"],
        &["config", "show", "web", "--toml"],
        &["config", "show", "--toml", "--changed"],
        &["env", "web"],
        &["env", "web", "--json"],
        &["status", "web"],
        &["status", "web", "--json"],
        &["events", "--json"],
    ] {
        let done = house.abide(args).ok();
        assert!(!format!("{}{}", done.out, done.err).contains(SECRET), "{args:?}\n{}", done.out);
    }
}

#[test]
fn the_file_and_an_editor_for_it() {
    let house = house();
    let path = house.file("abide.toml");
    assert_eq!(house.abide(["config", "path"]).ok().out.trim_end(), path.to_str().expect("a plain name"));
    house.abide(["config", "path", "nowhere"]).code(3);
    let edit = |editor: &str| {
        let mut command: Command = house.command(["config", "edit"]);
        command.env("EDITOR", editor).env("VISUAL", "");
        e2e::run(command, crate::SOON)
    };
    assert!(edit("true").ok().out.contains("valid, 2 apps; nothing was changed"));
    edit("sed -i s/instances/instancse/").code(3).says(&["did you mean `instances`?", "^^^^^^^^^"]);
    let mended = edit("sed -i s/instancse/instances/").ok();
    assert!(mended.out.contains("valid, 2 apps") && mended.err.contains("abide apply"), "{mended:#?}");
    edit("no-such-editor").code(1).says(&["is not there"]);
    assert!(house.role("abide-keeper").is_empty(), "nothing is applied");
}

#[test]
fn one_slot_and_one_span_of_time() {
    let house = house();
    house.abide(["up", "-q"]).ok();
    let whole = house.abide(["status", "web"]).ok().out;
    assert!(whole.contains("\nweb-0\n") && whole.contains("\nweb-1\n"), "{whole}");
    let id = house.list().into_iter().find(|row| row.slot == "web-1").expect("web-1").id.to_string();
    for asked in ["web-1", id.as_str()] {
        let one = house.abide(["status", asked]).ok().out;
        assert!(one.contains("\nweb-1\n") && !one.contains("web-0"), "{asked}: {one}");
    }
    let json: Value = house.abide(["status", "web-1", "--json"]).ok().json();
    assert_eq!(json["slots"].as_array().map(Vec::len), Some(2), "programs get the app whole");

    let lines = |since: &str| house.abide(["events", "web", "--since", since]).ok().out.lines().count();
    assert!(lines("1h") > 2 && lines("1h") == lines("0"), "{} {}", lines("1h"), lines("0"));
    assert_eq!(lines("2126-01-01"), 0);
    house.abide(["events", "--since", "soon"]).code(2).says(&["`soon` is no time", "10m"]);
}
