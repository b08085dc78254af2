//! `abide start CMD… --flags`: the same rules without a file.
//!
//! What a flag gives has been through the user's shell and is taken as it is: no `${…}` is expanded in it. The one
//! exception is a command given as a single word, which is split and expanded like `cmd` in a file. `{{slot}}` and its kin
//! work everywhere, since nothing else could write them.

use crate::base::Base;
use crate::diagnostic::escape;
use crate::fault::{Fault, Faults, Place};
use crate::keys::{self, Scope, Suffix};
use crate::layer::{Entry, Item, Layer, Member, Value};
use crate::resolve;
use crate::script::default_name;
use crate::source::Sources;
use crate::surroundings::Surroundings;
use crate::words;
use model::{AppName, AppSpec};
use std::fmt;
use std::path::Path;

/// The flags of `start`, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StartFlags {
    /// `--name`.
    pub name: Option<String>,
    /// The command: one element is split like `cmd`, several are argv.
    pub command: Vec<String>,
    /// `--cwd`.
    pub cwd: Option<String>,
    /// `--env K=V`, in order.
    pub env: Vec<(String, String)>,
    /// `--env-file`, in order; later ones win.
    pub env_files: Vec<String>,
    /// `--instances`.
    pub instances: Option<String>,
    /// `--port`.
    pub port: Option<String>,
    /// `--restart`.
    pub restart: Option<String>,
    /// `--max-restarts`.
    pub max_restarts: Option<String>,
    /// `--restart-delay`; a bare number is seconds.
    pub restart_delay: Option<String>,
    /// `--start-delay`; a bare number is seconds.
    pub start_delay: Option<String>,
    /// `--kill-signal`.
    pub kill_signal: Option<String>,
    /// `--stop-timeout`; a bare number is seconds.
    pub stop_timeout: Option<String>,
    /// `--namespace`.
    pub namespace: Option<String>,
    /// `--shell`.
    pub shell: bool,
    /// `--success-exit-codes`, separated by commas.
    pub success_exit_codes: Option<String>,
    /// `--log-format`.
    pub log_format: Option<String>,
    /// `--log-file`.
    pub log_file: Option<String>,
    /// `--out-file`.
    pub out_file: Option<String>,
    /// `--err-file`.
    pub err_file: Option<String>,
    /// `--merge-logs`.
    pub merge_logs: bool,
    /// `--log-max-size`.
    pub log_max_size: Option<String>,
    /// `--log-max-files`.
    pub log_max_files: Option<String>,
    /// `--log-max-age`.
    pub log_max_age: Option<String>,
    /// `--log-compress`.
    pub log_compress: Option<String>,
    /// `--log-overflow`.
    pub log_overflow: Option<String>,
    /// `--no-autostart`.
    pub no_autostart: bool,
    /// `--health-cmd`, split like `cmd`.
    pub health_cmd: Option<String>,
    /// `--health-http`.
    pub health_http: Option<String>,
    /// `--health-tcp`.
    pub health_tcp: Option<String>,
    /// `--health-interval`; a bare number is seconds.
    pub health_interval: Option<String>,
    /// `--health-timeout`; a bare number is seconds.
    pub health_timeout: Option<String>,
    /// `--health-max-failures`.
    pub health_max_failures: Option<String>,
    /// `--max-memory`.
    pub max_memory: Option<String>,
    /// `--max-memory-mb`.
    pub max_memory_mb: Option<String>,
    /// `--max-cpu-percent`.
    pub max_cpu_percent: Option<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `--watch`.
    pub watch: bool,
    /// `--cron`.
    pub cron: Option<String>,
}

/// What is wrong with the flags. Printed, it is the message, and a second line `help: …` where there is help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagError {
    /// The flag, `--restart-delay`; `None` = the command itself, or an env file.
    pub flag: Option<String>,
    /// What is wrong, naming the flag.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for FlagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.iter().try_for_each(|help| write!(f, "\nhelp: {help}"))
    }
}

impl std::error::Error for FlagError {}

/// Resolves an app from flags. Relative paths are taken from `caller_cwd`, which must be absolute.
///
/// # Errors
/// The first thing that is wrong.
pub fn from_flags(flags: &StartFlags, caller_cwd: &Path, around: &dyn Surroundings) -> Result<AppSpec, FlagError> {
    let layer = layer(flags);
    let name = name(flags)?;
    let mut faults = Faults::default();
    let sources = Sources::default();
    let base = Base { folder: caller_cwd, around, sources: &sources, interpreters: !flags.shell };
    let spec = resolve::app(name, &Place::Flag(""), &[&layer], &base, &mut faults);
    match (faults.into_sorted().0.into_iter().next(), spec) {
        (None, Some(spec)) => Ok(spec),
        (Some(fault), _) => Err(error(fault)),
        (None, None) => Err(error(Fault::new(&Place::Flag(""), "the command cannot be run"))),
    }
}

fn error(fault: Fault) -> FlagError {
    let (flag, front) = match &fault.place {
        Place::Flag(flag) if !flag.is_empty() => (Some((*flag).to_owned()), String::new()),
        Place::Elsewhere { file, line, column } => (None, format!("{file}:{line}:{column}: ")),
        _ => (None, String::new()),
    };
    FlagError { flag, message: escape(&format!("{front}{}", fault.message)), help: fault.help.as_deref().map(escape) }
}

