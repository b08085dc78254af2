//! What shows values: `config …` and `env`.

use super::PartArgs;
use super::file::EnvAlias;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `config …`.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Show what every key of an app comes to, and where that was written
    ///
    /// An app of the manager is shown as it is defined; a file (a word with a slash or an ending such as .toml) as it would be, without asking
    /// the manager. Secrets stand as •••: values of variables and headers, users in URLs, and what stands behind the host of a webhook.
    #[command(
        after_help = "Examples:\n  abide config show                       the file of this folder\n  abide config show web --changed         what is not \
                      at its default\n  abide config show ./abide.toml --profile prod --only web\n  abide config show web --toml > web.toml"
    )]
    Show(ConfigShow),
    /// Print the path of the file that counts
    Path(ConfigFile),
    /// Open the file in your editor ($VISUAL, $EDITOR, else vi), and check it afterwards; nothing is applied
    Edit(ConfigFile),
}

/// `config show`.
#[derive(Debug, Args)]
pub struct ConfigShow {
    /// Apps, or files and folders [default: the file of this folder]
    #[arg(value_name = "APP|FILE")]
    pub what: Vec<String>,
    /// What of the files counts.
    #[command(flatten)]
    pub part: PartArgs,
    /// `--env`.
    #[command(flatten)]
    pub alias: EnvAlias,
    /// Leave out what is at its default and was written nowhere
    #[arg(long)]
    pub changed: bool,
    /// Print a file that loads to the same
    #[arg(long, conflicts_with = "json")]
    pub toml: bool,
    /// Show secrets too
    #[arg(long)]
    pub reveal: bool,
}

/// `config path`, `config edit`.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// A file, or a folder with one [default: this folder]
    #[arg(value_name = "FILE|DIR")]
    pub file: Option<PathBuf>,
}

/// `env`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  abide env web\n  abide env web-1 --reveal")]
pub struct Env {
    /// An app, or one of its slots
    #[arg(value_name = "APP|SLOT")]
    pub app: String,
    /// Show values that may be secrets
    #[arg(long)]
    pub reveal: bool,
}
