//! Names of apps and slots.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of an app: 1 to 64 of `[A-Za-z0-9._-]`, the first a letter or digit, not only digits, not `all`.
/// File names and selectors are built from it, so nothing else is ever let in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppName(Arc<str>);

/// Why a text cannot be the name of an app.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("a name cannot be empty")]
    Empty,
    /// More than 64 bytes.
    #[error("a name has at most 64 characters, this one has {0}")]
    TooLong(usize),
    /// A character outside the alphabet, or a first character that is not a letter or digit.
    #[error("`{name}` has {found:?} at position {at}: a name is made of A-Z a-z 0-9 . _ - and begins with a letter or digit")]
    Character {
        /// The name as given, escaped for a terminal.
        name: String,
        /// The character that is refused.
        found: char,
        /// Its position, counted from 1.
        at: usize,
    },
    /// Only digits: such a word selects by id.
    #[error("`{0}` has only digits, which is how an id is written; put a letter in it")]
    Digits(String),
    /// A word that selectors use.
    #[error("`{0}` is a word that selects apps; choose another name")]
    Reserved(String),
}

impl AppName {
    /// Checks a text.
    ///
    /// # Errors
    /// [`NameError`] says which rule is broken and where.
    pub fn new(text: &str) -> Result<AppName, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        for (at, found) in text.chars().enumerate() {
            let plain = found.is_ascii_alphanumeric();
            if !(plain || (at > 0 && matches!(found, '.' | '_' | '-'))) {
                let name: String = text.chars().take(80).flat_map(char::escape_debug).collect();
                return Err(NameError::Character { name, found, at: at + 1 });
            }
        }
        if text.len() > 64 {
            return Err(NameError::TooLong(text.len()));
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NameError::Digits(text.to_owned()));
        }
        if text == "all" {
            return Err(NameError::Reserved(text.to_owned()));
        }
        Ok(AppName(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AppName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        AppName::new(&text)
    }
}

impl From<AppName> for String {
    fn from(name: AppName) -> String {
        name.0.as_ref().to_owned()
    }
}

impl FromStr for AppName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        AppName::new(text)
    }
}

/// A slot: the stable, numbered place that lives of an app fill one after another. Shown as `web-0`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SlotRef {
    /// The app.
    pub app: AppName,
    /// Its number, from 0.
    pub index: u32,
}

impl SlotRef {
    /// The slot `index` of `app`.
    pub fn new(app: &AppName, index: u32) -> SlotRef {
        SlotRef { app: app.clone(), index }
    }
}

impl fmt::Display for SlotRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.app, self.index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names() {
        for name in ["web", "Web-2", "a", "0a", "a.b_c-d", &"x".repeat(64)] {
            assert!(AppName::new(name).is_ok(), "{name}");
        }
    }

    /// Row 44 of reliability.md.
    #[test]
    fn hostile_names() {
        let long = "x".repeat(65);
        let huge = "y".repeat(10_000);
        for name in
            ["", "../x", "/", "a/b", "a\0b", &long, &huge, "all", "42", "-rf", ".hidden", "\u{1f600}", "wеb", "a b", "a\n", "a,b"]
        {
            assert!(AppName::new(name).is_err(), "{name}");
        }
        let error = AppName::new("a\u{1b}[31m").expect_err("escape");
        assert!(!error.to_string().contains('\u{1b}'), "the error itself is safe to print");
    }
}
