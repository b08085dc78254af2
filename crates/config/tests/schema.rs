//! Parser and schema say the same of every key, as far as a schema can: what it refuses is refused. What only the parser refuses: see the
//! head of `src/schema.rs`.

mod support;

use config::{Bare, KeyDoc, Names, Scope, Shape, Text, Unit, known_keys};
use proptest::prelude::*;
use support::World;
use support::schema::{json, of, refusals};
use toml::{Table, Value};

fn text(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

fn table(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Table(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Values that a key of this shape can hold: every choice, both bounds, every unit.
fn good(shape: &'static Shape) -> Vec<Value> {
    let texts = |all: &[&str]| all.iter().map(|one| text(*one)).collect::<Vec<_>>();
    match shape {
        Shape::Bool => vec![true.into(), false.into(), text("${YES}")],
        Shape::Int { least, most } if least == most => vec![(*least).into()],
        Shape::Int { least, most } => vec![(*least).into(), (*most).into(), text(format!("${{N:-{least}}}"))],
        Shape::Number { least } => vec![i64::from(*least).into(), (f64::from(*least) + 0.5).into()],
        Shape::Percent => vec![1.into(), 0.5.into(), 1_000_000.into(), text("50%"), text(" 1.5 %")],
        Shape::Span { bare, .. } => {
            let mut all = texts(&[
                "100ms", "1s", "2sec", "3secs", "4m", "5min", "6h", "7d", "1.5s", "1h30m", " 1h 30m ", "36600d", "${SPAN}",
            ]);
            match bare {
                Bare::Refused => {}
                Bare::Seconds => all.extend([30.into(), text("30")]),
                Bare::Millis => all.push(120_000.into()),
            }
            all
        }
        Shape::Size { least } => {
            let least = i64::try_from(*least).expect("small");
            let mut all = texts(&["512K", "20M", "1.5G", "1t", "100KiB", "64kb", " 1 GiB ", "70000", "70000b"]);
            all.extend([least.into(), i64::MAX.into()]);
            all
        }
        Shape::Instances => {
            let mut all = texts(&["cpu", "max", "cpu-1", "cpu / 2", "3", "${N:-2}"]);
            all.extend([0.into(), 1000.into()]);
            all
        }
        Shape::Signal => {
            let mut all: Vec<Value> = (1..=64).map(Value::Integer).collect();
            all.extend((1..=31).map(|n| text(model::Signal::from_number(n).expect("one").to_string())));
            all.extend(texts(&["term", "SigHup", "USR1", "9", "SIGRTMIN+3", "rtmax", "POLL", "sig9"]));
            all
        }
        Shape::Octal => vec![text("027"), text("0o777"), text("0"), 7.into(), 0.into()],
        Shape::Text(kind) => texts(sample(*kind)),
        Shape::Choice(words) => words.iter().flat_map(|word| [text(*word), text(word.replace('-', "_"))]).collect(),
        Shape::Fixed(word) => vec![text(*word)],
        Shape::List { of, least } => {
            let all = good(of);
            let mut lists = vec![Value::Array(all.iter().take(1).cloned().collect()), Value::Array(all)];
            if *least == 0 {
                lists.push(Value::Array(Vec::new()));
            }
            lists
        }
        Shape::Map { names, of } => {
            let name = match names {
                Names::Apps => "b.c-D_1",
                Names::Variables => "A b",
                Names::Headers => "X-Y",
            };
            good(of).into_iter().map(|value| table([(name, value)])).collect()
        }
        Shape::Table(scope) => vec![minimal(*scope)],
        Shape::Apps => {
            let named = table([("cmd", text("x")), ("name", text("a"))]);
            vec![table([("a", named.clone())]), Value::Array(vec![named])]
        }
        Shape::Either(all) => all.iter().flat_map(good).collect(),
    }
}

fn sample(kind: Text) -> &'static [&'static str] {
    match kind {
        Text::Any => &["anything", "${NAME:-x}"],
        Text::Command => &["node server.js", "a 'b c'"],
        Text::Word => &["x", ""],
        Text::Program => &["bash", "./my-shell"],
        Text::Path => &["x/y", "/abs", "~/z", "x?"],
        Text::Glob => &["*.log", "!keep"],
        Text::Http => &["http://127.0.0.1:3000/health", "HTTP://h:300{{slot}}"],
        Text::Url => &["https://hooks.example.com/x", "http://127.0.0.1:1/"],
        Text::Address => &["127.0.0.1:5432", "[::1]:80", "5432", "h:300{{slot}}"],
        Text::Statuses => &["2xx", "3XX", "200-299", "404"],
        Text::Regex => &["^ready$"],
        Text::Cron => &["0 3 * * *", "@daily", "*/5 0 3 * * MON"],
        Text::Zone => &["Europe/Berlin", "UTC"],
        Text::Account => &["www-data", "0", "${USER:-x}"],
        Text::App => &["b"],
        Text::Namespace => &["shop.v1", "0"],
    }
}

/// Values just outside, and of wrong types.
fn outside(shape: &'static Shape) -> Vec<Value> {
    match shape {
        Shape::Int { least, most } => {
            [least.checked_sub(1), most.checked_add(1)].into_iter().flatten().map(Value::Integer).chain([0.5.into()]).collect()
        }
        Shape::Number { least } => vec![(i64::from(*least) - 1).into(), (f64::from(*least) - 0.1).into(), text("2")],
        Shape::Percent => vec![0.into(), 1_000_001.into(), text("50"), text("%")],
        Shape::Span { bare, .. } => {
            let mut all = vec![text("10"), text("1 s"), text("1x"), text("-1s"), text(""), 1.5.into(), (-1).into()];
            if *bare == Bare::Refused {
                all.push(10.into());
            } else {
                all.retain(|one| *one != text("10") || *bare == Bare::Millis);
            }
            all
        }
        Shape::Size { least } => {
            vec![(i64::try_from(*least).expect("small") - 1).into(), text("1X"), text("M"), text("-1M"), text(""), 1.5.into()]
        }
        Shape::Instances => vec![(-1).into(), 1001.into(), text("cpus"), text("cpu*2"), 1.5.into()],
        Shape::Signal => vec![0.into(), 65.into(), text("SIGTREM"), text("65"), text("SIG"), text("")],
        Shape::Octal => vec![text("028"), text("1000"), text("x"), 512.into()],
        Shape::Choice(words) => words.iter().map(|word| text(format!("{word}x"))).chain([text(""), text("${")]).collect(),
        Shape::List { of, least } => {
            let inner = outside(of).into_iter().map(|value| Value::Array(vec![value]));
            inner.chain((*least > 0).then(|| Value::Array(Vec::new()))).collect()
        }
        Shape::Map { of, .. } => {
            outside(of).into_iter().map(|value| table([("b", value)])).chain([table([("", text("x"))])]).collect()
        }
        Shape::Table(_) => vec![table([("no_such_key", 1.into())])],
        Shape::Text(Text::App) => vec![text("-rf"), text("a b"), text("all"), text("42"), text(""), text("x".repeat(65))],
        Shape::Text(Text::Namespace) => vec![text("-x"), text("a b"), text(""), text("x".repeat(65))],
        Shape::Text(Text::Http) => vec![text("https://x"), text("127.0.0.1"), text("")],
        Shape::Text(Text::Url) => vec![text("ftp://x"), text("")],
        Shape::Text(Text::Statuses) => vec![text("6xx"), text("2x"), text("200-"), text("99")],
        Shape::Text(Text::Zone) => vec![text("Europe Berlin"), text("")],
        Shape::Text(Text::Account) => vec![text("-x"), text("a:b"), text("")],
        Shape::Text(Text::Program) => vec![text("bash -l"), text("")],
        Shape::Text(Text::Word) | Shape::Bool | Shape::Fixed(_) => Vec::new(),
        Shape::Text(_) => vec![text("")],
        Shape::Apps => vec![Value::Array(vec![table([("cmd", text("x"))])]), table([("-x", table([("cmd", text("x"))]))])],
        // What one of them refuses another may take.
        Shape::Either(all) => all.iter().flat_map(outside).filter(|value| !all.iter().any(|one| takes(one, value))).collect(),
    }
}

/// Whether a shape may take a value that another of its key refuses.
fn takes(shape: &'static Shape, value: &Value) -> bool {
    match (shape, value) {
        (
            Shape::Text(Text::Account | Text::Path | Text::Command | Text::Glob | Text::Address | Text::Cron),
            Value::String(text),
        ) => !text.is_empty(),
        (Shape::Text(Text::Program), Value::String(text)) => !text.is_empty() && !text.contains(' '),
        (Shape::Text(Text::Statuses), Value::String(text)) => text == "404",
        (Shape::Fixed(word), Value::String(text)) => word == text,
        (Shape::Size { .. }, Value::Integer(number)) => *number >= 0,
        (Shape::Map { .. } | Shape::Table(_), Value::Table(table)) => table.is_empty(),
        _ => false,
    }
}

/// The least table of a scope that can be used.
fn minimal(scope: Scope) -> Value {
    match scope {
        Scope::Ready => table([("after", text("1s"))]),
        Scope::Health => table([("tcp", 80.into())]),
        Scope::Schedule => table([("cron", text("@daily"))]),
        Scope::Webhook => table([("webhook", text("https://hooks.example.com/x"))]),
        Scope::Rlimit => table([("soft", 0.into()), ("hard", text("unlimited"))]),
        Scope::Group => table([("apps", Value::Array(vec![text("a")]))]),
        _ => Value::Table(Table::new()),
    }
}

/// Keys without which this one makes no sense, as lines of TOML for the app, and for its own table.
fn beside(key: &KeyDoc) -> (&'static str, &'static str) {
    match (key.scope, key.name) {
        (Scope::App, "watchdog") => ("ready = { notify = true }", ""),
        (Scope::App, "health_http" | "health_cmd" | "health_tcp") => ("", ""),
        (Scope::App, name) if name.starts_with("health_") => ("health_tcp = 80", ""),
        (Scope::Backoff, "min") => ("", "max = '36600d'"),
        (Scope::Backoff, "max") => ("", "min = '0s'"),
        (Scope::Ready | Scope::Health, "status" | "headers" | "body") => ("", "http = 'http://127.0.0.1/'"),
        (Scope::Ready, "notify" | "node_ipc") => ("", ""),
        (Scope::Health, "http" | "tcp" | "exec" | "log_silence") => ("", ""),
        (Scope::Health, _) => ("", "tcp = 80"),
        (Scope::Schedule, "cron" | "every") => ("", ""),
        (Scope::Schedule, _) => ("", "cron = '@daily'"),
        (Scope::Rlimit, "soft") => ("", "hard = 'unlimited'"),
        (Scope::Rlimit, _) => ("", "soft = 0"),
        (Scope::Webhook, "secret_file") => ("", "webhook = 'https://h.example.com/'"),
        (Scope::Group, "strategy") => ("", "apps = ['a']"),
        _ => ("", ""),
    }
}

/// A file in which one key has this value.
fn file(key: &KeyDoc, spelling: &str, value: Value) -> String {
    let (app, own) = beside(key);
    let mut inner: Table = own.parse().expect("lines");
    inner.insert(spelling.to_owned(), value);
    let mut app: Table = format!("cmd = 'x'\n{app}").parse().expect("lines");
    let mut root = Table::new();
    let within = |name: &'static str, inner: Table| table([(name, Value::Table(inner))]);
    let mut put = |name: &str, value: Value| drop(app.insert(name.to_owned(), value));
    match key.scope {
        Scope::Top => drop(root.extend(inner.clone())),
        Scope::App => {
            if key.name == "cmd" {
                put(spelling, inner[spelling].clone());
                if spelling != "cmd" {
                    app.remove("cmd");
                }
            } else {
                put(spelling, inner[spelling].clone());
            }
        }
        Scope::Daemon => drop(root.insert("daemon".into(), inner.into())),
        Scope::Group => drop(root.insert("groups".into(), within("g", inner))),
        Scope::Backoff => put("backoff", inner.into()),
        Scope::Dependency => put("depends_on", within("b", inner)),
        Scope::Ready => put("ready", inner.into()),
        Scope::Health => put("healthcheck", inner.into()),
        Scope::Limits => put("limits", inner.into()),
        Scope::Rlimit => put("limits", within("core", inner)),
        Scope::Schedule => put("schedule", inner.into()),
        Scope::Watch => put("watch", inner.into()),
        Scope::Hooks => put("hooks", inner.into()),
        Scope::Webhook => put("hooks", within("on_stop", inner)),
    }
    if !root.contains_key("apps") {
        let other = table([("cmd", text("y"))]);
        root.insert("apps".into(), table([("a", app.into()), ("b", other)]));
    }
    toml::to_string(&root).expect("TOML")
}

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
    for key in known_keys() {
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
        "[apps.a]\ncmd = 'x'\nlisten = ['tcp://127.0.0.1:80']",
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
[apps.b]
cmd = "y"
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
    ]);
    let leaf = prop_oneof![
        words.prop_map(text),
        any::<i64>().prop_map(Value::Integer),
        (-3..2000i64).prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
        (-2.0..300.0f64).prop_map(Value::Float),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        let keys =
            prop::sample::select(vec!["min", "http", "tcp", "soft", "hard", "webhook", "url", "cron", "apps", "a", "condition"]);
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
    fn no_file_that_loads_is_refused(changes in prop::collection::vec((0..120usize, anything()), 1..3)) {
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
