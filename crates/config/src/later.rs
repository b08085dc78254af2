//! Keys that the format documents and this version does not have yet. They are refused by name: a key that is silently
//! ignored promises something that does not happen.

use crate::keys::Scope;

const TOP: &[&str] = &[];

/// Durations stand with every suffix because [`is_later`] takes suffixes off.
const APP: &[&str] = &[
    // what to run
    "image",
    "fds",
    "node_ipc",
    // stop and reload
    "stop_message",
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
    "otel",
];

const DAEMON: &[&str] =
    &["http", "tls_cert", "tls_key", "metrics", "otel_endpoint", "log_format", "log_overflow", "log_rotate_every"];

/// The names of later keys in a scope.
pub(crate) fn names(scope: Scope) -> impl Iterator<Item = &'static str> {
    let list = match scope {
        Scope::Top => TOP,
        Scope::App => APP,
        Scope::Daemon => DAEMON,
        _ => &[],
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
        for written in ["image", "otel", "seccomp?", "fds_ms"] {
            assert!(is_later(Scope::App, written), "{written}");
        }
        assert!(!is_later(Scope::App, "cmd") && !is_later(Scope::Top, "image") && is_later(Scope::Daemon, "http"));
    }
}
