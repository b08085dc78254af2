//! What every command takes that reads configuration files.

use super::span;
use clap::Args;
use config::{Format, ProfileChoice};
use std::path::PathBuf;
use std::time::Duration;

/// Files, and what of them counts.
#[derive(Debug, Clone, Default, Args)]
pub struct FileArgs {
    /// Files, folders with an abide.toml, abide.yaml or abide.json, or - for standard input [default: this folder]
    #[arg(value_name = "FILE|DIR")]
    pub files: Vec<PathBuf>,
    /// What of them counts.
    #[command(flatten)]
    pub part: PartArgs,
}

/// What of a file counts.
#[derive(Debug, Clone, Default, Args)]
pub struct PartArgs {
    /// The profile that counts for every app; none for none [default: the one of last time, else as each app says]
    #[arg(long, value_name = "NAME", value_parser = profile)]
    pub profile: Option<String>,
    /// Only these apps
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub only: Vec<String>,
    /// How the file is written: toml, yaml or json [default: as its name says; from standard input what it looks like]
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub format: Option<Format>,
}

/// The other spelling of `--profile`, where `--env` sets no variables.
#[derive(Debug, Clone, Default, Args)]
pub struct EnvAlias {
    /// Another spelling of --profile
    #[arg(long, value_name = "NAME", value_parser = profile, conflicts_with = "profile")]
    pub env: Option<String>,
}

impl PartArgs {
    /// The same with the other spelling of `--profile`.
    #[must_use]
    pub fn or(mut self, alias: &EnvAlias) -> PartArgs {
        self.profile = self.profile.or_else(|| alias.env.clone());
        self
    }

    /// Which profile the command line chooses.
    pub fn choice(&self) -> ProfileChoice {
        match self.profile.as_deref() {
            None => ProfileChoice::Own,
            Some("none") => ProfileChoice::Nothing,
            Some(name) => ProfileChoice::Named(name.to_owned()),
        }
    }
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "toml" => Ok(Format::Toml),
        "yaml" | "yml" => Ok(Format::Yaml),
        "json" => Ok(Format::Json),
        _ => Err("there are toml, yaml and json".to_owned()),
    }
}

/// A profile. `K=V` is meant for something else.
fn profile(text: &str) -> Result<String, String> {
    if text.contains('=') {
        return Err("a profile is chosen here; variables are set in the file, or by `abide start CMD --env K=V`".to_owned());
    }
    if text.is_empty() { Err("a profile has a name; `none` chooses none".to_owned()) } else { Ok(text.to_owned()) }
}

/// `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// Which files.
    #[command(flatten)]
    pub file: FileArgs,
    /// `--env`.
    #[command(flatten)]
    pub alias: EnvAlias,
    /// Follow the logs of these apps afterwards, until Ctrl-C; the apps run on
    #[arg(long)]
    pub attach: bool,
    /// Take this session's variables for apps that are defined already, and restart what runs
    #[arg(long)]
    pub update_env: bool,
    /// Return when the wish is accepted
    #[arg(long, conflicts_with_all = ["wait_timeout", "attach"])]
    pub no_wait: bool,
    /// How long to wait at most, for example 30s; a bare number is seconds
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub wait_timeout: Option<Duration>,
}

/// `apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// Which files.
    #[command(flatten)]
    pub file: FileArgs,
    /// `--env`.
    #[command(flatten)]
    pub alias: EnvAlias,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Remove apps that came from this file before and are not in it any more
    #[arg(long)]
    pub prune: bool,
    /// Ask nothing
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Take this session's variables for apps that are defined already, and restart what runs
    #[arg(long)]
    pub update_env: bool,
    /// Return when the wish is accepted
    #[arg(long, conflicts_with = "wait_timeout")]
    pub no_wait: bool,
    /// How long to wait at most, for example 30s; a bare number is seconds
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub wait_timeout: Option<Duration>,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Which files.
    #[command(flatten)]
    pub file: FileArgs,
    /// `--env`.
    #[command(flatten)]
    pub alias: EnvAlias,
    /// Also plan the removal of apps that came from this file before and are not in it any more
    #[arg(long)]
    pub prune: bool,
}

/// `validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// Which files.
    #[command(flatten)]
    pub file: FileArgs,
    /// `--env`.
    #[command(flatten)]
    pub alias: EnvAlias,
}

/// `history`.
#[derive(Debug, Args)]
pub struct History {
    /// Only operations that were about these apps [default: all]
    #[arg(value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// How many of the last operations [default: 20]
    #[arg(long, short = 'n', value_name = "N")]
    pub lines: Option<u64>,
}

/// `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// Which apps go back to how they were when they were last ready
    #[arg(value_name = "SELECTOR", required_unless_present = "operation")]
    pub selectors: Vec<String>,
    /// Everything goes back to how it was after this operation (a number of `abide history`)
    #[arg(long, value_name = "N", conflicts_with = "selectors")]
    pub operation: Option<u64>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ask nothing
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Return when the wish is accepted
    #[arg(long, conflicts_with = "wait_timeout")]
    pub no_wait: bool,
    /// How long to wait at most, for example 30s; a bare number is seconds
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub wait_timeout: Option<Duration>,
}
