//! The brain as screenplays, and walked exhaustively.

mod care;
mod jobs;
mod kills;
mod mixed;
mod order;
mod plans;
mod recall;
mod screenplay;
mod settings;
mod stage;
mod walk;
