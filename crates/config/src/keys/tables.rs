//! The top of the file, `[daemon]`, and the tables inside an app.

use super::{KeyDoc, Scope, Unit, key};

/// `[groups.NAME]` and the top of the file.
pub(super) const TOP: &[KeyDoc] = {
    use Scope::{Group, Top};
    use Unit::None;
    &[
        key(Top, None, "version", &[], "integer", "1", "version of this format; only 1 exists"),
        key(Top, None, "name", &[], "string", "the folder's name", "name of the group of apps in this file"),
        key(Top, None, "include", &[], "path or pattern, or list of them", "none", "further files whose apps belong to this one's"),
        key(Top, None, "defaults", &[], "table", "none", "values of app keys for every app that does not set them"),
        key(Top, None, "daemon", &[], "table", "none", "the manager's own settings"),
        key(Top, None, "apps", &[], "table of tables, or list of tables with `name`", "none", "the apps"),
        key(Top, None, "groups", &[], "table of tables", "none", "apps that share their fate"),
        key(Group, None, "apps", &[], "list of names", "required", "the apps of the group"),
        key(
            Group,
            None,
            "strategy",
            &[],
            "\"one\", \"all\" or \"rest\"",
            "\"one\"",
            "who is restarted with one that failed: nobody else, all, or those that start after it",
        ),
    ]
};

/// Tables of numbers, and the manager's own.
pub(super) const NUMBERS: &[KeyDoc] = {
    use Scope::{Backoff, Daemon, Limits, Rlimit};
    use Unit::{None, Size, Span};
    const LIMIT: &str = "number, \"unlimited\" or { soft, hard }";
    const SIZE: &str = "size, \"unlimited\" or { soft, hard }";
    &[
        key(Backoff, Span, "min", &[], "duration", "500ms", "pause before the second restart of a streak"),
        key(Backoff, Span, "max", &[], "duration", "60s", "longest pause"),
        key(Backoff, None, "factor", &[], "number of at least 1", "2", "growth of the pause with each restart"),
        key(Backoff, None, "jitter", &[], "boolean", "true", "spread each pause by up to 20 %"),
        key(
            Backoff,
            Span,
            "window",
            &[],
            "duration (a bare integer is milliseconds)",
            "2m",
            "window in which failures are counted",
        ),
        key(Backoff, None, "threshold", &[], "integer", "5", "more failures than this in the window = given up; 0 = never"),
        key(Daemon, Size, "log_max_size", &[], "size", "20M", "size at which the manager's own log is rotated; 0 = never"),
        key(Daemon, None, "log_max_files", &[], "integer", "5", "rotated files of it that are kept"),
        key(Daemon, Span, "log_max_age", &[], "duration or \"none\"", "14d", "age at which a rotated file of it is removed"),
        key(Daemon, None, "log_compress", &[], "\"gzip\" or \"none\"", "\"gzip\"", "how rotated files of it are compressed"),
        key(Daemon, Size, "log_total_max", &[], "size", "5G", "what all log files of the home may have together; 0 = no limit"),
        key(Limits, None, "nofile", &[], LIMIT, "65536, or the hard limit if less", "open files of one process"),
        key(Limits, None, "nproc", &[], LIMIT, "the manager's", "processes and threads of the user"),
        key(Limits, None, "core", &[], SIZE, "0", "size of a core file; 0 = none is written"),
        key(Limits, None, "memlock", &[], SIZE, "the manager's", "memory that may be locked"),
        key(Limits, None, "stack", &[], SIZE, "the manager's", "stack of the first thread"),
        key(Limits, None, "as", &[], SIZE, "the manager's", "address space of one process"),
        key(Limits, None, "fsize", &[], SIZE, "the manager's", "size of a file that it writes"),
        key(Limits, None, "cpu", &[], LIMIT, "the manager's", "seconds of processor time of one process"),
        key(Rlimit, None, "soft", &[], "number or \"unlimited\"", "required", "what holds"),
        key(Rlimit, None, "hard", &[], "number or \"unlimited\"", "required", "how far the program may raise it"),
    ]
};

