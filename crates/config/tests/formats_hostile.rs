//! The three parsers: whatever they are given, they answer, and the same thing said three ways is the same.

mod support;

use config::{Format, Options};
use model::{AppSpec, Origin};
use proptest::prelude::*;
use std::path::Path;
use std::time::Instant;
use support::World;

const FORMATS: [Format; 3] = [Format::Toml, Format::Yaml, Format::Json];

fn load(text: &str, format: Format) -> Result<config::Loaded, config::Diagnostics> {
    let options = Options { format: Some(format), ..Options::default() };
    config::load(Path::new("/srv/shop/file"), text, &options, &World::default().var("A", "a"))
}

/// A value that every format can say.
#[derive(Debug, Clone)]
enum Tree {
    Text(String),
    Int(i64),
    Float(String),
    Bool(bool),
    List(Vec<Tree>),
    Table(Vec<(String, Tree)>),
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii_graphic() || c == ' ' => out.push(c),
            c if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

impl Tree {
    fn scalar(&self) -> Option<String> {
        Some(match self {
            Tree::Text(text) => quoted(text),
            Tree::Int(number) => number.to_string(),
            Tree::Float(number) => number.clone(),
            Tree::Bool(is) => is.to_string(),
            Tree::List(_) | Tree::Table(_) => return None,
        })
    }

    /// In one line, with this between a key and its value.
    fn inline(&self, between: &str) -> String {
        match self {
            Tree::List(items) => format!("[{}]", items.iter().map(|one| one.inline(between)).collect::<Vec<_>>().join(", ")),
            Tree::Table(members) => {
                let member = |(key, value): &(String, Tree)| format!("{}{between}{}", quoted(key), value.inline(between));
                format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
            }
            other => other.scalar().unwrap_or_default(),
        }
    }

    /// In indented lines; a text stands without quotes where it may.
    fn block(&self, indent: usize) -> String {
        let pad = " ".repeat(indent);
        match self {
            Tree::Table(members) if !members.is_empty() => {
                let member = |(key, value): &(String, Tree)| format!("\n{pad}{}:{}", plain(key), value.block(indent + 2));
                members.iter().map(member).collect()
            }
            Tree::List(items) if !items.is_empty() => {
                items.iter().map(|one| format!("\n{pad}-{}", one.block(indent + 2))).collect()
            }
            Tree::Text(text) => format!(" {}", plain(text)),
            other => format!(" {}", other.inline(": ")),
        }
    }
}

fn plain(text: &str) -> String {
    let word = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let taken = ["true", "false", "null"].contains(&text);
    if word && !taken { text.to_owned() } else { quoted(text) }
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9./-]{0,9}",
        "[ -#%-z|~äß😀\t]{1,12}",
        "-?0[0-9]{1,3}",
        Just("no".into()),
        Just("true".into()),
        Just("~".into())
    ]
}

fn scalars() -> impl Strategy<Value = Tree> {
    prop_oneof![
        words().prop_map(Tree::Text),
        any::<i64>().prop_map(Tree::Int),
        "-?[1-9][0-9]{0,3}\\.[0-9]{1,3}".prop_map(Tree::Float),
        any::<bool>().prop_map(Tree::Bool),
    ]
}

fn apps() -> impl Strategy<Value = Tree> {
    let args = prop::collection::vec(scalars(), 0..4).prop_map(Tree::List);
    let env = prop::collection::btree_map("[A-Za-z_ .][A-Za-z0-9_ .-]{0,6}", scalars(), 0..4)
        .prop_map(|all| Tree::Table(all.into_iter().collect()));
    let keys = (args, env, 0..9i64, prop::option::of(words()), prop::option::of(0..9i64), any::<bool>());
    let app = keys.prop_map(|(args, env, instances, cwd, status, autostart)| {
        let mut keys = vec![
            ("cmd".to_owned(), Tree::List(vec![Tree::Text("./run it".to_owned()), Tree::Bool(true)])),
            ("args".to_owned(), args),
            ("env".to_owned(), env),
            ("instances".to_owned(), Tree::Int(instances)),
            ("autostart".to_owned(), Tree::Bool(autostart)),
        ];
        keys.extend(cwd.map(|cwd| ("cwd".to_owned(), Tree::Text(format!("/x/{cwd}")))));
        keys.extend(status.map(|status| {
            let list = Tree::List(vec![Tree::Int(200 + status), Tree::Text("3xx".to_owned())]);
            let table = vec![("http".to_owned(), Tree::Text("http://127.0.0.1/".to_owned())), ("status".to_owned(), list)];
            ("healthcheck".to_owned(), Tree::Table(table))
        }));
        Tree::Table(keys)
    });
    prop::collection::btree_map("[a-z][a-z0-9._-]{0,5}x", app, 1..4)
        .prop_map(|apps| Tree::Table(vec![("apps".to_owned(), Tree::Table(apps.into_iter().collect()))]))
}

