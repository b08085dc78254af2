//! The life of an app: readiness, health, limits, schedules, hooks, on real processes through the real command line.

mod notify;

use std::time::Duration;

/// How long anything may take. Generous: it only ends a test that hangs.
const SOON: Duration = Duration::from_secs(60);
