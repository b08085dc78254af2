//! Specifications as the parser can yield them.

use model::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::Strategy;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Pieces that mean something to a shell, a template, a birth or TOML.
const PIECES: &[&str] = &[
    "a",
    "B7",
    " ",
    "$",
    "$$",
    "${",
    "${HOME}",
    "{",
    "}",
    "{{",
    "}}",
    "{{{{",
    "{{slot}}",
    "{{{{slot}}",
    "{{instance}}",
    "{{home}}",
    "\"",
    "'",
    "\\",
    "\n",
    "\t",
    "#",
    "=",
    ".",
    "~",
    "é",
    "•",
    "\u{202e}",
    "\u{7f}",
    "\u{1f600}",
    "none",
    "-",
];

/// Any text; in the eyes of a birth it may be filled.
pub fn text() -> BoxedStrategy<String> {
    vec(prop::sample::select(PIECES), 0..7).prop_map(|pieces| pieces.concat()).boxed()
}

fn some_text() -> BoxedStrategy<String> {
    text().prop_filter("not empty", |text| !text.is_empty()).boxed()
}

/// A part of a path.
fn part() -> BoxedStrategy<String> {
    some_text().prop_filter("a name", |text| text != "." && !text.contains(|c: char| c.is_control())).boxed()
}

fn path() -> BoxedStrategy<String> {
    vec(part(), 1..4).prop_map(|parts| format!("/{}", parts.join("/"))).boxed()
}

fn file() -> BoxedStrategy<String> {
    let name = "[a-z]{1,5}";
    prop_oneof![
        (path(), name).prop_map(|(path, name)| format!("{path}/{name}")),
        name.prop_map(|name| format!("{{{{home}}}}/{name}"))
    ]
    .boxed()
}

fn argv() -> BoxedStrategy<Vec<String>> {
    let program = prop_oneof![some_text(), path(), path().prop_map(|path| format!("{{{{home}}}}{path}"))];
    (program, vec(text(), 0..4)).prop_map(|(program, args)| std::iter::once(program).chain(args).collect()).boxed()
}

fn span() -> BoxedStrategy<Duration> {
    prop_oneof![0u64..5000, (0u64..100_000).prop_map(|secs| secs * 1000), 0u64..100 * 365 * 86_400_000]
        .prop_map(Duration::from_millis)
        .boxed()
}

fn span_from(least: u64) -> BoxedStrategy<Duration> {
    span().prop_map(move |span| span.max(Duration::from_millis(least))).boxed()
}

fn some_span() -> BoxedStrategy<Option<Duration>> {
    option::of(span_from(1000)).boxed()
}

fn size() -> BoxedStrategy<u64> {
    prop_oneof![0u64..5000, (0u64..5000).prop_map(|n| n << 10), (0u64..5000).prop_map(|n| n << 30), 0u64..i64::MAX as u64].boxed()
}

fn name() -> BoxedStrategy<AppName> {
    "[a-z][a-z0-9._-]{0,8}".prop_filter_map("a name", |text| AppName::new(&text).ok()).boxed()
}

fn who() -> BoxedStrategy<String> {
    prop_oneof!["[a-z_][a-z{}$_]{0,6}", (0u32..70_000).prop_map(|id| id.to_string())].boxed()
}

fn codes() -> BoxedStrategy<Vec<i32>> {
    prop::collection::btree_set(0i32..=255, 0..4).prop_map(|codes| codes.into_iter().rev().collect()).boxed()
}

fn url(scheme: &'static str) -> BoxedStrategy<String> {
    let tail = prop::sample::select(&["", "/", "/h", "/$$x", "/{{slot}}", "?a=$b&c=%7B"][..]);
    let host = prop::sample::select(&["127.0.0.1:3000", "[::1]", "a-b.c:30{{slot}}"][..]);
    (host, tail).prop_map(move |(host, tail)| format!("{scheme}://{host}{tail}")).boxed()
}

