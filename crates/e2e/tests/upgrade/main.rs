//! Upgrades in place, with real processes: the keeper alone under load, new executables that are broken in every way, and whole houses.

mod alone;
mod chaos;
mod load;
mod recovery;
mod refused;
mod stand_ins;
mod whole;

use std::time::Duration;

/// How long anything may take that is to happen at all.
const SOON: Duration = Duration::from_secs(60);
