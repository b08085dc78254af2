//! Every key that this version knows, in one table: parser, suggestions and documentation come from it.

use crate::later;
use crate::shape::Shape;

mod app;
mod life;
mod reach;
mod tables;

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
    /// In `[groups.NAME]`.
    Group,
    /// In `depends_on.NAME`.
    Dependency,
    /// In the table `ready`.
    Ready,
    /// In the table `healthcheck`.
    Health,
    /// In the table `limits`.
    Limits,
    /// In a table of `limits`.
    Rlimit,
    /// In the table `schedule`.
    Schedule,
    /// In the table `watch`.
    Watch,
    /// In the table `hooks`.
    Hooks,
    /// In a table of `hooks`.
    Webhook,
    /// In a table of `listen`.
    Listen,
}

impl Scope {
    /// How a key of a table inside an app is written, `…` being its value.
    fn within(self, key: &str) -> Option<String> {
        Some(match self {
            Scope::Top | Scope::App | Scope::Daemon | Scope::Group => return None,
            Scope::Backoff => format!("backoff = {{ {key} = … }}"),
            Scope::Dependency => format!("depends_on.NAME = {{ {key} = … }}"),
            Scope::Ready => format!("ready = {{ {key} = … }}"),
            Scope::Health => format!("healthcheck = {{ {key} = … }}"),
            Scope::Limits => format!("limits = {{ {key} = … }}"),
            Scope::Rlimit => format!("limits.NAME = {{ {key} = … }}"),
            Scope::Schedule => format!("schedule = {{ {key} = … }}"),
            Scope::Watch => format!("watch = {{ {key} = … }}"),
            Scope::Hooks => format!("hooks = {{ {key} = … }}"),
            Scope::Webhook => format!("hooks.NAME = {{ {key} = … }}"),
            Scope::Listen => format!("listen = [{{ {key} = … }}]"),
        })
    }
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
    /// What it can hold.
    pub shape: Shape,
    /// Its default: as JSON where it is a value (`"10s"`, `[0]`), else in words (`required`, `none`, `the user's`).
    pub default: &'static str,
    /// What it means, in one line.
    pub doc: &'static str,
    /// Where it may stand.
    pub scope: Scope,
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
    name: &'static str,
    aliases: &'static [&'static str],
    shape: Shape,
    default: &'static str,
    doc: &'static str,
) -> KeyDoc {
    KeyDoc { name, aliases, shape, default, doc, scope }
}

/// Every key, by topic.
const KEYS: [&[KeyDoc]; 6] = [tables::TOP, app::KEYS, reach::KEYS, life::KEYS, tables::NUMBERS, tables::LIFE];

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
    ("depends", "depends_on"),
    ("requires", "depends_on"),
    ("wait_ready", "ready"),
    ("readiness", "ready"),
    ("listen_timeout", "start_timeout"),
    ("startsecs", "min_uptime"),
    ("health_check", "healthcheck"),
    ("mem_limit", "max_memory"),
    ("memory_limit", "max_memory"),
    ("cpu_limit", "max_cpu"),
    ("pids_limit", "max_tasks"),
    ("uid", "user"),
    ("gid", "group"),
    ("oom_score_adjust", "oom_score_adj"),
    ("rlimits", "limits"),
    ("ulimits", "limits"),
    ("cron", "schedule"),
    ("watch_delay", "debounce"),
    ("ignore_watch", "ignore"),
    ("watch_options", "watch"),
    ("stdin_open", "stdin"),
    ("bind", "listen"),
    ("cmd", "exec"),
    ("command", "exec"),
    ("test", "exec"),
    ("url", "http"),
    ("retries", "failures"),
    ("threshold", "failures"),
    ("start_interval", "interval"),
    ("tz", "timezone"),
    ("secret", "secret_file"),
];

/// Every key that this version knows.
pub fn known_keys() -> impl Iterator<Item = &'static KeyDoc> + Clone {
    KEYS.into_iter().flatten()
}

/// What a key that somebody wrote is.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    Key(&'static KeyDoc, Suffix),
    /// Documented, but not part of this version.
    Later,
    Unknown,
}

impl Unit {
    pub(crate) fn suffixes(self) -> &'static [(&'static str, Suffix)] {
        match self {
            Unit::None => &[],
            Unit::Span => &[("_ms", Suffix::Ms), ("_secs", Suffix::Secs)],
            Unit::Size => &[("_mb", Suffix::Mb)],
        }
    }
}

impl KeyDoc {
    /// Its type in words.
    pub fn kind(&'static self) -> String {
        self.shape.words()
    }

    /// Which suffixes it takes.
    pub fn unit(&'static self) -> Unit {
        match (self.shape.span_bounds(), self.shape.size_bound()) {
            (Some(_), _) => Unit::Span,
            // A limit of the system is no use of memory: other managers have no `nofile_mb` that would be meant.
            (None, Some(_)) if !matches!(self.scope, Scope::Limits | Scope::Rlimit) => Unit::Size,
            (None, _) => Unit::None,
        }
    }

    fn spellings(&'static self) -> impl Iterator<Item = (String, Suffix)> {
        let names = std::iter::once(self.name).chain(self.aliases.iter().copied());
        names.flat_map(|name| {
            let with = self.unit().suffixes().iter().map(move |(ending, suffix)| (format!("{name}{ending}"), *suffix));
            std::iter::once((name.to_owned(), Suffix::Bare)).chain(with)
        })
    }

