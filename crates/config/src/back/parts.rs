//! The keys of the tables inside an app.

use super::literal::{Literal, filled, int, list, number, or_none, plain, secret, size, span, word};
use super::rows::Rows;
use crate::keys::{Scope, doc};
use model::{
    CgroupUse, Check, Dependency, Health, HealthAction, Hook, HookPoint, Hooks, Identity, OnLimit, Overlap, Probe, Readiness,
    Rlimit, Schedule, Usage, Watch, WatchAction, When,
};
use std::path::Path;
use std::time::Duration;

fn words(argv: &[String]) -> Literal {
    list(argv, |word| filled(word))
}

fn path(path: &Path) -> Literal {
    plain(&path.to_string_lossy())
}

/// One key for each app that is waited for.
pub(super) fn depends_on(all: &[Dependency], rows: &mut Rows<'_>) {
    if all.is_empty() {
        rows.key(&["depends_on"], Literal::List(Vec::new()), Literal::List(Vec::new()));
    }
    for Dependency { app, condition, required } in all {
        let how = word(condition.word());
        let value = match required {
            true => how,
            false => Literal::Table(vec![("condition".to_owned(), how), ("required".to_owned(), Literal::Bool(false))]),
        };
        rows.set(&["depends_on", app.as_str()], value);
    }
}

/// The keys of a probe inside `table`.
fn probe(table: &str, probe: &Probe, rows: &mut Rows<'_>) {
    match probe {
        Probe::Http { url, status, headers, body } => {
            rows.set(&[table, "http"], filled(url));
            let range = |(from, to): &(u16, u16)| if from == to { int(*from) } else { word(&format!("{from}-{to}")) };
            rows.maybe(&[table, "status"], (!status.is_empty()).then(|| list(status, range)));
            for (name, value) in headers {
                // What is masked stays so; a header is used as it is.
                let value = if value == model::MASK { secret(value) } else { plain(value) };
                rows.set(&[table, "headers", name], value);
            }
            rows.maybe(&[table, "body"], body.as_deref().map(plain));
        }
        Probe::Tcp { address } => rows.set(&[table, "tcp"], filled(address)),
        Probe::Exec { argv } => rows.set(&[table, "exec"], words(argv)),
    }
}

pub(super) fn ready(ready: Option<&Readiness>, rows: &mut Rows<'_>) {
    const TABLE: &str = "ready";
    match ready {
        None => rows.key(&[TABLE], word("none"), word("none")),
        Some(Readiness::Probe(inner)) => probe(TABLE, inner, rows),
        Some(Readiness::Log { pattern }) => rows.set(&[TABLE, "log"], plain(pattern)),
        Some(Readiness::Notify) => rows.set(&[TABLE, "notify"], Literal::Bool(true)),
        Some(Readiness::Fd { number }) => rows.set(&[TABLE, "fd"], number.map_or_else(|| word("auto"), int)),
        Some(Readiness::NodeIpc) => rows.set(&[TABLE, "node_ipc"], Literal::Bool(true)),
        Some(Readiness::After(after)) => rows.set(&[TABLE, "after"], span(*after)),
    }
}

pub(super) fn health(health: Option<&Health>, rows: &mut Rows<'_>) {
    const TABLE: &str = "healthcheck";
    let Some(Health { check, interval, timeout, failures, successes, start_period, action }) = health else {
        return rows.key(&[TABLE], word("none"), word("none"));
    };
    let action_of = |action| {
        word(match action {
            HealthAction::Restart => "restart",
            HealthAction::Replace => "replace",
            HealthAction::None => "none",
        })
    };
    let base = Health::new(Check::LogSilence(Duration::ZERO));
    match check {
        Check::Probe(inner) => probe(TABLE, inner, rows),
        Check::LogSilence(silence) => rows.set(&[TABLE, "log_silence"], span(*silence)),
    }
    rows.key(&[TABLE, "interval"], span(*interval), span(base.interval));
    rows.key(&[TABLE, "timeout"], span(*timeout), span(base.timeout));
    rows.key(&[TABLE, "failures"], int(*failures), int(base.failures));
    rows.key(&[TABLE, "successes"], int(*successes), int(base.successes));
    rows.key(&[TABLE, "start_period"], span(*start_period), span(base.start_period));
    rows.key(&[TABLE, "action"], action_of(*action), action_of(base.action));
}

pub(super) fn usage(usage: &Usage, base: &Usage, rows: &mut Rows<'_>) {
    let Usage { max_memory, max_cpu, max_tasks, on_limit, cgroup } = usage;
    let on_limit_of = |on_limit| {
        word(match on_limit {
            OnLimit::Restart => "restart",
            OnLimit::Kill => "kill",
            OnLimit::None => "none",
        })
    };
    let cgroup_of = |cgroup| {
        word(match cgroup {
            CgroupUse::Auto => "auto",
            CgroupUse::Required => "required",
            CgroupUse::Off => "off",
        })
    };
    rows.key(&["max_memory"], or_none(*max_memory, size), or_none(base.max_memory, size));
    rows.key(&["max_cpu"], or_none(*max_cpu, number), or_none(base.max_cpu, number));
    rows.key(&["max_tasks"], or_none(*max_tasks, int), or_none(base.max_tasks, int));
    rows.key(&["on_limit"], on_limit_of(*on_limit), on_limit_of(base.on_limit));
    rows.key(&["cgroup"], cgroup_of(*cgroup), cgroup_of(base.cgroup));
}

