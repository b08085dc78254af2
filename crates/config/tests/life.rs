//! Files about an app's life that load, and what they mean.

mod support;

use model::{
    AppName, CgroupUse, Check, Condition, Dependency, Group, Health, HealthAction, Hook, HookPoint, Identity, OnExit, OnLimit,
    Origin, Overlap, Probe, Readiness, Rlimit, Schedule, Strategy, Usage, Watch, WatchAction, When,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use support::World;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn lines(lines: &str) -> model::AppSpec {
    World::default().var("TOKEN", "t0ken").lines(lines)
}

fn on(app: &str, condition: Condition, required: bool) -> Dependency {
    Dependency { app: AppName::new(app).expect("a name"), condition, required }
}

fn http(url: &str) -> Probe {
    Probe::Http { url: url.to_owned(), status: Vec::new(), headers: BTreeMap::new(), body: None }
}

fn tcp(address: &str) -> Probe {
    Probe::Tcp { address: address.to_owned() }
}

fn exec(argv: &[&str]) -> Probe {
    Probe::Exec { argv: words(argv) }
}

#[test]
fn dependencies() {
    use Condition::{Completed, CompletedOk, Ready, Started};
    for (text, want) in [
        ("depends_on = []", vec![]),
        ("depends_on = ['db', 'cache', 'db']", vec![on("db", Ready, true), on("cache", Ready, true)]),
        ("depends_on = 'db'", vec![on("db", Ready, true)]),
        ("depends_on = { db = 'started', m = 'completed_ok' }", vec![on("db", Started, true), on("m", CompletedOk, true)]),
        ("depends_on.m = 'completed-ok'", vec![on("m", CompletedOk, true)]),
        ("depends_on = { db = { condition = 'completed', required = false } }", vec![on("db", Completed, false)]),
        ("depends_on = { db = { required = false }, c = {} }", vec![on("db", Ready, false), on("c", Ready, true)]),
        ("[apps.a.depends_on.db]\ncondition = 'started'", vec![on("db", Started, true)]),
    ] {
        assert_eq!(lines(text).depends_on, want, "{text}");
    }
    assert_eq!((lines("start_order = -5").start_order, lines("priority = 7").start_order), (-5, 7));
}

#[test]
fn a_list_of_the_app_replaces_that_of_the_defaults() {
    let loaded = World::default()
        .load("[defaults]\ndepends_on=['db']\n[apps.db]\ncmd='x'\ndepends_on=[]\n[apps.a]\ncmd='x'\n")
        .expect("good");
    let waits: Vec<usize> = loaded.apps.iter().map(|app| app.depends_on.len()).collect();
    assert_eq!(waits, [0, 1]);
    assert_eq!(loaded.apps[1].origins["depends_on"], Origin::Defaults { at: "abide.toml:2".into() });
}

#[test]
fn an_app_that_is_not_in_the_file_may_be_defined_already() {
    let odd = |text: &str| World::default().load(text).expect("good").warnings;
    assert!(odd("[apps.web]\ncmd='x'\ndepends_on=['elsewhere']\n").is_empty());
    assert!(odd("[apps.web1]\ncmd='x'\ndepends_on=['web2']\n").is_empty(), "nobody means itself");
    let found = odd("[apps.postgres]\ncmd='x'\n[apps.web]\ncmd='x'\ndepends_on=['a', 'postgers']\n");
    let want = "warning: `depends_on`: there is no app `postgers` in this file\n  --> abide.toml:5:19\n   |\n 5 | depends_on=['a', 'postgers']\n   |                   ^^^^^^^^\n   = help: did you mean `postgres`? `web` waits until `postgers` is defined elsewhere\n";
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [want]);
}

fn group_of(text: &str) -> Vec<Option<(String, Strategy)>> {
    let loaded = World::default().load(text).unwrap_or_else(|wrong| panic!("{text}\n{wrong}"));
    loaded.apps.into_iter().map(|app| app.group.map(|Group { name, strategy }| (name, strategy))).collect()
}

