//! The command line as clap sees it: each flag here does something in this version, and no other is accepted.

use clap::{Args, Parser, Subcommand};
use config::StartFlags;
use model::{ParseSpanError, parse_span};
use std::path::PathBuf;
use std::time::Duration;

/// Runs, watches and restarts programs, and keeps their logs; they live on whatever becomes of the manager.
#[derive(Debug, Parser)]
#[command(name = "abide", version, disable_version_flag = true, subcommand_required = true)]
#[command(after_help = "\
Examples:
  abide start \"node server.js\" --name web    run a program and keep it running
  abide up                                   run what ./abide.toml describes
  abide list                                 what runs, and how it is
  abide logs web -f                          what it says

SELECTOR, wherever an app is named: a name (web), a slot (web-1), an id from `abide list`, ns:NAME, status:errored,
a glob ('api-*'), or all.")]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Print one JSON document, or one object a line for streams, and nothing else on standard output
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    /// Print no progress and no remarks, only results and errors
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    pub quiet: bool,
    /// Print no colours (also: NO_COLOR in the environment)
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub no_color: bool,
    /// Where the manager lives [default: ABIDE_HOME, else ~/.local/share/abide; for root /var/lib/abide]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub home: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run what a file describes: define its apps, start them, wait until they run, and show them
    ///
    /// Apps of the file that run unchanged are not touched; changed ones get a new life; apps that are not in the file stay as they are.
    #[command(
        after_help = "Examples:\n  abide up                    the abide.toml of this folder\n  abide up examples/hello     \
                            the abide.toml of that folder\n  abide up a.toml b.toml --attach"
    )]
    Up(Up),
    /// Run a program and keep it running, or start apps that are defined already
    ///
    /// One argument that names a file (.toml) is a configuration; one that is the name, slot, id or other selector of an app starts
    /// that; anything else is a command. Options after the command's second word belong to the program; `--` ends Abide's options.
    #[command(
        after_help = "Examples:\n  abide start \"node server.js\" --name web --instances 2\n  abide start --name web node server.js \
                            --port 3000     (--port is the program's)\n  abide start ./worker\n  abide start web"
    )]
    Start(Box<Start>),
    /// Stop apps or slots; they stay defined
    #[command(after_help = "Examples:\n  abide stop web\n  abide stop web-1 'api-*'\n  abide stop all")]
    Stop(Change),
    /// Give apps or slots a new life: stop, then start
    #[command(after_help = "Example:\n  abide restart web")]
    Restart(Change),
    /// Stop apps and forget them; their logs stay
    #[command(visible_alias = "rm", after_help = "Examples:\n  abide delete web\n  abide delete all --yes")]
    Delete(Delete),
    /// Show every slot: status, process, uptime, restarts, use
    #[command(visible_aliases = ["ls", "ps"])]
    List,
    /// Show everything known of one app
    #[command(visible_aliases = ["show", "describe", "info"], after_help = "Example:\n  abide status web")]
    Status(Status),
    /// Show what apps say
    #[command(
        after_help = "Examples:\n  abide logs                  the last lines of every app\n  abide logs web -f           and \
                            go on as they come\n  abide logs web-0 --err -n 500\n  abide logs web --raw > web.log"
    )]
    Logs(Logs),
    /// Show what happened: who did what, every end and why
    #[command(after_help = "Examples:\n  abide events -f\n  abide events web -n 20\n  abide events --since 412 --json")]
    Events(Events),
    /// The manager itself: start, stop, status, or run it in the foreground
    #[command(subcommand, arg_required_else_help = true)]
    Daemon(Daemon),
    /// Check files without running anything
    #[command(after_help = "Example:\n  abide validate examples/hello/abide.toml")]
    Validate(Validate),
    /// Print the version
    Version,
}

/// `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// Files, or folders with an abide.toml [default: ./abide.toml]
    #[arg(value_name = "FILE|DIR")]
    pub files: Vec<PathBuf>,
    /// Follow the logs of these apps afterwards, until Ctrl-C; the apps run on
    #[arg(long)]
    pub attach: bool,
    /// How long to wait at most, for example 30s; a bare number is seconds
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub wait_timeout: Option<Duration>,
}

