//! `stop`, `restart`, `reset`, `delete`.

use super::span;
use clap::Args;
use std::time::Duration;

/// `stop`, `reset`.
#[derive(Debug, Args)]
pub struct Change {
    /// Which apps or slots
    #[arg(required = true, value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}

/// `restart`.
#[derive(Debug, Args)]
pub struct Restart {
    /// Which apps or slots
    #[arg(required = true, value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// Take this session's variables, for whole apps
    #[arg(long)]
    pub update_env: bool,
    /// Give it this port from now on, also at later restarts; one app
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
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
