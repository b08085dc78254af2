//! Keys of an app: what it runs, how often, and what becomes of its output.

use super::{KeyDoc, Scope, key};
use crate::shape::Names;
use crate::shape::Shape::*;
use crate::shape::common::*;

pub(super) const KEYS: &[KeyDoc] = {
    use Scope::App;
    &[
        key(App, "cmd", &["command"], COMMAND, "required", "what to run: split as a shell splits words, or argv"),
        key(App, "args", &[], WORDS, "none", "arguments appended to `cmd`"),
        key(App, "shell", &[], Either(&[Bool, PROGRAM]), "false", "run `cmd` through /bin/sh, or through the named shell"),
        key(App, "cwd", &[], PATH, "the folder of the file", "working directory"),
        key(
            App,
            "env",
            &[],
            Map { names: Names::Variables, of: &WORD },
            "none",
            "variables; merged by key with those of [defaults]",
        ),
        key(
            App,
            "env_file",
            &[],
            Either(&[PATH, list(&PATH)]),
            "none",
            "files in .env syntax; one that ends in `?` may be missing",
        ),
        key(App, "instances", &[], Instances, "1", "how many; 0 = defined, not run"),
        key(App, "autostart", &[], Bool, "true", "whether `up` and boot start it"),
        key(
            App,
            "restart",
            &["restart_policy"],
            Choice(&["always", "on-failure", "never"]),
            "\"on-failure\"",
            "when to start it again after it ended unasked",
        ),
        key(App, "restart_delay", &[], SPAN, "\"0s\"", "least pause before each restart"),
        key(App, "max_restarts", &[], Either(&[COUNT, NONE]), "\"none\"", "restarts in a row before it is given up"),
        key(App, "backoff", &[], Table(Scope::Backoff), "see its keys", "growing pauses, and when a crash loop is given up"),
        key(App, "stop_signal", &["kill_signal"], Signal, "\"SIGTERM\"", "what asks it to end"),
        key(App, "stop_command", &[], COMMAND, "none", "a command that is run for that, instead of the signal"),
        key(App, "stop_timeout", &["kill_timeout"], SPAN, "\"10s\"", "time to end before SIGKILL to its whole tree"),
        key(App, "kill_tree", &[], Bool, "true", "its descendants end with it; false = only its first process is looked after"),
        key(App, "start_delay", &[], SPAN, "\"0s\"", "pause before the first start"),
        key(App, "success_exit_codes", &[], CODES, "[0]", "exit codes that are no failure"),
        key(
            App,
            "log_format",
            &[],
            Choice(&["raw", "text", "json"]),
            "\"raw\"",
            "what stands in a log file: bytes as written, or each line with its time and stream, or as a JSON object",
        ),
        key(App, "log_file", &[], PATH_OR_NONE, "\"none\"", "a file that takes both streams, in addition to their own"),
        key(App, "out_file", &[], PATH_OR_NONE, "below the home", "file of standard output; \"none\" discards it"),
        key(App, "err_file", &[], PATH_OR_NONE, "below the home", "file of standard error; \"none\" discards it"),
        key(App, "merge_logs", &[], Bool, "false", "standard error goes to where standard output goes"),
        key(App, "log_max_size", &[], SIZE, "\"20M\"", "size at which a log file is rotated; 0 = never"),
        key(App, "log_max_files", &[], COUNT, "5", "rotated log files that are kept"),
        key(App, "log_max_age", &[], SPAN_OR_NONE, "\"14d\"", "age at which a rotated log file is removed"),
        key(App, "log_rotate_every", &[], SPAN_OR_NONE, "\"none\"", "age at which a log file is rotated"),
        key(App, "log_compress", &[], COMPRESS, "\"gzip\"", "how rotated log files are compressed"),
        key(
            App,
            "log_overflow",
            &[],
            Choice(&["block", "drop"]),
            "\"block\"",
            "when a log file cannot take more: the app waits, or what it prints is discarded and counted",
        ),
        key(App, "log_total_max", &[], SIZE, "0", "what all log files of the app may have together; 0 = no limit"),
        key(App, "namespace", &[], NAMESPACE, "\"default\"", "label and selector (`ns:NAME`)"),
        key(App, "description", &[], ANY, "none", "what it is, for people"),
        key(App, "labels", &[], Map { names: Names::Labels, of: &ANY }, "none", "labels and selectors (`label:KEY=VALUE`)"),
        key(
            App,
            "inherit_env",
            &[],
            Either(&[Choice(&["session", "none"]), list(&ANY)]),
            "\"session\"",
            "which variables of the session that defines it the app gets; `*` in a name stands for any characters",
        ),
        key(App, "profile", &[], ANY, "none", "the profile that counts, unless --profile says another"),
        key(App, "profiles", &[], PROFILES, "none", "values for this app under a profile"),
    ]
};