#[test]
fn groups() {
    let apps = "[apps.a]\ncmd='x'\n[apps.b]\ncmd='x'\n[apps.c]\ncmd='x'\n";
    let one = |name: &str, strategy| Some((name.to_owned(), strategy));
    assert_eq!(group_of(apps), [None, None, None]);
    let all = format!("{apps}[groups.g]\napps=['a','b','a']\nstrategy='all'\n[groups.h]\napps=['c']\n");
    assert_eq!(group_of(&all), [one("g", Strategy::All), one("g", Strategy::All), one("h", Strategy::One)]);
    assert_eq!(group_of(&format!("{apps}[groups.g]\napps=['b']\nstrategy='rest'\n")), [None, one("g", Strategy::Rest), None]);
    let exit = format!("{apps}on_exit='stop-group'\n");
    let shop = || one("shop", Strategy::One);
    assert_eq!(group_of(&exit), [shop(), shop(), shop()]);
    assert_eq!(
        group_of(&format!("name='mine'\n{exit}")),
        [one("mine", Strategy::One), one("mine", Strategy::One), one("mine", Strategy::One)]
    );
    assert_eq!(group_of(&format!("{apps}on_exit='none'\n")), [None, None, None]);
    assert_eq!(
        group_of(&format!("[defaults]\non_exit='stop_group'\n{apps}[groups.g]\napps=['b']\n")),
        [None, one("g", Strategy::One), None]
    );
    assert_eq!(lines("on_exit = 'stop-group'").on_exit, Some(OnExit::StopGroup));
}

#[test]
fn ways_to_be_ready() {
    let log = |pattern: &str| Readiness::Log { pattern: pattern.to_owned() };
    for (text, want) in [
        ("http = 'http://127.0.0.1:80/x?y=1'", Readiness::Probe(http("http://127.0.0.1:80/x?y=1"))),
        (
            "http = 'http://localhost:300{{slot}}/{{instance}}'",
            Readiness::Probe(http("http://localhost:300{{slot}}/{{instance}}")),
        ),
        ("tcp = '127.0.0.1:5432'", Readiness::Probe(tcp("127.0.0.1:5432"))),
        ("tcp = 5432", Readiness::Probe(tcp("127.0.0.1:5432"))),
        ("tcp = '500{{slot}}'", Readiness::Probe(tcp("127.0.0.1:500{{slot}}"))),
        ("tcp = '[::1]:1'", Readiness::Probe(tcp("[::1]:1"))),
        ("exec = 'pg_isready -q'", Readiness::Probe(exec(&["pg_isready", "-q"]))),
        ("exec = ['./check', 'a b']", Readiness::Probe(exec(&["/srv/shop/check", "a b"]))),
        ("log = 'listening on \\d+$'", log("listening on \\d+$")),
        ("notify = true", Readiness::Notify),
        ("notify = true, node_ipc = false", Readiness::Notify),
        ("fd = 3", Readiness::Fd { number: Some(3) }),
        ("fd = 'auto'", Readiness::Fd { number: None }),
        ("node_ipc = true", Readiness::NodeIpc),
        ("after = '2s'", Readiness::After(ms(2000))),
        ("after_ms = 20", Readiness::After(ms(20))),
    ] {
        assert_eq!(lines(&format!("ready = {{ {text} }}")).ready, Some(want), "{text}");
    }
    assert_eq!(lines("ready = 'none'").ready, None);
    let over = World::default().app("[defaults]\nready.tcp = 1\n[apps.a]\ncmd='x'\nready.after='1s'");
    assert_eq!(over.ready, Some(Readiness::After(ms(1000))), "replaced as a whole");
    let spec = lines("start_timeout = '2m'\nmin_uptime_ms = 10\nready.notify = true\nwatchdog_secs = 3");
    assert_eq!((spec.start_timeout, spec.min_uptime, spec.watchdog), (ms(120_000), ms(10), Some(ms(3000))));
    assert_eq!(lines("watchdog = 'none'").watchdog, None);
}

#[test]
fn what_a_good_answer_is() {
    for (text, want) in [
        ("204", vec![(204, 204)]),
        ("'204'", vec![(204, 204)]),
        ("'2xx'", vec![(200, 299)]),
        ("'200-299'", vec![(200, 299)]),
        ("[200, '3xx', '401 - 403']", vec![(200, 200), (300, 399), (401, 403)]),
    ] {
        let text = format!("health.http = 'http://h/'\nhealth.status = {text}");
        match lines(&text).health.expect("health").check {
            Check::Probe(Probe::Http { status, .. }) => assert_eq!(status, want, "{text}"),
            other => panic!("{other:?}"),
        }
    }
    let text =
        "ready = { http = 'http://h/', headers = { Authorization = 'Bearer ${TOKEN}', X-N = 1 }, body = '\"ok\"', status = 200 }";
    let headers = BTreeMap::from([("Authorization".to_owned(), "Bearer t0ken".to_owned()), ("X-N".to_owned(), "1".to_owned())]);
    let want = Probe::Http { url: "http://h/".into(), status: vec![(200, 200)], headers, body: Some("\"ok\"".into()) };
    assert_eq!(lines(text).ready, Some(Readiness::Probe(want)));
}

