//! What becomes of what an app prints.

use crate::spec::maybe_millis;
use crate::{SlotRef, Stream};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How log files of a slot are kept: rotation, compression, age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogPolicy {
    /// Bytes after which a file is rotated; 0 = never.
    pub max_size: u64,
    /// How many rotated files are kept beside the current one.
    pub max_files: u32,
    /// Rotated files whose last byte is older than this are removed; `None` = age removes nothing.
    #[serde(with = "maybe_millis")]
    pub max_age: Option<Duration>,
    /// A file whose first byte is older than this is rotated, whatever its size; `None` = only size rotates.
    #[serde(with = "maybe_millis")]
    pub rotate_every: Option<Duration>,
    /// Whether rotated files are compressed (gzip, `FILE.N.gz`).
    pub compress: bool,
}

/// What stands in a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// The bytes as they were written.
    #[default]
    Raw,
    /// Time and stream before each line.
    Text,
    /// One JSON object for each line.
    Json,
}

/// What happens when the log cannot take what an app prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogOverflow {
    /// The app waits in its next write, once its pipe is full. Nothing is lost.
    #[default]
    Block,
    /// It is read and discarded; a line in the log says how much.
    Drop,
}

/// Where one stream goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogTarget {
    /// A file of its own below the home.
    #[default]
    Home,
    /// Nowhere: the app writes to `/dev/null`.
    Nowhere,
    /// This file: an absolute path, in which `{{app}}`, `{{slot}}`, `{{instance}}` and `{{home}}` are filled at each birth.
    File(String),
}

/// Everything about the logs of an app, completely resolved.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogSpec {
    /// How files are kept.
    #[serde(flatten)]
    pub policy: LogPolicy,
    /// What stands in them.
    pub format: LogFormat,
    /// What happens when they cannot take more.
    pub overflow: LogOverflow,
    /// Where standard output goes.
    pub out: LogTarget,
    /// Where standard error goes.
    pub err: LogTarget,
    /// Whether standard error goes to where standard output goes (`err` then says nothing).
    pub merge: bool,
    /// A file that takes both streams too, in addition: a path as in [`LogTarget::File`].
    pub also: Option<String>,
    /// Bytes that all log files of the app may have together; 0 = no limit but that of the home.
    pub total_max: u64,
}

impl Default for LogPolicy {
    fn default() -> Self {
        let max_age = Some(Duration::from_secs(14 * 24 * 3600));
        LogPolicy { max_age, compress: true, ..LogPolicy::plain(20 << 20, 5) }
    }
}

impl LogPolicy {
    /// Rotation by size and count alone, without compression.
    pub fn plain(max_size: u64, max_files: u32) -> LogPolicy {
        LogPolicy { max_size, max_files, max_age: None, rotate_every: None, compress: false }
    }
}

impl LogSpec {
    /// These rules for files below the home, all else at its default.
    pub fn with(policy: LogPolicy) -> LogSpec {
        LogSpec { policy, ..LogSpec::default() }
    }

    /// Where a stream goes when merging is considered.
    pub fn target(&self, stream: Stream) -> &LogTarget {
        match stream {
            Stream::Err if !self.merge => &self.err,
            _ => &self.out,
        }
    }

    /// Which streams are kept at all, standard output first: the others are `/dev/null` for the app.
    pub fn kept(&self) -> [bool; 2] {
        Stream::BOTH.map(|stream| self.also.is_some() || *self.target(stream) != LogTarget::Nowhere)
    }

    /// The log file of a stream of a slot, relative to the home or absolute; `None` = it goes nowhere. `fill` fills the names into a path.
    /// A stream without a file of its own has the one for both, if there is one.
    pub fn file(&self, slot: &SlotRef, stream: Stream, fill: impl FnOnce(&str) -> String) -> Option<String> {
        match self.target(stream) {
            LogTarget::Nowhere => self.also.as_deref().map(fill),
            LogTarget::File(path) => Some(fill(path)),
            LogTarget::Home if self.merge => Some(format!("logs/{slot}.log")),
            LogTarget::Home => Some(format!("logs/{slot}.{stream}.log")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_older_versions_wrote_is_read() {
        let spec: LogSpec = serde_json::from_str(r#"{"max_size": 5, "max_files": 2}"#).expect("it is read");
        assert_eq!((spec.policy.max_size, spec.policy.max_files), (5, 2));
        assert_eq!(LogSpec { policy: LogPolicy::default(), ..spec }, LogSpec::default());
        let again = serde_json::to_string(&LogSpec::default()).expect("it is written");
        assert_eq!(serde_json::from_str::<LogSpec>(&again).expect("it is read"), LogSpec::default());
    }

    #[test]
    fn files() {
        let slot = SlotRef { app: "web".parse().expect("a name"), index: 0 };
        let files = |spec: &LogSpec| Stream::BOTH.map(|stream| spec.file(&slot, stream, |path| path.replace("{{slot}}", "0")));
        let some = |path: &str| Some(path.to_owned());
        let mut spec = LogSpec::default();
        assert_eq!(files(&spec), [some("logs/web-0.out.log"), some("logs/web-0.err.log")]);
        spec.merge = true;
        assert_eq!(files(&spec), [some("logs/web-0.log"), some("logs/web-0.log")]);
        spec.out = LogTarget::File("/var/log/web-{{slot}}.log".to_owned());
        assert_eq!(files(&spec), [some("/var/log/web-0.log"), some("/var/log/web-0.log")]);
        (spec.merge, spec.err) = (false, LogTarget::Nowhere);
        assert_eq!(spec.kept(), [true, false]);
        assert_eq!(files(&spec), [some("/var/log/web-0.log"), None]);
        spec.also = Some("/l/{{slot}}".to_owned());
        assert_eq!(spec.kept(), [true, true]);
        assert_eq!(files(&spec), [some("/var/log/web-0.log"), some("/l/0")]);
    }
}
