//! The brain as screenplays, and walked exhaustively.

mod care;
mod dice;
mod jobs;
mod kills;
mod main_process;
mod mixed;
mod order;
mod plans;
mod recall;
mod reload;
mod reload_orders;
mod reload_trouble;
mod rolls;
mod screenplay;
mod settings;
mod stage;
mod stops;
mod successors;
mod walk;
