//! Abide: abide.
