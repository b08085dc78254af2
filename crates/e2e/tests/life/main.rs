//! The life of an app: what is promised of it, on real processes through the real command line.

mod commands;
mod hooks;
mod limits;

use std::time::Duration;

/// How long anything may take. Generous: it only ends a test that hangs.
const SOON: Duration = Duration::from_secs(60);
