//! Commands that the keeper runs for us beside the apps: probes and hooks. Where each stands ([`Runner`], pure), and what it prints ([`Output`]).

mod output;
mod state;

pub(crate) use output::{Output, Pipes};
pub(crate) use state::{Act, Aim, Ended, Runner};
