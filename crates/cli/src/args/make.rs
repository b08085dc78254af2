//! Commands that write something down: a first file, the schema, completions.

use clap::Args;
use std::path::PathBuf;

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The folder of the project [default: this one]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, conflicts_with = "stdout")]
    pub force: bool,
    /// Print what would be written, and write nothing
    #[arg(long, conflicts_with = "json")]
    pub stdout: bool,
}

/// `schema`.
#[derive(Debug, Args)]
pub struct Schema {
    /// Write it to this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell
    pub shell: clap_complete::Shell,
}
