//! Flags that people know from elsewhere, or that a later version has.

const NOT_YET_LIST: &str = "not there yet; until then: watch -n1 abide list, or abide list --json";

/// Command (empty: any), flags, and what to do instead.
const ROWS: &[(&str, &[&str], &str)] = &[
    ("start", &["--max-memory-restart"], "write --max-memory 300M"),
    ("start", &["--no-autorestart"], "write --restart never"),
    ("start", &["--autorestart"], "write --restart always"),
    (
        "start",
        &["--cron-restart", "-c"],
        "a restart by the clock is the key `cron_restart` of an abide.toml (docs/schedule.md); --cron runs a job at these times",
    ),
    (
        "start",
        &["--exp-backoff-restart-delay"],
        "pauses between restarts grow by themselves; the key `backoff` of an abide.toml sets how",
    ),
    (
        "start",
        &["--interpreter", "--interpreter-args", "--node-args"],
        "write the interpreter into the command: abide start \"bun --smol app.ts\"",
    ),
    ("start", &["--kill-timeout", "-k"], "write --stop-timeout 1600ms (a bare number is seconds)"),
    ("start", &["--listen-timeout"], "how long an app may take to become ready is the key `start_timeout` of an abide.toml"),
    ("start", &["--output", "-o"], "write --out-file FILE"),
    ("start", &["--error", "-e"], "write --err-file FILE"),
    ("start", &["--log", "-l"], "write --log-file FILE"),
    (
        "start",
        &["--time", "--log-date-format"],
        "the time of each line is kept beside the log: abide logs --timestamps; --log-format text writes it into the file",
    ),
    ("start", &["--disable-logs"], "write --out-file none --err-file none"),
    ("start", &["--force", "-f"], "give the second one a name: --name web-two"),
    ("start", &["--uid"], "write --user NAME"),
    ("start", &["--gid"], "the keys `user`, `group` and `groups` stand in an abide.toml (docs/limits.md)"),
    (
        "start",
        &["--ignore-watch", "--watch-delay"],
        "what is watched, and how, is the key `watch` of an abide.toml (docs/watch.md)",
    ),
    ("start", &["--no-daemon", "--attach"], "not there yet; until then: abide start …, then abide logs -f"),
    ("start", &["--args"], "the program's arguments stand in its quotes, or behind --: abide start \"node app.js --port 3000\""),
    (
        "start",
        &[
            "--parallel",
            "--shutdown-with-message",
            "--source-map-support",
            "--no-vizion",
            "--no-pmx",
            "--no-treekill",
            "--pid",
            "-p",
        ],
        "docs/from-pm2.md says what becomes of it",
    ),
    ("start", &["--update-env"], "write abide restart APP --update-env"),
    ("logs", &["--nostream", "--no-follow"], "leave it out: `abide logs` shows the last lines and ends, -f goes on"),
    ("logs", &["--tail", "-t"], "write -n 50 for the last 50 lines, -f to go on as they come"),
    ("logs", &["--timestamp", "--time"], "write --timestamps"),
    ("logs", &["--format", "--highlight"], "--json prints one object a line, --grep only the lines in which a pattern is found"),
    ("logs", &["--stdout"], "write --out"),
    ("logs", &["--stderr", "--error"], "write --err"),
    ("logs", &["-u"], "name the app: abide logs web"),
    ("list", &["--watch", "-w", "--sort", "--namespace", "--tree"], NOT_YET_LIST),
    ("list", &["--status"], "not there yet; until then: abide wait, abide stop and others take status:errored"),
    ("list", &["-a", "--all"], "leave it out: every slot is shown, also those that are stopped"),
    (
        "stop",
        &["--yes", "-y", "--force", "-f", "--wait"],
        "leave it out: `abide stop` asks nothing, and waits until they have stopped",
    ),
    (
        "restart",
        &["--yes", "-y", "--force", "-f", "--wait"],
        "leave it out: `abide restart` asks nothing, and waits until they run",
    ),
    ("delete", &["--force", "-f", "-y"], "write --yes"),
    ("delete", &["--status"], "write abide delete status:errored"),
    ("apply", &["-f", "--file"], "name the file without it: abide apply shop.toml"),
    ("up", &["-f", "--file"], "name the file without it: abide up shop.toml"),
    ("up", &["-d", "--detach"], "leave it out: what it starts runs on"),
    ("up", &["--prune"], "`abide up` removes nothing: abide apply --prune"),
    ("apply", &["-y"], "write --yes"),
    ("", &["--host", "-H"], "not there yet; until then: ssh HOST abide list"),
    ("", &["-v"], "`abide --version`"),
    ("", &["--silent", "-s"], "write -q"),
    ("", &["--no-colour", "--no-colors"], "write --no-color"),
];

/// What to do instead of `flag` for the command of `path`, if it is known from elsewhere.
pub fn advice(path: &[&str], flag: &str) -> Option<&'static str> {
    let command = path.first().copied().unwrap_or_default();
    let rows = ROWS.iter().filter(|(of, flags, _)| (of.is_empty() || *of == command) && flags.contains(&flag));
    rows.max_by_key(|(of, ..)| of.len()).map(|(.., next)| *next)
}
