//! What the store writes down.

use super::past::Done;
use api::RememberedProfile;
use model::{AppName, DaemonSettings, Definition, Generation, InstanceId, Plan, Rolling, SettingsOf, SlotId, SlotRef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The version of the records that this steward writes; it reads no later one.
pub(crate) const VERSION: u32 = 1;

/// One line of `store/operations` or `store/snapshot`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// [`VERSION`].
    pub(crate) v: u32,
    /// The operation's number; in a snapshot the number of the last operation in it.
    pub(crate) op: u64,
    /// When, in milliseconds since 1970.
    pub(crate) at: i64,
    /// Who asked.
    pub(crate) actor: String,
    /// The client's `Idempotency-Key`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) key: Option<String>,
    /// How its coming true is seen, for clients that ask again after a steward died.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) track: Option<Track>,
    /// For what defines or removes apps. Older stewards did not write it; what they replaced is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) told: Option<Told>,
    /// What.
    #[serde(rename = "do")]
    pub(crate) act: Act,
}

/// The version alone, to be read before anything else is believed.
#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) v: u32,
}

/// A change of what is wished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Act {
    /// The counters at the head of a snapshot.
    Base {
        /// Slot ids below this were used.
        next_slot_id: u32,
        /// Instance numbers below this may have been used.
        reserve: u64,
        /// The manager's own settings of which nobody knows who set them.
        #[serde(skip_serializing_if = "DaemonSettings::is_empty", default)]
        daemon: DaemonSettings,
        /// Those of every source.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        settings: Vec<SettingsOf>,
        /// The profiles that projects were last applied with.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        profiles: Vec<RememberedProfile>,
        /// What this operation and earlier ones replaced is not known; an older steward's snapshot knows nothing of any.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        forgotten: Option<u64>,
    },
    /// These apps are defined, or defined anew; those are started, and those removed.
    Define {
        /// In order.
        apps: Vec<Defined>,
        /// Known apps that are only started.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        start: Vec<StoredTarget>,
        /// Settings of the manager that came with them, in records of older stewards; what is not set stays as it is.
        #[serde(skip_serializing_if = "DaemonSettings::is_empty", default)]
        daemon: DaemonSettings,
        /// All that each of these sources sets of them from now on.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        settings: Vec<SettingsOf>,
        /// Apps that are to go.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        remove: Vec<AppName>,
        /// Profiles that are remembered from now on.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        profiles: Vec<RememberedProfile>,
    },
    /// All that a source sets of the manager's own settings, taken without an apply.
    Settings {
        /// Who and what.
        of: SettingsOf,
    },
    /// These are wished to run, or not to.
    Wish {
        /// Whom.
        targets: Vec<StoredTarget>,
        /// Whether to run.
        run: bool,
    },
    /// These are given up no longer, if they were; what is wished stays as it is.
    Reset {
        /// Whom.
        targets: Vec<StoredTarget>,
    },
    /// These apps are to go.
    Delete {
        /// Which.
        apps: Vec<AppName>,
    },
    /// A deleted app is gone.
    Gone {
        /// Which.
        app: AppName,
    },
    /// A slot was given up.
    Errored {
        /// Which.
        slot: SlotRef,
        /// Why.
        why: String,
    },
    /// Instance numbers below this may be in use.
    Reserve {
        /// The first free one.
        until: u64,
    },
    /// The lives of these apps, whose definitions stay, are replaced.
    Roll {
        /// Which.
        apps: Vec<StoredRoll>,
        /// Apps of which nothing runs that could be replaced: they are wished to run.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        start: Vec<StoredTarget>,
    },
    /// A reload is over.
    Rolled {
        /// The app.
        app: AppName,
        /// The generation that runs.
        generation: Generation,
    },
    /// A reload has failed: the app is what it was before.
    RolledBack {
        /// The app.
        app: AppName,
        /// How.
        failed: FailedRoll,
        /// The way back, where slots have the generation that failed already.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        back: Option<Box<Rolling>>,
    },
    /// The way back to this generation has failed too: it is not tried again.
    GivenUp {
        /// The app.
        app: AppName,
        /// The generation.
        generation: Generation,
    },
    /// In a snapshot: what an operation did and what it replaced.
    Past(Box<Done>),
    /// Nothing changes: in a snapshot, an operation that clients may still ask about.
    Nothing,
}

