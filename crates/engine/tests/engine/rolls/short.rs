//! Short sequences, all of them.
