//! The brain as screenplays, and walked exhaustively.

mod care;
mod jobs;
mod kills;
mod main_process;
mod mixed;
mod order;
mod plans;
mod recall;
mod reload;
mod reload_orders;
mod rolls;
mod screenplay;
mod settings;
mod stage;
mod stops;
mod successors;
mod walk;