fn probe() -> BoxedStrategy<Probe> {
    let range = prop_oneof![(100u16..600).prop_map(|n| (n, n)), (100u16..300, 300u16..600)];
    let value = text().prop_map(|text| text.replace(|c: char| c.is_control(), ""));
    let headers = btree_map("[A-Za-z$'.-]{1,6}", value, 0..3).prop_filter("not the prober's", |all| {
        all.keys().all(|name| !["connection"].contains(&name.to_ascii_lowercase().as_str()))
    });
    let http = (url("http"), vec(range, 0..3), headers, option::of(pattern()));
    prop_oneof![
        http.prop_map(|(url, status, headers, body)| Probe::Http { url, status, headers, body }),
        prop::sample::select(&["127.0.0.1:1", "[::1]:80", "h{{slot}}:80"][..])
            .prop_map(|address| Probe::Tcp { address: address.into() }),
        argv().prop_map(|argv| Probe::Exec { argv }),
    ]
    .boxed()
}

fn pattern() -> BoxedStrategy<String> {
    prop::sample::select(&["ready", "^\\d{2,}$", "a|b", "\\$\\{x", "\"q\"", "{{slot}}|x", "x$"][..])
        .prop_filter("an expression", |text| regex_lite::Regex::new(text).is_ok())
        .prop_map(str::to_owned)
        .boxed()
}

fn readiness() -> BoxedStrategy<Readiness> {
    prop_oneof![
        probe().prop_map(Readiness::Probe),
        pattern().prop_map(|pattern| Readiness::Log { pattern }),
        Just(Readiness::Notify),
        option::of(3u32..1024).prop_map(|number| Readiness::Fd { number }),
        Just(Readiness::NodeIpc),
        span().prop_map(Readiness::After),
    ]
    .boxed()
}

fn health() -> BoxedStrategy<Health> {
    let check = prop_oneof![probe().prop_map(Check::Probe), span_from(10).prop_map(Check::LogSilence)];
    let action = prop::sample::select(vec![HealthAction::Restart, HealthAction::Replace, HealthAction::None]);
    (check, span_from(10), span_from(10), 1u32.., 1u32.., span(), action)
        .prop_map(|(check, interval, timeout, failures, successes, start_period, action)| Health {
            check,
            interval,
            timeout,
            failures,
            successes,
            start_period,
            action,
        })
        .boxed()
}

fn log() -> BoxedStrategy<LogSpec> {
    let target = || prop_oneof![2 => Just(LogTarget::Home), 1 => file().prop_map(LogTarget::File)];
    let policy = (size(), any::<u32>(), some_span(), some_span(), any::<bool>()).prop_map(
        |(max_size, max_files, max_age, rotate_every, compress)| LogPolicy {
            max_size,
            max_files,
            max_age,
            rotate_every,
            compress,
        },
    );
    let format = prop::sample::select(vec![LogFormat::Raw, LogFormat::Text, LogFormat::Json]);
    let overflow = prop::sample::select(vec![LogOverflow::Block, LogOverflow::Drop]);
    (policy, format, overflow, target(), target(), any::<bool>(), option::of(file()), size())
        .prop_map(|(policy, format, overflow, out, err, merge, also, total_max)| {
            let also = also.map(|path| format!("{path}.both"));
            let (merge, err) =
                if merge || (out != LogTarget::Home && out == err) { (true, LogTarget::Home) } else { (false, err) };
            LogSpec { policy, format, overflow, out, err, merge, also, total_max }
        })
        .boxed()
}

fn identity() -> BoxedStrategy<Identity> {
    let amount = || option::of(0u64..i64::MAX as u64);
    let limit = prop_oneof![
        amount().prop_map(|both| Rlimit { soft: both, hard: both }),
        (amount(), amount()).prop_map(|(one, other)| match (one, other) {
            (Some(one), Some(other)) => Rlimit { soft: Some(one.min(other)), hard: Some(one.max(other)) },
            (one, other) => Rlimit { soft: one.or(other), hard: None },
        }),
    ];
    let limits = btree_map(prop::sample::select(&Identity::LIMITS[..]).prop_map(str::to_owned), limit, 0..4);
    let bounds = (option::of(0u32..=0o777), option::of(-20i32..=19), option::of(-1000i32..=1000));
    (option::of(who()), option::of(who()), option::of(vec(who(), 0..3)), bounds, limits)
        .prop_map(|(user, group, groups, (umask, nice, oom_score_adj), limits)| Identity {
            user,
            group,
            groups,
            umask,
            nice,
            oom_score_adj,
            limits,
        })
        .boxed()
}

