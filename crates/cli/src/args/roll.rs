//! `reload`, `scale`.

use super::Wait;
use api::ScaleTo;
use clap::Args;

/// `reload`.
#[derive(Debug, Args)]
pub struct Reload {
    /// Which apps
    #[arg(required = true, value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with_all = ["no_wait", "timeout", "update_env"])]
    pub dry_run: bool,
    /// Take this session's variables
    #[arg(long)]
    pub update_env: bool,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}

/// `scale`.
#[derive(Debug, Args)]
pub struct Scale {
    /// Which app
    #[arg(value_name = "APP")]
    pub app: String,
    /// How many instances it is to have: 4, +2 (two more), -1 (one fewer)
    #[arg(value_name = "N", allow_negative_numbers = true)]
    pub to: ScaleTo,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}
