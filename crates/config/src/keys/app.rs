//! Keys of an app: what it runs, how often, and what becomes of its output.

use super::{KeyDoc, Scope, Unit, key};

pub(super) const KEYS: &[KeyDoc] = {
    use Scope::App;
    use Unit::{None, Size, Span};
    &[
        key(App, None, "cmd", &["command"], "string or list", "required", "what to run: split as a shell splits words, or argv"),
        key(App, None, "args", &[], "list", "none", "arguments appended to `cmd`"),
        key(App, None, "shell", &[], "boolean or string", "false", "run `cmd` through /bin/sh, or through the named shell"),
        key(App, None, "cwd", &[], "path", "the folder of the file", "working directory"),
        key(App, None, "env", &[], "table", "none", "variables; merged by key with those of [defaults]"),
        key(
            App,
            None,
            "env_file",
            &[],
            "path or list of paths",
            "none",
            "files in .env syntax; one that ends in `?` may be missing",
        ),
        key(App, None, "instances", &[], "integer, \"cpu\", \"cpu-1\" or \"cpu/2\"", "1", "how many; 0 = defined, not run"),
        key(App, None, "autostart", &[], "boolean", "true", "whether `up` and boot start it"),
        key(
            App,
            None,
            "restart",
            &["restart_policy"],
            "\"always\", \"on-failure\" or \"never\"",
            "\"on-failure\"",
            "when to start it again after it ended unasked",
        ),
        key(App, Span, "restart_delay", &[], "duration", "0s", "least pause before each restart"),
        key(App, None, "max_restarts", &[], "integer or \"none\"", "\"none\"", "restarts in a row before it is given up"),
        key(App, None, "backoff", &[], "table", "see its keys", "growing pauses, and when a crash loop is given up"),
        key(App, None, "stop_signal", &["kill_signal"], "signal", "SIGTERM", "what asks it to end"),
        key(App, Span, "stop_timeout", &["kill_timeout"], "duration", "10s", "time to end before SIGKILL to its whole tree"),
        key(App, Span, "start_delay", &[], "duration", "0s", "pause before the first start"),
        key(App, None, "success_exit_codes", &[], "list of integers", "[0]", "exit codes that are no failure"),
        key(
            App,
            None,
            "log_format",
            &[],
            "\"raw\", \"text\" or \"json\"",
            "\"raw\"",
            "what stands in a log file: bytes as written, or each line with its time and stream, or as a JSON object",
        ),
        key(
            App,
            None,
            "log_file",
            &[],
            "path or \"none\"",
            "\"none\"",
            "a file that takes both streams, in addition to their own",
        ),
        key(App, None, "out_file", &[], "path or \"none\"", "below the home", "file of standard output; \"none\" discards it"),
        key(App, None, "err_file", &[], "path or \"none\"", "below the home", "file of standard error; \"none\" discards it"),
        key(App, None, "merge_logs", &[], "boolean", "false", "standard error goes to where standard output goes"),
        key(App, Size, "log_max_size", &[], "size", "20M", "size at which a log file is rotated; 0 = never"),
        key(App, None, "log_max_files", &[], "integer", "5", "rotated log files that are kept"),
        key(App, Span, "log_max_age", &[], "duration or \"none\"", "14d", "age at which a rotated log file is removed"),
        key(App, Span, "log_rotate_every", &[], "duration or \"none\"", "\"none\"", "age at which a log file is rotated"),
        key(App, None, "log_compress", &[], "\"gzip\" or \"none\"", "\"gzip\"", "how rotated log files are compressed"),
        key(
            App,
            None,
            "log_overflow",
            &[],
            "\"block\" or \"drop\"",
            "\"block\"",
            "when a log file cannot take more: the app waits, or what it prints is discarded and counted",
        ),
        key(App, Size, "log_total_max", &[], "size", "0", "what all log files of the app may have together; 0 = no limit"),
        key(App, None, "namespace", &[], "string", "\"default\"", "label and selector (`ns:NAME`)"),
    ]
};
