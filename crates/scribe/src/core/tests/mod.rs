//! The core in a world of memory, where everything can be cut short.

mod crashes;
mod drops;
mod forms;
mod keep;
mod kernel;
mod lines;
mod pairs;
mod scenes;
mod world;
