//! Abide: keeper.