/// `start`.
#[derive(Debug, Args)]
pub struct Start {
    /// A command with its arguments, selectors of apps, or a file; - reads a file from standard input
    #[arg(required = true, value_name = "CMD…|SELECTOR…|FILE")]
    pub words: Vec<String>,
    /// What the app is.
    #[command(flatten)]
    pub app: AppFlags,
    /// Return when the wish is accepted
    #[arg(long, conflicts_with = "wait_timeout")]
    pub no_wait: bool,
    /// How long to wait at most, for example 30s; a bare number is seconds
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub wait_timeout: Option<Duration>,
}

/// Flags of `start` that describe the app. Their values are read by `config`, by the same rules as in a file.
#[derive(Debug, Clone, Default, Args)]
pub struct AppFlags {
    /// Name of the app [default: the stem of the script or program]
    #[arg(long)]
    pub name: Option<String>,
    /// How many to run: a number, cpu, cpu-1, cpu/2 [default: 1]
    #[arg(long, value_name = "N")]
    pub instances: Option<String>,
    /// Working directory [default: this one]
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
    /// Set a variable; may be given several times
    #[arg(long, value_name = "K=V", value_parser = variable)]
    pub env: Vec<(String, String)>,
    /// Read variables from a file; may be given several times
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<String>,
    /// When to run it again after it ended: always, on-failure or never [default: on-failure]
    #[arg(long, value_name = "WHEN")]
    pub restart: Option<String>,
    /// Give up after so many restarts in a row
    #[arg(long, value_name = "N")]
    pub max_restarts: Option<String>,
    /// Never restart sooner than this, for example 5s; a bare number is seconds
    #[arg(long, value_name = "SPAN")]
    pub restart_delay: Option<String>,
    /// Pause before the first life
    #[arg(long, value_name = "SPAN")]
    pub start_delay: Option<String>,
    /// Signal that asks it to end [default: SIGTERM]
    #[arg(long, value_name = "SIGNAL")]
    pub kill_signal: Option<String>,
    /// How long it may take to end before it is killed [default: 10s]
    #[arg(long, value_name = "SPAN")]
    pub stop_timeout: Option<String>,
    /// Label, and selector ns:NAME [default: default]
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Run the command through /bin/sh -c
    #[arg(long)]
    pub shell: bool,
    /// Rotate a log file at this size, for example 20M; 0 = never [default: 20M]
    #[arg(long, value_name = "SIZE")]
    pub log_max_size: Option<String>,
    /// Keep so many rotated log files [default: 5]
    #[arg(long, value_name = "N")]
    pub log_max_files: Option<String>,
}

impl AppFlags {
    /// The flags that were given, as they are written.
    pub fn given(&self) -> Vec<&'static str> {
        let AppFlags {
            name,
            instances,
            cwd,
            env,
            env_file,
            restart,
            max_restarts,
            restart_delay,
            start_delay,
            kill_signal,
            stop_timeout,
            namespace,
            shell,
            log_max_size,
            log_max_files,
        } = self;
        [
            ("--name", name.is_some()),
            ("--instances", instances.is_some()),
            ("--cwd", cwd.is_some()),
            ("--env", !env.is_empty()),
            ("--env-file", !env_file.is_empty()),
            ("--restart", restart.is_some()),
            ("--max-restarts", max_restarts.is_some()),
            ("--restart-delay", restart_delay.is_some()),
            ("--start-delay", start_delay.is_some()),
            ("--kill-signal", kill_signal.is_some()),
            ("--stop-timeout", stop_timeout.is_some()),
            ("--namespace", namespace.is_some()),
            ("--shell", *shell),
            ("--log-max-size", log_max_size.is_some()),
            ("--log-max-files", log_max_files.is_some()),
        ]
        .into_iter()
        .filter_map(|(flag, given)| given.then_some(flag))
        .collect()
    }

    /// As `config` takes them, with the command's words.
    pub fn for_config(&self, words: &[String]) -> StartFlags {
        let flags = self.clone();
        StartFlags {
            name: flags.name,
            command: words.to_vec(),
            cwd: flags.cwd,
            env: flags.env,
            env_files: flags.env_file,
            instances: flags.instances,
            restart: flags.restart,
            max_restarts: flags.max_restarts,
            restart_delay: flags.restart_delay,
            start_delay: flags.start_delay,
            kill_signal: flags.kill_signal,
            stop_timeout: flags.stop_timeout,
            namespace: flags.namespace,
            shell: flags.shell,
            log_max_size: flags.log_max_size,
            log_max_files: flags.log_max_files,
            ..StartFlags::default()
        }
    }
}