/// Tables about the life of an app.
pub(super) const LIFE: &[KeyDoc] = {
    use Scope::{Dependency, Health, Hooks, Ready, Schedule, Watch, Webhook};
    use Unit::{None, Span};
    const HOOK: &str = "string, list or { webhook, secret_file }";
    const STATUS: &str = "number, \"2xx\", \"200-299\" or a list of these";
    &[
        key(
            Dependency,
            None,
            "condition",
            &[],
            "\"started\", \"ready\", \"completed\" or \"completed_ok\"",
            "\"ready\"",
            "how far the other app must be",
        ),
        key(Dependency, None, "required", &[], "boolean", "true", "false = waited for only while it is on its way"),
        key(Ready, None, "http", &[], "url", "none", "a GET has a good answer"),
        key(Ready, None, "status", &[], STATUS, "200-399", "which statuses are good"),
        key(Ready, None, "headers", &[], "table", "none", "headers to send"),
        key(Ready, None, "body", &[], "regular expression", "none", "what must be found in the answer (its first 64 KiB)"),
        key(Ready, None, "tcp", &[], "\"HOST:PORT\", or a port of 127.0.0.1", "none", "a connection is accepted"),
        key(Ready, None, "exec", &[], "string or list", "none", "a command ends with 0"),
        key(Ready, None, "log", &[], "regular expression", "none", "it is found in a line that the app prints"),
        key(Ready, None, "notify", &[], "boolean", "false", "the app says READY=1 (sd_notify)"),
        key(
            Ready,
            None,
            "fd",
            &[],
            "integer from 3, or \"auto\"",
            "none",
            "the app writes a line to that descriptor; \"auto\": to the one in READY_FD",
        ),
        key(Ready, None, "node_ipc", &[], "boolean", "false", "the app calls process.send('ready') of Node"),
        key(Ready, Span, "after", &[], "duration", "none", "it has run so long"),
        key(Health, None, "http", &[], "url", "none", "a GET has a good answer"),
        key(Health, None, "status", &[], STATUS, "200-399", "which statuses are good"),
        key(Health, None, "headers", &[], "table", "none", "headers to send"),
        key(Health, None, "body", &[], "regular expression", "none", "what must be found in the answer (its first 64 KiB)"),
        key(Health, None, "tcp", &[], "\"HOST:PORT\", or a port of 127.0.0.1", "none", "a connection is accepted"),
        key(Health, None, "exec", &[], "string or list", "none", "a command ends with 0"),
        key(Health, Span, "log_silence", &[], "duration", "none", "the app has printed something within that time"),
        key(Health, Span, "interval", &[], "duration", "30s", "from one question to the next"),
        key(Health, Span, "timeout", &[], "duration", "5s", "how long an answer may take"),
        key(Health, None, "failures", &["max_failures"], "integer", "3", "bad answers in a row that make it unhealthy"),
        key(Health, None, "successes", &[], "integer", "1", "good answers in a row that make it healthy again"),
        key(Health, Span, "start_period", &[], "duration", "0s", "after a start bad answers do not count for so long"),
        key(
            Health,
            None,
            "action",
            &[],
            "\"restart\", \"replace\" or \"none\"",
            "\"restart\"",
            "what follows when it is unhealthy; \"replace\" is by its reload strategy, which is a restart",
        ),
        key(Schedule, None, "cron", &[], "cron expression", "none", "5 fields, 6 with seconds in front, or @daily and its kin"),
        key(Schedule, Span, "every", &[], "duration", "none", "so long after the beginning of the run before"),
        key(Schedule, None, "timezone", &[], "name such as \"Europe/Berlin\"", "the machine's", "time zone of `cron`"),
        key(
            Schedule,
            None,
            "overlap",
            &[],
            "\"skip\", \"queue\" or \"replace\"",
            "\"skip\"",
            "when the run before still goes on: leave this one out, run it afterwards, or stop the old one",
        ),
        key(Schedule, Span, "timeout", &[], "duration or \"none\"", "\"none\"", "how long a run may take"),
        key(Schedule, None, "catch_up", &[], "boolean", "false", "make up, once, for runs that were missed while nothing ran"),
        key(Schedule, Span, "jitter", &[], "duration", "0s", "put off each run by a random time up to this"),
        key(Schedule, None, "run_at_start", &[], "boolean", "false", "run also when it is started, by `up` or at boot"),
        key(Watch, None, "paths", &["path"], "path or list of paths", "`cwd`", "files and folders, taken from `cwd`"),
        key(Watch, None, "ignore", &[], "pattern or list of patterns", "none", "what does not count, as in .gitignore"),
        key(Watch, Span, "debounce", &[], "duration", "500ms", "quiet time after a change"),
        key(
            Watch,
            None,
            "action",
            &[],
            "\"restart\" or \"reload\"",
            "\"restart\"",
            "what follows; \"reload\" is by its reload strategy, which is a restart",
        ),
        key(Watch, None, "cascade", &[], "boolean", "false", "apps that depend on this one follow"),
        key(Hooks, None, "pre_start", &[], HOOK, "none", "before each start; if it fails, the start has failed"),
        key(Hooks, None, "on_ready", &[], HOOK, "none", "it is ready"),
        key(Hooks, None, "on_crash", &[], HOOK, "none", "it has failed"),
        key(Hooks, None, "on_errored", &[], HOOK, "none", "it was given up"),
        key(Hooks, None, "on_unhealthy", &[], HOOK, "none", "it is unhealthy"),
        key(Hooks, None, "on_stop", &[], HOOK, "none", "it was stopped by wish"),
        key(Hooks, None, "post_stop", &[], HOOK, "none", "it has ended, whatever the reason"),
        key(Webhook, None, "webhook", &["url"], "url", "required", "where the event is sent as JSON, by POST"),
        key(
            Webhook,
            None,
            "secret_file",
            &[],
            "path",
            "none",
            "a file, from the folder of this one, whose contents sign what is sent (HMAC-SHA256)",
        ),
    ]
};
