//! Parser and schema say the same of every key, as far as a schema can: what it refuses is refused. What only the parser refuses: see the
//! head of `src/schema.rs`.

mod support;

use config::{Shape, Unit, known_keys};
use proptest::prelude::*;
use support::World;
use support::samples::{file, good, outside, table, text};
use support::schema::{json, of, refusals};
use toml::Value;

fn world() -> World {
    ["x/y", "/abs", "z"]
        .iter()
        .fold(World::default().var("YES", "true").var("SPAN", "90s"), |world, path| {
            let path = if *path == "z" { "/home/u/z".to_owned() } else { format!("/srv/shop/{}", path.trim_start_matches('/')) };
            world.file(&path, "A=1")
        })
        .file("/abs", "A=1")
}

#[test]
fn what_a_key_can_hold_loads_in_every_spelling() {
    let mut wrong = String::new();
    // What `include` names has to be there and to be a configuration: tests of its own.
    for key in known_keys().filter(|key| key.name != "include") {
        for value in good(&key.shape) {
            // These say nothing of how it is ready, and a file is rotated once a second at most.
            let alone = matches!(key.name, "notify" | "node_ipc") && value == Value::Boolean(false);
            if alone || key.name == "log_rotate_every" && value == text("100ms") {
                continue;
            }
            for spelling in std::iter::once(&key.name).chain(key.aliases) {
                let text = file(key, spelling, value.clone());
                wrong.extend(world().load(&text).err().map(|said| format!("{text}\n{said}\n")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn units_behind_a_key() {
    for key in known_keys().filter(|key| key.unit() != Unit::None) {
        let leaf = key.shape.alternatives().iter();
        let least = leaf.map(|one| match one {
            Shape::Span { least_ms, .. } => *least_ms,
            Shape::Size { least } => *least,
            _ => 0,
        });
        let least = least.max().expect("one");
        let century = 36_600 * 86_400_i64;
        let bounds = match key.unit() {
            Unit::Span => vec![("_ms", least, century * 1000), ("_secs", least.div_ceil(1000), century)],
            _ => vec![("_mb", least.div_ceil(1 << 20), i64::MAX >> 20)],
        };
        for (ending, least, most) in bounds {
            let least = i64::try_from(least).expect("small");
            for name in std::iter::once(&key.name).chain(key.aliases) {
                let spelling = format!("{name}{ending}");
                // Files are rotated once a second at most, and nought is never: that is no interval.
                for number in [least.max(if *name == "log_rotate_every" { 1000 } else { 0 }), most] {
                    let text = file(key, &spelling, number.into());
                    world().load(&text).unwrap_or_else(|wrong| panic!("{text}\n{wrong}"));
                }
                for value in [(least - 1).into(), (most + 1).into(), text("10s"), 0.5.into()] {
                    both_refuse(&file(key, &spelling, value));
                }
            }
        }
    }
}

fn both_refuse(text: &str) {
    assert_eq!(taken(text), "");
}

/// Who takes a file.
fn taken(text: &str) -> String {
    match (refusals(&json(text)).is_empty(), world().load(text).is_ok()) {
        (false, false) => String::new(),
        (true, false) => format!("the schema takes it:\n{text}\n"),
        (_, true) => format!("it loads:\n{text}\n"),
    }
}

#[test]
fn what_a_key_cannot_hold_is_refused_by_both() {
    let all = known_keys().flat_map(|key| outside(&key.shape).into_iter().map(move |value| file(key, key.name, value)));
    let wrong: String = all.map(|text| taken(&text)).collect();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn wrong_files_are_refused_by_both() {
    for wrong in [
        "version = 2",
        "wersion = 1",
        "apps = 5",
        "[apps.all]\ncmd = 'x'",
        "[apps.42]\ncmd = 'x'",
        "[apps.'a b']\ncmd = 'x'",
        "[apps.a]\ncmd = 'x'\nlisten = ['127.0.0.1:80']",
        "[apps.a]\ncmd = 'x'\nlisten = [{ name = 'web' }]",
        "[apps.a]\ncmd = 'x'\nimage = 'x'",
        "[[apps]]\ncmd = 'x'",
        "[groups.g]\nstrategy = 'one'",
        "[groups.'-']\napps = []",
        "[daemon]\nhttp = '127.0.0.1:80'",
        "[defaults]\nname = 'x'",
        "[apps.a]\ncmd = 'x'\nlimits = { core = { soft = 1 } }",
        "[apps.a]\ncmd = 'x'\nhooks = { on_stop = { secret_file = 'x' } }",
        "[apps.a]\ncmd = 'x'\nstop_timeout_mb = 5",
        "[apps.a]\ncmd = 'x'\nenv = { 'A=B' = 'c' }",
        "'$schema' = 5",
        "[profiles.none]\nrestart = 'never'",
        "[profiles.p]\nprofiles = {}",
        "[defaults.profiles.p]\nrestart = 'never'",
        "[apps.a]\ncmd = 'x'\nlabels = { '-x' = 'y' }",
    ] {
        both_refuse(wrong);
    }
}

#[test]
fn the_address_of_a_schema_changes_nothing() {
    let loaded = World::default().load("'$schema' = './abide.schema.json'\n[apps.a]\ncmd = 'x'").expect("good");
    assert_eq!(loaded.apps.len(), 1);
}

/// A file with every kind of key.
const WHOLE: &str = r#"
version = 1
name = "shop"
[defaults]
restart = "on-failure"
env = { A = "1", B = 2, C = true }
[daemon]
log_max_size = "1G"
[groups.g]
apps = ["a", "b"]
strategy = "all"
[apps.a]
cmd = ["x", "y", 1]
shell = true
instances = "cpu/2"
stop_signal = "TERM"
stop_timeout_ms = 500
backoff = { min = "1s", factor = 1.5, window = 1000 }
ready = { http = "http://127.0.0.1/", status = ["2xx", 304], headers = { X = "y" } }
healthcheck = { tcp = 80, interval = "5s", failures = 2 }
limits = { nofile = 100, core = { soft = 1, hard = "unlimited" } }
max_memory = "100M"
max_cpu = "50%"
success_exit_codes = [0, 143]
depends_on = { b = { condition = "started", required = false } }
schedule = { every = "10m", overlap = "skip" }
watch = { paths = ["src"], debounce_ms = 100 }
hooks = { on_crash = "tell", on_stop = { webhook = "https://x.example.com/" } }
user = 1000
umask = "027"
port = "4000-4010"
listen = ["tcp://127.0.0.1:80", { address = "unix:x.sock", mode = "660", name = "x" }]
instance_var = "SLOT"
reload = "socket"
soak = "1s"
max_parallel = 2
[apps.b]
cmd = "y"
port = 3000
listen = { address = "tcp://127.0.0.1:81", backlog = 5, reuse_port = true }
reload = "bluegreen"
health_cmd = "true"
watch = true
schedule = "@daily"
log_max_age = "none"
"#;

/// Every value of a tree, by the number of steps to it.
fn nth<'v>(value: &'v mut Value, at: &mut usize) -> Option<&'v mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Array(list) => list.iter_mut().find_map(|one| nth(one, at)),
        Value::Table(table) => table.iter_mut().find_map(|(_, one)| nth(one, at)),
        _ => None,
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "",
        "none",
        "true",
        "all",
        "x",
        "5",
        "10s",
        "-1s",
        "1.5G",
        "50%",
        "cpu",
        "TERM",
        "2xx",
        "a b",
        "${A:-1}",
        "${NO}",
        "$$",
        "{{slot}}",
        "http://x/",
        "https://x/",
        "@daily",
        "027",
        "on_failure",
        "completed-ok",
        "unlimited",
        "~x/y",
        "+5",
        "1e3%",
        ".5h",
        "0x1",
        "auto",
        "1-2",
        "tcp://*:80",
        "udp://*:80",
        "unix:y",
    ]);
    let leaf = prop_oneof![
        words.prop_map(text),
        any::<i64>().prop_map(Value::Integer),
        (-3..2000i64).prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
        (-2.0..300.0f64).prop_map(Value::Float),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        let keys = prop::sample::select(vec![
            "min",
            "http",
            "tcp",
            "soft",
            "hard",
            "webhook",
            "url",
            "cron",
            "apps",
            "a",
            "condition",
            "address",
            "mode",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::vec((keys, inner), 0..3).prop_map(table),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// What the schema refuses the parser refuses. (`World::load` checks it.)
    #[test]
    fn no_file_that_loads_is_refused(changes in prop::collection::vec((0..150usize, anything()), 1..3)) {
        let mut file = Value::Table(WHOLE.parse().expect("TOML"));
        for (at, change) in changes {
            let mut at = at + 1;
            if let Some(place) = nth(&mut file, &mut at) {
                *place = change;
            }
        }
        if let Ok(text) = toml::to_string(&file) {
            let _ = World::default().var("A", "2").load(&text);
        }
    }

    /// One key with anything in it.
    #[test]
    fn no_value_that_loads_is_refused(key in 0..known_keys().count(), value in anything()) {
        let key = known_keys().nth(key).expect("one");
        let _ = World::default().load(&file(key, key.name, value.clone()));
        let _ = of(value);
    }
}

#[test]
fn the_whole_loads() {
    World::default().load(WHOLE).unwrap_or_else(|wrong| panic!("{wrong}"));
}
