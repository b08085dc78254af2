//! From written values to expanded text, for one app.

use crate::braces;
use crate::diagnostic::clip;
use crate::env::{self, Env};
use crate::fault::{Fault, Faults, Place};
use crate::layer::{Entry, Item, Value};
use crate::template::{self, Malformed, Piece};

/// Expands the texts of one app and collects what is wrong.
pub(crate) struct Texts<'e, 'f> {
    pub env: Env<'e>,
    pub faults: &'f mut Faults,
}

/// A value that is no list and no table.
pub(crate) enum Scalar {
    /// `loose`: came from a flag or a variable, where numbers can only be text.
    Text {
        text: String,
        loose: bool,
    },
    Int(i128),
    Float(String),
    Bool(bool),
}

/// The finding for a template that cannot be read.
pub(crate) fn malformed(wrong: Malformed, label: &str, place: &Place) -> Fault {
    Fault::new(place, format!("`{label}`: {}", wrong.message)).needle(wrong.needle)
}

impl Texts<'_, '_> {
    /// The text with its variables, in the form that is filled at birth.
    pub fn filled(&mut self, text: &str, label: &str, place: &Place) -> Option<String> {
        let parsed = template::parse(text).map_err(|wrong| malformed(wrong, label, place));
        let pieces = self.faults.take(parsed)?;
        self.expand(&pieces, label, place)
    }

    /// The same for pieces.
    pub fn expand(&mut self, pieces: &[Piece], label: &str, place: &Place) -> Option<String> {
        let Texts { env, faults } = self;
        match template::expand(pieces, &mut |name| env.lookup(name, faults)) {
            Ok(text) => self.checked(text, label, place),
            Err(failed) => {
                env::explain(failed, label, place).into_iter().for_each(|fault| self.faults.push(fault));
                None
            }
        }
    }

    fn checked(&mut self, text: String, label: &str, place: &Place) -> Option<String> {
        match env::check(&text, label, place, self.env.portless.as_deref()) {
            None => Some(text),
            Some(fault) => {
                self.faults.push(fault);
                None
            }
        }
    }

    /// A word of `cmd` or `args`: text, or a number or boolean as it is written.
    pub fn word(&mut self, item: &Item, label: &str) -> Option<String> {
        match &item.value {
            Value::Text(text) => self.filled(text, label, &item.place),
            Value::Verbatim(text) => self.checked(text.clone(), label, &item.place),
            Value::Int(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.clone()),
            Value::Bool(is) => Some(is.to_string()),
            other => {
                let found = other.kind();
                self.faults.push(Fault::new(&item.place, format!("`{label}` is a list of strings, found {found} in it")));
                None
            }
        }
    }

    /// A scalar whose text is used as it is, so that `{{…}}` cannot stand in it.
    pub fn scalar(&mut self, item: &Item, label: &str, wanted: &str) -> Option<Scalar> {
        let (text, loose) = match &item.value {
            Value::Text(text) => (self.filled(text, label, &item.place)?, template::is_template(text)),
            Value::Verbatim(text) => (self.checked(text.clone(), label, &item.place)?, true),
            Value::Int(number) => return Some(Scalar::Int(*number)),
            Value::Float(number) => return Some(Scalar::Float(number.clone())),
            Value::Bool(is) => return Some(Scalar::Bool(*is)),
            other => {
                self.faults.push(Fault::new(&item.place, format!("`{label}`: expected {wanted}, found {}", other.kind())));
                return None;
            }
        };
        match braces::plain(&text) {
            Ok(text) => Some(Scalar::Text { text, loose }),
            Err(name) => {
                let fault = Fault::new(&item.place, format!("`{label}` cannot hold `{name}`")).needle(name);
                self.faults.push(fault.help(
                    "what is filled in when an instance starts can stand in commands, `env`, paths of logs and what probes ask",
                ));
                None
            }
        }
    }

    /// A text that is not empty.
    pub fn text(&mut self, item: &Item, label: &str, wanted: &str) -> Option<String> {
        match self.scalar(item, label, wanted)? {
            Scalar::Text { text, .. } if !text.is_empty() => Some(text),
            Scalar::Text { .. } => {
                self.faults.push(Fault::new(&item.place, format!("`{label}` is empty; expected {wanted}")));
                None
            }
            other => self.mismatch(item, label, wanted, &other),
        }
    }

    /// Says what was expected instead. Always `None`, for use as a result.
    pub fn mismatch<T>(&mut self, item: &Item, label: &str, wanted: &str, found: &Scalar) -> Option<T> {
        let found = match found {
            Scalar::Text { text, .. } => format!("`{}`", clip(text)),
            Scalar::Int(number) => format!("the number {number}"),
            Scalar::Float(number) => format!("the number {}", clip(number)),
            Scalar::Bool(is) => format!("`{is}`"),
        };
        self.faults.push(Fault::new(&item.place, format!("`{label}`: expected {wanted}, found {found}")));
        None
    }

    /// Notes a finding at the value of an entry. Always `None`.
    pub fn refuse<T>(&mut self, entry: &Entry, message: impl std::fmt::Display, help: Option<String>) -> Option<T> {
        let fault = Fault::new(&entry.item.place, format!("`{}`: {message}", entry.written));
        self.faults.push(fault.maybe_help(help));
        None
    }
}
