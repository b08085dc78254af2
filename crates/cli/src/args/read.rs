//! `logs`, `events`.

use clap::Args;

/// `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// Which apps or slots [default: all]
    #[arg(value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// Go on with new lines as they come
    #[arg(long, short)]
    pub follow: bool,
    /// How many of the last lines of each slot and stream [default: 100; with --since all]
    #[arg(long, short = 'n', value_name = "N")]
    pub lines: Option<u64>,
    /// Only lines from this time on
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only lines up to this time
    #[arg(long, value_name = "TIME", conflicts_with = "follow", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Only lines in which this regular expression is found; -n counts those
    #[arg(long, value_name = "RE", allow_hyphen_values = true)]
    pub grep: Option<String>,
    /// Only standard output
    #[arg(long, conflicts_with = "err")]
    pub out: bool,
    /// Only standard error
    #[arg(long)]
    pub err: bool,
    /// Put the time before each line, in your time zone
    #[arg(long, conflicts_with_all = ["raw", "json"])]
    pub timestamps: bool,
    /// The lines alone and byte for byte as they were written, control characters included; not on a terminal
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
    /// Empty these log files and remove their rotated ones, instead of showing them; asks nothing
    #[arg(long, conflicts_with_all = ["follow", "lines", "since", "until", "grep", "timestamps", "raw", "reopen"])]
    pub clear: bool,
    /// Have every log file opened anew, instead of showing them: for a logrotate of your own
    #[arg(long, conflicts_with_all = ["selectors", "follow", "lines", "since", "until", "grep", "timestamps", "out", "err", "raw"])]
    pub reopen: bool,
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
    /// Only events from this time on; or after this number, as --json has it (seq)
    #[arg(long, value_name = "TIME|SEQ", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// How many of the last events [default: 100; 10000 with --since or --json]
    #[arg(long, short = 'n', value_name = "N")]
    pub lines: Option<u64>,
}