#[test]
fn health() {
    let plain = |check| Some(Health::new(check));
    for (text, want) in [
        ("", None),
        ("healthcheck = 'none'", None),
        ("healthcheck.tcp = 80", plain(Check::Probe(tcp("127.0.0.1:80")))),
        ("health = { http = 'http://127.0.0.1/' }", plain(Check::Probe(http("http://127.0.0.1/")))),
        ("health = { exec = ['true'] }", plain(Check::Probe(exec(&["true"])))),
        ("health = { log_silence = '5m' }", plain(Check::LogSilence(ms(300_000)))),
        ("health_cmd = 'check -x'", plain(Check::Probe(exec(&["check", "-x"])))),
        ("health_http = 'http://h/'", plain(Check::Probe(http("http://h/")))),
        ("health_tcp = 'h:1'", plain(Check::Probe(tcp("h:1")))),
    ] {
        assert_eq!(lines(text).health, want, "{text}");
    }
    let full = Some(Health {
        check: Check::Probe(tcp("127.0.0.1:1")),
        interval: ms(2000),
        timeout: ms(800),
        failures: 5,
        successes: 2,
        start_period: ms(60_000),
        action: HealthAction::Replace,
    });
    for text in [
        "healthcheck = { tcp = 1, interval_ms = 2000, timeout_ms = 800, failures = 5, successes = 2, start_period = '1m', action = 'replace' }",
        "health_tcp = 1\nhealth_interval = 2\nhealth_timeout = '800ms'\nhealth_max_failures = 5\nhealth_successes = 2\nhealth_start_period = '60'\nhealth_action = 'replace'",
        "health.tcp = 1\nhealth_interval_ms = 2000\nhealth_timeout_ms = 800\nhealth_failures = 5\nhealth.successes = 2\nhealth.start_period_secs = 60\nhealth.action = 'replace'",
    ] {
        assert_eq!(lines(text).health, full, "{text}");
    }
    assert_eq!(
        lines("health.tcp = 1\nhealth_interval = 2").origins["healthcheck.interval"],
        Origin::App { at: "abide.toml:4".into() }
    );
}

#[test]
fn a_health_check_merges_by_key_but_asks_one_thing() {
    let health = |defaults: &str, lines: &str| {
        World::default().app(&format!("[defaults]\n{defaults}\n[apps.a]\ncmd = 'x'\n{lines}")).health
    };
    let tcp_every = |interval| Some(Health { interval: ms(interval), ..Health::new(Check::Probe(tcp("127.0.0.1:1"))) });
    assert_eq!(health("health.interval = '1s'", "health.tcp = 1"), tcp_every(1000));
    assert_eq!(health("health_interval = 1", "health = { tcp = 1, interval = '2s' }"), tcp_every(2000));
    assert_eq!(health("health = { http = 'http://h/', body = 'x', interval = '1s' }", "health.tcp = 1"), tcp_every(1000));
    assert_eq!(health("health = { http = 'http://h/' }", "health = 'none'"), None);
    assert_eq!(health("health = 'none'", "health.tcp = 1"), tcp_every(30_000));
    assert_eq!(health("health.interval = '1s'", ""), None, "nothing is asked");
    assert_eq!(health("health.tcp = 1", "health_interval = 3"), tcp_every(3000));
}

#[test]
fn a_shell_is_for_all_commands_of_an_app() {
    let spec = lines("shell = true\nhealth_cmd = 'a || b'\nhooks.on_stop = 'c | d'");
    assert_eq!(spec.health, Some(Health::new(Check::Probe(exec(&["/bin/sh", "-c", "a || b"])))));
    assert_eq!(spec.hooks[&HookPoint::OnStop], Hook::Command { argv: words(&["/bin/sh", "-c", "c | d"]) });
}

