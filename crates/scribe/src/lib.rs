//! Abide: scribe.