fn toml(tree: &Tree) -> String {
    let Tree::Table(members) = tree else { return String::new() };
    members.iter().map(|(key, value)| format!("{} = {}\n", quoted(key), value.inline(" = "))).collect()
}

/// Origins name lines, which differ.
fn bare(apps: Vec<AppSpec>) -> Vec<AppSpec> {
    let flat = |app: AppSpec| AppSpec { origins: app.origins.into_keys().map(|key| (key, Origin::Flag)).collect(), ..app };
    apps.into_iter().map(flat).collect()
}

const GOOD: [&str; 3] = [
    "include = []\n[defaults]\nenv = { A = '${A}' }\n[apps.web]\ncmd = \"node x\" # c\ninstances = 2\nready = { log = 'up' }\n",
    "defaults: &d\n  env: {A: '${A}', B: \"x\\n\"}\napps:\n  web: &w\n    cmd: >-\n      node\n      x # c\n    args: [a, *d]\n  api:\n    <<: *w\n    cmd: |\n      y\n    umask: 027\n",
    "{ // c\n  \"defaults\": { \"env\": { \"A\": \"${A}\" } },\n  \"apps\": { \"web\": { \"cmd\": \"node\\u0020x\", \"instances\": 2, \"args\": [1.5, true,] } } }",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_thing_said_in_three_ways(tree in apps()) {
        let texts = [toml(&tree), tree.block(0).trim_start().to_owned(), tree.inline(": ")];
        let said = |text: &str, format| match load(text, format) {
            Ok(loaded) => bare(loaded.apps),
            Err(wrong) => panic!("{format:?}\n{text}\n{wrong}"),
        };
        let toml = said(&texts[0], Format::Toml);
        prop_assert_eq!(&toml, &said(&texts[1], Format::Yaml), "{}\n{}", &texts[0], &texts[1]);
        prop_assert_eq!(&toml, &said(&texts[2], Format::Json), "{}", &texts[2]);
        prop_assert_eq!(&toml, &said(&texts[2], Format::Yaml), "{}", &texts[2]);
        prop_assert_eq!(Format::guess(&texts[1]), Format::Yaml);
        prop_assert_eq!(Format::guess(&texts[2]), Format::Json);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        FORMATS.iter().for_each(|format| drop(load(&text, *format)));
    }

    #[test]
    fn any_marks(text in "[\\[\\]{}:,?&*!|>'\"%@#<~ab0\n\t -]{0,60}") {
        for format in FORMATS {
            if let Err(wrong) = load(&text, format) {
                prop_assert!(!wrong.0.is_empty());
                let lines = text.lines().count() + 1;
                prop_assert!(wrong.0.iter().all(|found| found.line <= lines), "{wrong}");
                prop_assert!(wrong.to_string().chars().all(|c| c == '\n' || !c.is_control()));
            }
        }
    }

    /// Good files with pieces taken out, doubled and put elsewhere.
    #[test]
    fn good_files_that_were_damaged(edits in prop::collection::vec((0..400usize, 0..30usize, 0..400usize, 0..3u8), 1..5)) {
        for (format, text) in FORMATS.into_iter().zip(GOOD) {
            let mut text: Vec<char> = text.chars().collect();
            for (from, length, to, how) in &edits {
                let from = from % text.len().max(1);
                let piece: Vec<char> = text.iter().skip(from).take(*length).copied().collect();
                if *how != 1 {
                    text.drain(from..(from + piece.len()));
                }
                let to = to % (text.len() + 1);
                if *how > 0 {
                    text.splice(to..to, piece);
                }
            }
            let text: String = text.into_iter().collect();
            drop(load(&text, format));
        }
    }
}

#[test]
fn the_good_files_are_good_but_for_what_is_said_of_them() {
    assert!(load(GOOD[0], Format::Toml).is_ok() && load(GOOD[2], Format::Json).is_ok());
    let said = load(GOOD[1], Format::Yaml).expect_err("a table in args").to_string();
    assert!(said.starts_with("error: `args` is a list of strings, found a table in it\n  --> file:2:3"), "{said}");
}

