//! What an apply comes to, before it is carried out. Data, so that it can be shown, compared and agreed to.

use crate::{AppName, SlotRef};
use serde::{Deserialize, Serialize};

/// Everything that an apply would do. Made from what is wished and what is there; making it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// What becomes of each app that is named, or that would be removed: first those of the request in the order of it, then the removed
    /// ones by name.
    pub apps: Vec<Planned>,
    /// What changes among the manager's own settings.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub settings: Vec<Difference>,
}

/// What becomes of one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Which.
    pub app: AppName,
    /// In one word.
    pub change: Change,
    /// What its keys say that they did not say before. For an app that is added or removed: nothing.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub differences: Vec<Difference>,
    /// What is done, slot by slot, in order of the slots. None where a change is applied to what runs.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub steps: Vec<Step>,
    /// Something that whoever agrees should know, as a sentence without a stop: that another file defined this app, that a `scale` is undone.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
}

/// What becomes of an app, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Add,
    /// It is there and will be another.
    Change,
    /// It is as wished and rests; it is started.
    Start,
    /// It stays as it is, and gets new lives.
    Reload,
    /// It goes.
    Remove,
    /// It is as wished.
    Keep,
}

/// One key that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// As in a file: `stop_timeout`, `env.PORT`, `backoff.min`.
    pub key: String,
    /// The value of before as a file would say it, with secrets masked; `None` = not set and without a default.
    pub from: Option<String>,
    /// The value to come.
    pub to: Option<String>,
}

/// What is done to one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Where; `web-0` when it is written down.
    #[serde(with = "by_name")]
    pub slot: SlotRef,
    /// What.
    #[serde(rename = "do")]
    pub act: StepAct,
}

/// What is done to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepAct {
    /// A life is born in it.
    Start,
    /// Its life is stopped and another is born.
    Restart,
    /// Another life is born beside its life, which goes once that is ready.
    Replace,
    /// Its life gets `reload_signal`.
    Signal,
    /// Its life is stopped; the slot goes with it where it is beyond `instances` or its app is removed.
    Stop,
}

/// Slots by the name that everybody knows them by.
mod by_name {
    use crate::{AppName, SlotRef};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(slot: &SlotRef, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(slot)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SlotRef, D::Error> {
        let text = String::deserialize(from)?;
        let slot =
            text.rsplit_once('-').and_then(|(app, index)| Some(SlotRef::new(&AppName::new(app).ok()?, index.parse().ok()?)));
        slot.ok_or_else(|| D::Error::custom(format!("`{text}` is no slot")))
    }
}

impl Plan {
    /// Whether carrying it out would change nothing.
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.apps.iter().all(|app| app.change == Change::Keep)
    }

    /// The apps with this change.
    pub fn with(&self, change: Change) -> impl Iterator<Item = &Planned> {
        self.apps.iter().filter(move |app| app.change == change)
    }

    /// Every step, app by app.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.apps.iter().flat_map(|app| &app.steps)
    }

    /// Whether something that runs is stopped by it, for good or for a moment. Whoever sits at a terminal is asked first.
    pub fn stops_something(&self) -> bool {
        self.apps.iter().any(|app| app.change == Change::Remove)
            || self.steps().any(|step| matches!(step.act, StepAct::Restart | StepAct::Stop))
    }
}
