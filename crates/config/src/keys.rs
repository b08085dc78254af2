//! Every key that this version knows, in one table: parser, suggestions and documentation come from it.

use crate::later;

/// Where a key may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// At the top of the file.
    Top,
    /// In `[apps.NAME]` and `[defaults]`.
    App,
    /// In the table `backoff`.
    Backoff,
    /// In `[daemon]`.
    Daemon,
}

/// Which suffixes a key also takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// None.
    None,
    /// A duration: also with `_ms` and `_secs` and an integer.
    Span,
    /// A size: also with `_mb` and an integer.
    Size,
}

/// One key, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyDoc {
    /// Its name.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// Its type in words.
    pub kind: &'static str,
    /// Its default in words.
    pub default: &'static str,
    /// What it means, in one line.
    pub doc: &'static str,
    /// Where it may stand.
    pub scope: Scope,
    /// Which suffixes it takes.
    pub unit: Unit,
}

/// How a key with a unit was spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suffix {
    Bare,
    Ms,
    Secs,
    Mb,
}

const fn key(
    scope: Scope,
    unit: Unit,
    name: &'static str,
    aliases: &'static [&'static str],
    kind: &'static str,
    default: &'static str,
    doc: &'static str,
) -> KeyDoc {
    KeyDoc { name, aliases, kind, default, doc, scope, unit }
}

const KEYS: &[KeyDoc] = {
    use Scope::{App, Backoff, Daemon, Top};
    use Unit::{None, Size, Span};
    &[
        key(Top, None, "version", &[], "integer", "1", "version of this format; only 1 exists"),
        key(Top, None, "name", &[], "string", "the folder's name", "name of the group of apps in this file"),
        key(Top, None, "defaults", &[], "table", "none", "values of app keys for every app that does not set them"),
        key(Top, None, "daemon", &[], "table", "none", "the manager's own settings"),
        key(Top, None, "apps", &[], "table of tables, or list of tables with `name`", "none", "the apps"),
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
    ]
};

/// Words of other process managers, and what they are called here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("script", "cmd"),
    ("exec", "cmd"),
    ("program", "cmd"),
    ("run", "cmd"),
    ("executable", "cmd"),
    ("arguments", "args"),
    ("environment", "env"),
    ("envs", "env"),
    ("env_files", "env_file"),
    ("directory", "cwd"),
    ("dir", "cwd"),
    ("workdir", "cwd"),
    ("working_dir", "cwd"),
    ("working_directory", "cwd"),
    ("replicas", "instances"),
    ("numprocs", "instances"),
    ("processes", "instances"),
    ("count", "instances"),
    ("autorestart", "restart"),
    ("exp_backoff_restart_delay", "backoff"),
    ("app", "apps"),
    ("default", "defaults"),
    ("stdout", "out_file"),
    ("stderr", "err_file"),
    ("stdout_logfile", "out_file"),
    ("stderr_logfile", "err_file"),
    ("error_file", "err_file"),
    ("redirect_stderr", "merge_logs"),
    ("combine_logs", "merge_logs"),
    ("max_log_size", "log_max_size"),
];

/// Every key that this version knows.
pub fn known_keys() -> &'static [KeyDoc] {
    KEYS
}

/// What a key that somebody wrote is.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    Key(&'static KeyDoc, Suffix),
    /// Documented, but not part of this version.
    Later,
    Unknown {
        help: Option<String>,
    },
}

impl Unit {
    fn suffixes(self) -> &'static [(&'static str, Suffix)] {
        match self {
            Unit::None => &[],
            Unit::Span => &[("_ms", Suffix::Ms), ("_secs", Suffix::Secs)],
            Unit::Size => &[("_mb", Suffix::Mb)],
        }
    }
}

impl KeyDoc {
    fn spellings(&self) -> impl Iterator<Item = (String, Suffix)> {
        let names = std::iter::once(self.name).chain(self.aliases.iter().copied());
        names.flat_map(|name| {
            let with = self.unit.suffixes().iter().map(move |(ending, suffix)| (format!("{name}{ending}"), *suffix));
            std::iter::once((name.to_owned(), Suffix::Bare)).chain(with)
        })
    }

    fn reads(&self, written: &str) -> Option<Suffix> {
        let named = |text: &str| self.name == text || self.aliases.contains(&text);
        if named(written) {
            return Some(Suffix::Bare);
        }
        let mut endings = self.unit.suffixes().iter();
        endings.find_map(|(ending, suffix)| written.strip_suffix(ending).filter(|stem| named(stem)).map(|_| *suffix))
    }
}

