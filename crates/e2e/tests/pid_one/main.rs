//! The keeper as process 1: in a pid namespace of its own, with its own `/proc` and its own `/etc`, like the first process of a container.
//! Root makes these namespaces, or a user who may; where neither works, every test says aloud that it is skipped.

mod ending;
mod living;
mod space;
