//! Whatever is thrown at it, it answers.

mod support;

use proptest::prelude::*;
use std::time::Instant;
use support::World;

/// Lines that are nearly good, so that every stage is reached.
fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "cmd",
        "args",
        "shell",
        "cwd",
        "env",
        "env.A",
        "env_file",
        "instances",
        "restart",
        "stop_timeout",
        "stop_timeout_ms",
        "backoff",
        "backoff.min",
        "backoff.window",
        "max_restarts",
        "success_exit_codes",
        "log_max_size",
        "namespace",
        "name",
        "depends_on",
        "depends_on.a",
        "start_order",
        "on_exit",
        "ready",
        "ready.http",
        "ready.log",
        "ready.fd",
        "healthcheck",
        "health.status",
        "health.headers.A",
        "health_cmd",
        "health_tcp",
        "health_interval",
        "watchdog",
        "max_memory",
        "max_cpu",
        "user",
        "umask",
        "limits.nofile",
        "limits.core",
        "schedule",
        "schedule.cron",
        "schedule.every",
        "cron_restart",
        "watch",
        "watch.paths",
        "hooks.on_stop",
        "hooks.on_ready.webhook",
        "groups.g.apps",
        "nonsense",
        "version",
    ]);
    let value = prop_oneof![
        "'[ -&(-~]{0,20}'",
        "\"[a-z${}:|;' -]{0,20}\"",
        "-?[0-9]{1,25}",
        "[0-9]{1,3}\\.[0-9]{1,3}",
        Just("true".to_owned()),
        Just("[1, 'a', [2]]".to_owned()),
        Just("{ A = '${B}', B = '${A}', min = 1 }".to_owned()),
        Just("['a', 'a-0', 'b']".to_owned()),
        Just(
            "{ http = 'http://127.0.0.1:{{slot}}/', tcp = 80, soft = 1, hard = 'unlimited', webhook = 'https://x/' }".to_owned()
        ),
        "'[*@/,#LW0-9 -]{0,12}'",
        "'http://[a-z:/@#.0-9{}\\[-]{0,12}'",
        Just("'${A:-${B:-c}} {{slot}} {{port}}'".to_owned()),
    ];
    let header = prop::sample::select(vec!["[apps.a]", "[apps.a-0]", "[defaults]", "[[apps]]", "[apps.a.env]", "[x]"])
        .prop_map(str::to_owned);
    prop_oneof![5 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")), 1 => header]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        let _ = World::default().load(&text);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = World::default().load(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_lines(lines in prop::collection::vec(line(), 0..12)) {
        let text = lines.join("\n");
        if let Err(wrong) = World::default().var("A", "a").load(&text) {
            prop_assert!(!wrong.0.is_empty());
            prop_assert!(wrong.to_string().chars().all(|c| c == '\n' || !c.is_control()));
            let places: Vec<_> = wrong.0.iter().filter(|d| d.file == "abide.toml").map(|d| (d.line, d.column)).collect();
            prop_assert!(places.is_sorted(), "{:?}", places);
        }
    }

    #[test]
    fn any_env_file(text in "([A-C=#'\"\\\\ \n]){0,40}|\\PC{0,60}") {
        let _ = World::default().file("/srv/shop/.env", &text).load("[apps.a]\ncmd='x'\nenv_file='.env'");
    }

    /// A value from outside arrives in a word as it is, once what is filled at birth is taken into account.
    #[test]
    fn values_are_never_read_again(value in "[${}A-C:'\" |;\\-]{0,30}") {
        let world = World::default().var("A", "wrong").var("V", &value);
        let spec = world.app("[apps.a]\ncmd = 'x \"${V}\" y'");
        prop_assert_eq!(&spec.argv, &["x".to_owned(), value.replace("{{{{", "{{{{{{{{"), "y".to_owned()]);
    }
}