/// The key `name` of a scope, for code that builds layers itself.
pub(crate) fn doc(scope: Scope, name: &str) -> Option<&'static KeyDoc> {
    KEYS.iter().find(|key| key.scope == scope && key.name == name)
}

/// What `written` means in `scope`.
pub(crate) fn find(scope: Scope, written: &str) -> Found {
    let known = KEYS.iter().filter(|key| key.scope == scope);
    if let Some((key, suffix)) = known.clone().find_map(|key| Some((key, key.reads(written)?))) {
        return Found::Key(key, suffix);
    }
    if later::is_later(scope, written) {
        return Found::Later;
    }
    Found::Unknown { help: suggest(scope, written) }
}

/// "Did you mean …", if anything is near, or the right place for a key that stands in a wrong one.
fn suggest(scope: Scope, written: &str) -> Option<String> {
    let lower = written.to_ascii_lowercase().replace('-', "_");
    if let Some((_, ours)) = ELSEWHERE.iter().find(|(theirs, ours)| *theirs == lower && doc(scope, ours).is_some()) {
        return Some(format!("it is called `{ours}` here"));
    }
    let spellings = KEYS.iter().filter(|key| key.scope == scope).flat_map(KeyDoc::spellings).map(|(text, _)| (text, false));
    let later = later::names(scope).map(|name| (name.to_owned(), true));
    if let Some((near, is_later)) = nearest(&lower, spellings.chain(later), |(text, _)| text) {
        let note = if is_later { " (not supported by this version)" } else { "" };
        return Some(format!("did you mean `{near}`?{note}"));
    }
    let elsewhere = KEYS.iter().find(|key| key.scope != scope && key.reads(&lower).is_some())?;
    Some(match elsewhere.scope {
        Scope::Top => format!("`{}` stands at the top of the file, before the first table", elsewhere.name),
        Scope::App => format!("`{}` belongs to an app: put it into [apps.NAME] or [defaults]", elsewhere.name),
        Scope::Backoff => format!("write `backoff = {{ {lower} = … }}`"),
        Scope::Daemon => format!("`{}` belongs to the manager: put it into [daemon]", elsewhere.name),
    })
}

/// The entry whose text is nearest to `word`, if any is near enough to be meant.
pub(crate) fn nearest<T>(word: &str, among: impl Iterator<Item = T>, text: impl Fn(&T) -> &str) -> Option<T> {
    let length = word.chars().count();
    // Longer words are no misspelling of any key, and the distance costs the product of both lengths.
    if !(2..=40).contains(&length) {
        return None;
    }
    among
        .map(|one| (strsim::damerau_levenshtein(word, text(&one)), one))
        .filter(|(distance, one)| *distance <= (length.max(text(one).len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, one)| one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_means_two_keys() {
        for scope in [Scope::Top, Scope::App, Scope::Backoff, Scope::Daemon] {
            let mut all: Vec<String> =
                KEYS.iter().filter(|k| k.scope == scope).flat_map(KeyDoc::spellings).map(|(text, _)| text).collect();
            let count = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), count);
            for text in all {
                assert!(matches!(find(scope, &text), Found::Key(..)), "{text}");
                assert!(!later::is_later(scope, &text), "{text}");
            }
        }
    }

    #[test]
    fn suggestions() {
        let help = |scope, text| match find(scope, text) {
            Found::Unknown { help } => help.unwrap_or_default(),
            other => panic!("{text}: {other:?}"),
        };
        for (text, near) in [
            ("comand", "did you mean `command`?"),
            ("stop_timout_ms", "did you mean `stop_timeout_ms`?"),
            ("max-restarts", "did you mean `max_restarts`?"),
            ("CWD", "did you mean `cwd`?"),
            ("script", "it is called `cmd` here"),
            ("helthcheck", "did you mean `healthcheck`? (not supported by this version)"),
            ("threshold", "write `backoff = { threshold = … }`"),
            ("zebra_crossing", ""),
        ] {
            assert_eq!(help(Scope::App, text), near, "{text}");
        }
        assert_eq!(help(Scope::Top, "cwd"), "`cwd` belongs to an app: put it into [apps.NAME] or [defaults]");
    }
}
