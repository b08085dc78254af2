//! Abide: engine.
