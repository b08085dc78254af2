//! The life of an app, with the real programs: what it waits for, how it is known that it is ready and well, and what is done to it.

mod verbs;

use std::time::Duration;

/// How long anything may take that should be quick. Generous: other tests run beside this one.
const SOON: Duration = Duration::from_secs(20);
