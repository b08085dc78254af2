//! The brain as screenplays, and walked exhaustively.

mod kills;
mod recall;
mod screenplay;
mod stage;
mod walk;
