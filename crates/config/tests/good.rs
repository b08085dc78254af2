//! Files that load, and what they mean.

mod support;

use model::{LogFormat, LogOverflow, LogPolicy, LogTarget, Origin, Restart, Signal, Stream};
use std::path::Path;
use std::time::Duration;
use support::World;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The example of config.md.
const EXAMPLE: &str = r#"version = 1

[defaults]
restart = "on-failure"
backoff = { min_ms = 500, max_ms = 60000, factor = 2.0, jitter = true, window = 120000, threshold = 5 }
log_format = "json"

[profiles.prod.env]
RUST_LOG = "info"

[apps.web]
cmd = "node server.js"                # server.listen({ fd: 3 })
instances = "cpu"
listen = ["tcp://127.0.0.1:3000"]
reload = "socket"                     # hup | rolling | bluegreen | socket | restart
stop_timeout_ms = 10000
healthcheck = { http = "http://127.0.0.1:3000/health", interval_ms = 2000, timeout_ms = 800 }
depends_on = { db = "ready" }
profile = "prod"

[apps.db]
cmd = ["postgres", "-D", "data"]
ready = { tcp = "127.0.0.1:5432" }
"#;

#[test]
fn the_example() {
    let loaded = World::default().load(EXAMPLE).expect("good");
    assert_eq!(loaded.project, model::Project { name: "shop".into(), folder: Some("/srv/shop".into()) });
    assert!(loaded.warnings.is_empty());
    let [web, db] = loaded.apps.as_slice() else { panic!("two apps") };
    assert_eq!(web.name.as_str(), "web");
    assert_eq!(web.argv, ["node", "server.js"]);
    assert_eq!(web.cwd, Path::new("/srv/shop"));
    assert_eq!((web.instances, web.restart, web.stop_timeout), (8, Restart::OnFailure, ms(10_000)));
    assert_eq!(web.backoff, model::Backoff::default(), "it writes the defaults");
    assert_eq!(web.env["RUST_LOG"], "info");
    assert_eq!((web.listen[0].address.to_string(), web.renewal.strategy), ("tcp://127.0.0.1:3000".into(), model::Reload::Socket));
    assert_eq!(db.argv, ["postgres", "-D", "data"]);
    let at = |at: &str| at.to_owned();
    assert_eq!(web.origins["restart"], Origin::Defaults { at: at("abide.toml:4") });
    assert_eq!(web.origins["backoff.window"], Origin::Defaults { at: at("abide.toml:5") });
    assert_eq!(web.origins["env.RUST_LOG"], Origin::Profile { at: at("abide.toml:9") });
    assert_eq!(web.origins["cmd"], Origin::App { at: at("abide.toml:12") });
    assert_eq!(db.origins["cmd"], Origin::App { at: at("abide.toml:22") });
    assert!(!db.origins.contains_key("instances"));
}

#[test]
fn the_array_form_and_order() {
    let text = "[[apps]]\nname = \"zoo\"\ncmd = \"z\"\n[[apps]]\ncommand = \"a\"\nname = \"ant\"\n";
    let names =
        |text: &str| World::default().load(text).expect("good").apps.iter().map(|a| a.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(text), ["zoo", "ant"]);
    assert_eq!(names("[apps.zoo]\ncmd='z'\n[apps.ant]\ncmd='a'\n[apps.\"my.app\"]\ncmd='m'"), ["zoo", "ant", "my.app"]);
    assert_eq!(names("apps.zoo.cmd='z'\napps.ant = {cmd='a'}"), ["zoo", "ant"]);
}

#[test]
fn every_key() {
    let spec = World::default().app(
        r#"
name = "group"
[apps.a]
command = "x"
args = ["--port", 3000, true, 1.5]
cwd = "sub"
autostart = false
restart_policy = "on_failure"
restart_delay_secs = 2
max_restarts = 7
kill_signal = "int"
kill_timeout = "1m30s"
start_delay_ms = 250
success_exit_codes = [0, 143, 0]
log_max_size_mb = 3
log_max_files = 0
namespace = "back.end"
instances = 3
"#,
    );
    assert_eq!(spec.argv, ["x", "--port", "3000", "true", "1.5"]);
    assert_eq!(spec.cwd, Path::new("/srv/shop/sub"));
    assert!(!spec.autostart);
    assert_eq!(spec.restart_delay, ms(2000));
    assert_eq!((spec.max_restarts, spec.backoff.threshold), (Some(7), None));
    assert_eq!((spec.stop_signal, spec.stop_timeout, spec.start_delay), (Signal::INT, ms(90_000), ms(250)));
    assert_eq!(spec.success_exit_codes, [0, 143]);
    assert_eq!((spec.log.policy.max_size, spec.log.policy.max_files), (3 << 20, 0));
    assert_eq!((spec.namespace.as_str(), spec.instances), ("back.end", 3));
}

