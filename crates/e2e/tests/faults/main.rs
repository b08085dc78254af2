//! Faults and bad input: the rows of `reliability.md` that this slice of Abide can answer for, each a test named by its number. Rows 1 to 4
//! stand in `survival`, rows 10, 34 and 50 in `journeys`.

mod boot;
mod children;
mod files;
mod input;
mod logfiles;
mod roles;
mod starting;
mod state;

use std::time::Duration;

/// How long anything may take that should be quick. Generous: other tests run beside this one.
const SOON: Duration = Duration::from_secs(60);
