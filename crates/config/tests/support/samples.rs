//! Values for every key: what it can hold, and what is just outside.

use config::{Bare, KeyDoc, Names, Scope, Shape, Text};
use toml::{Table, Value};

pub fn text(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

pub fn table(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Table(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Values that a key of this shape can hold: every choice, both bounds, every unit.
pub fn good(shape: &'static Shape) -> Vec<Value> {
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
                Names::Labels => "example.com/tier",
                Names::Profiles => "2",
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

pub fn sample(kind: Text) -> &'static [&'static str] {
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
        Text::Port => &["3000", "3000-3003", "auto", "auto:5000-5100", " 3000 ", "${N:-auto}"],
        Text::Listen => &["tcp://127.0.0.1:81", "udp://*:53", "tcp://[::1]:82", "unix:x.sock", "${AT:-tcp://localhost:83}"],
        Text::Variable => &["SLOT", "_x1", "INSTANCE_ID"],
    }
}

/// Values just outside, and of wrong types.
pub fn outside(shape: &'static Shape) -> Vec<Value> {
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
        Shape::Text(Text::Port) => vec![text(""), text("x"), text("1-"), text("-1"), text("auto:5"), text("auto5")],
        Shape::Text(Text::Listen) => vec![text(""), text("80"), text("http://127.0.0.1:80"), text("tcp://"), text("unix:")],
        Shape::Text(Text::Variable) => vec![text(""), text("1A"), text("A=B"), text("A B")],
        Shape::Text(Text::Word) | Shape::Bool | Shape::Fixed(_) => Vec::new(),
        Shape::Text(_) => vec![text("")],
        Shape::Apps => vec![Value::Array(vec![table([("cmd", text("x"))])]), table([("-x", table([("cmd", text("x"))]))])],
        // What one of them refuses another may take.
        Shape::Either(all) => all.iter().flat_map(outside).filter(|value| !all.iter().any(|one| takes(one, value))).collect(),
    }
}

/// Whether a shape may take a value that another of its key refuses.
pub fn takes(shape: &'static Shape, value: &Value) -> bool {
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
pub fn minimal(scope: Scope) -> Value {
    match scope {
        Scope::Ready => table([("after", text("1s"))]),
        Scope::Health => table([("tcp", 80.into())]),
        Scope::Schedule => table([("cron", text("@daily"))]),
        Scope::Webhook => table([("webhook", text("https://hooks.example.com/x"))]),
        Scope::Rlimit => table([("soft", 0.into()), ("hard", text("unlimited"))]),
        Scope::Group => table([("apps", Value::Array(vec![text("a")]))]),
        Scope::Listen => table([("address", text("tcp://127.0.0.1:80"))]),
        _ => Value::Table(Table::new()),
    }
}

/// Keys without which this one makes no sense, as lines of TOML for the app, and for its own table.
pub fn beside(key: &KeyDoc) -> (&'static str, &'static str) {
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
        (Scope::App, "reload") => ("listen = ['tcp://127.0.0.1:80']", ""),
        (Scope::App, "sticky") => ("listen = ['tcp://127.0.0.1:80']\ninstances = 2", ""),
        (Scope::Listen, "address") => ("", ""),
        (Scope::Listen, "mode") => ("", "address = 'unix:x.sock'"),
        (Scope::Listen, _) => ("", "address = 'tcp://127.0.0.1:80'"),
        (Scope::Group, "strategy") => ("", "apps = ['a']"),
        _ => ("", ""),
    }
}

/// A file in which one key has this value.
pub fn file(key: &KeyDoc, spelling: &str, value: Value) -> String {
    let (app, own) = beside(key);
    let mut inner: Table = own.parse().expect("lines");
    inner.insert(spelling.to_owned(), value);
    let mut app: Table = format!("cmd = 'x'\n{app}").parse().expect("lines");
    let mut root = Table::new();
    let within = |name: &'static str, inner: Table| table([(name, Value::Table(inner))]);
    let mut put = |name: &str, value: Value| drop(app.insert(name.to_owned(), value));
    match key.scope {
        Scope::Top => root.extend(inner.clone()),
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
        Scope::Listen => put("listen", inner.into()),
        Scope::Webhook => put("hooks", within("on_stop", inner)),
    }
    if key.name == "profile" {
        let none = || Value::Table(Table::new());
        root.insert("profiles".into(), table([("anything", none()), ("x", none())]));
    }
    if !root.contains_key("apps") {
        let other = table([("cmd", text("y"))]);
        root.insert("apps".into(), table([("a", app.into()), ("b", other)]));
    }
    toml::to_string(&root).expect("TOML")
}