fn usage() -> BoxedStrategy<Usage> {
    let percent = prop_oneof![(1u32..1000).prop_map(f64::from), 1e-9..1e6f64];
    let on_limit = prop::sample::select(vec![OnLimit::Restart, OnLimit::Kill, OnLimit::None]);
    let cgroup = prop::sample::select(vec![CgroupUse::Auto, CgroupUse::Required, CgroupUse::Off]);
    (
        option::of(size().prop_map(|size| size.max(65_536))),
        option::of(percent),
        option::of(1u64..=u32::MAX.into()),
        on_limit,
        cgroup,
    )
        .prop_map(|(max_memory, max_cpu, max_tasks, on_limit, cgroup)| Usage { max_memory, max_cpu, max_tasks, on_limit, cgroup })
        .boxed()
}

fn schedule() -> BoxedStrategy<Schedule> {
    let cron = prop::sample::select(&["0 3 * * *", "@daily", "*/5 * * * * *", "0 0 * * FRI#2"][..]);
    let zone = option::of(prop::sample::select(&["Europe/Berlin", "UTC"][..]).prop_map(str::to_owned));
    let when = prop_oneof![
        (cron, zone).prop_map(|(cron, zone)| (When::Cron(cron.into()), zone)),
        span_from(100).prop_map(|every| (When::Every(every), None)),
    ];
    let overlap = prop::sample::select(vec![Overlap::Skip, Overlap::Queue, Overlap::Replace]);
    (when, overlap, some_span(), any::<bool>(), span(), any::<bool>())
        .prop_map(|((when, timezone), overlap, timeout, catch_up, jitter, run_at_start)| Schedule {
            when,
            timezone,
            overlap,
            timeout,
            catch_up,
            jitter,
            run_at_start,
        })
        .boxed()
}

fn watch() -> BoxedStrategy<Watch> {
    let action = prop::sample::select(vec![WatchAction::Restart, WatchAction::Reload]);
    (vec(path().prop_map(PathBuf::from), 1..3), vec(some_text(), 0..3), span(), action, any::<bool>())
        .prop_map(|(paths, ignore, debounce, action, cascade)| Watch { paths, ignore, debounce, action, cascade })
        .boxed()
}

fn hooks() -> BoxedStrategy<Hooks> {
    let file = option::of(path().prop_map(PathBuf::from));
    // What is filled at birth cannot stand here.
    let url = url("https").prop_map(|url| url.replace("{{slot}}", "1"));
    let hook = prop_oneof![
        argv().prop_map(|argv| Hook::Command { argv }),
        (url, file).prop_map(|(url, secret_file)| Hook::Webhook { url, secret_file }),
    ];
    btree_map(prop::sample::select(&HookPoint::ALL[..]), hook, 0..4).boxed()
}

fn depends_on() -> BoxedStrategy<Vec<Dependency>> {
    let condition =
        prop::sample::select(vec![Condition::Started, Condition::Ready, Condition::Completed, Condition::CompletedOk]);
    // A map for names that are there once; turned round, so that the order is not always that of names.
    (btree_map("d[a-z0-9.]{1,5}", (condition, any::<bool>()), 0..4), any::<bool>())
        .prop_map(|(all, back)| {
            let dependency = |(app, (condition, required)): (String, _)| Dependency {
                app: AppName::new(&app).expect("a name"),
                condition,
                required,
            };
            let mut all: Vec<_> = all.into_iter().map(dependency).collect();
            if back {
                all.reverse();
            }
            all
        })
        .boxed()
}

fn backoff() -> BoxedStrategy<Backoff> {
    let factor = prop_oneof![Just(2.0), 1.0..1e6f64, Just(1e300)];
    (span(), span(), factor, any::<bool>(), span(), option::of(1u32..))
        .prop_map(|(one, other, factor, jitter, window, threshold)| Backoff {
            min: one.min(other),
            max: one.max(other),
            factor,
            jitter,
            window,
            threshold,
        })
        .boxed()
}