/// `stop`, `restart`.
#[derive(Debug, Args)]
pub struct Change {
    /// Which apps or slots
    #[arg(required = true, value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}

/// `delete`.
#[derive(Debug, Args)]
pub struct Delete {
    /// Which apps
    #[arg(required = true, value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// Do not ask before deleting all
    #[arg(long)]
    pub yes: bool,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}

/// Whether and how long to wait.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Wait {
    /// Return when the wish is accepted
    #[arg(long, conflicts_with = "timeout")]
    pub no_wait: bool,
    /// How long to wait at most, for example 30s; a bare number is seconds
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub timeout: Option<Duration>,
}

/// `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Which app
    #[arg(value_name = "APP")]
    pub app: String,
}

/// `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// Which apps or slots [default: all]
    #[arg(value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// Go on with new lines as they come
    #[arg(long, short)]
    pub follow: bool,
    /// How many of the last lines of each slot and stream
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub lines: u64,
    /// Only standard output
    #[arg(long, conflicts_with = "err")]
    pub out: bool,
    /// Only standard error
    #[arg(long)]
    pub err: bool,
    /// The lines alone and as they were written, control characters included; not on a terminal
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
}

/// `events`.
#[derive(Debug, Args)]
pub struct Events {
    /// Which apps [default: all, and the manager]
    #[arg(value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// Go on with new events as they come
    #[arg(long, short)]
    pub follow: bool,
    /// Only events after this number
    #[arg(long, value_name = "SEQ")]
    pub since: Option<u64>,
    /// How many of the last events [default: 100; 10000 with --since or --json]
    #[arg(long, short = 'n', value_name = "N")]
    pub lines: Option<u64>,
}

/// `daemon …`.
#[derive(Debug, Subcommand)]
pub enum Daemon {
    /// Run the manager in the foreground, for systemd and its like
    Run,
    /// Start the manager; apps that ran when it was stopped are started again
    Start,
    /// Stop every app in order, then the manager
    Stop,
    /// Show whether and how the manager runs; starts nothing
    Status,
}

/// `validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// Files, or folders with an abide.toml [default: ./abide.toml]
    #[arg(value_name = "FILE|DIR")]
    pub files: Vec<PathBuf>,
}

/// A span of time on the command line: a bare number is seconds.
fn span(text: &str) -> Result<Duration, ParseSpanError> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) { parse_span(&format!("{text}s")) } else { parse_span(text) }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a variable is written KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn clap_finds_no_fault() {
        Cli::command().debug_assert();
    }

    #[test]
    fn spans() {
        for (text, ms) in [("5", 5000), ("0", 0), ("500ms", 500), ("2m", 120_000)] {
            assert_eq!(span(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for wrong in ["", "-1", "1.5", "5 apples"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_parsed_and_ignored() {
        for wrong in [
            &["list", "--watch"][..],
            &["start", "--port", "1", "x"],
            &["start", "--watch", "x"],
            &["logs", "--grep", "x"],
            &["up", "--only", "a"],
            &["reload", "x"],
            &["daemon", "upgrade"],
            &["logs", "--raw", "--json"],
            &["stop", "--no-wait", "--timeout", "1", "x"],
            &["status"],
            &["stop"],
        ] {
            assert!(Cli::try_parse_from(["abide"].iter().chain(wrong)).is_err(), "{wrong:?}");
        }
    }
}
