//! What is told to the outside when something happens to an app: which hook an event is for (`point`), what it says (`payload`), how many
//! may wait ([`Queue`]), and how a webhook is told (`webhook`, signed by `sign`). What the brain does with it stands in `brain::hooks`.

mod check;
mod payload;
mod point;
mod queue;
mod sign;
mod tls;
mod webhook;

pub(crate) use check::fault;
pub(crate) use payload::Payload;
pub(crate) use point::points;
pub(crate) use queue::{Job, Queue, Quiet};
pub(crate) use webhook::{Post, deliver};

use std::time::Duration;

/// How long a hook may take, a webhook with all its tries excepted unless it holds up a birth.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