/// A definition with what the store adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Defined {
    /// What the user wrote.
    pub(crate) definition: Arc<Definition>,
    /// Counts changes of the process-shaping part.
    pub(crate) generation: Generation,
    /// Whether it is wished to run.
    pub(crate) run: bool,
    /// Ids of every slot that it ever had, by index.
    pub(crate) slot_ids: BTreeMap<u32, SlotId>,
    /// Wishes for single slots.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) slot_wishes: BTreeMap<u32, bool>,
    /// The first life that can have been born by this generation of it; older stewards did not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) first: Option<InstanceId>,
    /// How lives of the definition before are replaced, until that is over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) rolling: Option<Box<Rolling>>,
    /// The last reload of it that failed, until one succeeds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) failed: Option<FailedRoll>,
}

/// A reload of an app whose definition stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredRoll {
    /// The app.
    pub(crate) app: AppName,
    /// Its new generation.
    pub(crate) generation: Generation,
    /// The first life that can have been born by it.
    pub(crate) first: InstanceId,
    /// How the old lives are replaced.
    pub(crate) rolling: Box<Rolling>,
}

/// A reload that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailedRoll {
    /// The generation that was to be; it is never used again.
    pub(crate) generation: Generation,
    /// The life that failed, where it was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) instance: Option<InstanceId>,
    /// The slot of that life.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) slot: Option<SlotRef>,
    /// Why, in words.
    pub(crate) why: String,
}

/// What is told of an operation that defines or removes apps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Told {
    /// What it changes, without what it keeps.
    #[serde(skip_serializing_if = "Plan::is_empty", default)]
    pub(crate) plan: Plan,
    /// Which of its apps had proven themselves as they were until now.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) proven: Vec<AppName>,
    /// The operation that a rollback goes back to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) back_to: Option<u64>,
}

/// `engine::Target`, written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredTarget {
    /// The app.
    pub(crate) app: AppName,
    /// Some of its slots, or all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) slots: Option<Vec<u32>>,
}

/// What an operation waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Track {
    /// What was asked for.
    pub(crate) kind: api::OperationKind,
    /// The slots, each with its goal.
    pub(crate) slots: Vec<(SlotRef, Goal)>,
    /// For `apply`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) apply: Option<api::ApplyReply>,
}

/// When a slot has got there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// A life with at least this number has run, or the slot is completed. `patient`: a pause before the next try is no failure.
    Run {
        /// The first life that counts.
        floor: InstanceId,
        /// Only giving up is a failure.
        patient: bool,
        /// To have run is not enough: it must have been ready. Operations of older stewards do not say.
        #[serde(default)]
        ready: bool,
    },
    /// The reload of its app to this generation is over.
    Roll {
        /// Which.
        generation: Generation,
        /// The first life that counts where one has to be there afterwards.
        floor: InstanceId,
        /// To have run is not enough: it must have been ready.
        ready: bool,
    },
    /// It has no life.
    Stop,
    /// It is no more.
    Gone,
}

impl From<&StoredTarget> for engine::Target {
    fn from(stored: &StoredTarget) -> engine::Target {
        engine::Target { app: stored.app.clone(), slots: stored.slots.clone() }
    }
}

impl Act {
    /// These apps are defined, and nothing else.
    pub(crate) fn define(apps: Vec<Defined>) -> Act {
        Act::Define {
            apps,
            start: Vec::new(),
            daemon: DaemonSettings::default(),
            settings: Vec::new(),
            remove: Vec::new(),
            profiles: Vec::new(),
        }
    }
}
