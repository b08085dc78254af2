//! The top of the file, `[daemon]`, and the tables inside an app.

use super::{KeyDoc, Scope, key};
use crate::shape::Shape::*;
use crate::shape::common::*;
use crate::shape::{Bare, Names, Shape};

/// `[groups.NAME]` and the top of the file.
pub(super) const TOP: &[KeyDoc] = {
    use Scope::{Group, Top};
    &[
        key(Top, "$schema", &[], ANY, "none", "where editors find the schema of this file; Abide does not look at it"),
        key(Top, "version", &[], Int { least: 1, most: 1 }, "1", "version of this format; only 1 exists"),
        key(Top, "name", &[], ANY, "the folder's name", "name of the group of apps in this file"),
        key(
            Top,
            "include",
            &[],
            Either(&[PATH, list(&PATH)]),
            "none",
            "further files, or patterns with `*` and `?`, whose apps belong to those of this one",
        ),
        key(Top, "defaults", &[], Table(Scope::App), "none", "values of app keys for every app that does not set them"),
        key(Top, "profiles", &[], PROFILES, "none", "values of app keys for the profile that is chosen"),
        key(Top, "daemon", &[], Table(Scope::Daemon), "none", "the manager's own settings"),
        key(Top, "apps", &[], Apps, "none", "the apps"),
        key(Top, "groups", &[], Map { names: Names::Apps, of: &Table(Group) }, "none", "apps that share their fate"),
        key(Group, "apps", &[], list(&NAME), "required", "the apps of the group"),
        key(
            Group,
            "strategy",
            &[],
            Choice(&["one", "all", "rest"]),
            "\"one\"",
            "who is restarted with one that failed: nobody else, all, or those that start after it",
        ),
    ]
};

/// Tables of numbers, and the manager's own.
pub(super) const NUMBERS: &[KeyDoc] = {
    use Scope::{Backoff, Daemon, Limits, Rlimit};
    /// systemd calls it infinity.
    const UNLIMITED: [Shape; 2] = [Fixed("unlimited"), Fixed("infinity")];
    const NUMBER: Shape = Int { least: 0, most: i64::MAX };
    const LIMIT: Shape = Either(&[NUMBER, UNLIMITED[0], UNLIMITED[1], Table(Rlimit)]);
    const SIZE_LIMIT: Shape = Either(&[SIZE, UNLIMITED[0], UNLIMITED[1], Table(Rlimit)]);
    const EITHER_LIMIT: Shape = Either(&[SIZE, UNLIMITED[0], UNLIMITED[1]]);
    &[
        key(Backoff, "min", &[], SPAN, "\"500ms\"", "pause before the second restart of a streak"),
        key(Backoff, "max", &[], SPAN, "\"60s\"", "longest pause"),
        key(Backoff, "factor", &[], Number { least: 1 }, "2", "growth of the pause with each restart"),
        key(Backoff, "jitter", &[], Bool, "true", "spread each pause by up to 20 %"),
        key(Backoff, "window", &[], Span { least_ms: 0, bare: Bare::Millis }, "\"2m\"", "window in which failures are counted"),
        key(Backoff, "threshold", &[], COUNT, "5", "more failures than this in the window = given up; 0 = never"),
        key(Daemon, "log_max_size", &[], SIZE, "\"20M\"", "size at which the manager's own log is rotated; 0 = never"),
        key(Daemon, "log_max_files", &[], COUNT, "5", "rotated files of it that are kept"),
        key(Daemon, "log_max_age", &[], SPAN_OR_NONE, "\"14d\"", "age at which a rotated file of it is removed"),
        key(Daemon, "log_compress", &[], COMPRESS, "\"gzip\"", "how rotated files of it are compressed"),
        key(Daemon, "log_total_max", &[], SIZE, "\"5G\"", "what all log files of the home may have together; 0 = no limit"),
        key(Daemon, "history", &[], SPAN_OR_NONE, "\"30d\"", "how long events are kept; a day of them goes as a whole"),
        key(Limits, "nofile", &[], LIMIT, "65536, or the hard limit if less", "open files of one process"),
        key(Limits, "nproc", &[], LIMIT, "the manager's", "processes and threads of the user"),
        key(Limits, "core", &[], SIZE_LIMIT, "0", "size of a core file; 0 = none is written"),
        key(Limits, "memlock", &[], SIZE_LIMIT, "the manager's", "memory that may be locked"),
        key(Limits, "stack", &[], SIZE_LIMIT, "the manager's", "stack of the first thread"),
        key(Limits, "as", &[], SIZE_LIMIT, "the manager's", "address space of one process"),
        key(Limits, "fsize", &[], SIZE_LIMIT, "the manager's", "size of a file that it writes"),
        key(Limits, "cpu", &[], LIMIT, "the manager's", "seconds of processor time of one process"),
        key(Rlimit, "soft", &[], EITHER_LIMIT, "required", "what holds"),
        key(Rlimit, "hard", &[], EITHER_LIMIT, "required", "how far the program may raise it"),
    ]
};