/// Shapes that make parsers slow or deep.
#[test]
fn large_and_deep() {
    let size = 900_000;
    let shapes = [
        "[".repeat(size),
        format!("a = {}", "[".repeat(size)),
        format!("a = {}", "{a=".repeat(size / 3)),
        format!("{}a = 1", "a.".repeat(size / 2)),
        "k = 1,".repeat(size / 6),
        "= \n".repeat(size / 3),
        // As many keys that nobody knows as there is room for; each could be a misspelling of any other.
        format!("[apps.a]\ncmd='x'\n{}", (0..size / 12).map(|n| format!("foo{n}=1\n")).collect::<String>()),
        format!("x = {{ {} }}", (0..size / 20).map(|n| format!("key{n} = 1")).collect::<Vec<_>>().join(", ")),
        format!("[apps.a]\ncmd = 'x {}'", "${A:-".repeat(size / 5)),
        format!("[apps.a]\ncmd = 'x {}'", "${A}".repeat(size / 4)),
        format!("[apps.a]\ncmd = 'x {}'", "\\'".repeat(size / 2)),
        format!(
            "[apps.a]\ncmd = 'x'\n[apps.a.env]\n{}",
            (0..20_000).map(|n| format!("V{n} = '${{V{}}}'\n", n + 1)).collect::<String>()
        ),
        (0..9000).map(|n| format!("[apps.a{n}]\ncmd='x'\ndepends_on=['zz{n}','yy{n}','xx{n}']\n")).collect(),
        (0..9000).map(|n| format!("[apps.a{n}]\ncmd='x'\ndepends_on=['a{}']\n", (n + 1) % 9000)).collect(),
        format!("[apps.a]\ncmd='x'\ndepends_on=[{}]", (0..size / 9).map(|n| format!("'a{n}',")).collect::<String>()),
        format!("[groups.g]\napps=[{}]", (0..size / 9).map(|n| format!("'a{n}',")).collect::<String>()),
        format!("[apps.a]\ncmd='x'\nready.log='{}'", "(".repeat(size)),
        "[apps.a]\ncmd='x'\nready.log='((a{900}){900}){900}'".to_owned(),
        format!("[apps.a]\ncmd='x'\nready.http='http://{}'", "a".repeat(size)),
        format!("[apps.a]\ncmd='x'\nschedule='{}'", "*,".repeat(size / 2)),
        format!(
            "[defaults]\nready.log='(a|b){{1,100}}c*[x-z]'\n{}",
            (0..2000).map(|n| format!("[apps.a{n}]\ncmd='x'\nschedule='0 {} 31 4 *'\n", n % 24)).collect::<String>()
        ),
        // As many addresses of one port as there is room for, and at last the one that includes them all.
        (0..1000)
            .map(|app| {
                let all: String = (0..40).map(|n| format!("'tcp://10.{}.{}.{n}:1',", app / 250, app % 250)).collect();
                format!("[apps.a{app}]\ncmd='x'\nlisten=[{all}]\n")
            })
            .chain(["[apps.z]\ncmd='x'\nlisten='tcp://*:1'\n".to_owned()])
            .collect(),
        format!("[apps.a]\ncmd='x'\nlisten=[{}]", "'unix:x',".repeat(size / 9)),
        format!("[apps.a]\ncmd='x'\nlisten='tcp://{}'", ":".repeat(size)),
        format!("[apps.a]\ncmd='x'\nport='auto:{}'", "1".repeat(size)),
        format!("{} = 1", "k".repeat(size)),
        format!("[apps.a]\ncmd = [{}]", "'x',".repeat(size / 4)),
    ];
    for shape in shapes {
        let begun = Instant::now();
        let said = World::default().var("A", &"y".repeat(1000)).load(&shape).map(|_| ()).map_err(|wrong| wrong.to_string().len());
        let took = begun.elapsed();
        let head: String = shape.chars().take(30).collect();
        // Whole minutes of work would be found here, not a busy machine.
        assert!(took.as_secs() < 240, "{head}: {took:?}");
        assert!(said.err().unwrap_or(0) < 2_000_000, "{head}: {said:?}");
        println!("{head:?}: {took:?} {said:?}");
    }
}
