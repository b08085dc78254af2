//! The limits of each dialect.

/// Which of the two protocols a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// daemonproxy's, byte for byte.
    One,
    /// Abide's: escapes, numbered events, nanoseconds, long lines.
    Two,
}

/// The longest line of dialect 1, without its line feed.
pub const DIALECT1_LINE: usize = 1023;
/// The longest line of dialect 2, without its line feed.
pub const DIALECT2_LINE: usize = 65_536;
/// The longest name of a service or descriptor.
pub const NAME_LIMIT: usize = 31;

/// Whether `text` can name a service or a descriptor: 1 to 31 of `[A-Za-z0-9._-]`.
pub fn is_name(text: &[u8]) -> bool {
    (1..=NAME_LIMIT).contains(&text.len()) && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
