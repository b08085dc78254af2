//! What resolving an app stands on besides its layers.

use crate::fault::{Part, Place};
use crate::source::Sources;
use crate::surroundings::Surroundings;
use model::Origin;
use std::path::Path;

/// Where an app is resolved.
pub(crate) struct Base<'a> {
    /// What relative paths are taken from: the folder of the file, or the caller's directory.
    pub folder: &'a Path,
    pub around: &'a dyn Surroundings,
    /// The files; none for flags.
    pub sources: &'a Sources<'a>,
    /// Whether a script without execute bit gets its interpreter (`start CMD` only).
    pub interpreters: bool,
}

impl Base<'_> {
    /// Where a value came from, for `config show`.
    pub fn origin(&self, place: &Place) -> Origin {
        match place {
            Place::File { file, span, part } => {
                let at = self.sources.line(*file, span.start);
                match part {
                    Part::App => Origin::App { at },
                    Part::Defaults => Origin::Defaults { at },
                    Part::Profile | Part::AppProfile => Origin::Profile { at },
                }
            }
            Place::Elsewhere { file, line, .. } => Origin::App { at: format!("{file}:{line}") },
            Place::Flag(_) | Place::Whole => Origin::Flag,
        }
    }
}