#[test]
fn instances() {
    for (value, cpus, want) in [
        ("0", 8, 0),
        ("1000", 8, 1000),
        ("\"cpu\"", 8, 8),
        ("\"max\"", 8, 8),
        ("\"cpu-1\"", 8, 7),
        ("\"cpu-20\"", 8, 1),
        ("\"cpu/2\"", 7, 3),
        ("\"cpu / 2\"", 1, 1),
        ("\"cpu\"", 0, 1),
        ("\"${N:-4}\"", 8, 4),
    ] {
        let world = World { cpus, ..World::default() };
        assert_eq!(world.lines(&format!("instances = {value}")).instances, want, "{value}");
    }
}

#[test]
fn restart_and_backoff() {
    let world = World::default();
    let threshold = |lines: &str| world.lines(lines).backoff.threshold;
    assert_eq!(threshold(""), Some(5));
    assert_eq!(threshold("backoff.threshold = 0"), None);
    assert_eq!(threshold("max_restarts = 3"), None);
    assert_eq!(threshold("max_restarts = 3\nbackoff = { threshold = 2 }"), Some(2));
    assert_eq!(threshold("max_restarts = \"none\""), Some(5));
    let both = world
        .app("[defaults]\nbackoff = { threshold = 9, min = '1s' }\n[apps.a]\ncmd = 'x'\nmax_restarts = 1\nbackoff.max_secs = 5");
    assert_eq!(
        (both.backoff.threshold, both.backoff.min, both.backoff.max),
        (Some(9), ms(1000), ms(5000)),
        "tables merge by key"
    );
    let app = world.lines("backoff = { window = 1500, factor = 1, jitter = false }");
    assert_eq!((app.backoff.window, app.backoff.factor, app.backoff.jitter), (ms(1500), 1.0, false));
    for (word, policy) in [("always", Restart::Always), ("on_failure", Restart::OnFailure), ("never", Restart::Never)] {
        assert_eq!(world.lines(&format!("restart = \"{word}\"")).restart, policy);
    }
}

#[test]
fn an_app_overrides_the_defaults_in_any_spelling() {
    let spec = World::default().app(
        "[defaults]\nstop_timeout_ms = 5\nsuccess_exit_codes=[1]\n[apps.a]\ncmd='x'\nkill_timeout='2s'\nsuccess_exit_codes=[2]",
    );
    assert_eq!(spec.stop_timeout, ms(2000));
    assert_eq!(spec.success_exit_codes, [2], "lists replace");
}

