//! Abide: config.