pub(super) fn identity(identity: &Identity, rows: &mut Rows<'_>) {
    let Identity { user, group, groups, umask, nice, oom_score_adj, limits } = identity;
    rows.maybe(&["user"], user.as_deref().map(plain));
    rows.maybe(&["group"], group.as_deref().map(plain));
    rows.maybe(&["groups"], groups.as_ref().map(|groups| list(groups, |group| plain(group))));
    rows.maybe(&["umask"], umask.map(|umask| word(&format!("{umask:03o}"))));
    rows.maybe(&["nice"], nice.map(int));
    rows.maybe(&["oom_score_adj"], oom_score_adj.map(int));
    for name in Identity::LIMITS {
        let in_bytes = doc(Scope::Limits, name).is_some_and(|key| key.shape.size_bound().is_some());
        rows.maybe(&["limits", name], limits.get(name).map(|limit| rlimit(*limit, in_bytes)));
    }
}

fn rlimit(limit: Rlimit, in_bytes: bool) -> Literal {
    let amount = |amount: Option<u64>| match amount {
        None => word("unlimited"),
        Some(amount) if in_bytes => size(amount),
        Some(amount) => int(amount),
    };
    let Rlimit { soft, hard } = limit;
    if soft == hard {
        return amount(soft);
    }
    Literal::Table(vec![("soft".to_owned(), amount(soft)), ("hard".to_owned(), amount(hard))])
}

pub(super) fn schedule(schedule: Option<&Schedule>, rows: &mut Rows<'_>) {
    const TABLE: &str = "schedule";
    let Some(Schedule { when, timezone, overlap, timeout, catch_up, jitter, run_at_start }) = schedule else {
        return rows.key(&[TABLE], word("none"), word("none"));
    };
    let overlap_of = |overlap| {
        word(match overlap {
            Overlap::Skip => "skip",
            Overlap::Queue => "queue",
            Overlap::Replace => "replace",
        })
    };
    match when {
        When::Cron(expression) => rows.set(&[TABLE, "cron"], plain(expression)),
        When::Every(every) => rows.set(&[TABLE, "every"], span(*every)),
    }
    // The clock of the machine says nothing to a job that counts time.
    if matches!(when, When::Cron(_)) || timezone.is_some() {
        rows.maybe(&[TABLE, "timezone"], timezone.as_deref().map(plain));
    }
    rows.key(&[TABLE, "overlap"], overlap_of(*overlap), overlap_of(Overlap::default()));
    rows.key(&[TABLE, "timeout"], or_none(*timeout, span), word("none"));
    rows.key(&[TABLE, "catch_up"], Literal::Bool(*catch_up), Literal::Bool(false));
    rows.key(&[TABLE, "jitter"], span(*jitter), span(Duration::ZERO));
    rows.key(&[TABLE, "run_at_start"], Literal::Bool(*run_at_start), Literal::Bool(false));
}

pub(super) fn watch(watch: Option<&Watch>, rows: &mut Rows<'_>) {
    const TABLE: &str = "watch";
    let Some(Watch { paths, ignore, debounce, action, cascade }) = watch else {
        return rows.key(&[TABLE], Literal::Bool(false), Literal::Bool(false));
    };
    let action_of = |action| {
        word(match action {
            WatchAction::Restart => "restart",
            WatchAction::Reload => "reload",
        })
    };
    rows.set(&[TABLE, "paths"], list(paths, |one| path(one)));
    rows.key(&[TABLE, "ignore"], list(ignore, |pattern| plain(pattern)), Literal::List(Vec::new()));
    rows.key(&[TABLE, "debounce"], span(*debounce), span(Duration::from_millis(500)));
    rows.key(&[TABLE, "action"], action_of(*action), action_of(WatchAction::default()));
    rows.key(&[TABLE, "cascade"], Literal::Bool(*cascade), Literal::Bool(false));
}

pub(super) fn hooks(hooks: &Hooks, rows: &mut Rows<'_>) {
    for point in HookPoint::ALL {
        let value = hooks.get(&point).map(|hook| match hook {
            Hook::Command { argv } => words(argv),
            Hook::Webhook { url, secret_file } => {
                let url = if url == model::MASK { Literal::Hidden } else { plain(url) };
                let file = secret_file.iter().map(|file| ("secret_file".to_owned(), path(file)));
                Literal::Table(std::iter::once(("webhook".to_owned(), url)).chain(file).collect())
            }
        });
        rows.maybe(&["hooks", point.word()], value);
    }
}