    fn reads(&'static self, written: &str) -> Option<Suffix> {
        let named = |text: &str| self.name == text || self.aliases.contains(&text);
        if named(written) {
            return Some(Suffix::Bare);
        }
        let mut endings = self.unit().suffixes().iter();
        endings.find_map(|(ending, suffix)| written.strip_suffix(ending).filter(|stem| named(stem)).map(|_| *suffix))
    }
}

/// The key `name` of a scope, for code that builds layers itself.
pub(crate) fn doc(scope: Scope, name: &str) -> Option<&'static KeyDoc> {
    known_keys().find(|key| key.scope == scope && key.name == name)
}

/// What `written` means in `scope`.
pub(crate) fn find(scope: Scope, written: &str) -> Found {
    let known = known_keys().filter(|key| key.scope == scope);
    if let Some((key, suffix)) = known.clone().find_map(|key| Some((key, key.reads(written)?))) {
        return Found::Key(key, suffix);
    }
    if later::is_later(scope, written) {
        return Found::Later;
    }
    Found::Unknown
}

/// "Did you mean …", if anything is near, or the right place for a key that stands in a wrong one. It compares with every key there is, so it is
/// asked only of what will be shown.
pub(crate) fn suggest(scope: Scope, written: &str) -> Option<String> {
    let lower = written.to_ascii_lowercase().replace('-', "_");
    let theirs = || ELSEWHERE.iter().filter(|(theirs, _)| *theirs == lower).map(|(_, ours)| *ours);
    if let Some(ours) = theirs().find(|ours| doc(scope, ours).is_some()) {
        return Some(format!("it is called `{ours}` here"));
    }
    if let Some(key) = known_keys().find(|key| key.scope != scope && key.reads(&lower).is_some()) {
        return Some(place_of(key, &lower));
    }
    let inside = |ours: &str| known_keys().find(|key| key.name == ours)?.scope.within(ours);
    if let Some(within) = theirs().find_map(inside) {
        return Some(format!("write `{within}`"));
    }
    let spellings = known_keys().filter(|key| key.scope == scope).flat_map(KeyDoc::spellings).map(|(text, _)| (text, false));
    let later = later::names(scope).map(|name| (name.to_owned(), true));
    let (near, is_later) = nearest(&lower, spellings.chain(later), |(text, _)| text)?;
    let note = if is_later { " (not supported by this version)" } else { "" };
    Some(format!("did you mean `{near}`?{note}"))
}

/// Where a key stands, for somebody who wrote it elsewhere.
fn place_of(key: &'static KeyDoc, written: &str) -> String {
    match (key.scope, key.scope.within(written)) {
        (_, Some(within)) => format!("write `{within}`"),
        (Scope::App, None) => format!("`{}` belongs to an app: put it into [apps.NAME] or [defaults]", key.name),
        (Scope::Daemon, None) => format!("`{}` belongs to the manager: put it into [daemon]", key.name),
        (Scope::Group, None) => format!("`{}` belongs to a group: put it into [groups.NAME]", key.name),
        (_, None) => format!("`{}` stands at the top of the file, before the first table", key.name),
    }
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
        let mut scopes: Vec<Scope> = Vec::new();
        for key in known_keys().filter(|key| !scopes.contains(&key.scope)).collect::<Vec<_>>() {
            scopes.push(key.scope);
        }
        for scope in scopes {
            let mut all: Vec<String> =
                known_keys().filter(|k| k.scope == scope).flat_map(KeyDoc::spellings).map(|(text, _)| text).collect();
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
    fn flat_spellings_hold_what_the_table_holds() {
        for flat in known_keys().filter(|key| key.name.starts_with("health_")) {
            let theirs = match flat.name.trim_start_matches("health_") {
                "cmd" => "exec",
                same => same,
            };
            let table = doc(Scope::Health, theirs).expect(theirs);
            let bounds = |shape: Shape| match shape {
                Shape::Span { least_ms, .. } => Shape::Span { least_ms, bare: crate::shape::Bare::Refused },
                other => other,
            };
            assert_eq!(bounds(flat.shape), bounds(table.shape), "{}", flat.name);
            assert_eq!(flat.default, table.default, "{}", flat.name);
        }
    }

    #[test]
    fn suggestions() {
        let help = |scope, text| match find(scope, text) {
            Found::Unknown => suggest(scope, text).unwrap_or_default(),
            other => panic!("{text}: {other:?}"),
        };
        for (text, near) in [
            ("comand", "did you mean `command`?"),
            ("stop_timout_ms", "did you mean `stop_timeout_ms`?"),
            ("max-restarts", "did you mean `max_restarts`?"),
            ("CWD", "did you mean `cwd`?"),
            ("script", "it is called `cmd` here"),
            ("helthcheck", "did you mean `healthcheck`?"),
            ("lisen", "did you mean `listen`?"),
            ("bind", "it is called `listen` here"),
            ("reuse_port", "write `listen = [{ reuse_port = … }]`"),
            ("capabilites", "did you mean `capabilities`? (not supported by this version)"),
            ("depends", "it is called `depends_on` here"),
            ("watch_delay", "write `watch = { debounce = … }`"),
            ("nofile", "write `limits = { nofile = … }`"),
            ("start_period", "write `healthcheck = { start_period = … }`"),
            ("run_at_start", "write `schedule = { run_at_start = … }`"),
            ("threshold", "write `backoff = { threshold = … }`"),
            ("zebra_crossing", ""),
        ] {
            assert_eq!(help(Scope::App, text), near, "{text}");
        }
        assert_eq!(help(Scope::Top, "cwd"), "`cwd` belongs to an app: put it into [apps.NAME] or [defaults]");
    }
}
