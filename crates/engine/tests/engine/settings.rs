//! Words of the screenplays about the life of an app: its settings, and facts about its lives.

use engine::{Event, Outcome, Word};
use model::{
    AppName, AppSpec, Check, Condition, Dependency, Fault, Group, Health, HealthAction, Hook, HookPoint, OnExit, OnLimit,
    Overlap, Port, Probe, Readiness, Reload, Schedule, Strategy, Wall, Watch, WatchAction, When,
};
use std::time::Duration;

fn probe() -> Probe {
    Probe::Tcp { address: "127.0.0.1:1".into() }
}

fn span(text: &str) -> Duration {
    if text == "0" { Duration::ZERO } else { model::parse_span(text).expect("span") }
}

/// `key=value` of an app.
pub fn set(spec: &mut AppSpec, key: &str, value: &str) {
    match key {
        "needs" => spec.depends_on = value.split(',').map(need).collect(),
        "order" => spec.start_order = value.parse().expect("number"),
        "group" => {
            let (name, strategy) = value.split_once(':').unwrap_or((value, "one"));
            let strategy = match strategy {
                "one" => Strategy::One,
                "all" => Strategy::All,
                _ => Strategy::Rest,
            };
            spec.group = Some(Group { name: name.into(), strategy });
        }
        "on_exit" => spec.on_exit = Some(OnExit::StopGroup),
        "ready" => {
            spec.ready = Some(match value.split_once(':').unwrap_or((value, "")) {
                ("tcp", _) => Readiness::Probe(probe()),
                ("after", pause) => Readiness::After(span(pause)),
                ("log", pattern) => Readiness::Log { pattern: pattern.into() },
                _ => Readiness::Notify,
            });
        }
        "start_timeout" => spec.start_timeout = span(value),
        "min_uptime" => spec.min_uptime = span(value),
        // Interval, failures, successes.
        "health" => {
            let parts: Vec<&str> = value.split('/').collect();
            let mut health = Health::new(Check::Probe(probe()));
            health.interval = span(parts[0]);
            health.failures = parts[1].parse().expect("number");
            health.successes = parts[2].parse().expect("number");
            spec.health = Some(health);
        }
        "silence" => spec.health = Some(Health { interval: span(value), ..Health::new(Check::LogSilence(span(value))) }),
        "period" => spec.health.as_mut().expect("after health").start_period = span(value),
        "action" => spec.health.as_mut().expect("after health").action = HealthAction::None,
        "watchdog" => spec.watchdog = Some(span(value)),
        "max_restarts" => spec.max_restarts = Some(value.parse().expect("number")),
        "no_restart" => spec.no_restart_exit_codes = vec![value.parse().expect("number")],
        "on_limit" => spec.usage.on_limit = if value == "kill" { OnLimit::Kill } else { OnLimit::None },
        "job" => spec.schedule = Some(job(value)),
        "timeout" => spec.schedule.as_mut().expect("after job").timeout = Some(span(value)),
        "at_start" => spec.schedule.as_mut().expect("after job").run_at_start = true,
        "watch" => {
            let (debounce, cascade) = (Duration::ZERO, value == "cascade");
            spec.watch = Some(Watch { paths: Vec::new(), ignore: Vec::new(), debounce, action: WatchAction::Restart, cascade });
        }
        "reload" => {
            let strategy = Reload::ALL.into_iter().find(|how| how.word() == value);
            spec.renewal.strategy = strategy.expect("strategy");
        }
        "drain" => spec.renewal.drain = span(value),
        "soak" => spec.renewal.soak = span(value),
        "parallel" => spec.renewal.max_parallel = value.parse().expect("number"),
        "port" => spec.port = Some(Port::Fixed(value.parse().expect("port"))),
        "auto" => spec.port = Some(Port::Auto(1, value.parse().expect("last"))),
        "on_switch" => _ = spec.hooks.insert(HookPoint::OnSwitch, Hook::Command { argv: vec![value.into()] }),
        "replace" => spec.health.as_mut().expect("after health").action = HealthAction::Replace,
        "reloads" => spec.watch.as_mut().expect("after watch").action = WatchAction::Reload,
        _ => panic!("no such setting: {key}"),
    }
}

fn job(overlap: &str) -> Schedule {
    let overlap = match overlap {
        "skip" => Overlap::Skip,
        "queue" => Overlap::Queue,
        _ => Overlap::Replace,
    };
    let when = When::Every(Duration::from_secs(60));
    Schedule { when, timezone: None, overlap, timeout: None, catch_up: false, jitter: Duration::ZERO, run_at_start: false }
}

/// `db:ready`; with `?` at the end a soft one.
fn need(text: &str) -> Dependency {
    let (text, required) = text.strip_suffix('?').map_or((text, true), |text| (text, false));
    let (app, condition) = text.split_once(':').unwrap_or((text, "ready"));
    let all = [Condition::Started, Condition::Ready, Condition::Completed, Condition::CompletedOk];
    let condition = all.into_iter().find(|known| known.word() == condition).expect("condition");
    Dependency { app: AppName::new(app).expect("name"), condition, required }
}

/// What is told about a life or an app.
pub fn fact(words: &[&str]) -> Event {
    let instance = || words[1].parse().expect("instance");
    let app = || AppName::new(words[1]).expect("name");
    match words[0] {
        "probed" => {
            let outcome = match words[3] {
                "good" => Outcome::Good,
                "elsewhere" => Outcome::Elsewhere,
                bad => Outcome::Bad(bad.into()),
            };
            Event::Probed { instance: instance(), number: words[2].parse().expect("number"), outcome }
        }
        "said" => Event::Said { instance: instance(), word: word(words[2]) },
        "exceeded" => Event::Exceeded { instance: instance(), what: words[2].into() },
        "oom" => Event::OutOfMemory { instance: instance(), killed: 1 },
        "due" => Event::Due { app: app(), at: Wall(0), late: words.len() > 2 },
        "cron" => Event::RestartDue { app: app() },
        _ => Event::Changed { app: app(), paths: vec!["src/main.js".into()] },
    }
}

fn word(text: &str) -> Word {
    match text.split_once(':').unwrap_or((text, "")) {
        ("ready", _) => Word::Ready,
        ("reloading", _) => Word::Reloading,
        ("stopping", _) => Word::Stopping,
        ("alive", _) => Word::Alive,
        ("stuck", _) => Word::Stuck,
        ("main", pid) => Word::MainPid { pid: pid.parse().expect("pid"), ident: 7 },
        ("every", every) => Word::AliveEvery(span(every)),
        ("extend", more) => Word::Extend(span(more)),
        (_, status) => Word::Status(status.into()),
    }
}

/// What `status` shows of a fault, so that a screenplay can name it.
pub fn fault_of(play: &crate::stage::Play, slot: &str) -> Option<Fault> {
    play.engine.slots().into_iter().find(|view| view.slot.to_string() == slot).and_then(|view| view.fault.cloned())
}
