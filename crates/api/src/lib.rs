//! Abide: api.