#[test]
fn commands() {
    let world = World::default().var("SPACED", "a b").var("EMPTY", "").var("TRICK", "${SPACED} $$ {{slot}}");
    for (lines, argv) in [
        ("cmd = 'node a.js'", vec!["node", "a.js"]),
        ("cmd = 'x ${SPACED} y'", vec!["x", "a b", "y"]),
        ("cmd = 'x ${EMPTY} \"${EMPTY}\"'", vec!["x", ""]),
        ("cmd = ['x', '${SPACED}', '$HOME', '|']", vec!["x", "a b", "$HOME", "|"]),
        ("cmd = 'x ${TRICK}'", vec!["x", "${SPACED} $$ {{{{slot}}"]),
        (
            "cmd = 'x {{slot}} {{instance}} {{app}} {{home}} {{other}} {{{{port}}'",
            vec!["x", "{{slot}}", "{{instance}}", "{{app}}", "{{home}}", "{{other}}", "{{{{port}}"],
        ),
        ("cmd = './run.sh --x'", vec!["/srv/shop/run.sh", "--x"]),
        ("cmd = '../bin/run'\ncwd = 'sub'", vec!["/srv/shop/sub/../bin/run"]),
        ("cmd = 'bin/{{app}}'", vec!["/srv/shop/bin/{{app}}"]),
        ("cmd = '/bin//./ls'", vec!["/bin/ls"]),
        ("cmd = '~/run'", vec!["/home/u/run"]),
        ("cmd = '{{home}}/run'", vec!["{{home}}/run"]),
        ("cmd = 'x'\nargs = ['a b', '${SPACED}']", vec!["x", "a b", "a b"]),
        ("cmd = 'a | b'\nshell = true", vec!["/bin/sh", "-c", "a | b"]),
        ("cmd = 'node a.js'\nshell = true", vec!["/bin/sh", "-c", "exec node a.js"]),
        ("cmd = 'node $X'\nshell = true\nargs = ['a b', 'c']", vec!["/bin/sh", "-c", "exec node $X 'a b' c"]),
        ("cmd = 'A=1 node'\nshell = 'bash'", vec!["bash", "-c", "A=1 node"]),
        ("cmd = 'cd x && y'\nshell = './sh'", vec!["/srv/shop/sh", "-c", "cd x && y"]),
        ("cmd = 'echo $$$$'\nshell = true", vec!["/bin/sh", "-c", "exec echo $$"]),
        ("cmd = 'node a.js --id {{slot}}'\nshell = true", vec!["/bin/sh", "-c", "exec node a.js --id {{slot}}"]),
        ("cmd = ['a b', 'c;d']\nshell = true", vec!["/bin/sh", "-c", "'a b' 'c;d'"]),
        ("cmd = 'x'\nshell = false", vec!["x"]),
    ] {
        assert_eq!(world.app(&format!("[apps.a]\n{lines}")).argv, argv, "{lines}");
    }
    // No interpreter is guessed in a file.
    let world = World::default().script("/srv/shop/a.js", false);
    assert_eq!(world.app("[apps.a]\ncmd = './a.js'").argv, ["/srv/shop/a.js"]);
}

#[test]
fn directories() {
    let world = World::default().var("SUB", "deep");
    for (cwd, want) in [
        (".", "/srv/shop"),
        ("./x", "/srv/shop/x"),
        ("/abs/", "/abs"),
        ("~", "/home/u"),
        ("~/x", "/home/u/x"),
        ("${SUB}", "/srv/shop/deep"),
    ] {
        assert_eq!(world.lines(&format!("cwd = '{cwd}'")).cwd, Path::new(want), "{cwd}");
    }
}

#[test]
fn variables_come_in_layers() {
    let world = World::default()
        .var("PATH", "/bin")
        .var("ONLY", "session")
        .file("/srv/shop/.env", "FILE=1\nBOTH=file\nRAW=${PATH} {{slot}}\n")
        .file("/home/u/b.env", "BOTH=second\n");
    let spec = world.app(
        r#"
[defaults]
env = { PATH = "/defaults:${PATH}", BOTH = "defaults", LATE = "<${APP}>", INT = 1, ON = true, F = 1.50 }
[apps.a]
cmd = "x ${PATH} ${ONLY} ${BOTH} ${RAW} ${SLOT}"
env_file = [".env", "none.env?", "~/b.env"]
[apps.a.env]
PATH = "/app:${PATH}"
APP = "app"
SLOT = "s{{slot}}"
SELF = "${SELF:-first}"
NUMBER = 0x10
DOLLAR = "$$PATH costs 5$"
"#,
    );
    let want = [
        ("APP", "app"),
        ("BOTH", "second"),
        ("DOLLAR", "$PATH costs 5$"),
        ("F", "1.50"),
        ("FILE", "1"),
        ("INT", "1"),
        ("LATE", "<app>"),
        ("NUMBER", "16"),
        ("ON", "true"),
        ("PATH", "/app:/defaults:/bin"),
        ("RAW", "${PATH} {{{{slot}}"),
        ("SELF", "first"),
        ("SLOT", "s{{slot}}"),
    ];
    let env: Vec<_> = spec.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(env, want);
    assert_eq!(spec.argv[1..], ["/app:/defaults:/bin", "session", "second", "${PATH} {{{{slot}}", "s{{slot}}"]);
    assert_eq!(spec.origins["env.FILE"], Origin::App { at: ".env:1".into() });
    assert_eq!(spec.origins["env.INT"], Origin::Defaults { at: "abide.toml:3".into() });
}

