//! `abide start` without a file.

mod support;

use config::{StartFlags, from_flags};
use model::{AppSpec, Check, Origin, Probe, Restart, Signal, When};
use std::path::Path;
use std::time::Duration;
use support::World;

fn start(world: &World, flags: &StartFlags) -> Result<AppSpec, String> {
    from_flags(flags, Path::new("/work"), world).map_err(|wrong| wrong.to_string())
}

fn command(words: &[&str]) -> StartFlags {
    StartFlags { command: words.iter().map(|w| (*w).to_owned()).collect(), ..StartFlags::default() }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn every_flag() {
    let flags = StartFlags {
        name: text("web"),
        cwd: text("sub"),
        env: vec![("A".into(), "${B}$$".into()), ("A".into(), "x=${B}$$ {{slot}}".into())],
        env_files: vec![".env".into()],
        instances: text("cpu-1"),
        port: text("auto"),
        restart: text("always"),
        max_restarts: text("3"),
        restart_delay: text("2"),
        start_delay: text("500ms"),
        kill_signal: text("2"),
        stop_timeout: text("1.5s"),
        namespace: text("ns"),
        success_exit_codes: text("0, 143"),
        log_max_size: text("1M"),
        log_max_files: text("2"),
        log_format: text("text"),
        out_file: text("o-{{slot}}.log"),
        merge_logs: true,
        no_autostart: true,
        health_cmd: text("check 'a b' {{slot}}"),
        health_interval: text("2"),
        health_timeout: text("800ms"),
        health_max_failures: text("5"),
        max_memory_mb: text("3"),
        max_cpu_percent: text("50"),
        user: text("1000"),
        watch: true,
        cron: text("0 3 * * *"),
        ..command(&["node server.js --x 'a b'"])
    };
    let spec = start(&World::default().file("/work/.env", "F=1"), &flags).expect("good");
    assert_eq!(spec.argv, ["node", "server.js", "--x", "a b"]);
    assert_eq!(spec.cwd, Path::new("/work/sub"));
    assert_eq!((spec.env["A"].as_str(), spec.env["F"].as_str()), ("x=${B}$$ {{slot}}", "1"), "as the shell gave it");
    assert_eq!((spec.instances, spec.restart, spec.max_restarts, spec.backoff.threshold), (7, Restart::Always, Some(3), None));
    assert_eq!(spec.port, Some(model::Port::Auto(20_000, 29_999)));
    assert_eq!(spec.restart_delay, Duration::from_secs(2), "a bare number is seconds");
    assert_eq!((spec.start_delay, spec.stop_timeout), (Duration::from_millis(500), Duration::from_millis(1500)));
    assert_eq!((spec.stop_signal, spec.namespace.as_str()), (Signal::INT, "ns"));
    assert_eq!((spec.success_exit_codes.as_slice(), spec.autostart), ([0, 143].as_slice(), false));
    assert_eq!((spec.log.policy.max_size, spec.log.policy.max_files), (1 << 20, 2));
    assert_eq!((spec.log.format, spec.log.merge), (model::LogFormat::Text, true));
    assert_eq!(spec.log.out, model::LogTarget::File("/work/o-{{slot}}.log".to_owned()));
    let health = spec.health.expect("health");
    let argv = ["check", "a b", "{{slot}}"].map(str::to_owned).to_vec();
    assert_eq!(health.check, Check::Probe(Probe::Exec { argv }), "split like a command");
    assert_eq!((health.interval, health.timeout, health.failures), (Duration::from_secs(2), Duration::from_millis(800), 5));
    assert_eq!(
        (spec.usage.max_memory, spec.usage.max_cpu, spec.identity.user.as_deref()),
        (Some(3 << 20), Some(50.0), Some("1000"))
    );
    assert_eq!(spec.watch.expect("watch").paths, [Path::new("/work/sub")]);
    assert_eq!(spec.schedule.expect("schedule").when, When::Cron("0 3 * * *".to_owned()));
    assert_eq!(spec.origins["healthcheck.exec"], Origin::Flag);
    assert_eq!(spec.origins["instances"], Origin::Flag);
    assert_eq!(spec.origins["env.A"], Origin::Flag);
}

#[test]
fn commands() {
    let world = World::default()
        .var("X", "a b")
        .script("/work/server.js", false)
        .script("/work/run.py", true)
        .script("/work/bin/job.sh", false)
        .script("/opt/x.ts", false);
    for (words, shell, argv, name) in [
        (vec!["node server.js"], false, vec!["node", "server.js"], "server"),
        (vec!["echo", "${X}", "$$", "a b", "|"], false, vec!["echo", "${X}", "$$", "a b", "|"], "echo"),
        (vec!["echo ${X} $$"], false, vec!["echo", "a b", "$"], "echo"),
        (vec!["./server.js --x"], false, vec!["node", "/work/server.js", "--x"], "server"),
        (vec!["server.js"], false, vec!["node", "server.js"], "server"),
        (vec!["run.py"], false, vec!["/work/run.py"], "run"),
        (vec!["./run.py"], false, vec!["/work/run.py"], "run"),
        (vec!["bin/job.sh", "x"], false, vec!["bash", "/work/bin/job.sh", "x"], "job"),
        (vec!["/opt/x.ts"], false, vec!["bun", "/opt/x.ts"], "x"),
        (vec!["missing.js"], false, vec!["missing.js"], "missing"),
        (vec!["for i in 1 2; do echo $i $$; done"], true, vec!["/bin/sh", "-c", "for i in 1 2; do echo $i $$; done"], "for"),
        (vec!["sleep 100"], true, vec!["/bin/sh", "-c", "exec sleep 100"], "sleep"),
        (vec!["echo", "a b"], true, vec!["/bin/sh", "-c", "exec echo 'a b'"], "echo"),
    ] {
        let flags = StartFlags { shell, ..command(&words) };
        let spec = start(&world, &flags).expect("good");
        assert_eq!((spec.argv, spec.name.as_str()), (argv.iter().map(|w| (*w).to_owned()).collect(), name), "{words:?}");
    }
}

#[test]
fn errors_name_the_flag() {
    let base = || command(&["x"]);
    for (flags, said) in [
        (
            StartFlags { restart_delay: text("soon"), ..base() },
            "`--restart-delay`: `soon` is not a duration\nhelp: write for example \"500ms\", \"10s\", \"2m\" or \"1h30m\"",
        ),
        (
            StartFlags { instances: text("many"), ..base() },
            "`--instances`: expected a number from 0 to 1000, \"cpu\", \"cpu-1\" or \"cpu/2\", found `many`",
        ),
        (
            StartFlags { restart: text("alway"), ..base() },
            "`--restart`: `alway` is no restart policy; there are \"always\", \"on-failure\" or \"never\"\nhelp: did you mean \"always\"?",
        ),
        (
            StartFlags { kill_signal: text("SIGFOO"), ..base() },
            "`--kill-signal`: `SIGFOO` is not a signal\nhelp: write for example \"SIGTERM\", \"INT\" or 15",
        ),
        (
            StartFlags { success_exit_codes: text("0,256"), ..base() },
            "`--success-exit-codes`: expected an integer from 0 to 255, found `256`",
        ),
        (
            StartFlags { health_http: text("https://x/"), ..base() },
            "`--health-http`: probes speak http, not https\nhelp: ask the app itself by http:// on 127.0.0.1, or use `exec` with `curl -fsS https://…`",
        ),
        (
            StartFlags { health_tcp: text("localhost"), ..base() },
            "`--health-tcp`: expected \"HOST:PORT\", or a port of 127.0.0.1, found `localhost`\nhelp: write for example \"127.0.0.1:5432\" or \"[::1]:5432\"",
        ),
        (
            StartFlags { health_cmd: text("a && b"), ..base() },
            "`--health-cmd`: `&` needs a shell\nhelp: run it as `sh -c '…'`, or add `--shell`, which is for both commands",
        ),
        (
            StartFlags { health_interval: text("2"), ..base() },
            "`--health-interval`: the health check has nothing to ask\nhelp: add one of `--health-http`, `--health-tcp` or `--health-cmd`",
        ),
        (
            StartFlags { cron: text("0 3 * *"), ..base() },
            "`--cron`: a cron expression has 5 or 6 fields, this has 4 fields: `0 3 * *`\nhelp: write minute, hour, day of the month, month, day of the week, as in \"0 3 * * *\"; seconds may stand in front",
        ),
        (
            StartFlags { max_memory: text("256"), ..base() },
            "`--max-memory`: no program runs in 256 bytes\nhelp: a bare number is bytes; write \"256M\" for mebibytes",
        ),
        (StartFlags { name: text("all"), ..base() }, "`--name`: `all` is a word that selects apps; choose another name"),
        (StartFlags { env: vec![("A=B".into(), "x".into())], ..base() }, "the name of a variable cannot hold `=`"),
        (
            StartFlags { env_files: vec!["no.env".into()], ..base() },
            "`--env-file`: cannot read /work/no.env: no such file\nhelp: write \"no.env?\" if it may be missing",
        ),
        (command(&[]), "there is nothing to run\nhelp: write for example `abide start \"node server.js\"`"),
        (command(&["  "]), "there is nothing to run\nhelp: write for example `abide start \"node server.js\"`"),
        (command(&["你好"]), "no name can be made from this command\nhelp: give one with `--name`"),
        (
            command(&["a | b"]),
            "`command`: `|` needs a shell\nhelp: add `--shell` (in a file `shell = true`), or quote it if the program itself is to get it",
        ),
        (command(&["a 'b"]), "`command`: a quote ' is never closed"),
        (
            StartFlags { port: text("3000"), instances: text("3"), ..command(&["a"]) },
            "`--port`: 3 instances cannot all have port 3000\nhelp: write `--port 3000-3002` or `--port auto`",
        ),
        (
            StartFlags { port: text("http"), ..command(&["a"]) },
            "`--port`: expected a port such as 3000, \"3000-3003\", \"auto\" or \"auto:5000-5100\", found `http`",
        ),
        (
            command(&["a ${NO}"]),
            "`command`: the variable `NO` is not set\nhelp: set it in `env` or in your shell, or give a fallback: `${NO:-…}`",
        ),
        (
            command(&["a", "{{port}}"]),
            "`command`: the app `a` has no port for `{{port}}`\nhelp: give it one with `--port 3000` or `--port auto`; `{{{{port}}` stands for the text itself",
        ),
    ] {
        assert_eq!(start(&World::default(), &flags).expect_err("bad"), said, "{flags:?}");
    }
    let wrong =
        from_flags(&StartFlags { log_file: text("a"), err_file: text("./a"), ..base() }, Path::new("/work"), &World::default());
    let wrong = wrong.expect_err("bad");
    assert_eq!(wrong.flag.as_deref(), Some("--log-file"));
    assert_eq!(wrong.message, "`--log-file`: standard error goes to this file already");
    let wrong = from_flags(&StartFlags { log_max_size: text("big"), ..base() }, Path::new("/work"), &World::default());
    assert_eq!(wrong.expect_err("bad").flag.as_deref(), Some("--log-max-size"));
    let world = World::default().file("/work/bad.env", "A=1\noops");
    let said = start(&world, &StartFlags { env_files: vec!["bad.env".into()], ..base() }).expect_err("bad");
    assert!(said.starts_with("bad.env:2:5: expected `=` after the name"), "{said}");
    assert!(from_flags(&base(), Path::new("relative"), &World::default()).is_err());
}
