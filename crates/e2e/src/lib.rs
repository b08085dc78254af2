//! Abide: e2e.
