//! The same configuration in three formats, and what YAML and JSON have of their own.

mod support;

use config::{Format, Options};
use model::{AppSpec, Origin};
use std::path::Path;
use support::World;

const TOML: &str = r#"
name = "shop"
[defaults]
restart = "always"
env = { A = "1", B = "two" }
[apps.web]
cmd = ["node", "server.js", "--port", 3000, true, 1.50]
instances = 2
depends_on = { db = { condition = "started", required = false } }
healthcheck = { http = "http://127.0.0.1:3000/", headers = { Host = "x" }, status = ["2xx", 304] }
[apps.db]
cmd = 'sh -c "echo hi"'
env.B = ""
umask = "027"
"#;

const YAML: &str = r#"
# a comment
name: shop
defaults:
  restart: always
  env: {A: 1, "B": two}
apps:
  web:
    cmd:
    - node
    - server.js   # another
    - --port
    - 3000
    - true
    - 1.50
    instances: 2
    depends_on:
      db: {condition: started, required: false}
    healthcheck:
      http: http://127.0.0.1:3000/
      headers: {Host: x}
      status: [2xx, 304]
  db:
    cmd: >-
      sh -c
      "echo hi"
    env:
      B: ''
    umask: 027
"#;

const JSON: &str = r#"{
  // a comment
  "name": "shop",
  "defaults": { "restart": "always", "env": { "A": 1, "B": "two", } },
  "apps": {
    "web": {
      "cmd": ["node", "server.js", "--port", 3000, true, 1.50], /* another */
      "instances": 2,
      "depends_on": { "db": { "condition": "started", "required": false } },
      "healthcheck": { "http": "http://127.0.0.1:3000/", "headers": { "Host": "x" }, "status": ["2xx", 304] }
    },
    "db": { "cmd": "sh -c \"echo hi\"", "env": { "B": "" }, "umask": "\u003027" }
  }
}"#;

/// The apps without their origins, which name lines.
fn bare(apps: &[AppSpec]) -> Vec<AppSpec> {
    apps.iter()
        .map(|app| AppSpec { origins: app.origins.keys().map(|k| (k.clone(), Origin::Flag)).collect(), ..app.clone() })
        .collect()
}

fn apps(name: &str, text: &str) -> Vec<AppSpec> {
    World::default().load_as(name, text).unwrap_or_else(|wrong| panic!("{text}\n{wrong}")).apps
}

#[test]
fn three_formats_say_the_same() {
    let toml = apps("abide.toml", TOML);
    assert_eq!(toml[0].argv, ["node", "server.js", "--port", "3000", "true", "1.50"]);
    assert_eq!(toml[1].env["B"], "");
    for (name, text) in [("abide.yaml", YAML), ("abide.yml", YAML), ("abide.json", JSON), ("abide.yaml", JSON_AS_YAML)] {
        assert_eq!(bare(&apps(name, text)), bare(&toml), "{name}");
        let with_bom = format!("\u{feff}{text}");
        assert_eq!(apps(name, &with_bom), apps(name, text), "{name}");
        assert_eq!(bare(&apps(name, &text.replace('\n', "\r\n"))), bare(&toml), "{name}");
    }
}

/// YAML is nearly a superset of JSON.
const JSON_AS_YAML: &str = r#"{
  "name": "shop", # a comment
  "defaults": { "restart": "always", "env": { "A": 1, "B": "two", } },
  "apps": {
    "web": {
      "cmd": ["node", "server.js", "--port", 3000, true, 1.50],
      "instances": 2,
      "depends_on": { "db": { "condition": "started", "required": false } },
      "healthcheck": { "http": "http://127.0.0.1:3000/", "headers": { "Host": "x" }, "status": ["2xx", 304] }
    },
    "db": { "cmd": "sh -c \"echo hi\"", "env": { "B": "" }, "umask": "\u003027" }
  }
}"#;

#[test]
fn the_format_is_what_is_asked_for_then_what_the_name_says_then_toml() {
    let load = |name: &str, format: Option<Format>, text: &str| {
        let options = Options { format, ..Options::default() };
        config::load(Path::new(name), text, &options, &World::default()).is_ok()
    };
    let (toml, yaml, json) = ("[apps.a]\ncmd='x'", "apps: {a: {cmd: x}}", "{\"apps\": {\"a\": {\"cmd\": \"x\"}}}");
    assert!(load("/a/x.toml", None, toml) && !load("/a/x.toml", None, yaml));
    assert!(load("/a/x.yml", None, yaml) && load("/a/x.json", None, json) && !load("/a/x.json", None, yaml));
    assert!(load("/a/x.conf", None, toml) && !load("/a/x.conf", None, yaml));
    assert!(load("/a/x.conf", Some(Format::Yaml), yaml) && load("/a/x.toml", Some(Format::Json), json));
    for name in ["eco.config.js", "eco.config.cjs", "x.mjs"] {
        let said = World::default().wrong_as(name, "module.exports = {}");
        assert!(said.contains("this file is a program") && said.contains("abide.yaml"), "{said}");
    }
}