/// Tables about the life of an app.
pub(super) const LIFE: &[KeyDoc] = {
    use Scope::{Dependency, Health, Hooks, Ready, Schedule, Watch, Webhook};
    const HOOK: Shape = Either(&[COMMAND_TEXT, COMMAND_WORDS, Table(Webhook)]);
    &[
        key(Dependency, "condition", &[], CONDITION, "\"ready\"", "how far the other app must be"),
        key(Dependency, "required", &[], Bool, "true", "false = waited for only while it is on its way"),
        key(Ready, "http", &[], HTTP, "none", "a GET has a good answer"),
        key(Ready, "status", &[], STATUSES, "200-399", "which statuses are good"),
        key(Ready, "headers", &[], HEADERS, "none", "headers to send"),
        key(Ready, "body", &[], REGEX, "none", "what must be found in the answer (its first 64 KiB)"),
        key(Ready, "tcp", &[], TCP, "none", "a connection is accepted"),
        key(Ready, "exec", &[], COMMAND, "none", "a command ends with 0"),
        key(Ready, "log", &[], REGEX, "none", "it is found in a line that the app prints"),
        key(Ready, "notify", &[], Bool, "false", "the app says READY=1 (sd_notify)"),
        // 1023 is the highest descriptor that a program can be given before the usual soft limit of 1024.
        key(
            Ready,
            "fd",
            &[],
            Either(&[Int { least: 3, most: 1023 }, Choice(&["auto"])]),
            "none",
            "the app writes a line to that descriptor; \"auto\": to the one in READY_FD",
        ),
        key(Ready, "node_ipc", &[], Bool, "false", "the app calls process.send('ready') of Node"),
        key(Ready, "after", &[], SPAN, "none", "it has run so long"),
        key(Health, "http", &[], HTTP, "none", "a GET has a good answer"),
        key(Health, "status", &[], STATUSES, "200-399", "which statuses are good"),
        key(Health, "headers", &[], HEADERS, "none", "headers to send"),
        key(Health, "body", &[], REGEX, "none", "what must be found in the answer (its first 64 KiB)"),
        key(Health, "tcp", &[], TCP, "none", "a connection is accepted"),
        key(Health, "exec", &[], COMMAND, "none", "a command ends with 0"),
        key(Health, "log_silence", &[], TIMER, "none", "the app has printed something within that time"),
        key(Health, "interval", &[], TIMER, "\"30s\"", "from one question to the next"),
        key(Health, "timeout", &[], TIMER, "\"5s\"", "how long an answer may take"),
        key(Health, "failures", &["max_failures"], AT_LEAST_ONE, "3", "bad answers in a row that make it unhealthy"),
        key(Health, "successes", &[], AT_LEAST_ONE, "1", "good answers in a row that make it healthy again"),
        key(Health, "start_period", &[], SPAN, "\"0s\"", "after a start bad answers do not count for so long"),
        key(
            Health,
            "action",
            &[],
            HEALTH_ACTION,
            "\"restart\"",
            "what follows when it is unhealthy; \"replace\" bears another beside it first, which takes its place",
        ),
        key(Schedule, "cron", &[], CRON, "none", "5 fields, 6 with seconds in front, or @daily and its kin"),
        key(Schedule, "every", &[], span(100), "none", "so long after the beginning of the run before"),
        key(Schedule, "timezone", &[], ZONE, "the machine's", "time zone of `cron`"),
        key(
            Schedule,
            "overlap",
            &[],
            Choice(&["skip", "queue", "replace"]),
            "\"skip\"",
            "when the run before still goes on: leave this one out, run it afterwards, or stop the old one",
        ),
        key(Schedule, "timeout", &[], TIMER_OR_NONE, "\"none\"", "how long a run may take"),
        key(Schedule, "catch_up", &[], Bool, "false", "make up, once, for runs that were missed while nothing ran"),
        key(Schedule, "jitter", &[], SPAN, "\"0s\"", "put off each run by a random time up to this"),
        key(Schedule, "run_at_start", &[], Bool, "false", "run also when it is started, by `up` or at boot"),
        key(Watch, "paths", &["path"], PATHS, "`cwd`", "files and folders, taken from `cwd`"),
        key(Watch, "ignore", &[], Either(&[GLOB, list(&GLOB)]), "none", "what does not count, as in .gitignore"),
        key(Watch, "debounce", &[], SPAN, "\"500ms\"", "quiet time after a change"),
        key(
            Watch,
            "action",
            &[],
            Choice(&["restart", "reload"]),
            "\"restart\"",
            "what follows; \"reload\" is what `abide reload` would do",
        ),
        key(Watch, "cascade", &[], Bool, "false", "apps that depend on this one follow"),
        key(Hooks, "pre_start", &[], HOOK, "none", "before each start; if it fails, the start has failed"),
        key(Hooks, "on_ready", &[], HOOK, "none", "it is ready"),
        key(Hooks, "on_crash", &[], HOOK, "none", "it has failed"),
        key(Hooks, "on_errored", &[], HOOK, "none", "it was given up"),
        key(Hooks, "on_unhealthy", &[], HOOK, "none", "it is unhealthy"),
        key(Hooks, "on_stop", &[], HOOK, "none", "it was stopped by wish"),
        key(Hooks, "post_stop", &[], HOOK, "none", "it has ended, whatever the reason"),
        key(
            Hooks,
            "on_switch",
            &[],
            HOOK,
            "none",
            "on a reload by `bluegreen`, those on new ports are ready and take over; if it fails, the old ones stay",
        ),
        key(Webhook, "webhook", &["url"], URL, "required", "where the event is sent as JSON, by POST"),
        key(
            Webhook,
            "secret_file",
            &[],
            PATH,
            "none",
            "a file, from the folder of this one, whose contents sign what is sent (HMAC-SHA256)",
        ),
    ]
};
