//! Abide: sim.
