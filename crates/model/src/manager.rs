//! The manager's own settings: what the table `[daemon]` of a file sets.

use crate::LogPolicy;
use crate::spec::maybe_millis;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What all log files of a home may have together, unless it is set.
const TOTAL_MAX: u64 = 5 << 30;
/// How long events are kept, unless it is set.
const HISTORY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What one source sets of the manager's own settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsOf {
    /// Who: the absolute path of a file, or words such as `standard input`.
    pub source: String,
    /// All that it sets; nothing = it sets nothing any more.
    #[serde(default)]
    pub settings: DaemonSettings,
}

/// Settings of the manager as they were set; what is `None` is at its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DaemonSettings {
    /// Bytes after which the manager's own log is rotated; 0 = never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_max_size: Option<u64>,
    /// How many rotated files of it are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_max_files: Option<u32>,
    /// Rotated files of it that are older are removed; zero = never.
    #[serde(with = "maybe_millis", skip_serializing_if = "Option::is_none")]
    pub log_max_age: Option<Duration>,
    /// Whether rotated files of it are compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_compress: Option<bool>,
    /// Bytes that all log files of the home may have together; 0 = no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_total_max: Option<u64>,
    /// How long events are kept; zero = for ever.
    #[serde(with = "maybe_millis", skip_serializing_if = "Option::is_none")]
    pub history: Option<Duration>,
}

impl DaemonSettings {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == DaemonSettings::default()
    }

    /// These settings, and those of `older` where nothing is set here.
    #[must_use]
    pub fn over(&self, older: &DaemonSettings) -> DaemonSettings {
        DaemonSettings {
            log_max_size: self.log_max_size.or(older.log_max_size),
            log_max_files: self.log_max_files.or(older.log_max_files),
            log_max_age: self.log_max_age.or(older.log_max_age),
            log_compress: self.log_compress.or(older.log_compress),
            log_total_max: self.log_total_max.or(older.log_total_max),
            history: self.history.or(older.history),
        }
    }

    /// The keys that are set.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        let DaemonSettings { log_max_size, log_max_files, log_max_age, log_compress, log_total_max, history } = self;
        let keys = [
            ("log_max_size", log_max_size.is_some()),
            ("log_max_files", log_max_files.is_some()),
            ("log_max_age", log_max_age.is_some()),
            ("log_compress", log_compress.is_some()),
            ("log_total_max", log_total_max.is_some()),
            ("history", history.is_some()),
        ];
        keys.into_iter().filter_map(|(key, set)| set.then_some(key))
    }

    /// The first key that both set, to different values.
    pub fn differs(&self, other: &DaemonSettings) -> Option<&'static str> {
        fn apart<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
            one.is_some() && other.is_some() && one != other
        }
        [
            ("log_max_size", apart(&self.log_max_size, &other.log_max_size)),
            ("log_max_files", apart(&self.log_max_files, &other.log_max_files)),
            ("log_max_age", apart(&self.log_max_age, &other.log_max_age)),
            ("log_compress", apart(&self.log_compress, &other.log_compress)),
            ("log_total_max", apart(&self.log_total_max, &other.log_total_max)),
            ("history", apart(&self.history, &other.history)),
        ]
        .into_iter()
        .find_map(|(key, apart)| apart.then_some(key))
    }

    /// The value that holds of each.
    #[must_use]
    pub fn effective(&self) -> DaemonSettings {
        let policy = self.policy();
        DaemonSettings {
            log_max_size: Some(policy.max_size),
            log_max_files: Some(policy.max_files),
            log_max_age: Some(policy.max_age.unwrap_or_default()),
            log_compress: Some(policy.compress),
            log_total_max: Some(self.total_max()),
            history: Some(self.history().unwrap_or_default()),
        }
    }

    /// How the manager's own log is kept.
    pub fn policy(&self) -> LogPolicy {
        let default = LogPolicy::default();
        LogPolicy {
            max_size: self.log_max_size.unwrap_or(default.max_size),
            max_files: self.log_max_files.unwrap_or(default.max_files),
            max_age: self.log_max_age.or(default.max_age).filter(|age| !age.is_zero()),
            rotate_every: None,
            compress: self.log_compress.unwrap_or(default.compress),
        }
    }

    /// How long events are kept; `None` = for ever.
    pub fn history(&self) -> Option<Duration> {
        Some(self.history.unwrap_or(HISTORY)).filter(|age| !age.is_zero())
    }

    /// Bytes that all log files of the home may have together; 0 = no limit.
    pub fn total_max(&self) -> u64 {
        self.log_total_max.unwrap_or(TOTAL_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_is_at_its_default() {
        let none = DaemonSettings::default();
        assert!(none.is_empty());
        assert_eq!((none.policy(), none.total_max()), (LogPolicy::default(), 5 << 30));
        let some = DaemonSettings { log_max_age: Some(Duration::ZERO), log_total_max: Some(0), ..none.clone() };
        assert_eq!((some.policy().max_age, some.total_max()), (None, 0));
        let text = serde_json::to_string(&some).expect("written");
        assert_eq!(text, r#"{"log_max_age":0,"log_total_max":0}"#);
        assert_eq!(serde_json::from_str::<DaemonSettings>(&text).expect("read"), some);
        assert_eq!(serde_json::from_str::<DaemonSettings>("{}").expect("read"), none);
        assert_eq!(some.keys().collect::<Vec<_>>(), ["log_max_age", "log_total_max"]);
        assert_eq!(none.history(), Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(DaemonSettings { history: Some(Duration::ZERO), ..none }.history(), None);
    }

    #[test]
    fn settings_over_settings() {
        let one = DaemonSettings { log_max_size: Some(1), log_max_files: Some(2), ..DaemonSettings::default() };
        let two = DaemonSettings { log_max_size: Some(3), log_compress: Some(false), ..DaemonSettings::default() };
        let both = two.over(&one);
        assert_eq!((both.log_max_size, both.log_max_files, both.log_compress), (Some(3), Some(2), Some(false)));
        assert_eq!(one.differs(&two), Some("log_max_size"));
        assert_eq!(one.differs(&both.over(&one)), Some("log_max_size"));
        assert_eq!(one.differs(&DaemonSettings { log_max_size: Some(1), ..two }), None);
    }
}
