//! The brain as screenplays, and walked exhaustively.

mod kills;
mod screenplay;
mod stage;
mod walk;
