//! `abide.toml` (also as YAML and JSON), and the flags of `abide start`: read, resolved and checked, down to a [`model::AppSpec`] that has no option
//! left and knows where each of its values came from.
//!
//! Pure: files and environment are inputs (see [`Surroundings`]), nothing here reads a clock or a disk.
//!
//! The way of a value, each step a module:
//!
//! 1. `include` with `glob`: the file and those that it includes; `read`: each as members with places, in whatever `format`.
//! 2. `keys`, `later`, `layer`: each key is recognised, refused as not yet supported, or unknown.
//! 3. `profile`, `resolve`: built-in default < `[defaults]` < `[profiles.P]` < `[apps.A]` < `[apps.A.profiles.P]`; `env`, `backoff` and a few more merge by key.
//! 4. `template`, `env`, `texts`: `${…}` is expanded, once; `braces` guards what is filled at birth.
//! 5. `typed`, `command`, `paths`, `url`, `cron`: text becomes durations, signals, argv, absolute paths.
//! 6. `labels`, `logs`, `order`, `care` with `probe`, `usage`, `identity`, `when`, `hooks`, `reach` with `address`, `renew`: the keys of one topic each, and what they may not say together.
//! 7. `back`: the other way, from a specification to what a file would say.
//! 8. `manager`: `[daemon]`, and the file `daemon.toml` of a home; `trust`: who else can write a file.
//! 9. `fault`, `source`, `diagnostic`: all that is wrong, by place, with what to do about it.

mod address;
mod back;
mod base;
mod braces;
mod care;
mod command;
mod cron;
mod diagnostic;
mod dialect;
mod env;
mod envfile;
mod fault;
mod flags;
mod format;
mod glob;
mod hooks;
mod identity;
mod include;
mod keys;
mod labels;
mod later;
mod layer;
mod load;
mod logs;
mod manager;
mod order;
mod paths;
mod probe;
mod profile;
mod reach;
mod read;
mod renew;
mod resolve;
mod schema;
mod script;
mod shape;
mod sketch;
mod source;
mod surroundings;
mod template;
mod texts;
mod trust;
mod typed;
mod url;
mod usage;
mod when;
mod words;

pub use back::{
    Detail, Literal, Shown, differences, effective, effective_settings, effective_settings_of, setting_differences, to_toml,
};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use flags::{FlagError, StartFlags, from_flags};
pub use keys::{KeyDoc, Scope, Unit, known_keys};
pub use load::{FILE_NAMES, Format, Loaded, Options, ProfileChoice, load};
pub use manager::{MANAGER_FILE, MAX_MANAGER_FILE, ManagerFile, load_manager};
pub use schema::schema;
pub use script::default_name;
pub use shape::{Bare, Names, Shape, Text};
pub use sketch::sketch_yaml;
pub use surroundings::Surroundings;
pub use trust::{Rights, Trust, judge};
