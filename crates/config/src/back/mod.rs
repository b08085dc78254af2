//! The way back: from a specification to what a file would say.
//!
//! `literal` prints values as TOML, `rows` collects them, `effective` with `parts` and `reach` knows every key, `file` writes a file that loads to the
//! same specification, `differences` compares two.

mod differences;
mod effective;
mod file;
mod literal;
mod parts;
mod reach;
mod rows;

pub use differences::{differences, setting_differences};
pub use effective::{effective, effective_settings, effective_settings_of};
pub use file::{Detail, to_toml};
pub use literal::Literal;
pub use rows::Shown;
