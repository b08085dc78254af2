//! The part of a specification that people ask for, in rows of `status`; `--json` has the rest. A key that is at its default, or that is not
//! there, has no row.

use crate::escape::{shown, shown_word};
use crate::words::quote;
use model::{
    CgroupUse, Check, Group, Health, HealthAction, Hook, Hooks, Identity, Listen, OnExit, OnLimit, Overlap, Port, Probe,
    Readiness, Reload, Renewal, Rlimit, Schedule, Sticky, Strategy, Usage, Watch, WatchAction, When, format_size, format_span,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Rows of an app, in order.
pub fn spec_fields(spec: &Value) -> Vec<(&'static str, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => shown(text),
        other => shown(&other.to_string()),
    };
    let span =
        |key: &str| spec.get(key).and_then(Value::as_u64).filter(|ms| *ms > 0).map(|ms| format_span(Duration::from_millis(ms)));
    let plain = |key: &str| spec.get(key).filter(|value| !value.is_null()).map(text);
    let argv: Option<Vec<String>> = part(spec, "argv");
    let env = spec.get("env").and_then(Value::as_object).filter(|env| !env.is_empty());
    let env = env
        .map(|env| env.iter().map(|(key, value)| format!("{}={}", shown_word(key), text(value))).collect::<Vec<_>>().join(" "));
    let identity: Identity = part(spec, "identity").unwrap_or_default();
    let health: Option<Health> = part(spec, "health");
    let ready: Option<Readiness> = part(spec, "ready");
    let start_timeout = span("start_timeout").filter(|_| ready.is_some() || health.is_some());
    let mut fields: Vec<(&'static str, Option<String>)> = vec![
        ("command", argv.map(|argv| command(&argv))),
        ("directory", plain("cwd")),
        ("namespace", plain("namespace")),
        ("description", plain("description")),
        ("labels", labels(spec)),
        ("instances", plain("instances")),
        ("env", env),
        ("port", part::<Port>(spec, "port").map(|port| port.to_string())),
        ("listens on", part(spec, "listen").and_then(|listen| listens(listen, part(spec, "sticky")))),
        ("user", user(&identity)),
        ("limits", limits(&part(spec, "usage").unwrap_or_default(), &identity)),
        ("group", part(spec, "group").map(|group| group_text(&group, part(spec, "on_exit")))),
        ("schedule", part(spec, "schedule").map(|schedule| schedule_text(&schedule))),
        ("ready", ready.map(|ready| readiness(&ready))),
        ("ready within", start_timeout),
        ("min uptime", span("min_uptime")),
        ("health check", health.map(|health| health_text(&health))),
        ("watchdog", span("watchdog")),
        ("watch", part(spec, "watch").map(|watch| watch_text(&watch))),
        ("restart", plain("restart")),
        ("cron restart", plain("cron_restart")),
        ("max restarts", plain("max_restarts")),
        ("restart delay", span("restart_delay")),
        ("start delay", span("start_delay")),
        ("good exits", codes(spec, "success_exit_codes").filter(|codes| codes != "0")),
        ("last exits", codes(spec, "no_restart_exit_codes")),
        ("stop signal", plain("stop_signal")),
        ("stop command", part::<Vec<String>>(spec, "stop_command").map(|argv| command(&argv))),
        ("stop timeout", span("stop_timeout")),
        (
            "stops",
            spec.get("kill_tree").and_then(Value::as_bool).filter(|tree| !tree).map(|_| "its first process only".to_owned()),
        ),
        ("reload", part::<Renewal>(spec, "renewal").filter(|how| *how != Renewal::default()).map(|how| renewal(&how))),
        ("input", spec.get("stdin").and_then(Value::as_bool).filter(|on| *on).map(|_| "a pipe (`abide send`)".to_owned())),
    ];
    let hooks: Hooks = part(spec, "hooks").unwrap_or_default();
    fields.extend(hooks.iter().map(|(point, hook)| (point.word(), Some(hook_text(hook)))));
    fields.push(("source", plain("source")));
    fields.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// What stands under a key, if it is there and understood.
fn part<T: DeserializeOwned>(spec: &Value, key: &str) -> Option<T> {
    spec.get(key).filter(|value| !value.is_null()).and_then(|value| serde_json::from_value(value.clone()).ok())
}

fn command(argv: &[String]) -> String {
    argv.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// Words in a row; `None` without any.
fn listed(words: Vec<String>) -> Option<String> {
    (!words.is_empty()).then(|| words.join(", "))
}

/// Its sockets: `http tcp://127.0.0.1:80, web unix:/run/web.sock (0660)`.
fn listens(listen: Vec<Listen>, sticky: Option<Sticky>) -> Option<String> {
    let one = |listen: Listen| {
        let mode = listen.mode.map_or_else(String::new, |mode| format!(" ({mode:04o})"));
        let each = if listen.reuse_port { " (one for each slot)" } else { "" };
        shown(&format!("{} {}{mode}{each}", listen.name, listen.address))
    };
    let mut words: Vec<String> = listen.into_iter().map(one).collect();
    words.extend(sticky.map(|Sticky::SourceIp| "clients spread by address".to_owned()));
    listed(words)
}

fn codes(spec: &Value, key: &str) -> Option<String> {
    listed(part::<Vec<i32>>(spec, key)?.iter().map(ToString::to_string).collect())
}

fn labels(spec: &Value) -> Option<String> {
    let labels: BTreeMap<String, String> = part(spec, "labels")?;
    listed(labels.iter().map(|(key, value)| format!("{}={}", shown_word(key), shown_word(value))).collect())
}

/// How it is reloaded: `rolling, soak 1s, 2 slots at a time`.
fn renewal(how: &Renewal) -> String {
    let mut words = vec![how.strategy.to_string()];
    if how.strategy == Reload::Hup {
        words.push(format!("by {}", how.signal));
    }
    for (what, span) in [("soak", how.soak), ("drain", how.drain)] {
        words.extend((!span.is_zero()).then(|| format!("{what} {}", format_span(span))));
    }
    words.extend((how.max_parallel > 1).then(|| format!("{} slots at a time", how.max_parallel)));
    words.join(", ")
}

fn user(identity: &Identity) -> Option<String> {
    let mut words: Vec<String> = identity.user.iter().map(|user| shown_word(user).into_owned()).collect();
    words.extend(identity.group.iter().map(|group| format!("group {}", shown_word(group))));
    if let Some(groups) = &identity.groups {
        let names: Vec<_> = groups.iter().map(|group| shown_word(group)).collect();
        words.push(if names.is_empty() { "no other groups".to_owned() } else { format!("groups {}", names.join(" ")) });
    }
    words.extend(identity.umask.map(|umask| format!("umask {umask:03o}")));
    listed(words)
}

fn limits(usage: &Usage, identity: &Identity) -> Option<String> {
    let mut words = Vec::new();
    words.extend(usage.max_memory.map(|bytes| format!("memory {}", format_size(bytes))));
    words.extend(usage.max_cpu.map(|percent| format!("cpu {percent}%")));
    words.extend(usage.max_tasks.map(|tasks| format!("{tasks} tasks")));
    if !words.is_empty() {
        words.push(
            match usage.on_limit {
                OnLimit::Restart => "then restart",
                OnLimit::Kill => "then kill",
                OnLimit::None => "only told",
            }
            .to_owned(),
        );
    }
    match usage.cgroup {
        CgroupUse::Auto => {}
        CgroupUse::Required => words.push("cgroup required".to_owned()),
        CgroupUse::Off => words.push("no cgroup".to_owned()),
    }
    words.extend(identity.nice.map(|nice| format!("nice {nice}")));
    words.extend(identity.oom_score_adj.map(|score| format!("oom_score_adj {score}")));
    let bound = |bound: Option<u64>| bound.map_or("unlimited".to_owned(), |bound| bound.to_string());
    words.extend(identity.limits.iter().map(|(name, Rlimit { soft, hard })| match soft == hard {
        true => format!("{} {}", shown_word(name), bound(*soft)),
        false => format!("{} {}/{}", shown_word(name), bound(*soft), bound(*hard)),
    }));
    listed(words)
}

fn group_text(group: &Group, on_exit: Option<OnExit>) -> String {
    let strategy = match group.strategy {
        Strategy::One => "",
        Strategy::All => ", all restart together",
        Strategy::Rest => ", those after it restart with it",
    };
    let exit = match on_exit {
        Some(OnExit::StopGroup) => ", its last end stops the others",
        None => "",
    };
    format!("{}{strategy}{exit}", shown_word(&group.name))
}

fn schedule_text(schedule: &Schedule) -> String {
    let mut words = vec![match &schedule.when {
        When::Cron(expression) => shown(expression),
        When::Every(span) => format!("every {}", format_span(*span)),
    }];
    words.extend(schedule.timezone.as_deref().map(shown));
    words.extend(match schedule.overlap {
        Overlap::Skip => None,
        Overlap::Queue => Some("overlapping runs wait".to_owned()),
        Overlap::Replace => Some("a new run stops the old".to_owned()),
    });
    words.extend(schedule.timeout.map(|timeout| format!("at most {}", format_span(timeout))));
    words.extend((!schedule.jitter.is_zero()).then(|| format!("up to {} later", format_span(schedule.jitter))));
    words.extend(schedule.catch_up.then(|| "missed runs are made up for".to_owned()));
    words.extend(schedule.run_at_start.then(|| "also at start".to_owned()));
    words.join(", ")
}

fn probe_text(probe: &Probe) -> String {
    match probe {
        Probe::Http { url, .. } => format!("http {}", shown(url)),
        Probe::Tcp { address } => format!("tcp {}", shown(address)),
        Probe::Exec { argv } => format!("exec {}", command(argv)),
    }
}

fn readiness(ready: &Readiness) -> String {
    match ready {
        Readiness::Probe(probe) => probe_text(probe),
        Readiness::Log { pattern } => format!("log /{}/", shown(pattern)),
        Readiness::Notify => "notify (READY=1)".to_owned(),
        Readiness::Fd { number: Some(number) } => format!("a line on descriptor {number}"),
        Readiness::Fd { number: None } => "a line on READY_FD".to_owned(),
        Readiness::NodeIpc => "process.send('ready')".to_owned(),
        Readiness::After(span) => format!("after {}", format_span(*span)),
    }
}

fn health_text(health: &Health) -> String {
    let check = match &health.check {
        Check::Probe(probe) => probe_text(probe),
        Check::LogSilence(span) => format!("prints at least every {}", format_span(*span)),
    };
    let action = match health.action {
        HealthAction::Restart => "restart",
        HealthAction::Replace => "replace",
        HealthAction::None => "only shown",
    };
    let (interval, timeout) = (format_span(health.interval), format_span(health.timeout));
    format!("{check}, every {interval} within {timeout}, after {} failures: {action}", health.failures)
}

fn watch_text(watch: &Watch) -> String {
    let action = match watch.action {
        WatchAction::Restart => "restart",
        WatchAction::Reload => "reload",
    };
    let paths: Vec<String> = watch.paths.iter().map(|path| shown(&path.to_string_lossy())).collect();
    let cascade = if watch.cascade { " with dependents" } else { "" };
    format!("{}: {action}{cascade}", paths.join(", "))
}

fn hook_text(hook: &Hook) -> String {
    match hook {
        Hook::Command { argv } => command(argv),
        Hook::Webhook { url, secret_file } => {
            let signed = secret_file.as_ref().map(|file| format!(", signed by {}", shown(&file.to_string_lossy())));
            format!("POST {}{}", shown(url), signed.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AppName, AppSpec, HookPoint};

    fn rows(spec: &AppSpec) -> String {
        let fields = spec_fields(&serde_json::to_value(spec).expect("JSON"));
        fields.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
    }

    fn plain() -> AppSpec {
        AppSpec::new(AppName::new("web").expect("name"), vec!["node".into(), "my server.js".into()], "/srv".into())
    }

    #[test]
    fn a_plain_app_has_few_rows() {
        assert_eq!(
            rows(&plain()),
            "command: node 'my server.js'\ndirectory: /srv\nnamespace: default\ninstances: 1\nrestart: on-failure\n\
             stop signal: SIGTERM\nstop timeout: 10s\n"
        );
    }

    #[test]
    fn an_app_with_everything() {
        let mut spec = plain();
        spec.identity = Identity {
            user: Some("www\u{1b}".into()),
            group: Some("web".into()),
            groups: Some(vec![]),
            umask: Some(0o27),
            nice: Some(5),
            oom_score_adj: None,
            limits: [("nofile".to_owned(), Rlimit { soft: Some(1024), hard: None })].into(),
        };
        spec.usage = Usage { max_memory: Some(512 << 20), max_cpu: Some(150.0), on_limit: OnLimit::Kill, ..Usage::default() };
        spec.group = Some(Group { name: "shop".into(), strategy: Strategy::Rest });
        spec.on_exit = Some(OnExit::StopGroup);
        spec.ready = Some(Readiness::Notify);
        spec.watchdog = Some(Duration::from_secs(30));
        spec.health = Some(Health::new(Check::Probe(Probe::Http {
            url: "http://127.0.0.1:{{port}}/health".into(),
            status: vec![],
            headers: Default::default(),
            body: None,
        })));
        spec.schedule = Some(Schedule {
            when: When::Cron("0 3 * * *".into()),
            timezone: Some("Europe/Berlin".into()),
            overlap: Overlap::Queue,
            timeout: Some(Duration::from_secs(600)),
            catch_up: true,
            jitter: Duration::from_secs(60),
            run_at_start: false,
        });
        spec.watch = Some(Watch {
            paths: vec!["/srv/src".into()],
            ignore: vec![],
            debounce: Duration::from_secs(1),
            action: WatchAction::Restart,
            cascade: true,
        });
        spec.hooks.insert(HookPoint::OnCrash, Hook::Webhook { url: "https://h/•••".into(), secret_file: Some("/k".into()) });
        spec.hooks.insert(HookPoint::PreStart, Hook::Command { argv: vec!["./migrate".into(), "--all".into()] });
        spec.no_restart_exit_codes = vec![7, 8];
        spec.stdin = true;
        spec.port = Some(Port::Auto(5000, 5010));
        spec.listen = serde_json::from_value(serde_json::json!([
            { "address": { "tcp": "127.0.0.1:80" }, "name": "80", "backlog": 4096, "reuse_port": true },
            { "address": { "unix": "/run/w.sock" }, "name": "w", "backlog": 4096, "mode": 0o660 },
        ]))
        .expect("sockets");
        spec.sticky = Some(Sticky::SourceIp);
        spec.renewal = Renewal { strategy: Reload::Rolling, soak: Duration::from_secs(2), max_parallel: 3, ..Renewal::default() };
        spec.stop_command = Some(vec!["bye".into()]);
        spec.kill_tree = false;
        spec.labels = [("tier".to_owned(), "front".to_owned())].into();
        let text = rows(&spec);
        for row in [
            "user: www\\x1b, group web, no other groups, umask 027",
            "limits: memory 512M, cpu 150%, then kill, nice 5, nofile 1024/unlimited",
            "group: shop, those after it restart with it, its last end stops the others",
            "schedule: 0 3 * * *, Europe/Berlin, overlapping runs wait, at most 10m, up to 1m later, missed runs are made up for",
            "ready: notify (READY=1)",
            "ready within: 1m",
            "health check: http http://127.0.0.1:{{port}}/health, every 30s within 5s, after 3 failures: restart",
            "watchdog: 30s",
            "watch: /srv/src: restart with dependents",
            "last exits: 7, 8",
            "input: a pipe (`abide send`)",
            "port: auto:5000-5010",
            "listens on: 80 tcp://127.0.0.1:80 (one for each slot), w unix:/run/w.sock (0660), clients spread by address",
            "reload: rolling, soak 2s, 3 slots at a time",
            "stop command: bye",
            "stops: its first process only",
            "labels: tier=front",
            "pre_start: ./migrate --all",
            "on_crash: POST https://h/•••, signed by /k",
        ] {
            assert!(text.lines().any(|line| line == row), "`{row}` is not in\n{text}");
        }
    }
}