#[test]
fn env_files_of_the_defaults() {
    let world = World::default().file("/srv/shop/d.env", "A=d\nB=d").file("/srv/shop/a.env", "A=a").var("WHICH", "d");
    let text = |more: &str| format!("[defaults]\nenv_file = '${{WHICH}}.env'\nenv.B = 'table'\n[apps.a]\ncmd = 'x'\n{more}");
    let spec = world.app(&text(""));
    assert_eq!((spec.env["A"].as_str(), spec.env["B"].as_str()), ("d", "table"));
    let spec = world.app(&text("env_file = 'a.env'"));
    assert_eq!((spec.env["A"].as_str(), spec.env["B"].as_str()), ("a", "table"), "env_file replaces env_file");
}

#[test]
fn templates_reach_every_kind_of_value() {
    let world = World::default().var("T", "3s").var("S", "1M").var("N", "4").var("B", "false").var("P", "never").var("G", "USR1");
    let spec = world.app(
        "name = '${P}'\n[[apps]]\nname = '${P}-app'\ncmd = 'x'\nstop_timeout = '${T}'\nrestart_delay_ms = '${N}'\nlog_max_size = '${S}'\nlog_max_files = '${N}'\nautostart = '${B}'\nrestart = '${P}'\nstop_signal = '${G}'\nnamespace = '${P}'\nsuccess_exit_codes = ['${N}']\nbackoff.factor = '${N}'\nshell = '${B}'",
    );
    assert_eq!(spec.name.as_str(), "never-app");
    assert_eq!((spec.stop_timeout, spec.restart_delay), (ms(3000), ms(4)));
    assert_eq!((spec.log.policy.max_size, spec.log.policy.max_files), (1 << 20, 4));
    assert_eq!((spec.autostart, spec.restart), (false, Restart::Never));
    assert_eq!(spec.stop_signal.to_string(), "SIGUSR1");
    assert_eq!((spec.namespace.as_str(), spec.success_exit_codes.as_slice()), ("never", [4].as_slice()));
    assert_eq!(spec.backoff.factor, 4.0);
    assert_eq!(spec.argv, ["x"]);
}

#[test]
fn an_empty_file_is_odd_but_good() {
    for text in ["", "version = 1", "# nothing", "[defaults]\ninstances = 2", "\u{feff}version = 1", "apps = []", "[apps]"] {
        let loaded = World::default().load(text).expect(text);
        assert_eq!((loaded.apps.len(), loaded.warnings.len()), (0, 1), "{text}");
    }
}

#[test]
fn names_that_only_look_like_slots() {
    let good = "[apps.web]\ncmd='x'\ninstances=2\n[apps.web-2]\ncmd='x'\n[apps.web-00]\ncmd='x'\n[apps.api-0]\ncmd='x'";
    assert_eq!(World::default().load(good).expect("good").apps.len(), 4);
}

#[test]
fn ten_thousand_apps() {
    let text: String = (0..10_000).map(|n| format!("[apps.app{n}]\ncmd='run ${{A}}'\n")).collect();
    assert_eq!(World::default().var("A", "1").load(&text).expect("good").apps.len(), 10_000);
}

#[test]
fn every_known_key_is_documented() {
    for key in config::known_keys() {
        assert!(!key.kind().is_empty() && !key.default.is_empty() && !key.doc.is_empty(), "{}", key.name);
    }
}

/// Where both streams of an app with these lines go.
fn targets(world: &World, defaults: &str, lines: &str) -> [String; 2] {
    let log = world.app(&format!("[defaults]\n{defaults}\n[apps.a]\ncmd = 'x'\n{lines}")).log;
    Stream::BOTH.map(|stream| match log.target(stream) {
        LogTarget::Home if log.merge => "home, merged".to_owned(),
        LogTarget::Home => "home".to_owned(),
        LogTarget::Nowhere => "nowhere".to_owned(),
        LogTarget::File(path) => format!("{path}{}", if log.merge { ", merged" } else { "" }),
    })
}

