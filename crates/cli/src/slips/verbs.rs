//! Commands that people know from elsewhere, or that a later version has.

/// What to answer to a command that is not there.
pub struct Habit {
    /// Why it is not.
    pub why: Why,
    /// What to type instead.
    pub next: &'static str,
}

/// Why a command is not there.
pub enum Why {
    /// A later version has it.
    NotYet,
    /// For this reason; an empty one is not said.
    Because(&'static str),
}

use Why::{Because, NotYet};

/// Words (in lower case), why there is no such command, and what to do.
type Row = (&'static [&'static str], Why, &'static str);

const NOTHING_TO_SAVE: &str = "what is started, stopped, scaled or deleted is remembered at once";

const TOP: &[Row] = &[
    (
        &["save", "dump"],
        Because(NOTHING_TO_SAVE),
        "`abide daemon start` brings everything back, also after a reboot; docs/boot.md has it done at boot",
    ),
    (&["resurrect"], Because(NOTHING_TO_SAVE), "`abide daemon start` starts the manager and what ran before"),
    (&["cleardump"], Because(NOTHING_TO_SAVE), "`abide delete all` forgets every app"),
    (&["startup", "unstartup", "service"], NotYet, "docs/boot.md has a unit for systemd, which starts the manager at boot"),
    (
        &["enable", "disable"],
        Because(NOTHING_TO_SAVE),
        "`abide start APP` and `abide stop APP` also say what is to run after a reboot",
    ),
    (&["monit", "top", "ui", "dash", "imonit"], NotYet, "until then: watch -n1 abide list; abide logs -f"),
    (&["dashboard", "api"], NotYet, "until then: `abide list --json`, and the API on the socket run/abide.sock of the home"),
    (&["run", "runtime"], NotYet, "`abide start CMD` runs a program under the manager; for containers see docs/boot.md"),
    (
        &["import", "convert"],
        NotYet,
        "until then: `abide init` writes an abide.toml from a Procfile, package.json and others; docs/from-pm2.md has PM2's keys",
    ),
    (&["export"], NotYet, "until then: `abide config show APP --json` has all that is known of an app"),
    (&["tree"], NotYet, "until then: `abide status APP` has its pid: pstree -p PID"),
    (&["doctor"], NotYet, "until then: `abide daemon status`, and daemon.log in the home"),
    (&["man"], NotYet, "`abide COMMAND --help`, and the pages in docs/"),
    (&["pm2"], NotYet, "docs/from-pm2.md says what to type instead of each command of PM2"),
    (&["image", "deploy"], NotYet, "`abide apply` makes everything on this machine as a file says"),
    (&["flush", "empty"], Because(""), "`abide logs --clear` empties all log files, `abide logs APP --clear` those of one app"),
    (&["reloadlogs", "reopen"], Because(""), "`abide logs --reopen` has every log file opened anew"),
    (&["log", "tail", "journalctl"], Because(""), "`abide logs APP -f` shows what it says, and goes on as it comes"),
    (&["jlist", "prettylist", "slist"], Because(""), "`abide list --json`; for one app `abide status APP --json`"),
    (&["l", "avail"], Because(""), "`abide list`, or in short `abide ls`"),
    (&["id", "pid"], Because(""), "`abide list` shows the ID and PID of every slot, `abide list --json` for scripts"),
    (&["inspect", "desc", "sysinfo"], Because(""), "`abide status APP` shows everything known of an app"),
    (
        &["ping", "is-active"],
        Because(""),
        "`abide daemon status` tells whether the manager runs; `abide wait APP` whether an app is ready",
    ),
    (
        &["update", "updatepm2", "upgrade", "daemon-reexec"],
        Because(""),
        "`abide daemon upgrade` takes the programs that are installed now; `abide apply` a changed file",
    ),
    (
        &["daemon-reload", "reread"],
        Because("nothing is read before you say so"),
        "`abide plan` shows what a changed file comes to, `abide apply` does it",
    ),
    (&["sendsignal"], Because(""), "`abide signal HUP APP` (or: abide kill -HUP APP)"),
    (
        &["gracefulreload", "softreload", "try-restart"],
        Because(""),
        "`abide reload APP` replaces what runs by the app's `reload` strategy; `abide restart APP` stops it first",
    ),
    (
        &["startorrestart", "startorreload", "startorgracefulreload"],
        Because(""),
        "`abide up FILE` starts what a file describes, replaces what has changed, and leaves the rest alone",
    ),
    (&["ecosystem"], Because(""), "`abide init` writes a first abide.toml"),
    (&["serve", "expose"], Because("Abide serves no files"), "abide start \"python3 -m http.server 8080\" --name files"),
    (
        &["set", "multiset", "get", "unset", "conf"],
        Because("the manager's settings stand in a file"),
        "`abide config show` shows values and where they come from; docs/configuration.md has [daemon]",
    ),
    (
        &["install", "module", "uninstall", "module:install"],
        Because("there are no modules"),
        "log rotation is built in (docs/logs.md)",
    ),
    (
        &["link", "unlink", "plus", "register", "login", "open", "monitor", "unmonitor"],
        Because("Abide reports to nobody"),
        "`abide events -f` shows what happens; docs/hooks.md tells others",
    ),
    (&["trigger"], Because(""), "`abide signal USR1 APP`, or `abide send APP LINE` to its standard input"),
    (&["report"], Because(""), "`abide daemon status` and `abide list`"),
    (
        &["del", "remove", "destroy", "forget"],
        Because(""),
        "`abide delete APP` stops an app and forgets it; `abide stop APP` only stops it",
    ),
    (&["add", "create", "new", "launch", "spawn", "exec"], Because(""), "abide start CMD --name NAME"),
    (&["down", "shutdown", "halt"], Because(""), "`abide stop all` stops every app, `abide daemon stop` the manager too"),
    (&["cat", "spec"], Because(""), "`abide config show APP` shows every key of an app"),
    (&["edit"], Because(""), "`abide config edit` opens the configuration file, and checks it"),
    (&["diff"], Because(""), "`abide plan` shows what a changed file comes to"),
    (&["journal"], Because(""), "`abide events` shows what happened, `abide history` who asked for what"),
    (&["check", "lint", "test"], Because(""), "`abide validate FILE`"),
];

const DAEMON: &[Row] = &[
    (
        &["install", "uninstall", "enable", "disable"],
        NotYet,
        "docs/boot.md has a unit for systemd, which starts the manager at boot",
    ),
    (
        &["logs", "log"],
        NotYet,
        "until then: the manager's own log is daemon.log in the home (`abide daemon status` says where that is)",
    ),
    (
        &["restart", "reload"],
        Because(""),
        "`abide daemon upgrade` starts its programs anew and leaves the apps alone; stop and start restart the apps too",
    ),
    (&["kill"], Because(""), "`abide daemon stop` stops every app in order, then the manager"),
];

/// What to answer to `word` behind the commands of `path`, if it is known from elsewhere.
pub fn habit(path: &[&str], word: &str) -> Option<Habit> {
    let rows = match path {
        [] | ["help"] => TOP,
        ["daemon"] => DAEMON,
        _ => return None,
    };
    let word = word.to_ascii_lowercase();
    let (_, why, next) = rows.iter().find(|(words, ..)| words.contains(&word.as_str()))?;
    Some(Habit {
        why: match why {
            NotYet => NotYet,
            Because(why) => Because(why),
        },
        next,
    })
}

/// What to do where a command lacks an argument.
pub fn missing(path: &[&str]) -> Option<&'static str> {
    Some(match path {
        ["start"] => {
            "abide start \"node server.js\" --name web; `abide up` runs what ./abide.toml describes, `abide start all` what is stopped"
        }
        ["stop"] => "name an app, or all: abide stop web",
        ["restart"] => "name an app, or all: abide restart web",
        ["reload"] => "name an app, or all: abide reload web",
        ["delete"] => "name an app, or all: abide delete web",
        ["reset"] => "name an app, or all: abide reset web",
        ["wait"] => "name an app, or all: abide wait web",
        ["status"] => "name an app: abide status web; `abide list` shows all",
        ["env"] => "name an app: abide env web",
        ["scale"] => "say which app, and how many of it: abide scale web 4 (or +1, -1)",
        ["signal"] => {
            "abide kill TERM web sends a signal; `abide stop web` ends an app, `abide daemon stop` every app and the manager"
        }
        ["rollback"] => "abide rollback web, or abide rollback --operation N with a number of `abide history`",
        _ => return None,
    })
}

/// What to do where a value is wrong.
pub fn wrong(path: &[&str]) -> Option<&'static str> {
    match path {
        ["signal"] => Some(
            "abide kill TERM web sends a signal; `abide stop web` ends an app, `abide daemon stop` every app and the manager",
        ),
        _ => None,
    }
}

/// What to do where a command has a word too many.
pub fn too_many(path: &[&str]) -> Option<&'static str> {
    match path {
        ["list"] => Some("`abide status APP` shows one app, `abide list` all"),
        ["status"] => Some("`abide status APP` shows one app, `abide list` all; a glob is written 'api-*'"),
        _ => None,
    }
}
