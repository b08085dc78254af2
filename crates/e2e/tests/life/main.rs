//! Life of an app: dependencies, readiness, health, limits, schedules, hooks, on real processes through the real command line. Tests named after a
//! row stand for that row of `reliability.md`.

mod probes;

use std::time::Duration;

/// How long anything may take. Generous: it only ends a test that hangs.
const SOON: Duration = Duration::from_secs(60);
