//! How a running app is replaced by a new life of itself.

use crate::spec::millis;
use crate::{Definition, Generation, Signal};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The strategy of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reload {
    /// Slot by slot: stop the old, bear the new.
    #[default]
    Restart,
    /// A signal: the process takes its configuration anew by itself.
    Hup,
    /// Slot by slot: the new beside the old, then the old goes.
    Rolling,
    /// A whole new generation beside the old one, then the switch.
    Bluegreen,
    /// As `bluegreen`, on the very same listening sockets.
    Socket,
}

/// How an app is reloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Renewal {
    /// By which strategy.
    pub strategy: Reload,
    /// For `hup`: the signal that says "take your configuration anew".
    pub signal: Signal,
    /// Time between taking the old out and stopping it.
    #[serde(with = "millis")]
    pub drain: Duration,
    /// The new must stay ready so long before the old goes.
    #[serde(with = "millis")]
    pub soak: Duration,
    /// For `rolling` and `restart`: so many slots at a time.
    pub max_parallel: u32,
}

/// A reload that is under way, as the store remembers it. What has been done of it is seen in the lives themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rolling {
    /// What is done: the strategy that the app asks for, or the one that takes its place where that cannot be.
    pub how: Reload,
    /// What the app was. A reload that fails goes back to it.
    pub before: Arc<Definition>,
    /// The generation of the lives that are replaced.
    pub generation: Generation,
    /// This is the way back itself: its failure has no other way back.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub back: bool,
    /// The way back has failed: what lives is left alone until somebody wishes something.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub given_up: bool,
}

impl Rolling {
    /// A reload that begins now. `under_way` is the one before, where that is not over: what it would have gone back to is still what there is to go
    /// back to.
    pub fn begun(how: Reload, under_way: Option<&Rolling>, now: &Arc<Definition>, generation: Generation) -> Box<Rolling> {
        let (before, generation) = match under_way.filter(|rolling| rolling.has_way_back()) {
            Some(rolling) => (&rolling.before, rolling.generation),
            None => (now, generation),
        };
        Box::new(Rolling { how, before: before.clone(), generation, back: false, given_up: false })
    }

    /// Whether its failure brings back what was before.
    pub fn has_way_back(&self) -> bool {
        self.how.goes_back() && !self.back
    }

    /// The definition of before, if lives of that generation were born by it. `now`: the generation that the app has.
    pub fn born_by(&self, life: Generation, now: Generation) -> Option<&Arc<Definition>> {
        (life == self.generation && life != now).then_some(&self.before)
    }
}

impl Default for Renewal {
    fn default() -> Renewal {
        Renewal { strategy: Reload::Restart, signal: Signal::HUP, drain: Duration::ZERO, soak: Duration::ZERO, max_parallel: 1 }
    }
}

impl Reload {
    /// Every strategy.
    pub const ALL: [Reload; 5] = [Reload::Restart, Reload::Hup, Reload::Rolling, Reload::Bluegreen, Reload::Socket];

    /// The word for it in files.
    pub fn word(self) -> &'static str {
        match self {
            Reload::Restart => "restart",
            Reload::Hup => "hup",
            Reload::Rolling => "rolling",
            Reload::Bluegreen => "bluegreen",
            Reload::Socket => "socket",
        }
    }

    /// Whether a failure brings back what was.
    pub fn goes_back(self) -> bool {
        matches!(self, Reload::Rolling | Reload::Bluegreen | Reload::Socket)
    }
}

impl fmt::Display for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
