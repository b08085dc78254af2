//! What is told to the outside when something happens to an app.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What hooks of an app stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookPoint {
    /// Before each birth; a failure is a failure to start.
    PreStart,
    /// A life is ready.
    OnReady,
    /// A life failed.
    OnCrash,
    /// A slot was given up.
    OnErrored,
    /// A life is unhealthy.
    OnUnhealthy,
    /// A slot is empty by wish.
    OnStop,
    /// A life has ended, whatever the reason.
    PostStop,
    /// A new generation on other ports is ready and takes over; a failure keeps the old one.
    OnSwitch,
}

/// One receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    /// A command: gets the event as JSON on its standard input and as variables `ABIDE_EVENT…`.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// A `POST` of the event as JSON.
    Webhook {
        /// Where to.
        url: String,
        /// A file whose contents sign the body (HMAC-SHA256 in `X-Abide-Signature`).
        secret_file: Option<PathBuf>,
    },
}

/// The hooks of an app.
pub type Hooks = BTreeMap<HookPoint, Hook>;

impl HookPoint {
    /// Every point.
    pub const ALL: [HookPoint; 8] = [
        HookPoint::PreStart,
        HookPoint::OnReady,
        HookPoint::OnCrash,
        HookPoint::OnErrored,
        HookPoint::OnUnhealthy,
        HookPoint::OnStop,
        HookPoint::PostStop,
        HookPoint::OnSwitch,
    ];

    /// The key in `hooks`.
    pub fn word(self) -> &'static str {
        match self {
            HookPoint::PreStart => "pre_start",
            HookPoint::OnReady => "on_ready",
            HookPoint::OnCrash => "on_crash",
            HookPoint::OnErrored => "on_errored",
            HookPoint::OnUnhealthy => "on_unhealthy",
            HookPoint::OnStop => "on_stop",
            HookPoint::PostStop => "post_stop",
            HookPoint::OnSwitch => "on_switch",
        }
    }
}
