//! Files that are refused, and the exact words. Each snapshot holds the files and what is said of them.

mod support;

use support::World;

fn report(world: &World, files: &[&str]) -> String {
    let one = |text: &&str| format!("{}\n----\n{}", text.trim_end(), world.wrong(text));
    files.iter().map(one).collect::<Vec<_>>().join("\n========\n\n")
}

/// An app `a` that is good but for these lines.
fn lines(world: &World, lines: &[&str]) -> String {
    let files: Vec<String> = lines.iter().map(|lines| format!("[apps.a]\ncmd = \"x\"\n{lines}\n")).collect();
    report(world, &files.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn the_form_of_a_message() {
    let said = World::default().wrong("version = 1\n\n[apps.web]\ncomand = \"node server.js\"\n");
    let want = "error: unknown key `comand`\n  --> abide.toml:4:1\n   |\n 4 | comand = \"node server.js\"\n   | ^^^^^^\n   = help: did you mean `command`?\n";
    assert_eq!(said, want);
}

#[test]
fn keys() {
    insta::assert_snapshot!(report(
        &World::default(),
        &[
            "[apps.web]\ncomand = 'node'\n",
            "versoin = 1\n[app.web]\ncmd = 'x'\n",
            "cmd = 'x'\n",
            "[apps.a]\ncmd = 'x'\ncommand = 'y'\nstop_timeout = '1s'\nkill_timeout_ms = 5\n",
            "[apps.a]\ncmd = 'x'\nbackoff = { min_ms = 1, min = '2s', mix = 3 }\n",
            "include = ['b.toml']\n[profiles.prod.env]\nA = '1'\n[daemon]\nhttp = 'x'\n[apps.a]\ncmd='x'\n",
            "[apps.a]\ncmd='x'\nimage = ['x']\nstop_command = 5\nlog = 'file'\nprofile = 'prod'\n",
            "[apps.a]\nscript = 'x'\nzebra_crossing = 1\n",
            "[apps.a]\ncmd='x'\nbackoff = 5\nenv = ['A=1']\n",
        ]
    ));
}

#[test]
fn syntax_and_shape() {
    insta::assert_snapshot!(report(
        &World::default(),
        &[
            "[apps.a\ncmd = 'x'\n",
            "[apps.a]\ncmd = 'x'\ncmd = 'y'\n",
            "[apps.a]\ncmd = \"x\nargs = 1\n= 3\n",
            "version = 2\napps = 5\ndefaults = 1\n",
            "[[apps]]\ncmd = 'x'\n",
            "[apps]\na = 'node'\n",
            "[apps.a]\nname = 'b'\ncmd = 'x'\n",
            "[apps.a]\n",
            "\tbad\u{1b}[31m = '\u{202e}x'\n",
        ]
    ));
}

#[test]
fn values() {
    insta::assert_snapshot!(lines(
        &World::default(),
        &[
            "stop_timeout = 10",
            "stop_timeout = '10'\nrestart_delay = 'soon'\nstart_delay = true",
            "stop_timeout_ms = '10'\nrestart_delay_ms = -1\nstart_delay_secs = 1.5",
            "stop_timeout_ms = 99999999999999999999999999999999999999999999",
            "backoff = { min = 500, window = '2', max = '1s' }",
            "backoff = { min = '2m', factor = 0.5, threshold = -1, jitter = 'yes' }",
            "backoff.min = '2m'",
            "instances = 1001",
            "instances = 'cpu/0'",
            "instances = 1.5\nautostart = 1",
            "restart = 'alway'\nmax_restarts = 'some'",
            "restart = true",
            "restart = 'unless-stopped'",
            "stop_signal = 'SIGFOO'\nsuccess_exit_codes = [0, 256, 'x']",
            "stop_signal = 99\nsuccess_exit_codes = 0",
            "log_max_size = 'big'\nlog_max_files = 1979-05-27",
            "log_max_size_mb = '3M'\nnamespace = 'a b'",
            "args = 'a b'",
            "args = [['a']]",
            "namespace = ''\nargs = { a = 1 }",
        ]
    ));
}

#[test]
fn logs() {
    insta::assert_snapshot!(lines(
        &World::default(),
        &[
            "log_format = 'jsonl'\nlog_overflow = 'dorp'\nlog_compress = true",
            "log_file = 'a.log'\nout_file = './a.log'\nmerge_logs = true",
            "merge_logs = true\nlog_file = '{{home}}/logs/{{instance}}.log'",
            "out_file = 'none'\nerr_file = 'b.log'\nlog_file = 'b.log'",
            "log_file = 'logs/'",
            "merge_logs = true\nerr_file = 'b.log'",
            "out_file = 'logs/'\nerr_file = '..'",
            "out_file = ''\nerr_file = 5",
            "out_file = '{{port}}.log'\nerr_file = '~bob/x.log'",
            "out_file = \"a\\u001b.log\"",
            "log_max_age = 14\nlog_rotate_every = '10ms'\nlog_total_max = 'much'",
            "stdout = 'x'\nlog_formt = 'json'",
        ]
    ));
}

#[test]
fn the_managers_own() {
    insta::assert_snapshot!(report(
        &World::default(),
        &[
            "[daemon]\nhttp = '127.0.0.1:1'\nlog_format = 'json'\nlog_max_sise = 1\n",
            "daemon = 5\n",
            "[daemon]\nlog_max_size = 'big'\nlog_max_age = true\nlog_compress = 'zstd'\nlog_total_max = -1\nlog_max_files = '${X}'\n",
            "log_total_max = '1G'\n[apps.a]\ncmd = 'x'\n",
        ]
    ));
}

#[test]
fn templates() {
    let world = World::default().var("BIG", &"x".repeat(50_000)).var("TEN", "10");
    insta::assert_snapshot!(report(
        &world,
        &[
            "[apps.a]\ncmd = 'node ${SCRIPT} --port ${PORT}'\nargs = ['${INSTANCE_ID}']\n",
            "[apps.a]\ncmd = 'x ${A'\ncwd = '${1}'\nargs = ['${B-c}', '${C:?set C in .env}', '${}']\n",
            "[apps.a]\ncmd = 'x'\nenv = { A = '${B}', B = '${C}', C = 'x${A}' }\n",
            "[defaults.env]\nTOKEN = '${NO_SUCH}'\n[apps.a]\ncmd = 'x ${TOKEN}'\n[apps.b]\ncmd = 'y ${TOKEN}'\n",
            "[apps.a]\ncmd = 'x'\nenv.SELF = '${SELF}'\nenv.P = '{{port}}'\n",
            "[apps.a]\ncmd = 'x {{port}}'\ncwd = '/x/{{slot}}'\nstop_timeout = '${TEN}'\n",
            "[apps.a]\ncmd = 'x'\nenv = { A = '${BIG}${BIG}', '' = 'x', 'B=C' = 'y', D = [1], E = \"a\\u0000b\" }\n",
            "[apps.a]\ncmd = 'x ${BIG}${BIG}${BIG}'\n",
            "[apps.a]\ncmd = \"a\\u0000b\"\n",
            "name = '${NO_SUCH}'\n[[apps]]\nname = '${NEITHER}'\ncmd = 'x'\n",
        ]
    ));
}

#[test]
fn commands() {
    let files = [
        "[apps.a]\ncmd = 'a | b'\n[apps.b]\ncmd = 'echo $HOME'\n[apps.c]\ncmd = 'A=1 node x'\n",
        "[apps.a]\ncmd = 'x \"y'\n[apps.b]\ncmd = '''x \\'''\n",
        "[apps.a]\ncmd = ''\n[apps.b]\ncmd = []\n[apps.c]\ncmd = 5\n[apps.d]\ncmd = ' '\nshell = true\n",
        "[apps.a]\ncmd = 'x'\nshell = 'bash -l'\n[apps.b]\ncmd = '~bob/x'\n[apps.c]\ncmd = 'x'\nshell = 3\n",
    ];
    insta::assert_snapshot!(report(&World::default(), &files));
    let homeless = World { home: None, ..World::default() };
    assert!(homeless.wrong("[apps.a]\ncmd = '~/x'").contains("needs a home directory"));
}

#[test]
fn env_files() {
    let world = World::default().file("/srv/shop/bad.env", "A=1\nexport\nSECRET 'hunter2\nB=\"x\" y\n");
    let files = [
        "[apps.a]\ncmd = 'x'\nenv_file = ['none.env', 'bad.env', 'neither.env?', 5]\n",
        "[apps.a]\ncmd = 'x'\nenv_file = ''\ncwd = ''\n",
    ];
    let said = report(&world, &files);
    assert!(!said.contains("hunter2"), "lines of env files may be secrets");
    insta::assert_snapshot!(said);
}

#[test]
fn names() {
    insta::assert_snapshot!(report(
        &World::default(),
        &[
            "[apps.all]\ncmd='x'\n[apps.\"a b\"]\ncmd='x'\n[apps.42]\ncmd='x'\n",
            "[apps.web]\ncmd='x'\n[apps.Web]\ncmd='x'\n",
            "[[apps]]\nname='web'\ncmd='x'\n[[apps]]\nname='web'\ncmd='x'\n",
            "[apps.web]\ncmd='x'\ninstances=2\n[apps.web-1]\ncmd='x'\n",
        ]
    ));
}

#[test]
fn faults_of_the_defaults_are_said_once() {
    let said = World::default().wrong("[defaults]\nrestart = 'alway'\n[apps.a]\ncmd='x'\n[apps.b]\ncmd='y'\n");
    assert_eq!(said.matches("error:").count(), 1, "{said}");
    // Also where every app overrides the value, and where there is no app.
    assert!(World::default().load("[defaults]\nrestart = 'alway'\n[apps.a]\ncmd='x'\nrestart='never'\n").is_err());
    assert!(World::default().load("[defaults]\nrestart = 'alway'\n").is_err());
}

#[test]
fn the_file_as_a_whole() {
    let said = World::default().wrong(&"#".repeat(1024 * 1024 + 1));
    assert!(said.starts_with("error: the file has 1048577 bytes, more than 1048576\n  --> abide.toml\n   = help:"), "{said}");
    assert!(World::default().load(&format!("#{}", " ".repeat(1024 * 1024 - 1))).is_ok());
    let many: String = (0..10_001).map(|n| format!("[apps.app{n}]\ncmd='x'\n")).collect();
    assert!(World::default().wrong(&many).contains("10001 apps in one file"));
}

#[test]
fn positions_survive_tabs_wide_letters_and_long_lines() {
    let world = World::default();
    let found = world.load("[apps.a]\ncmd='x'\nenv = { 'grüße' = [1] }").expect_err("bad").0;
    assert_eq!((found[0].line, found[0].column, found[0].length), (3, 19, 3));
    let long = format!("[apps.a]\ncmd='x'\nenv = {{ A = '{}', B = [1] }}", "y".repeat(5000));
    let found = world.load(&long).expect_err("bad").0;
    assert_eq!((found[0].line, found[0].column), (3, 5021));
    assert!(found[0].source.chars().count() < 200, "a window of the line");
    let marked: String = found[0].source.chars().skip(found[0].mark_at).take(found[0].mark_length).collect();
    assert_eq!(marked, "[1]");
    let found = world.load("[apps.a]\ncmd='x'\n\t\tenv = [1]\r\n").expect_err("bad").0;
    assert_eq!((found[0].column, found[0].mark_at, found[0].source.as_str()), (9, 14, "        env = [1]"));
}

#[test]
fn no_more_than_can_be_read() {
    let many: String = (0..5000).map(|n| format!("k{n} = 1\n")).collect();
    let found = World::default().load(&many).expect_err("bad").0;
    assert_eq!(found.len(), 1001);
    assert_eq!(found[1000].message, "4000 more errors are not shown");
}

#[test]
fn order() {
    insta::assert_snapshot!(lines(
        &World::default(),
        &[
            "depends_on = 5\nstart_order = 1.5\non_exit = 'stop-grup'",
            "depends_on = ['b c', 5, 'all']",
            "depends_on = { b = 'redy', c = 'service_healthy', 'd e' = 'ready', f = 1 }",
            "depends_on = { b = { condition = 'gone', requird = true, required = 'no' } }",
            "depends_on = ['a']",
            "depends_on = ['b']\n[apps.b]\ncmd='x'\ndepends_on = { c = 'started' }\n[apps.c]\ncmd='x'\ndepends_on.a.required = false",
            "[groups.g]\napps = ['a', 'bb', 'nobody']\nstrategy = 'al'\n[groups.h]\napps = ['a']\n[apps.b]\ncmd='x'",
            "[groups.g]\nap = ['a']\n[groups.'h i']\napps = 'a'\n[groups]\nj = ['a']",
            "on_exit = 'stop-group'\n[groups]",
            "groups = 5\nstrategy = 'all'",
        ]
    ));
    let two = World::default().wrong("groups = ['a']\n[apps.a]\ncmd='x'");
    assert!(two.contains("`groups` is a table of groups, found a list"), "{two}");
}

#[test]
fn a_long_circle_is_cut() {
    let app = |n: usize| format!("[apps.a{n}]\ncmd='x'\ndepends_on=['a{}']\n", (n + 1) % 1000);
    let said = World::default().wrong(&(0..1000).map(app).collect::<String>());
    assert!(said.contains("a17 → a18 → a19 → … → a0\n"), "{said}");
}

#[test]
fn ready() {
    insta::assert_snapshot!(lines(
        &World::default(),
        &[
            "ready = true\nstart_timeout = 0\nmin_uptime = 'x'",
            "ready = {}",
            "ready = { notify = false }",
            "ready = { tcp = 80, exec = 'x', log = 'y' }",
            "ready = { htp = 'http://a/', interval = '1s' }",
            "ready = { http = 'https://127.0.0.1/' }",
            "ready = { http = '127.0.0.1:80/health' }",
            "ready = { tcp = 'localhost' }",
            "ready = { tcp = 0 }",
            "ready = { tcp = [80] }",
            "ready = { exec = 'curl x | grep ok' }",
            "ready = { exec = '' }",
            "ready = { log = 'a(' }",
            "ready = { log = 'x' }\nout_file = 'none'\nerr_file = 'none'",
            "ready = { fd = 2 }",
            "ready = { fd = 'any' }",
            "ready = { fd = 2000 }",
            "ready = { after = 2 }",
            "ready = { tcp = 80, status = 200, body = 'x' }",
            "watchdog = '5s'",
            "watchdog = '5s'\nready.tcp = 1",
            "watchdog = '5s'\nready = 'none'",
            "start_timeout = '0s'\nready.notify = true\nwatchdog = '0s'",
        ]
    ));
}

#[test]
fn health() {
    insta::assert_snapshot!(lines(
        &World::default(),
        &[
            "healthcheck = 'http://127.0.0.1/'",
            "healthcheck = { interval = '1s' }",
            "health_interval = 5",
            "healthcheck = { tcp = 80, http = 'http://a/' }",
            "health_cmd = 'x'\nhealth = { exec = 'y' }",
            "health = { tcp = 80, interval = 5, timeout = '0s', failures = 0, successes = 'x', action = 'reboot', retries = 3 }",
            "health = { http = 'http://a/', status = ['6xx', '299-200', 99, true], body = '[', headers = ['a'] }",
            "health = { tcp = 80, headers = {} }",
            "health = { log_silence = '5m' }\nout_file = 'none'\nerr_file = 'none'",
            "health_cmd = 'a || b'",
            "health_tcp = 'tcp://a:1'\nhealth_timeout = 'x'",
        ]
    ));
}

#[test]
fn values_of_headers_stay_secret() {
    let secret = "hunter2";
    let said = lines(
        &World::default(),
        &[
            "health = { http = 'https://a/', headers = { Authorization = 'Bearer hunter2' } }",
            "[apps.a.ready]\nhttp = 'http://a/'\n[apps.a.ready.headers]\n'a b' = 'hunter2'\nX = \"hunter2\\n\"\nY = 'hunter2 ${NO}'\nHost = ['hunter2']\nConnection = 'hunter2'\nZ='hunter2{{slot}}'",
        ],
    );
    let messages: String = said.split("----").skip(1).map(|part| part.split("====").next().unwrap_or_default()).collect();
    assert!(!messages.contains(secret), "{messages}");
    insta::assert_snapshot!(said);
}

#[test]
fn usage_and_identity() {
    insta::assert_snapshot!(lines(
        &World::default(),
        &[
            "max_memory = 0\nmax_cpu = 0\nmax_tasks = 0\non_limit = 'stop'\ncgroup = true",
            "max_memory = 256\nmax_cpu = '50'\nmax_tasks = -1",
            "max_memory = '256X'\nmax_cpu = 'half'",
            "user = ''\ngroup = 'a b'\ngroups = 'video'",
            "user = 'web:www'\ngroup = -1\ngroups = ['ok', true, 4294967295]",
            "umask = 22",
            "umask = 88",
            "umask = 0x1ff\nnice = 20\noom_score_adj = -1001",
            "umask = '0999'",
            "umask = 0o7777",
            "limits = 5",
            "limits = { nofiles = 5, nofile = 'many', core = true, stack = '8Q', cpu = -1 }",
            "limits = { nofile = { soft = 5 }, nproc = { soft = 5, hard = 4 }, as = { soft = 'unlimited', hard = 1 }, core = { sft = 1 } }",
            "uid = 5\nmem_limit = '1G'\nulimits = {}\nnofile = 5",
        ]
    ));
}

#[test]
fn when() {
    insta::assert_snapshot!(lines(
        &World::default(),
        &[
            "schedule = '0 25 * * *'\ncron_restart = '* * *'",
            "schedule = '10m'",
            "schedule = '@reboot'",
            "schedule = 5",
            "schedule = {}",
            "schedule = { cron = '@daily', every = '1h' }",
            "schedule = { every = '10ms' }",
            "schedule = { every = 10, overlap = 'both', timeout = 5, catch_up = 1, jitter = 'x' }",
            "schedule = { every = '1h', timezone = 'UTC' }",
            "schedule = { cron = '0 0 30 2 *', timezone = 'Mars/Base', tz = 'UTC' }",
            "cron = '@daily'\nrun_at_start = true",
            "watch = 5\nwatch_delay = 1",
            "watch = []",
            "watch = ['', 5, '~bob/x']",
            "watch = { path = 'a', paths = 'b', ignore = [5], debounce = 500, action = 'stop', cascade = 'yes', ignored = 1 }",
        ]
    ));
}

#[test]
fn hooks() {
    let said = lines(
        &World::default(),
        &[
            "hooks = './x'\nstdin = 'inherit'",
            "hooks = { on_raedy = 'x', on_swich = 'y', on_stop = 5 }",
            "hooks.on_ready = ''",
            "hooks.on_ready = 'https://hooks.example.com/x'",
            "hooks.on_ready = { webhook = 'ftp://x' }",
            "hooks.on_ready = { secret_file = 'x' }",
            "hooks.on_ready = { webhook = 'https://a/', secret = 'x', secret_file = '~bob/x' }",
            "hooks.on_ready = 'a && b'\nno_restart_exit_codes = [256]",
        ],
    );
    insta::assert_snapshot!(said);
}
