//! The brain as screenplays, and walked exhaustively.

mod screenplay;
mod stage;
mod walk;
