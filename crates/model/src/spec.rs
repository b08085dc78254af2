//! What the user wrote, with no option left open.

use crate::{AppName, LogSpec, Signal, Stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::path::PathBuf;
use std::time::Duration;

/// An app, completely resolved: every default applied, every path absolute, every `${…}` filled. The engine accepts nothing
/// less. `{{slot}}` and its kin are still in `argv` and `env`; they are filled at each birth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppSpec {
    /// Its name.
    pub name: AppName,
    /// Label and selector (`ns:NAME`).
    pub namespace: String,
    /// The program and its arguments. A shell, where asked for, is already in front. Never empty.
    pub argv: Vec<String>,
    /// Working directory, absolute.
    pub cwd: PathBuf,
    /// The app's own variables; they win over the captured session.
    pub env: BTreeMap<String, String>,
    /// How many slots; 0 = defined, not run.
    pub instances: u32,
    /// Whether `up` and boot start it.
    pub autostart: bool,
    /// When to bear another life after one ended unasked.
    pub restart: Restart,
    /// Never restart sooner than this.
    #[serde(with = "millis")]
    pub restart_delay: Duration,
    /// Restarts in one streak before it is given up; `None` = the window of `backoff` decides alone.
    pub max_restarts: Option<u32>,
    /// Growing pauses and the crash-loop rule.
    pub backoff: Backoff,
    /// What asks it to end.
    pub stop_signal: Signal,
    /// How long it may take to end before SIGKILL to its tree.
    #[serde(with = "millis")]
    pub stop_timeout: Duration,
    /// Pause before the first life.
    #[serde(with = "millis")]
    pub start_delay: Duration,
    /// Exit codes that are no failure.
    pub success_exit_codes: Vec<i32>,
    /// What becomes of what it prints.
    pub log: LogSpec,
    /// Where each value came from, by key; keys at their built-in default are not listed.
    pub origins: BTreeMap<String, Origin>,
}

/// When another life is born after one ended unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// After every end.
    Always,
    /// After a failed life only.
    OnFailure,
    /// Never.
    Never,
}

/// Pauses between restarts: the first is immediate, then `min · factor^(k-2)` up to `max`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// The pause before the second restart of a streak.
    #[serde(with = "millis")]
    pub min: Duration,
    /// The longest pause.
    #[serde(with = "millis")]
    pub max: Duration,
    /// Growth, at least 1.
    pub factor: f64,
    /// Spread each pause by ±20 %.
    pub jitter: bool,
    /// Length of the sliding window; a life that lasts so long ends the streak.
    #[serde(with = "millis")]
    pub window: Duration,
    /// More failed lives than this inside `window` = crash loop; `None` = never given up for that reason.
    pub threshold: Option<u32>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// `[defaults]` of a file.
    Defaults {
        /// `abide.toml:4`.
        at: String,
    },
    /// `[apps.NAME]` of a file.
    App {
        /// `abide.toml:9`.
        at: String,
    },
    /// A flag of the command line.
    Flag,
}

/// A specification together with what the defining command knew besides it: the captured session, which is not
/// compared when specifications are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The app.
    pub spec: AppSpec,
    /// Captured variables of the session that defined the app.
    pub session_env: BTreeMap<String, String>,
    /// The session's umask.
    pub umask: u32,
    /// The file that it came from, if any.
    pub source: Option<PathBuf>,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            min: Duration::from_millis(500),
            max: Duration::from_secs(60),
            factor: 2.0,
            jitter: true,
            window: Duration::from_secs(120),
            threshold: Some(5),
        }
    }
}

impl AppSpec {
    /// A specification with every default, for the program `argv` in `cwd`.
    pub fn new(name: AppName, argv: Vec<String>, cwd: PathBuf) -> AppSpec {
        AppSpec {
            name,
            namespace: "default".to_owned(),
            argv,
            cwd,
            env: BTreeMap::new(),
            instances: 1,
            autostart: true,
            restart: Restart::OnFailure,
            restart_delay: Duration::ZERO,
            max_restarts: None,
            backoff: Backoff::default(),
            stop_signal: Signal::TERM,
            stop_timeout: Duration::from_secs(10),
            start_delay: Duration::ZERO,
            success_exit_codes: vec![0],
            log: LogSpec::default(),
            origins: BTreeMap::new(),
        }
    }

    /// Whether a running life of `self` also serves `other`: same program, directory and variables, and the same streams that go nowhere
    /// (which a life gets as `/dev/null` for good). Only a change of these needs another life; everything else is applied to lives that run.
    pub fn same_process(&self, other: &AppSpec) -> bool {
        let same = self.argv == other.argv && self.cwd == other.cwd && self.env == other.env;
        same && self.log.kept() == other.log.kept()
    }

    /// A digest of what shapes the process, for the lives journal. FNV-1a, 64 bit: it tells versions apart, it protects nothing.
    pub fn digest(&self) -> u64 {
        let mut hash = fnv::FnvHasher::default();
        for arg in &self.argv {
            hash.write(arg.as_bytes());
            hash.write_u8(0);
        }
        hash.write(self.cwd.as_os_str().as_encoded_bytes());
        for (key, value) in &self.env {
            hash.write_u8(1);
            hash.write(key.as_bytes());
            hash.write_u8(0);
            hash.write(value.as_bytes());
        }
        // Nothing for what older versions had, so that their lives are known again.
        for (stream, _) in Stream::BOTH.into_iter().zip(self.log.kept()).filter(|(_, kept)| !kept) {
            hash.write_u8(2);
            hash.write(stream.word().as_bytes());
        }
        hash.finish()
    }
}

/// Durations in files are whole milliseconds.
pub(crate) mod millis {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

/// The same where there may be none.
pub(crate) mod maybe_millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    pub fn serialize<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        span.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
    }
}