#[test]
fn where_streams_go() {
    let world = World::default().var("DIR", "/var/{{slot}}");
    let merged = |path: &str| [format!("{path}, merged"), format!("{path}, merged")];
    let apart = |out: &str, err: &str| [out.to_owned(), err.to_owned()];
    for (defaults, lines, want) in [
        ("", "", apart("home", "home")),
        ("", "merge_logs = true", merged("home")),
        ("", "log_file = 'a.log'", apart("home", "home")),
        ("", "out_file = '~/a.log'", apart("/home/u/a.log", "home")),
        ("", "out_file = '/l/{{slot}}.{{app}}'\nerr_file = '{{home}}/x/../e'", apart("/l/{{slot}}.{{app}}", "{{home}}/x/../e")),
        ("", "out_file = 'none'", apart("nowhere", "home")),
        ("", "err_file = 'none'", apart("home", "nowhere")),
        ("", "out_file = './none'", apart("/srv/shop/none", "home")),
        ("", "out_file = 'x'\nmerge_logs = true", merged("/srv/shop/x")),
        ("", "out_file = 'x'\nerr_file = './x'", merged("/srv/shop/x")),
        ("", "out_file = '${DIR}/a'", apart("/var/{{{{slot}}/a", "home")),
        ("merge_logs = true", "log_file = 'all'", merged("home")),
        ("merge_logs = true", "err_file = 'e'", apart("home", "/srv/shop/e")),
        ("merge_logs = true", "out_file = 'o'", merged("/srv/shop/o")),
        ("err_file = 'e'", "merge_logs = true", merged("home")),
        ("out_file = 'o'\nerr_file = 'e'", "log_file = 'all'", apart("/srv/shop/o", "/srv/shop/e")),
    ] {
        assert_eq!(targets(&world, defaults, lines), want, "{defaults:?} then {lines:?}");
    }
}

#[test]
fn a_file_for_both_streams_in_addition() {
    let world = World::default();
    let also = |defaults: &str, lines: &str| world.app(&format!("[defaults]\n{defaults}\n[apps.a]\ncmd = 'x'\n{lines}")).log.also;
    for (defaults, lines, want) in [
        ("", "", None),
        ("", "log_file = 'none'", None),
        ("", "log_file = './logs//a.log'\nmerge_logs = true", Some("/srv/shop/logs/a.log")),
        ("", "log_file = 'a'\nout_file = 'b'\nerr_file = 'none'", Some("/srv/shop/a")),
        ("log_file = '/l/{{slot}}'", "out_file = 'o'", Some("/l/{{slot}}")),
        ("log_file = 'a'", "log_file = 'b'", Some("/srv/shop/b")),
        ("log_file = 'a'", "log_file = 'none'", None),
        // Two of a file's names that mean another file here.
        ("", "log_file = '{{home}}/logs/{{instance}}.log'", Some("{{home}}/logs/{{instance}}.log")),
        ("", "err_file = 'none'\nlog_file = '{{home}}/logs/{{instance}}.err.log'", Some("{{home}}/logs/{{instance}}.err.log")),
    ] {
        assert_eq!(also(defaults, lines).as_deref(), want, "{defaults:?} then {lines:?}");
    }
}

#[test]
fn how_logs_are_kept() {
    let log = World::default()
        .lines(
            "log_format = 'json'\nlog_overflow = 'drop'\nlog_compress = 'none'\nlog_max_age = '2h'\nlog_rotate_every_secs = 60\n\
             log_total_max_mb = 3\nlog_max_size = 0\nlog_max_files = 0",
        )
        .log;
    let policy = LogPolicy { max_age: Some(ms(7_200_000)), rotate_every: Some(ms(60_000)), ..LogPolicy::plain(0, 0) };
    assert_eq!((log.format, log.overflow, log.policy, log.total_max), (LogFormat::Json, LogOverflow::Drop, policy, 3 << 20));
    let never = World::default().lines("log_max_age = 'none'\nlog_rotate_every = '0s'").log.policy;
    assert_eq!((never.max_age, never.rotate_every), (None, None));
}

#[test]
fn the_managers_own_settings() {
    let world = World::default().var("SIZE", "7M");
    let load = |text: &str| world.load(text).expect("good");
    let loaded = load("[daemon]\nlog_max_size = '${SIZE}'\nlog_max_age = 'none'\nlog_compress = 'none'\nlog_total_max = '1G'\n");
    assert!(loaded.warnings.is_empty() && loaded.apps.is_empty());
    let (settings, policy) = (&loaded.daemon, loaded.daemon.policy());
    assert_eq!((policy.max_size, policy.max_files, policy.max_age, policy.compress), (7 << 20, 5, None, false));
    assert_eq!((settings.log_max_files, settings.total_max()), (None, 1 << 30));
    assert!(load("[apps.a]\ncmd = 'x'\n").daemon.is_empty());
}