#[test]
fn usage() {
    let usage = lines("max_memory = '256M'\nmax_cpu = 150.5\nmax_tasks = 64\non_limit = 'kill'\ncgroup = 'required'").usage;
    let want = Usage {
        max_memory: Some(256 << 20),
        max_cpu: Some(150.5),
        max_tasks: Some(64),
        on_limit: OnLimit::Kill,
        cgroup: CgroupUse::Required,
    };
    assert_eq!(usage, want);
    for (text, memory) in [
        ("max_memory_mb = 5", 5 << 20),
        ("max_memory_restart = '1.5G'", 3 << 29),
        ("max_memory_restart_mb = 2", 2 << 20),
        ("max_memory = 65536", 65536),
    ] {
        assert_eq!(lines(text).usage.max_memory, Some(memory), "{text}");
    }
    for (text, percent) in [("max_cpu_percent = 50", 50.0), ("max_cpu = '80%'", 80.0), ("max_cpu = 1_00.5", 100.5)] {
        assert_eq!(lines(text).usage.max_cpu, Some(percent), "{text}");
    }
    assert_eq!(lines("max_memory = 'none'\nmax_cpu = 'none'\nmax_tasks = 'none'\non_limit = 'restart'").usage, Usage::default());
}

#[test]
fn identity() {
    let text = "user = 'web'\ngroup = 33\ngroups = ['video', 44, '007']\numask = '027'\nnice = -5\noom_score_adj = 500\n\
        limits = { nofile = 1024, core = 'unlimited', stack = '8M', as = { soft = '1G', hard = 'unlimited' }, cpu = { soft = 1, hard = 2 } }";
    let limit = |soft, hard| Rlimit { soft, hard };
    let want = Identity {
        user: Some("web".into()),
        group: Some("33".into()),
        groups: Some(words(&["video", "44", "7"])),
        umask: Some(0o27),
        nice: Some(-5),
        oom_score_adj: Some(500),
        limits: BTreeMap::from([
            ("nofile".into(), limit(Some(1024), Some(1024))),
            ("core".into(), limit(None, None)),
            ("stack".into(), limit(Some(8 << 20), Some(8 << 20))),
            ("as".into(), limit(Some(1 << 30), None)),
            ("cpu".into(), limit(Some(1), Some(2))),
        ]),
    };
    assert_eq!(lines(text).identity, want);
    for (text, mask) in
        [("'22'", 0o22), ("'0o22'", 0o22), ("0o27", 0o27), ("0o0077", 0o77), ("0", 0), ("7", 7), ("'0777'", 0o777)]
    {
        assert_eq!(lines(&format!("umask = {text}")).identity.umask, Some(mask), "{text}");
    }
    assert_eq!(lines("groups = []").identity.groups, Some(Vec::new()));
    let merged = World::default().app("[defaults]\nlimits = { nofile = 1, core = 0 }\n[apps.a]\ncmd='x'\nlimits.nofile = 2");
    assert_eq!(merged.identity.limits.values().map(|limit| limit.soft).collect::<Vec<_>>(), [Some(0), Some(2)]);
    assert_eq!(merged.origins["limits.core"], Origin::Defaults { at: "abide.toml:2".into() });
}

#[test]
fn schedules() {
    let plain = |when| Schedule {
        when,
        timezone: None,
        overlap: Overlap::Skip,
        timeout: None,
        catch_up: false,
        jitter: Duration::ZERO,
        run_at_start: false,
    };
    let cron = |text: &str| When::Cron(text.to_owned());
    for (text, want) in [
        ("'0 3 * * *'", plain(cron("0 3 * * *"))),
        ("' */5  *  * * * MON-fri '", plain(cron("*/5 * * * * MON-fri"))),
        ("'@Daily'", plain(cron("@Daily"))),
        ("'0 0 L * *'", plain(cron("0 0 L * *"))),
        ("'0 0 29 2 *'", plain(cron("0 0 29 2 *"))),
        ("'0 0 * * MON#1'", plain(cron("0 0 * * MON#1"))),
        ("{ every = '10m' }", plain(When::Every(ms(600_000)))),
        ("{ every_secs = 1 }", plain(When::Every(ms(1000)))),
        (
            "{ cron = '@hourly', timezone = 'Europe/Berlin', overlap = 'queue', timeout = '1h', catch_up = true, jitter = '30s', run_at_start = true }",
            Schedule {
                timezone: Some("Europe/Berlin".into()),
                overlap: Overlap::Queue,
                timeout: Some(ms(3_600_000)),
                catch_up: true,
                jitter: ms(30_000),
                run_at_start: true,
                ..plain(cron("@hourly"))
            },
        ),
    ] {
        assert_eq!(lines(&format!("schedule = {text}")).schedule, Some(want), "{text}");
    }
    assert_eq!((lines("schedule = 'none'").schedule, lines("cron_restart = 'none'").cron_restart), (None, None));
    assert_eq!(lines("cron_restart = '0 4 * * SUN'").cron_restart.as_deref(), Some("0 4 * * SUN"));
}

