//! Targets of requests: path segments and query values, percent-encoded.

use std::fmt::Write as _;

/// A target that is being put together.
#[derive(Debug, Clone)]
pub struct PathBuilder {
    target: String,
    has_query: bool,
}

/// Begins a target below `/api/v1`, for example `path().segment("apps").segment("web,api").flag("follow", true)`.
pub fn path() -> PathBuilder {
    PathBuilder { target: "/api/v1".to_owned(), has_query: false }
}

impl PathBuilder {
    /// Adds one segment; whatever it contains stays one segment.
    #[must_use]
    pub fn segment(mut self, text: &str) -> PathBuilder {
        self.target.push('/');
        encode(&mut self.target, text);
        self
    }

    /// Adds a query value.
    #[must_use]
    pub fn query(mut self, key: &str, value: &str) -> PathBuilder {
        self.target.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.target.push_str(key);
        self.target.push('=');
        encode(&mut self.target, value);
        self
    }

    /// Adds a query value if there is one.
    #[must_use]
    pub fn maybe(self, key: &str, value: Option<impl ToString>) -> PathBuilder {
        match value {
            Some(value) => self.query(key, &value.to_string()),
            None => self,
        }
    }

    /// Adds `key=true` if it is.
    #[must_use]
    pub fn flag(self, key: &str, on: bool) -> PathBuilder {
        if on { self.query(key, "true") } else { self }
    }

    /// The finished target.
    pub fn build(self) -> String {
        self.target
    }
}

impl From<PathBuilder> for String {
    fn from(path: PathBuilder) -> String {
        path.target
    }
}

/// Everything but RFC 3986's unreserved characters is encoded, and `.` too where it would make a dot segment.
fn encode(out: &mut String, text: &str) {
    let dots = text == "." || text == "..";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') || (byte == b'.' && !dots) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_segments_stay_one_segment() {
        let target = path().segment("apps").segment("../a/b?c#d e%").segment("..").flag("follow", true).maybe("lines", Some(5));
        assert_eq!(target.build(), "/api/v1/apps/..%2Fa%2Fb%3Fc%23d%20e%25/%2E%2E?follow=true&lines=5");
        assert_eq!(path().segment("events").maybe("since", None::<u64>).build(), "/api/v1/events");
    }
}
