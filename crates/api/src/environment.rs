//! The environment of an app's lives, as clients see it.

use model::Origin;
use serde::{Deserialize, Serialize};

/// `GET /api/v1/apps/{app}/environment`: what a life of this slot is given. A slot may be named; of an app it is the first one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentView {
    /// Name of the app.
    pub app: String,
    /// The slot that is meant, `web-0`: some values differ from slot to slot.
    pub slot: String,
    /// The profile that counts for the app, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<String>,
    /// Every variable, by name.
    pub variables: Vec<VariableView>,
}

/// One variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableView {
    /// Its name.
    pub name: String,
    /// Its value; `•••` for those of the session and of the app, unless `reveal=true` is asked for. `null` = each life gets another.
    pub value: Option<String>,
    /// Who gives it.
    pub from: VariableFrom,
    /// Where the app's own value was written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<Origin>,
}

/// Who gives a variable; the later wins over the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VariableFrom {
    /// The session that defined the app, captured then.
    Session,
    /// The app: `env` and `env_file`.
    App,
    /// The entry of the app's `user`.
    User,
    /// The manager.
    Manager,
}
