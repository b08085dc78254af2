//! What users do, with the real programs.

mod crashes;
mod daemon;
mod example;
mod formats;
mod hostile;
mod logs;
mod making;
mod own_log;
mod reading;
mod refusals;
mod shown;
mod stopping;
mod uid;

use std::time::Duration;

/// How long anything may take that should be quick. Generous: other tests run beside this one.
const SOON: Duration = Duration::from_secs(60);
