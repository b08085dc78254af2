//! The command line as clap sees it: each flag here does something in this version, and no other is accepted.

mod app;
mod change;
mod file;
mod make;
mod read;
mod roll;
mod show;
mod tell;

pub use app::AppFlags;
pub use change::{Change, Delete, Restart, Wait};
pub use file::{Apply, FileArgs, History, PartArgs, Plan, Rollback, Up, Validate};
pub use make::{Completions, Init, Schema};
pub use read::{Events, Logs};
pub use roll::{Reload, Scale};
pub use show::{Config, ConfigFile, ConfigShow, Env};
pub use tell::{Attach, Send, SignalTo, WaitFor};

use clap::{Args, Parser, Subcommand};
use model::{ParseSpanError, parse_span};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Runs, watches and restarts programs, and keeps their logs; they live on whatever becomes of the manager.
#[derive(Debug, Parser)]
#[command(name = "abide", version, subcommand_required = true)]
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
        after_help = "Examples:\n  abide up                    the abide.toml, abide.yaml or abide.json of this folder\n  abide up examples/hello     \
                            the abide.toml of that folder\n  abide up a.toml b.toml --attach"
    )]
    Up(Up),
    /// Make everything as a file says: show what that changes, and carry it out
    ///
    /// What runs and is as the file says is not touched. On a terminal it asks first if something is removed or restarted. Apps that are not
    /// in the file stay as they are, unless --prune.
    #[command(
        after_help = "Examples:\n  abide apply                       the abide.toml of this folder\n  abide apply --dry-run             show what it would \
                      change\n  abide apply --prune --yes         and remove apps that are not in it any more\n  abide apply shop.toml --only \
                      web,api\n  abide apply --profile prod        remembered for the next time"
    )]
    Apply(Apply),
    /// Show what `apply` would change, and change nothing
    #[command(after_help = "Example:\n  abide plan --prune")]
    Plan(Plan),
    /// Show who asked for what, and what it changed
    #[command(after_help = "Examples:\n  abide history\n  abide history web -n 5")]
    History(History),
    /// Go back to how apps were before
    ///
    /// A rollback is an operation like any other: it is in the history, and can be rolled back.
    #[command(
        after_help = "Examples:\n  abide rollback web                web as it was when it was last ready\n  abide rollback --operation 41     \
                      everything as it was after operation 41 of `abide history`"
    )]
    Rollback(Rollback),
    /// Run a program and keep it running, or start apps that are defined already
    ///
    /// One argument that names a file (.toml, .yaml, .yml, .json) is a configuration; one that is the name, slot, id or other selector of an app starts
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
    #[command(
        after_help = "Examples:\n  abide restart web\n  abide restart web --update-env\n  abide restart web --port 3001     it has \
                            that port from now on, until a file is applied that says otherwise"
    )]
    Restart(Restart),
    /// Replace the lives of apps by new ones, by each app's `reload` strategy
    ///
    /// With rolling, bluegreen and socket a new life is ready before an old one goes, and if it does not get there what ran goes on. Ends with 1
    /// then, with the reason and the last lines of its log. Apps go in the order of their dependencies. An app that is stopped is started
    /// if it is named; all, prefixes and globs leave it alone.
    #[command(
        after_help = "Examples:\n  abide reload web\n  abide reload web --dry-run        show the steps, and do nothing\n  abide reload all --timeout 5m"
    )]
    Reload(Reload),
    /// Set how many instances an app has; those that there are beside the difference go on untouched
    ///
    /// What a file says wins over it the next time that the file is applied.
    #[command(after_help = "Examples:\n  abide scale web 4\n  abide scale web +2\n  abide scale web -1")]
    Scale(Scale),
    /// Forget failures and counters of apps or slots
    ///
    /// What was given up (errored), or waits for its next try, is tried again at once, and the command waits for it as `start` does. What
    /// runs runs on; what was stopped stays stopped.
    #[command(after_help = "Examples:\n  abide reset web\n  abide reset status:errored")]
    Reset(Change),
    /// Wait until apps or slots are ready, rest, or have ended
    ///
    /// Ends with 0 once each has got there, and with 1 when one cannot get there any more, or not in time. It starts and stops nothing.
    #[command(
        after_help = "Examples:\n  abide wait db cache                 until both are ready\n  abide wait web --for exit           until the life of web \
                      that runs now has ended\n  abide wait backup --for stopped --timeout 10m\n\n\
                      ready    ready, or running where the app has no readiness; never if it is errored, completed or stopped\n\
                      stopped  stopped, completed or errored\n\
                      exit     the life that runs has ended, whatever comes after it; where none runs: the next one"
    )]
    Wait(WaitFor),
    /// Send a signal to what runs
    ///
    /// It goes to one process of each slot that runs: the life's first process, or the one that it named as its main one (MAINPID). What
    /// the program makes of it is its own affair. If it ends by it, nobody has asked for that end: the restart rule goes on (`abide stop` is
    /// for ending an app). Ends with 1 if nothing runs.
    #[command(
        visible_alias = "kill",
        after_help = "Examples:\n  abide signal HUP web\n  abide signal SIGUSR1 web-1 'api-*'\n  abide kill -9 web           SIGKILL; web is restarted"
    )]
    Signal(SignalTo),
    /// Stop apps and forget them; their logs stay
    #[command(visible_alias = "rm", after_help = "Examples:\n  abide delete web\n  abide delete all --yes")]
    Delete(Delete),
    /// Show every slot: status, process, uptime, restarts, use
    #[command(visible_aliases = ["ls", "ps"])]
    List,
    /// Show every port that an app has, wants or listens on
    ///
    /// STATE is leased (its app does not listen there yet), listening, taken (somebody else listens there), waiting (a slot waits until it is free)
    /// or unused (nothing runs that needs it). For a socket of `listen` PID is the keeper, which holds it.
    Ports,
    /// Show everything known of one app, or of one slot
    #[command(visible_aliases = ["show", "describe", "info"], after_help = "Examples:\n  abide status web\n  abide status web-1")]
    Status(Status),
    /// Show what apps say
    ///
    /// Lines of several apps stand in the order of their times. Control characters are shown as escapes (\x1b), so that no log can drive a
    /// terminal; --raw and --json keep them.
    #[command(
        after_help = "Examples:\n  abide logs                          the last lines of every app\n  abide logs web -f                   and \
                            go on as they come\n  abide logs web-0 --err -n 500\n  abide logs web --since 10m          the last ten \
                            minutes\n  abide logs --since 14:00 --until 14:05 --grep 'timeout|refused'\n  abide logs web --raw > web.log\n  abide logs web --clear              \
                            empty its log files\n\n\
                            TIME is a span (10m, 2h, 3d: so long ago), a time of day (14:00: today), now, today, yesterday,\n\
                            \"yesterday 9:30\", 2026-11-21, \"2026-11-21 14:00\" (all in your time zone) or 2026-11-21T13:00:00Z."
    )]
    Logs(Logs),
    /// Send lines to the standard input of an app that has stdin = "pipe"
    ///
    /// Each LINE is one line, to which a line feed is added; - sends standard input as it is. Nothing waits: an app that does not read its
    /// input is told of.
    #[command(after_help = "Examples:\n  abide send game save-all\n  abide send game \"say five minutes left\" save-all\n  \
                            abide send importer - < names.txt")]
    Send(Send),
    /// Follow what an app says, and send it what is typed here, line by line
    ///
    /// The app needs stdin = "pipe". Ctrl-D or Ctrl-C leaves it; it runs on.
    #[command(after_help = "Example:\n  abide attach game")]
    Attach(Attach),
    /// Show what happened: who did what, every end and why
    #[command(
        after_help = "Examples:\n  abide events -f\n  abide events web -n 20\n  abide events --since 10m\n  abide events --since 412 --json\n\n\
                      TIME is written as for `abide logs`: 10m (ago), 14:00, yesterday, 2026-11-21T13:00:00Z"
    )]
    Events(Events),
    /// The manager itself: start, stop, status, or run it in the foreground
    #[command(subcommand, arg_required_else_help = true)]
    Daemon(Daemon),
    /// Run the keeper alone, for controllers that speak its line protocol; all that follows belongs to it
    ///
    /// It is the parent of processes and decides nothing itself: it takes commands from standard input, a file or a socket, as
    /// daemonproxy does. `abide keeper --help` shows its options; the exit code is its own.
    #[command(
        disable_help_flag = true,
        after_help = "Examples:\n  abide keeper -i                         take commands from here\n  abide keeper -D -c FILE -S \
                      PATH        run the commands in FILE, then listen at PATH"
    )]
    Keeper(Keeper),
    /// Check files without running anything
    #[command(after_help = "Example:\n  abide validate examples/hello/abide.toml")]
    Validate(Validate),
    /// Write a first abide.toml from what is in a folder
    ///
    /// Knows Procfile, package.json, Python, Cargo, Go and Ruby projects. Replaces nothing and asks nothing off a terminal.
    #[command(after_help = "Examples:\n  abide init\n  abide init ../shop --stdout")]
    Init(Init),
    /// Print the JSON Schema of configuration files, for editors
    #[command(after_help = "Example:\n  abide schema --out abide.schema.json")]
    Schema(Schema),
    /// Print what makes a shell complete the words of this command line
    #[command(after_help = "Example:\n  abide completions bash > ~/.local/share/bash-completion/completions/abide")]
    Completions(Completions),
    /// Show, find or edit the configuration
    #[command(subcommand, arg_required_else_help = true)]
    Config(Config),
    /// Show the variables that the lives of an app get, and who gives them
    Env(Env),
    /// Print the version
    Version,
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
    /// What of a file counts.
    #[command(flatten)]
    pub part: PartArgs,
    /// Return when every slot is ready (running, where the app has no readiness) or has failed; this is the default
    #[arg(long, conflicts_with = "no_wait")]
    pub wait_ready: bool,
    /// Return when the wish is accepted
    #[arg(long, conflicts_with = "wait_timeout")]
    pub no_wait: bool,
    /// How long to wait at most, for example 30s; a bare number is seconds
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub wait_timeout: Option<Duration>,
}

