//! What the user wrote, with no option left open.

pub(crate) use crate::in_millis::{maybe_millis, millis};
use crate::{
    AppName, CgroupUse, Check, Dependency, Group, Health, Hooks, Identity, Listen, LogSpec, OnExit, Port, Readiness, Renewal,
    Rolling, Schedule, Signal, Sticky, Stream, Usage, Watch,
};
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
    /// A command that asks it to end, run instead of that; names in braces are filled when it is run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stop_command: Option<Vec<String>>,
    /// Whether its descendants end with it; else only its main process is looked after.
    #[serde(skip_serializing_if = "is_true", default = "yes")]
    pub kill_tree: bool,
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
    /// Exit codes after which no other life is born.
    #[serde(default)]
    pub no_restart_exit_codes: Vec<i32>,
    /// Whom it waits for before each birth.
    #[serde(default)]
    pub depends_on: Vec<Dependency>,
    /// Place among apps that do not depend on each other: lower first.
    #[serde(default)]
    pub start_order: i32,
    /// The group it belongs to.
    #[serde(default)]
    pub group: Option<Group>,
    /// What its last end means for the others of its group.
    #[serde(default)]
    pub on_exit: Option<OnExit>,
    /// What makes it ready.
    #[serde(default)]
    pub ready: Option<Readiness>,
    /// How long it may take to become ready.
    #[serde(with = "millis", default = "a_minute")]
    pub start_timeout: Duration,
    /// How long it must have run to count as running.
    #[serde(with = "millis", default)]
    pub min_uptime: Duration,
    /// What is watched while it runs. Also its readiness where `ready` says nothing.
    #[serde(default)]
    pub health: Option<Health>,
    /// With `ready = { notify = true }`: no `WATCHDOG=1` for so long = unhealthy.
    #[serde(with = "maybe_millis", default)]
    pub watchdog: Option<Duration>,
    /// What it may use.
    #[serde(default)]
    pub usage: Usage,
    /// As whom, and within which limits, it runs.
    #[serde(default)]
    pub identity: Identity,
    /// When it runs, if it is a job.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// A cron expression: restarts by the clock.
    #[serde(default)]
    pub cron_restart: Option<String>,
    /// Files whose change restarts it.
    #[serde(default)]
    pub watch: Option<Watch>,
    /// What is told to the outside.
    #[serde(default)]
    pub hooks: Hooks,
    /// Whether its standard input is a pipe that `abide send` writes into; else it is `/dev/null`.
    #[serde(default)]
    pub stdin: bool,
    /// How it is reloaded.
    #[serde(skip_serializing_if = "is_default", default)]
    pub renewal: Renewal,
    /// Which port each slot gets.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<Port>,
    /// Sockets that the keeper binds before anything starts, and that every life gets.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub listen: Vec<Listen>,
    /// How connections are spread over slots with a socket each.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sticky: Option<Sticky>,
    /// The variable that tells the number of the slot; `None` = `INSTANCE_ID`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instance_var: Option<String>,
    /// What it is, for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// Labels and selectors (`label:tier=web`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub labels: BTreeMap<String, String>,
    /// Which variables of the defining session it gets.
    #[serde(skip_serializing_if = "InheritEnv::is_default", default)]
    pub inherit_env: InheritEnv,
    /// The profile that shaped it, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<String>,
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
    /// `[profiles.NAME]` of a file, or `profiles.NAME` of an app in it.
    Profile {
        /// `abide.toml:6`.
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
    /// The group of apps that this file is, if it came from a file: what `apply --prune` and a remembered profile are about.
    #[serde(default)]
    pub project: Option<Project>,
}

/// The apps of one file, as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Project {
    /// The name that the file gives itself (`name = "shop"`), else that of its folder.
    pub name: String,
    /// The file's folder, where the file names nothing: two folders of one name are two projects.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub folder: Option<PathBuf>,
}

/// Which variables of the session that defines an app the app gets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InheritEnv {
    /// All that a session hands on; under a manager that runs as root a short list of them.
    #[default]
    Session,
    /// None.
    None,
    /// Those with one of these names; `*` stands for any characters.
    Named(Vec<String>),
}

impl InheritEnv {
    fn is_default(&self) -> bool {
        *self == InheritEnv::Session
    }
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
            stop_command: None,
            kill_tree: true,
            stop_timeout: Duration::from_secs(10),
            start_delay: Duration::ZERO,
            success_exit_codes: vec![0],
            log: LogSpec::default(),
            no_restart_exit_codes: Vec::new(),
            depends_on: Vec::new(),
            start_order: 0,
            group: None,
            on_exit: None,
            ready: None,
            start_timeout: a_minute(),
            min_uptime: Duration::ZERO,
            health: None,
            watchdog: None,
            usage: Usage::default(),
            identity: Identity::default(),
            schedule: None,
            cron_restart: None,
            watch: None,
            hooks: Hooks::new(),
            stdin: false,
            renewal: Renewal::default(),
            port: None,
            listen: Vec::new(),
            sticky: None,
            instance_var: None,
            description: None,
            labels: BTreeMap::new(),
            inherit_env: InheritEnv::default(),
            profile: None,
            origins: BTreeMap::new(),
        }
    }

    /// Whether a running life of `self` also serves `other`: same program, directory, variables, identity and standard input, the same
    /// channels by which it says that it is ready, and the same streams that go nowhere (which a life gets as `/dev/null` for good). Only a
    /// change of these needs another life; everything else is applied to lives that run.
    pub fn same_process(&self, other: &AppSpec) -> bool {
        let same = self.argv == other.argv && self.cwd == other.cwd && self.env == other.env;
        let born_with = |spec: &AppSpec| (spec.channel().cloned(), spec.watchdog, spec.stdin, spec.usage.cgroup);
        let reached_by = |spec: &AppSpec| (spec.port, spec.listen.clone(), spec.sticky, spec.instance_var.clone());
        same && self.log.kept() == other.log.kept()
            && self.identity == other.identity
            && born_with(self) == born_with(other)
            && reached_by(self) == reached_by(other)
    }

    /// How many slots an app of this specification has: while it is reloaded, also those that it had before.
    pub fn slots_with(&self, rolling: Option<&Rolling>) -> u32 {
        rolling.map_or(0, |rolling| rolling.before.spec.instances).max(self.instances)
    }

    /// The readiness that needs a channel of its own from the birth on.
    pub fn channel(&self) -> Option<&Readiness> {
        self.ready.as_ref().filter(|ready| matches!(ready, Readiness::Notify | Readiness::Fd { .. } | Readiness::NodeIpc))
    }

    /// Whether a life of it can be ready in another sense than that it runs: by `ready`, else by a health check that asks it.
    pub fn has_readiness(&self) -> bool {
        self.ready.is_some() || self.health.as_ref().is_some_and(|health| matches!(health.check, Check::Probe(_)))
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
        let born_with = (self.channel(), self.watchdog, self.stdin, self.usage.cgroup, &self.identity);
        if born_with != (None, None, false, CgroupUse::Auto, &Identity::default()) {
            hash.write_u8(3);
            hash.write(format!("{born_with:?}").as_bytes());
        }
        if (self.port, self.sticky, &self.instance_var) != (None, None, &None) || !self.listen.is_empty() {
            hash.write_u8(4);
            hash.write(format!("{:?}", (self.port, self.sticky, &self.instance_var, &self.listen)).as_bytes());
        }
        hash.finish()
    }
}

/// What older records do not say.
pub(crate) fn yes() -> bool {
    true
}

pub(crate) fn is_true(value: &bool) -> bool {
    *value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn a_minute() -> Duration {
    Duration::from_secs(60)
}