#[test]
fn watched_files() {
    let plain = |paths: &[&str]| Watch {
        paths: paths.iter().map(PathBuf::from).collect(),
        ignore: Vec::new(),
        debounce: ms(500),
        action: WatchAction::Restart,
        cascade: false,
    };
    for (text, want) in [
        ("watch = true", Some(plain(&["/srv/shop"]))),
        ("watch = true\ncwd = 'sub'", Some(plain(&["/srv/shop/sub"]))),
        ("watch = false", None),
        ("watch = 'src'", Some(plain(&["/srv/shop/src"]))),
        (
            "watch = ['src', '/etc/x', '~/y', '../z']\ncwd = 'sub'",
            Some(plain(&["/srv/shop/sub/src", "/etc/x", "/home/u/y", "/srv/shop/sub/../z"])),
        ),
        ("watch = { cascade = true }", Some(Watch { cascade: true, ..plain(&["/srv/shop"]) })),
        (
            "watch = { paths = ['.'], ignore = ['*.tmp', 'node_modules/'], debounce = '1s', action = 'reload' }",
            Some(Watch {
                ignore: words(&["*.tmp", "node_modules/"]),
                debounce: ms(1000),
                action: WatchAction::Reload,
                ..plain(&["/srv/shop"])
            }),
        ),
    ] {
        assert_eq!(lines(text).watch, want, "{text}");
    }
}

#[test]
fn hooks() {
    let hooks = World::default()
        .app(
            "[defaults.hooks]\non_crash = 'old'\non_ready = 'ready'\n[apps.a]\ncmd = 'x'\n[apps.a.hooks]\n\
             pre_start = ['./migrate', '{{slot}}']\non_crash = { webhook = 'https://hooks.example.com/x', secret_file = 'key' }\n\
             on_stop = { url = 'http://127.0.0.1:1/' }\n",
        )
        .hooks;
    let command = |argv: &[&str]| Hook::Command { argv: words(argv) };
    let want = BTreeMap::from([
        (HookPoint::PreStart, command(&["/srv/shop/migrate", "{{slot}}"])),
        (HookPoint::OnReady, command(&["ready"])),
        (
            HookPoint::OnCrash,
            Hook::Webhook { url: "https://hooks.example.com/x".into(), secret_file: Some("/srv/shop/key".into()) },
        ),
        (HookPoint::OnStop, Hook::Webhook { url: "http://127.0.0.1:1/".into(), secret_file: None }),
    ]);
    assert_eq!(hooks, want);
}

#[test]
fn the_rest() {
    assert_eq!(lines("no_restart_exit_codes = [3, 4]").no_restart_exit_codes, [3, 4]);
    assert_eq!(lines("stop_exit_codes = [3]").no_restart_exit_codes, [3]);
    assert!(lines("stdin = 'pipe'").stdin && !lines("stdin = 'null'").stdin && !lines("").stdin);
}

/// Every key of an app, flat or in a table, leaves its origin.
#[test]
fn origins() {
    let spec = lines("nice = 1\nready.after = '1s'\nhooks.on_stop = 'x'\nhealth_cmd = 'x'\nlimits.core = 0\nwatch = true");
    for key in ["nice", "ready", "hooks.on_stop", "healthcheck.exec", "limits.core", "watch"] {
        assert!(spec.origins.contains_key(key), "{key}: {:?}", spec.origins);
    }
}

/// A value in [defaults] that needs a variable of the app waits for the app.
#[test]
fn defaults_may_name_variables_of_the_apps() {
    let spec = World::default().app(
        "[defaults]\nhealth.exec = ['check', '${WHAT}']\nready.log = '${WHAT}'\nhooks.on_stop = 'say ${WHAT}'\n[apps.a]\ncmd='x'\nenv.WHAT = 'w'\n",
    );
    assert_eq!(spec.ready, Some(Readiness::Log { pattern: "w".into() }));
    assert_eq!(spec.hooks[&HookPoint::OnStop], Hook::Command { argv: words(&["say", "w"]) });
}