/// A few lines that would be a billion.
fn laughs(of: &str, each: &str) -> String {
    let mut text = format!("a0: &a0 {of}\n");
    for n in 1..30 {
        text += &format!("a{n}: &a{n} [{}]\n", vec![each.replace('N', &(n - 1).to_string()); 10].join(", "));
    }
    text
}

/// Shapes that make parsers slow, deep or large.
#[test]
fn large_and_deep() {
    let size = 900_000;
    let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    let yaml = [
        ("[".repeat(size), "more than 64 deep"),
        ("{a: ".repeat(size / 4), "more than 64 deep"),
        ("- ".repeat(size / 2), "more than 64 deep"),
        ("? ".repeat(size / 2), ""),
        ((0..1200).map(|n| format!("{}a:\n", " ".repeat(n))).collect(), "more than 64 deep"),
        (format!("a: {}", deep(100)), "more than 64 deep"),
        (laughs("lol", "*aN"), "copy more than 4 MiB"),
        (laughs("[1, 2]", "{x: *aN}"), "copy more than 4 MiB"),
        (format!("a: &a \"{}\"\nb: [{}]", "x".repeat(500_000), "*a, ".repeat(50)), "copy more than 4 MiB"),
        (
            (1..200).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).fold("a0: &a0 [1]\n".to_owned(), |all, line| all + &line),
            "more than 64 deep",
        ),
        (format!("a: [{}]", (0..40_000).map(|n| format!("&a{n} x, ")).collect::<String>()), "unknown key"),
        ((0..30_000).map(|n| format!("apps: {n}\n")).collect(), "is written twice"),
        (format!("a: {}", "&a ".repeat(size / 3)), ""),
        (format!("a: {}", "!t ".repeat(size / 3)), ""),
        (format!("a: \"{}", "\\\n".repeat(size / 2)), ""),
        (format!("a: '{}'", "'".repeat(size)), ""),
        (format!("a: |\n{}", " x\n".repeat(size / 3)), "unknown key"),
        (format!("a: >\n{}", " x\n\n".repeat(size / 4)), "unknown key"),
        (format!("apps:\n{}", "  - \n".repeat(size / 5)), "nothing behind this"),
        (format!("{}: 1", "k".repeat(size)), ""),
        (format!("a: [{}]", "x: y, ".repeat(size / 6)), "unknown key"),
        (format!("a: {}", "x ".repeat(size / 2)), "unknown key"),
        ("#\n".repeat(size / 2), ""),
        ("---\n".repeat(size / 4), "a second document"),
        (format!("apps: {{a: {{cmd: x, env: {{{}}}}}}}", (0..60_000).map(|n| format!("V{n}: 1, ")).collect::<String>()), ""),
    ];
    let json = [
        ("[".repeat(size), "nesting depth"),
        ("{\"a\":".repeat(size / 5), "nesting depth"),
        (format!("{{\"a\": {}}}", deep(100)), "more than 64 deep"),
        (format!("{{\"a\": {}", "[1,".repeat(400)), ""),
        (
            format!(
                "{{\"apps\": {{\"a\": {{\"cmd\": \"x\", \"env\": {{{}}}}}}}}}",
                (0..60_000).map(|n| format!("\"V{n}\": 1,")).collect::<String>()
            ),
            "",
        ),
        (format!("{{{}}}", "\"k\": null,".repeat(60_000)), "more errors are not shown"),
        (format!("{{\"a\": \"{}\"}}", "\\u00e4".repeat(size / 6)), "unknown key"),
        (format!("{{\"a\": \"{}", "\\\\".repeat(size / 2)), ""),
        (format!("{{\"a\": {}}}", "9".repeat(size)), "does not fit"),
        ("/* ".repeat(size / 3), ""),
        ("//\n".repeat(size / 3), "nothing in it"),
        (format!("{{\"a\": [{}]}}", "1,".repeat(size / 2)), "unknown key"),
    ];
    let all = yaml.iter().map(|case| (case, Format::Yaml)).chain(json.iter().map(|case| (case, Format::Json)));
    for ((text, wanted), format) in all {
        let begun = Instant::now();
        let said = load(text, format).map(|_| String::new()).unwrap_or_else(|wrong| wrong.to_string());
        let (took, head) = (begun.elapsed(), text.chars().take(30).collect::<String>());
        println!("{head:?}: {took:?} {}", said.lines().next().unwrap_or_default().chars().take(120).collect::<String>());
        assert!(said.contains(wanted), "{head:?}: {}", said.chars().take(500).collect::<String>());
        assert!(took.as_secs() < 20, "{head:?}: {took:?}");
        assert!(said.len() < 2_000_000, "{head:?}: {}", said.len());
    }
}