fn name(flags: &StartFlags) -> Result<AppName, FlagError> {
    const NAME: Place = Place::Flag("--name");
    if let Some(name) = &flags.name {
        return AppName::new(name).map_err(|wrong| error(Fault::new(&NAME, format!("`--name`: {wrong}"))));
    }
    // Only the words that are written count here; whether the command is well-formed is found out later.
    let words = match flags.command.as_slice() {
        [single] => shlex::split(single).unwrap_or_default(),
        several => several.to_vec(),
    };
    match default_name(&words).map(|name| AppName::new(&name)) {
        Some(Ok(name)) => Ok(name),
        _ if words.is_empty() && flags.command.iter().all(|word| word.trim().is_empty()) => Err(error(
            Fault::new(&Place::Flag(""), "there is nothing to run").help("write for example `abide start \"node server.js\"`"),
        )),
        // A command that cannot be split has its own error, which says more.
        _ if flags.command.len() == 1 && !flags.shell && words::split(&flags.command[0]).is_err() => {
            AppName::new("app").map_err(|wrong| error(Fault::new(&NAME, wrong.to_string())))
        }
        _ => Err(error(Fault::new(&NAME, "no name can be made from this command").help("give one with `--name`"))),
    }
}

fn layer(flags: &StartFlags) -> Layer {
    let mut layer = Layer::default();
    let mut set = |key, flag: &'static str, value: Option<Value>| {
        if let (Some(value), Some(key)) = (value, keys::doc(Scope::App, key)) {
            let place = Place::Flag(flag);
            let written = if flag.is_empty() { "command".to_owned() } else { flag.to_owned() };
            let item = Item { value, place: place.clone() };
            let suffix = if flag.ends_with("-mb") { Suffix::Mb } else { Suffix::Bare };
            layer.keys.insert(key.name, Entry { key, suffix, written, place, item });
        }
    };
    let text = |text: &Option<String>| text.clone().map(Value::Verbatim);
    let list = |texts: &[String], flag| {
        let item = |text: &String| Item { value: Value::Verbatim(text.clone()), place: Place::Flag(flag) };
        Some(Value::List(texts.iter().map(item).collect())).filter(|_| !texts.is_empty())
    };
    let command = match flags.command.as_slice() {
        // The shell expands for itself.
        [single] if flags.shell => Some(Value::Verbatim(single.clone())),
        [single] => Some(Value::Text(single.clone())),
        several => list(several, ""),
    };
    set("cmd", "", command);
    set("shell", "--shell", flags.shell.then_some(Value::Bool(true)));
    set("cwd", "--cwd", text(&flags.cwd));
    set("env_file", "--env-file", list(&flags.env_files, "--env-file"));
    set("instances", "--instances", text(&flags.instances));
    set("port", "--port", text(&flags.port));
    set("restart", "--restart", text(&flags.restart));
    set("max_restarts", "--max-restarts", text(&flags.max_restarts));
    set("restart_delay", "--restart-delay", text(&flags.restart_delay));
    set("start_delay", "--start-delay", text(&flags.start_delay));
    set("stop_signal", "--kill-signal", text(&flags.kill_signal));
    set("stop_timeout", "--stop-timeout", text(&flags.stop_timeout));
    set("namespace", "--namespace", text(&flags.namespace));
    set("success_exit_codes", "--success-exit-codes", text(&flags.success_exit_codes));
    set("log_format", "--log-format", text(&flags.log_format));
    set("log_file", "--log-file", text(&flags.log_file));
    set("out_file", "--out-file", text(&flags.out_file));
    set("err_file", "--err-file", text(&flags.err_file));
    set("log_max_age", "--log-max-age", text(&flags.log_max_age));
    set("log_compress", "--log-compress", text(&flags.log_compress));
    set("log_overflow", "--log-overflow", text(&flags.log_overflow));
    set("merge_logs", "--merge-logs", flags.merge_logs.then_some(Value::Bool(true)));
    set("log_max_size", "--log-max-size", text(&flags.log_max_size));
    set("log_max_files", "--log-max-files", text(&flags.log_max_files));
    set("autostart", "--no-autostart", flags.no_autostart.then_some(Value::Bool(false)));
    set("health_cmd", "--health-cmd", flags.health_cmd.clone().map(Value::Text));
    set("health_http", "--health-http", text(&flags.health_http));
    set("health_tcp", "--health-tcp", text(&flags.health_tcp));
    set("health_interval", "--health-interval", text(&flags.health_interval));
    set("health_timeout", "--health-timeout", text(&flags.health_timeout));
    set("health_failures", "--health-max-failures", text(&flags.health_max_failures));
    set("max_memory", "--max-memory", text(&flags.max_memory));
    set("max_memory", "--max-memory-mb", text(&flags.max_memory_mb));
    set("max_cpu", "--max-cpu-percent", text(&flags.max_cpu_percent));
    set("user", "--user", text(&flags.user));
    set("watch", "--watch", flags.watch.then_some(Value::Bool(true)));
    set("schedule", "--cron", text(&flags.cron));
    const ENV: Place = Place::Flag("--env");
    let member = |(name, value): &(String, String)| Member {
        name: name.clone(),
        place: ENV,
        item: Item { value: Value::Verbatim(value.clone()), place: ENV },
    };
    layer.env = flags.env.iter().map(member).collect();
    // Each flag is there once, so nothing can be found twice.
    layer.flat_health(&mut Faults::default());
    layer
}
