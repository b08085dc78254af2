//! Abide: cli.