/// `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Which app, by name, slot or id
    #[arg(value_name = "APP")]
    pub app: String,
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
    /// Go over to the programs that stand beside `abide` now; apps keep running
    Upgrade,
}

/// `keeper …`.
#[derive(Debug, Args)]
pub struct Keeper {
    /// Options of the keeper
    #[arg(value_name = "OPTION", trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<OsString>,
}

/// A span of time on the command line: a bare number is seconds.
fn span(text: &str) -> Result<Duration, ParseSpanError> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) { parse_span(&format!("{text}s")) } else { parse_span(text) }
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
    fn signals_as_people_write_them() {
        for (text, number) in [("HUP", 1), ("sigusr1", 10), ("9", 9), ("-9", 9), ("-KILL", 9), ("SIGRTMIN+1", 35)] {
            let cli = Cli::try_parse_from(["abide", "kill", text, "web", "api-*", "--json"]).expect(text);
            let Command::Signal(args) = cli.command else { panic!("{text}") };
            assert_eq!((args.signal.number(), args.selectors.len(), cli.global.json), (number, 2, true), "{text}");
        }
    }

    #[test]
    fn one_fewer_is_no_flag() {
        for (words, to, no_wait) in [
            (&["web", "4"][..], "4", false),
            (&["web", "-1"], "-1", false),
            (&["web", "+2", "--no-wait"], "+2", true),
            (&["--no-wait", "web", "-12"], "-12", true),
            (&["web", "--no-wait", "-1"], "-1", true),
            (&["web", "--", "-3"], "-3", false),
        ] {
            let cli = Cli::try_parse_from(["abide", "scale"].iter().chain(words)).expect("read");
            let Command::Scale(args) = cli.command else { panic!("{words:?}") };
            assert_eq!((args.to.to_string().as_str(), args.wait.no_wait, args.app.as_str()), (to, no_wait, "web"));
        }
    }

    #[test]
    fn nothing_is_parsed_and_ignored() {
        for wrong in [
            &["list", "--watch"][..],
            &["start", "--sandbox", "1", "x"],
            &["start", "--cluster", "x"],
            &["logs", "--until", "now", "-f"],
            &["logs", "--timestamps", "--raw"],
            &["logs", "-n", "some"],
            &["up", "--env", "A=b"],
            &["apply", "--profile", "a", "--env", "b"],
            &["plan", "--yes"],
            &["rollback"],
            &["rollback", "web", "--operation", "3"],
            &["up", "--no-wait", "--attach"],
            &["reload"],
            &["reload", "x", "--dry-run", "--no-wait"],
            &["scale", "x"],
            &["scale", "x", "many"],
            &["scale", "x", "--1"],
            &["scale", "x", "1.5"],
            &["daemon", "upgrade", "now"],
            &["logs", "--raw", "--json"],
            &["logs", "--clear", "-f"],
            &["logs", "web", "--reopen"],
            &["logs", "--clear", "-n", "5"],
            &["stop", "--no-wait", "--timeout", "1", "x"],
            &["start", "--no-wait", "--wait-ready", "x"],
            &["status"],
            &["stop"],
            &["reset"],
            &["wait"],
            &["wait", "x", "--for", "godot"],
            &["signal", "HUP"],
            &["signal", "web", "HUP"],
            &["kill", "--9", "web"],
        ] {
            assert!(Cli::try_parse_from(["abide"].iter().chain(wrong)).is_err(), "{wrong:?}");
        }
    }
}