fn group() -> BoxedStrategy<(Option<Group>, Option<OnExit>)> {
    let strategy = prop::sample::select(vec![model::Strategy::One, model::Strategy::All, model::Strategy::Rest]);
    let stop = Some(OnExit::StopGroup);
    prop_oneof![
        2 => Just((None, None)),
        1 => (name(), strategy, any::<bool>())
            .prop_map(move |(name, strategy, on)| (Some(Group { name: name.to_string(), strategy }), stop.filter(|_| on))),
        // The file as a group; its name is any text.
        1 => some_text().prop_map(move |name| (Some(Group { name, strategy: model::Strategy::One }), stop)),
    ]
    .boxed()
}

/// What is set beside the parts.
fn plain() -> BoxedStrategy<AppSpec> {
    let one = (name(), argv(), path(), btree_map("[A-Za-z_. $]{1,6}", text(), 0..4), 0u32..=1000, any::<bool>());
    let restart = prop::sample::select(vec![Restart::Always, Restart::OnFailure, Restart::Never]);
    let signal = (1i32..=64).prop_map(|number| Signal::from_number(number).expect("a signal"));
    let two = (restart, span(), option::of(any::<u32>()), signal, span(), span(), codes(), codes());
    let cron = option::of(prop::sample::select(&["0 3 * * *", "@hourly"][..]).prop_map(str::to_owned));
    let three = ("[a-z0-9][a-z._-]{0,5}", any::<i32>(), span_from(10), span(), option::of(span_from(10)), cron, any::<bool>());
    (one, two, three)
        .prop_map(|((name, argv, cwd, env, instances, autostart), two, three)| {
            let (restart, restart_delay, max_restarts, stop_signal, stop_timeout, start_delay, good, last) = two;
            let (namespace, start_order, start_timeout, min_uptime, watchdog, cron_restart, stdin) = three;
            AppSpec {
                env,
                instances,
                autostart,
                restart,
                restart_delay,
                max_restarts,
                stop_signal,
                stop_timeout,
                start_delay,
                success_exit_codes: good,
                no_restart_exit_codes: last,
                namespace,
                start_order,
                start_timeout,
                min_uptime,
                watchdog,
                cron_restart,
                stdin,
                ..AppSpec::new(name, argv, cwd.into())
            }
        })
        .boxed()
}

/// Description, labels, what it gets of the session, and the profile that shaped it.
type Words = (Option<String>, BTreeMap<String, String>, InheritEnv, Option<String>);

fn words() -> BoxedStrategy<Words> {
    let line = || some_text().prop_filter("one line", |text| !text.contains(char::is_control));
    let inherited = prop_oneof![
        Just(InheritEnv::Session),
        Just(InheritEnv::None),
        vec("[A-Z_]{1,4}[*$]?", 0..3).prop_map(InheritEnv::Named),
    ];
    let profile = option::of("p[a-z._-]{0,5}");
    (option::of(line()), btree_map("[a-z0-9][a-z./_-]{0,5}", line(), 0..3), inherited, profile).boxed()
}

/// Any app.
pub fn spec() -> BoxedStrategy<AppSpec> {
    let one = (plain(), backoff(), log(), depends_on(), group(), option::of(readiness()), option::of(health()));
    let two = (usage(), identity(), option::of(schedule()), option::of(watch()), hooks(), words(), crate::reach::reach());
    (one, two)
        .prop_map(
            |(
                (mut spec, backoff, log, depends_on, group, ready, health),
                (usage, identity, schedule, watch, hooks, words, reach),
            )| {
                spec.depends_on = depends_on.into_iter().filter(|on| on.app != spec.name).collect();
                (spec.group, spec.on_exit) = group;
                (spec.description, spec.labels, spec.inherit_env, spec.profile) = words;
                // Only who says READY=1 can say WATCHDOG=1.
                spec.watchdog = spec.watchdog.filter(|_| ready == Some(Readiness::Notify));
                let mut spec = AppSpec {
                    backoff,
                    log,
                    ready,
                    health,
                    usage,
                    identity,
                    schedule,
                    watch,
                    hooks,
                    origins: BTreeMap::new(),
                    ..spec
                };
                reach.put(&mut spec);
                spec
            },
        )
        .boxed()
}
