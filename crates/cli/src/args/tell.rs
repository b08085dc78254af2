//! `signal` and `wait`.

use super::span;
use api::Until;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use model::{Signal, UnknownSignal};
use std::time::Duration;

/// `signal`.
#[derive(Debug, Args)]
pub struct SignalTo {
    /// Its name or number: HUP, SIGUSR1, 15
    #[arg(value_name = "SIGNAL", value_parser = signal, allow_hyphen_values = true)]
    pub signal: Signal,
    /// Which apps or slots
    #[arg(required = true, value_name = "SELECTOR")]
    pub selectors: Vec<String>,
}

/// `wait`.
#[derive(Debug, Args)]
pub struct WaitFor {
    /// Which apps or slots; all of them are waited for
    #[arg(required = true, value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// What to wait for
    #[arg(long = "for", value_name = "WHAT", default_value = "ready", value_parser = until())]
    pub until: Until,
    /// How long to wait at most, for example 30s; a bare number is seconds
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub timeout: Option<Duration>,
}

/// As `kill` takes them, also with a dash.
fn signal(text: &str) -> Result<Signal, UnknownSignal> {
    text.strip_prefix('-').unwrap_or(text).parse()
}

fn until() -> impl TypedValueParser<Value = Until> {
    const ALL: [Until; 3] = [Until::Ready, Until::Stopped, Until::Exit];
    PossibleValuesParser::new(ALL.map(Until::word))
        .map(|word| ALL.into_iter().find(|until| until.word() == word).expect("only these words are possible"))
}

/// `send`.
#[derive(Debug, Args)]
pub struct Send {
    /// Which app or slot
    #[arg(value_name = "SELECTOR")]
    pub app: String,
    /// What, line by line; - for standard input
    #[arg(required = true, value_name = "LINE", allow_hyphen_values = true)]
    pub lines: Vec<String>,
}

/// `attach`.
#[derive(Debug, Args)]
pub struct Attach {
    /// Which app or slot
    #[arg(value_name = "SELECTOR")]
    pub app: String,
}
