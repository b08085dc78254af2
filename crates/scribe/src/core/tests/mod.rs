//! The core in a world of memory, where everything can be cut short.

mod crashes;
mod keep;
mod scenes;
mod world;
