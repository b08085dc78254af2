//! What resolving an app stands on besides its layers.

use crate::fault::Place;
use crate::source::Source;
use crate::surroundings::Surroundings;
use model::Origin;
use std::path::Path;

/// Where an app is resolved.
pub(crate) struct Base<'a> {
    /// What relative paths are taken from: the folder of the file, or the caller's directory.
    pub folder: &'a Path,
    pub around: &'a dyn Surroundings,
    /// The file, if there is one.
    pub source: Option<&'a Source<'a>>,
    /// Whether a script without execute bit gets its interpreter (`start CMD` only).
    pub interpreters: bool,
}

impl Base<'_> {
    /// Where a value came from, for `config show`.
    pub fn origin(&self, place: &Place) -> Origin {
        match (place, self.source) {
            (Place::File { span, defaults }, Some(source)) => {
                let at = format!("{}:{}", source.file(), source.line(span.start));
                if *defaults { Origin::Defaults { at } } else { Origin::App { at } }
            }
            (Place::Elsewhere { file, line, .. }, _) => Origin::App { at: format!("{file}:{line}") },
            _ => Origin::Flag,
        }
    }
}
