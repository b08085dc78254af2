//! Against the table of keys, and by example.

use crate::support::World;
use config::{Scope, differences, effective, known_keys};
use model::{AppName, AppSpec, DaemonSettings, Origin};
use std::collections::BTreeSet;

/// Everything at once, in several apps, because some keys exclude each other.
const ALL: &str = r#"
name = "shop"

[defaults]
watch = { debounce = "1s" }

[profiles.prod]
stop_timeout = "20s"

[apps.a]
cmd = ["node", "my server.js"]
cwd = "/srv"
env = { TOKEN = "hunter2", PORT = "{{slot}}", MONEY = "$${x}" }
max_restarts = 3
user = "www"
group = "web"
groups = []
umask = "027"
nice = 5
oom_score_adj = 100
limits = { nofile = 1024, nproc = 1, core = "1M", memlock = 1, stack = 1, as = 1, fsize = 1, cpu = { soft = 1, hard = "unlimited" } }
depends_on = { d = { condition = "started", required = false } }
ready = { http = "http://127.0.0.1/r", status = [200, "300-399"], headers = { Key = "hunter2" }, body = "ok" }
healthcheck = { http = "http://127.0.0.1/h", status = ["2xx"], headers = { Key = "hunter2" }, body = "ok", failures = 4 }
schedule = { cron = "0 3 * * *", timezone = "UTC" }
watch = ["src"]
out_file = "o.log"
err_file = "e.log"
labels = { tier = "web" }
description = "the shop"
inherit_env = ["LC_*"]
profile = "prod"

[apps.a.hooks]
pre_start = "./x"
on_ready = "./x"
on_errored = "./x"
on_unhealthy = "./x"
on_stop = "./x"
post_stop = "./x"
on_crash = { webhook = "https://h/hunter2", secret_file = "key" }

on_switch = "./x"

[apps.b]
cmd = "x"
instances = 2
port = "auto"
listen = ["tcp://127.0.0.1:80", { address = "udp://*:53", name = "dns" }]
sticky = "source-ip"
instance_var = "SLOT"
reload = "socket"
reload_signal = "USR1"
drain = "5s"
soak = "1s"
max_parallel = 2
ready = { tcp = 1 }
healthcheck = { tcp = 1 }
schedule = { every = "1h" }

[apps.c]
cmd = "x"
ready = { exec = "true" }
healthcheck = { exec = "true" }

[apps.d]
cmd = "x"
ready = { log = "up" }
healthcheck = { log_silence = "1m" }
[apps.e]
cmd = "x"
ready = { notify = true }
watchdog = "1s"
[apps.f]
cmd = "x"
ready = { fd = 3 }
[apps.g]
cmd = "x"
ready = { node_ipc = true }
[apps.h]
cmd = "x"
ready = { after = "1s" }
"#;

/// Spellings of other keys, and keys that come to them.
const FOLDED: [&str; 6] = ["args", "shell", "env_file", "soft", "hard", "profiles"];

fn apps() -> Vec<AppSpec> {
    World::default().load(ALL).unwrap_or_else(|wrong| panic!("{wrong}")).apps
}

fn app() -> AppSpec {
    apps().remove(0)
}

fn plain() -> AppSpec {
    AppSpec::new(AppName::new("a").expect("a name"), vec!["x".into()], "/srv".into())
}

/// The name of a key's table, for keys inside an app.
fn table(scope: Scope) -> Option<&'static str> {
    Some(match scope {
        Scope::App => "",
        Scope::Backoff => "backoff.",
        Scope::Ready => "ready.",
        Scope::Health => "healthcheck.",
        Scope::Limits => "limits.",
        Scope::Schedule => "schedule.",
        Scope::Watch => "watch.",
        Scope::Hooks => "hooks.",
        _ => return None,
    })
}

