//! Findings while they are collected: not yet bound to a file or a flag.

use std::collections::HashSet;
use std::ops::Range;

/// So many findings of one file are kept; whoever reads them has work enough.
pub(crate) const MAX_FAULTS: usize = 1000;

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// Bytes of a configuration file, which is known by its number in [`crate::source::Sources`].
    File { file: usize, span: Range<usize>, part: Part },
    /// A flag of the command line, `--restart-delay`; empty for the command itself.
    Flag(&'static str),
    /// A place in another file (an env file).
    Elsewhere { file: String, line: usize, column: usize },
    /// The file as a whole.
    Whole,
}

impl Place {
    /// The number of the file; that of the named one for what stands in none.
    pub fn file(&self) -> usize {
        match self {
            Place::File { file, .. } => *file,
            Place::Flag(_) | Place::Elsewhere { .. } | Place::Whole => 0,
        }
    }
}

/// What part of a file a place is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// An app, or the top of the file.
    App,
    /// `[defaults]`.
    Defaults,
    /// `[profiles.NAME]`.
    Profile,
    /// `profiles.NAME` of an app.
    AppProfile,
}

impl Part {
    /// Whether it is said for every app: what makes no sense for one of them need not be wrong.
    pub fn is_shared(self) -> bool {
        matches!(self, Part::Defaults | Part::Profile)
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Fault {
    pub place: Place,
    pub message: String,
    pub label: String,
    pub help: Option<String>,
    /// A piece of the text at `place` that is meant in particular.
    pub needle: Option<String>,
}

impl Fault {
    pub fn new(place: &Place, message: impl Into<String>) -> Fault {
        Fault { place: place.clone(), message: message.into(), label: String::new(), help: None, needle: None }
    }

    pub fn label(mut self, label: impl Into<String>) -> Fault {
        self.label = label.into();
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }

    pub fn needle(mut self, needle: impl Into<String>) -> Fault {
        self.needle = Some(needle.into());
        self
    }

    /// Adds the help where there is one.
    pub fn maybe_help(mut self, help: Option<String>) -> Fault {
        self.help = help.or(self.help);
        self
    }
}

/// All findings so far, each once: what is wrong in `[defaults]` is met again with every app.
#[derive(Default)]
pub(crate) struct Faults {
    seen: HashSet<Fault>,
    list: Vec<Fault>,
    more: usize,
}

impl Faults {
    pub fn push(&mut self, fault: Fault) {
        if self.is_full() {
            self.more += 1;
        } else if self.seen.insert(fault.clone()) {
            self.list.push(fault);
        }
    }

    /// Notes a finding where there is one.
    pub fn take<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.push(fault)).ok()
    }

    pub fn is_full(&self) -> bool {
        self.list.len() >= MAX_FAULTS
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// In order of position; those of no position first, those of other files last. The second value counts what was left out.
    pub fn into_sorted(mut self) -> (Vec<Fault>, usize) {
        self.list.sort_by_key(|fault| match &fault.place {
            Place::Whole | Place::Flag(_) => (0, 0, 0, 0),
            Place::File { file, span, .. } => (1, *file, span.start, span.end),
            Place::Elsewhere { line, column, .. } => (2, 0, *line, *column),
        });
        (self.list, self.more)
    }
}
