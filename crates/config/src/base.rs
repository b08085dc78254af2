//! What resolving an app stands on besides its layers.

use crate::fault::{Part, Place};
use crate::source::Sources;
use crate::surroundings::Surroundings;
use model::Origin;
use std::path::Path;

/// Where an app is resolved.
pub(crate) struct Base<'a> {
    /// Where an app runs that does not say: the folder of the file that defines it, or the caller's directory.
    pub folder: &'a Path,
    pub around: &'a dyn Surroundings,
    /// The files; none for flags.
    pub sources: &'a Sources<'a>,
    /// Whether a script without execute bit gets its interpreter (`start CMD` only).
    pub interpreters: bool,
}

impl Base<'_> {
    /// What a relative path that is written there is taken from: the folder of that file, which need not be that of the app.
    pub fn folder_at(&self, place: &Place) -> &Path {
        match place {
            Place::File { file, .. } => self.sources.folder(*file).unwrap_or(self.folder),
            Place::Flag(_) | Place::Elsewhere { .. } | Place::Whole => self.folder,
        }
    }

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
