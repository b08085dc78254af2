//! Every key of an app with its value.

use super::literal::{Literal, filled, int, list, number, or_none, plain, secret, size, span, word};
use super::parts;
use super::reach;
use super::rows::{Rows, Shown};
use crate::keys::{Scope, known_keys};
use model::{
    AppSpec, Backoff, DaemonSettings, Group, InheritEnv, LogFormat, LogOverflow, LogPolicy, LogSpec, LogTarget, OnExit, Origin,
    Restart,
};
use std::collections::BTreeMap;

/// Every effective value of an app as a file would say it, in the order of the documentation: also what is at its default, and what
/// nobody has set. A key of a table stands as `backoff.min`; the group that the app is in as `groups.NAME.strategy`.
///
/// For people it is made of [`AppSpec::masked`].
pub fn effective(spec: &AppSpec) -> Vec<Shown<'_>> {
    let mut rows = Rows::new(Some(&spec.origins));
    app(spec, &mut rows);
    rows.sorted(place)
}

/// The manager's own settings, as `[daemon]` would say them: what holds, and not only what is set.
pub fn effective_settings(settings: &DaemonSettings) -> Vec<Shown<'static>> {
    settings_rows(settings, None)
}

/// The same, with the places that they were written at.
pub fn effective_settings_of<'s>(settings: &DaemonSettings, origins: &'s BTreeMap<String, Origin>) -> Vec<Shown<'s>> {
    settings_rows(settings, Some(origins))
}

fn settings_rows<'s>(settings: &DaemonSettings, origins: Option<&'s BTreeMap<String, Origin>>) -> Vec<Shown<'s>> {
    let held = |settings: &DaemonSettings| (settings.policy(), settings.total_max(), settings.history());
    let ((policy, total, history), (base, base_total, base_history)) = (held(settings), held(&DaemonSettings::default()));
    let mut rows = Rows::new(origins);
    let daemon = |key: &'static str| ["daemon", key];
    rows.key(&daemon("log_max_size"), size(policy.max_size), size(base.max_size));
    rows.key(&daemon("log_max_files"), int(policy.max_files), int(base.max_files));
    rows.key(&daemon("log_max_age"), or_none(policy.max_age, span), or_none(base.max_age, span));
    rows.key(&daemon("log_compress"), compress(policy.compress), compress(base.compress));
    rows.key(&daemon("log_total_max"), size(total), size(base_total));
    rows.key(&daemon("history"), or_none(history, span), or_none(base_history, span));
    rows.sorted(|_| 0)
}

/// The place of a key in the documentation.
fn place(key: &str) -> usize {
    known_keys().filter(|known| known.scope == Scope::App).position(|known| known.name == key).unwrap_or(usize::MAX)
}

/// Taken apart as a whole, so that a field that is added to a specification is not forgotten here.
fn app<'s>(spec: &'s AppSpec, rows: &mut Rows<'s>) {
    let AppSpec {
        name,
        namespace,
        argv,
        cwd,
        env,
        instances,
        autostart,
        restart,
        restart_delay,
        max_restarts,
        backoff: pauses,
        stop_signal,
        stop_command,
        kill_tree,
        stop_timeout,
        start_delay,
        success_exit_codes,
        log: logs,
        no_restart_exit_codes,
        depends_on,
        start_order,
        group: of,
        on_exit,
        ready,
        start_timeout,
        min_uptime,
        health,
        watchdog,
        usage,
        identity,
        schedule,
        cron_restart,
        watch,
        hooks,
        stdin,
        description,
        labels,
        inherit_env,
        profile,
        renewal,
        // All four by `reach::reach`.
        port: _,
        listen: _,
        sticky: _,
        instance_var: _,
        origins: _,
    } = spec;
    let base = AppSpec::new(name.clone(), Vec::new(), cwd.clone());
    let codes = |codes: &[i32]| list(codes, |code| int(*code));
    rows.set(&["cmd"], list(argv, |word| filled(word)));
    let folder = plain(&cwd.to_string_lossy());
    rows.push(&["cwd"], Some(folder), !spec.origins.contains_key("cwd"), &[]);
    env.iter().for_each(|(name, value)| rows.set(&["env", name], secret(value)));
    rows.key(&["instances"], int(*instances), int(base.instances));
    rows.key(&["autostart"], Literal::Bool(*autostart), Literal::Bool(base.autostart));
    rows.key(&["restart"], policy(*restart), policy(base.restart));
    rows.key(&["restart_delay"], span(*restart_delay), span(base.restart_delay));
    rows.key(&["max_restarts"], or_none(*max_restarts, int), or_none(base.max_restarts, int));
    backoff(pauses, &base.backoff, max_restarts.is_some(), rows);
    rows.key(&["stop_signal"], word(&stop_signal.to_string()), word(&base.stop_signal.to_string()));
    rows.maybe(&["stop_command"], stop_command.as_ref().map(|argv| list(argv, |word| filled(word))));
    rows.key(&["kill_tree"], Literal::Bool(*kill_tree), Literal::Bool(base.kill_tree));
    rows.key(&["stop_timeout"], span(*stop_timeout), span(base.stop_timeout));
    rows.key(&["start_delay"], span(*start_delay), span(base.start_delay));
    rows.key(&["success_exit_codes"], codes(success_exit_codes), codes(&base.success_exit_codes));
    log(logs, &base.log, rows);
    rows.key(&["namespace"], plain(namespace), plain(&base.namespace));
    rows.maybe(&["description"], description.as_deref().map(plain));
    labels.iter().for_each(|(name, value)| rows.set(&["labels", name], plain(value)));
    rows.key(&["inherit_env"], inherited(inherit_env), inherited(&base.inherit_env));
    rows.maybe(&["profile"], profile.as_deref().map(plain));
    reach::reach(spec, &base, rows);
    reach::renewal(renewal, &base.renewal, rows);
    parts::depends_on(depends_on, rows);
    rows.key(&["start_order"], int(*start_order), int(base.start_order));
    rows.key(&["on_exit"], end_of_group(*on_exit), end_of_group(base.on_exit));
    parts::ready(ready.as_ref(), rows);
    rows.key(&["start_timeout"], span(*start_timeout), span(base.start_timeout));
    rows.key(&["min_uptime"], span(*min_uptime), span(base.min_uptime));
    parts::health(health.as_ref(), rows);
    rows.key(&["watchdog"], or_none(*watchdog, span), or_none(base.watchdog, span));
    rows.key(&["no_restart_exit_codes"], codes(no_restart_exit_codes), codes(&base.no_restart_exit_codes));
    parts::usage(usage, &base.usage, rows);
    parts::identity(identity, rows);
    parts::schedule(schedule.as_ref(), rows);
    let expression = |text: &Option<String>| or_none(text.as_deref(), plain);
    rows.key(&["cron_restart"], expression(cron_restart), expression(&base.cron_restart));
    parts::watch(watch.as_ref(), rows);
    parts::hooks(hooks, rows);
    let input = |pipe: bool| word(if pipe { "pipe" } else { "null" });
    rows.key(&["stdin"], input(*stdin), input(base.stdin));
    group(of.as_ref(), rows);
}

