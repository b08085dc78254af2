//! Keys that the format documents and this version does not have yet. They are refused by name: a key that is silently
//! ignored promises something that does not happen.

use crate::keys::Scope;

const TOP: &[&str] = &["include", "profiles", "groups", "schema"];

/// Durations and sizes stand with every suffix because [`is_later`] takes suffixes off.
const APP: &[&str] = &[
    // what to run
    "inherit_env",
    "user",
    "group",
    "groups",
    "umask",
    "nice",
    "oom_score_adj",
    "limits",
    "description",
    "labels",
    "profile",
    "profiles",
    "image",
    "fds",
    "node_ipc",
    // how many, on which ports
    "instance_var",
    "port",
    "listen",
    "sticky",
    // when to run
    "depends_on",
    "start_order",
    "priority",
    "start_timeout",
    "schedule",
    "cron_restart",
    "run_at_start",
    "watch",
    "min_uptime",
    // when it ends
    "no_restart_exit_codes",
    "stop_exit_codes",
    "on_exit",
    // ready, healthy
    "ready",
    "healthcheck",
    "health",
    "health_cmd",
    "health_http",
    "health_tcp",
    "health_interval",
    "health_timeout",
    "health_failures",
    "health_max_failures",
    "health_successes",
    "health_start_period",
    "health_action",
    "watchdog",
    // stop and reload
    "stop_command",
    "stop_message",
    "kill_tree",
    "reload",
    "reload_signal",
    "drain",
    "soak",
    "max_parallel",
    // limits on use
    "max_memory",
    "max_memory_restart",
    "max_cpu",
    "max_cpu_percent",
    "max_tasks",
    "on_limit",
    "cgroup",
    // sandbox
    "no_new_privs",
    "capabilities",
    "read_only",
    "read_write",
    "hide",
    "private_tmp",
    "seccomp",
    // logs
    "log",
    // events outward
    "hooks",
    "otel",
];

const DAEMON: &[&str] =
    &["http", "tls_cert", "tls_key", "metrics", "otel_endpoint", "history", "log_format", "log_overflow", "log_rotate_every"];

/// The names of later keys in a scope.
pub(crate) fn names(scope: Scope) -> impl Iterator<Item = &'static str> {
    let list = match scope {
        Scope::Top => TOP,
        Scope::App => APP,
        Scope::Daemon => DAEMON,
        Scope::Backoff => &[],
    };
    list.iter().copied()
}

/// Whether `written` is a later key, also with a unit's suffix or the `?` of sandbox keys.
pub(crate) fn is_later(scope: Scope, written: &str) -> bool {
    let plain = written.strip_suffix('?').unwrap_or(written);
    let stem = ["_ms", "_secs", "_mb"].iter().find_map(|ending| plain.strip_suffix(ending));
    names(scope).any(|name| name == plain || Some(name) == stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_keys_in_every_spelling() {
        for written in ["ready", "max_memory_mb", "start_timeout_secs", "soak_ms", "seccomp?", "profile"] {
            assert!(is_later(Scope::App, written), "{written}");
        }
        assert!(!is_later(Scope::App, "cmd") && !is_later(Scope::Top, "ready") && is_later(Scope::Top, "profiles"));
    }
}
