//! Abide: steward.