fn policy(restart: Restart) -> Literal {
    word(match restart {
        Restart::Always => "always",
        Restart::OnFailure => "on-failure",
        Restart::Never => "never",
    })
}

/// `counted`: whether `max_restarts` is set, which then decides alone unless a threshold is set beside it.
fn backoff(value: &Backoff, base: &Backoff, counted: bool, rows: &mut Rows<'_>) {
    let Backoff { min, max, factor, jitter, window, threshold } = value;
    rows.key(&["backoff", "min"], span(*min), span(base.min));
    rows.key(&["backoff", "max"], span(*max), span(base.max));
    rows.key(&["backoff", "factor"], number(*factor), number(base.factor));
    rows.key(&["backoff", "jitter"], Literal::Bool(*jitter), Literal::Bool(base.jitter));
    rows.key(&["backoff", "window"], span(*window), span(base.window));
    let default = base.threshold.filter(|_| !counted);
    let because: &[&str] = if counted && threshold.is_none() { &["max_restarts"] } else { &[] };
    rows.push(&["backoff", "threshold"], Some(int(threshold.unwrap_or(0))), *threshold == default, because);
}

fn log(spec: &LogSpec, base: &LogSpec, rows: &mut Rows<'_>) {
    let LogSpec { policy, format, overflow, out, err, merge, also, total_max } = spec;
    let LogPolicy { max_size, max_files, max_age, rotate_every, compress: packed } = policy;
    let format_of = |format| {
        word(match format {
            LogFormat::Raw => "raw",
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        })
    };
    let overflow_of = |overflow| {
        word(match overflow {
            LogOverflow::Block => "block",
            LogOverflow::Drop => "drop",
        })
    };
    let target = |target: &LogTarget| match target {
        LogTarget::Home => None,
        LogTarget::Nowhere => Some(word("none")),
        LogTarget::File(path) => Some(filled(path)),
    };
    rows.key(&["log_format"], format_of(*format), format_of(base.format));
    rows.key(&["log_file"], or_none(also.as_deref(), filled), word("none"));
    rows.maybe(&["out_file"], target(out));
    // Merged, it goes where the other one goes.
    if !merge || target(err).is_some() {
        rows.maybe(&["err_file"], target(err));
    }
    // Two keys that name one file come to the same.
    rows.push(
        &["merge_logs"],
        Some(Literal::Bool(*merge)),
        *merge == base.merge,
        if *merge { &["err_file", "out_file"] } else { &[] },
    );
    rows.key(&["log_max_size"], size(*max_size), size(base.policy.max_size));
    rows.key(&["log_max_files"], int(*max_files), int(base.policy.max_files));
    rows.key(&["log_max_age"], or_none(*max_age, span), or_none(base.policy.max_age, span));
    rows.key(&["log_rotate_every"], or_none(*rotate_every, span), or_none(base.policy.rotate_every, span));
    rows.key(&["log_compress"], compress(*packed), compress(base.policy.compress));
    rows.key(&["log_overflow"], overflow_of(*overflow), overflow_of(base.overflow));
    rows.key(&["log_total_max"], size(*total_max), size(base.total_max));
}

fn compress(on: bool) -> Literal {
    word(if on { "gzip" } else { "none" })
}

fn inherited(from: &InheritEnv) -> Literal {
    match from {
        InheritEnv::Session => word("session"),
        InheritEnv::None => word("none"),
        InheritEnv::Named(names) => list(names, |name| plain(name)),
    }
}

fn end_of_group(on_exit: Option<OnExit>) -> Literal {
    or_none(on_exit, |on_exit| match on_exit {
        OnExit::StopGroup => word("stop-group"),
    })
}

fn group(group: Option<&Group>, rows: &mut Rows<'_>) {
    let Some(Group { name, strategy }) = group else { return };
    rows.set(&["groups", name, "strategy"], word(strategy.word()));
}