#[test]
fn every_key_is_shown() {
    let apps = apps();
    let shown: BTreeSet<String> = apps.iter().flat_map(effective).map(|row| row.key).collect();
    let under = |key: &str| shown.iter().any(|one| one == key || one.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')));
    for key in known_keys().filter(|key| !FOLDED.contains(&key.name) && !key.name.starts_with("health_")) {
        if let Some(table) = table(key.scope) {
            assert!(under(&format!("{table}{}", key.name)), "{table}{}", key.name);
        }
    }
}

/// The documented default of a key is the one that holds.
#[test]
fn defaults_are_as_documented() {
    let spec = plain();
    for row in effective(&spec).iter().filter(|row| row.key != "cmd" && row.key != "cwd") {
        assert!(row.is_default, "{row:?}");
        let (table, name) = row.key.split_once('.').unwrap_or(("", &row.key));
        let key = known_keys()
            .find(|key| key.name == name && matches!((table, key.scope), ("", Scope::App) | ("backoff", Scope::Backoff)));
        let (Some(key), Some(value)) = (key, &row.value) else { continue };
        let (value, default) = (value.to_string(), key.default.trim_matches('"'));
        let value = value.trim_matches('"');
        let same_span = || Some(model::parse_span(value).ok()? == model::parse_span(default).ok()?);
        let absent = default == "none" && matches!(value, "none" | "[]");
        assert!(value == default || same_span() == Some(true) || absent, "{}: {value}, documented as {default}", row.key);
    }
}

#[test]
fn in_the_order_of_the_documentation() {
    let spec = app();
    let places: Vec<usize> = effective(&spec)
        .iter()
        .filter_map(|row| {
            let first = row.key.split('.').next()?;
            known_keys().filter(|key| key.scope == Scope::App).position(|key| key.name == first)
        })
        .collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn values_and_where_they_came_from() {
    let spec = app();
    let rows: String = effective(&spec)
        .iter()
        .filter(|row| !row.is_default || row.key == "stop_timeout" || row.key == "watch.debounce")
        .map(|row| {
            let value = row.value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            let from = row.origin.map_or("default", |origin| match origin {
                Origin::App { at } | Origin::Defaults { at } | Origin::Profile { at } => at,
                Origin::Flag => "flag",
            });
            format!("{} = {value}  ({from})\n", row.key)
        })
        .collect();
    insta::assert_snapshot!(rows);
}

#[test]
fn no_secret_is_shown_of_what_is_masked() {
    let spec = app();
    assert!(format!("{:?}", effective(&spec)).contains("hunter2"));
    let masked = spec.masked();
    assert!(!format!("{:?}", effective(&masked)).contains("hunter2"));
    let mut other = spec.clone();
    other.env.insert("TOKEN".into(), "hunter2 the second".into());
    other.env.remove("PORT");
    other.hooks = World::default().lines("hooks = { on_crash = { webhook = \"https://h/hunter3\" } }").hooks;
    let told = differences(&spec, &other);
    let text = format!("{told:#?}");
    assert!(!text.contains("hunter"), "{text}");
    let one = |key: &str| told.iter().find(|one| one.key == key).map(|one| (one.from.as_deref(), one.to.as_deref()));
    assert_eq!(one("env.TOKEN"), Some((Some("•••"), Some("•••"))));
    assert_eq!(one("env.PORT"), Some((Some("•••"), None)));
    assert_eq!(
        one("hooks.on_crash"),
        Some((Some(r#"{ webhook = "https://h/•••", secret_file = "/srv/shop/key" }"#), Some(r#"{ webhook = "https://h/•••" }"#)))
    );
    assert_eq!(one("hooks.pre_start"), Some((Some(r#"["/srv/x"]"#), None)));
}

#[test]
fn differences_stand_in_order_and_say_both_sides() {
    let one = World::default().lines("stop_timeout = \"5s\"\nwatch = true\ndepends_on = [\"b\", \"c\"]\nbackoff.min = \"1s\"");
    let other = World::default().lines("instances = 2\ndepends_on = [\"c\", \"d\"]\nmax_restarts = 3\nhealthcheck.tcp = 80");
    let told: String = differences(&one, &other)
        .iter()
        .map(|one| format!("{}: {} -> {}\n", one.key, one.from.as_deref().unwrap_or("-"), one.to.as_deref().unwrap_or("-")))
        .collect();
    insta::assert_snapshot!(told);
    let turned = World::default().lines("depends_on = [\"c\", \"b\"]");
    let told = differences(&World::default().lines("depends_on = [\"b\", \"c\"]"), &turned);
    assert_eq!((told.len(), told[0].from.as_deref(), told[0].to.as_deref()), (1, Some(r#"["b", "c"]"#), Some(r#"["c", "b"]"#)));
}

#[test]
fn differences_of_the_manager_s_own_settings() {
    let one = DaemonSettings { log_max_files: Some(5), ..DaemonSettings::default() };
    assert_eq!(config::setting_differences(&DaemonSettings::default(), &one), vec![], "it was the default before");
    let other = DaemonSettings { log_max_age: Some(std::time::Duration::ZERO), log_compress: Some(false), ..one };
    let told = config::setting_differences(&DaemonSettings::default(), &other);
    let told: Vec<_> = told.iter().map(|one| (one.key.as_str(), one.from.as_deref(), one.to.as_deref())).collect();
    assert_eq!(
        told,
        [("daemon.log_max_age", Some("\"14d\""), Some("\"none\"")), ("daemon.log_compress", Some("\"gzip\""), Some("\"none\""))]
    );
}

/// Several apps in one file share their group.
#[test]
fn a_file_of_several_apps() {
    let text = "[apps.a]\ncmd = \"x\"\n[apps.b]\ncmd = \"y\"\n[apps.c]\ncmd = \"z\"\n[groups.g]\napps = [\"a\", \"c\"]\nstrategy = \"rest\"";
    for text in [text, "name = \"my shop\"\n[apps.a]\ncmd = \"x\"\n[apps.b]\ncmd = \"y\"\non_exit = \"stop-group\""] {
        let bare = |text: &str| -> Vec<AppSpec> {
            let apps = World::default().load(text).unwrap_or_else(|wrong| panic!("{text}\n{wrong}")).apps;
            apps.into_iter().map(|app| AppSpec { origins: Default::default(), ..app }).collect()
        };
        let apps = bare(text);
        assert_eq!(bare(&config::to_toml(&apps, config::Detail::Changed)), apps);
    }
}

#[test]
fn what_holds_where_nothing_is_set() {
    let spec = World::default().lines("ready.http = \"http://127.0.0.1/\"");
    let rows = effective(&spec);
    let of = |key: &str| rows.iter().find(|row| row.key == key).filter(|row| row.value.is_none()).map(|row| row.otherwise());
    for (key, words) in [
        ("user", "the manager's"),
        ("limits.nofile", "65536, or the hard limit if less"),
        ("ready.status", "200-399"),
        ("out_file", "below the home"),
        ("hooks.on_ready", "none"),
    ] {
        assert_eq!(of(key), Some(words), "{key}");
    }
}