/// Places of origins are those of the values, and findings point at exactly what is meant.
#[test]
fn places_are_exact() {
    let yaml = apps("abide.yaml", YAML);
    let json = apps("abide.json", JSON);
    let at = |at: &str| Origin::App { at: at.to_owned() };
    assert_eq!((&yaml[0].origins["instances"], &json[0].origins["instances"]), (&at("abide.yaml:16"), &at("abide.json:8")));
    assert_eq!(yaml[1].origins["cmd"], at("abide.yaml:24"));
    assert_eq!(yaml[0].origins["env.A"], Origin::Defaults { at: "abide.yaml:6".to_owned() });
    for (name, text, wanted) in [
        ("a.yaml", "apps:\n  a:\n    cmd: x\n    'nonsense' : 1\n", (4, 5, 10)),
        ("a.yaml", "apps:\n  a:\n    cmd: x\n    instances: \"zwölf\"  # no\n", (4, 16, 7)),
        ("a.yaml", "apps:\n  a:\n    cmd: x\n    args:\n      b: c\n    cwd: /\n", (5, 7, 4)),
        ("a.yaml", "apps:\n  a:\n    cmd: x\n    args: {b: c,\n d: e}\n", (4, 11, 6)),
        ("a.yaml", "apps: {ä: {}, a: {cmd: {b: [1, 2]}}}\n", (1, 8, 1)),
        ("a.yaml", "apps: {a: {cmd: {b: [1, 2]}}}\n", (1, 17, 11)),
        ("a.json", "{\"apps\": {\"a\": {\"cmd\": \"x\", \"ünd\": 1}}}", (1, 29, 5)),
        ("a.json", "{\"apps\": {\"a\": {\"cmd\": {\"b\": [1,\n2]}}}}", (1, 24, 9)),
        ("a.json", "\u{feff}{\"apps\": {\"a\": {\"cmd\": \"x\", \"instances\": 1.5e0}}}", (1, 42, 5)),
    ] {
        let found = World::default().load_as(name, text).expect_err(text).0;
        assert_eq!((found[0].line, found[0].column, found[0].length), wanted, "{text}\n{}", found[0]);
    }
}

#[test]
fn aliases_and_merges() {
    let text = "
defaults: &d
  env: &e {A: a, B: b}
apps:
  web: &web
    cmd: [&program node, web.js]
    env: {<<: *e, B: c, '<<': literal}
    restart: never
  api:
    cmd: [*program, api.js]
    <<: *web
  third:
    <<: [{instances: 3, cwd: /x}, *web, {restart: always}]
    env: *e
";
    let apps = apps("abide.yaml", text);
    let [web, api, third] = apps.as_slice() else { panic!("three apps") };
    assert_eq!(web.env.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), ["<<=literal", "A=a", "B=c"]);
    assert_eq!((api.argv.join(" "), &api.env, api.restart), ("node api.js".to_owned(), &web.env, web.restart));
    assert_eq!((third.instances, third.argv.join(" "), third.restart), (3, "node web.js".to_owned(), web.restart));
    assert_eq!(third.env.len(), 2);
    // A value is where it is written, also where it is repeated.
    assert_eq!(api.origins["restart"], Origin::App { at: "abide.yaml:8".to_owned() });
    assert_eq!(api.origins["cmd"], Origin::App { at: "abide.yaml:10".to_owned() });
}

/// Texts that older YAML took for something else, and numbers that somebody writes with a zero in front.
#[test]
fn scalars_of_yaml() {
    let env = |value: &str| apps("a.yaml", &format!("apps: {{a: {{cmd: x, env: {{V: {value}}}}}}}")).remove(0).env["V"].clone();
    for text in
        ["no", "on", "y", "01234", "1_000", "22:22", "12:30:45", "2001-12-14", "1.10", "true", "-0.5e3", ".inf", "=", "a#b"]
    {
        assert_eq!(env(text), text);
    }
    assert_eq!(env("0x1F"), "31", "as in TOML");
    assert_eq!(env("\"a\\tb\""), "a\tb");
    assert_eq!(env("'it''s'"), "it's");
    let app = apps(
        "a.yaml",
        "apps:\n  8080-x:\n    cmd: x\n    env: {3: a, true: b, 1.0: c, no: d}\n    umask: 0o27\n    instances: 02\n",
    );
    assert_eq!(app[0].env.keys().collect::<Vec<_>>(), ["1.0", "3", "no", "true"]);
    assert_eq!((app[0].identity.umask, app[0].instances), (Some(0o27), 2));
    let text = "apps:\n  a:\n    shell: true\n    cmd: |\n      echo one\n      echo two > x\n";
    assert_eq!(apps("a.yaml", text)[0].argv[2], "echo one\necho two > x");
}

#[test]
fn nothing_is_no_app_in_every_format() {
    for (name, text) in
        [("a.toml", ""), ("a.yaml", ""), ("a.yaml", "# nothing\n---\n...\n"), ("a.json", "{}"), ("a.json", " {} // x")]
    {
        let loaded = World::default().load_as(name, text).unwrap_or_else(|wrong| panic!("{text}\n{wrong}"));
        assert_eq!(loaded.warnings.len(), 1, "{name} {text}");
        assert!(loaded.warnings[0].message.contains("no app"));
    }
}

#[test]
fn values_of_headers_stay_secret_in_every_format() {
    for (name, text) in [
        ("a.yaml", "apps: {a: {cmd: x, healthcheck: {http: 'http://x/', headers: {A: sesame, B: [sesame]}}}}"),
        (
            "a.json",
            "{\"apps\": {\"a\": {\"cmd\": \"x\", \"healthcheck\": {\"http\": \"http://x/\", \"headers\": {\"A\": \"sesame\", \"B\": [\"sesame\"]}}}}}",
        ),
    ] {
        let said = World::default().wrong_as(name, text);
        assert!(said.contains("headers") && !said.contains("sesame"), "{said}");
    }
}
