//! The keeper's protocol, sentence by sentence, asked of the real executable. The pages that it is held against are `keeper-protocol.md`
//! (dialect 1), `keeper-extensions.md` and `mechanisms.md` (dialect 2).

mod controllers;
mod desk;
mod dumps;
mod ending;
mod exec;
mod given;
mod handles;
mod kit;
mod lines;
mod log;
mod options;
mod order;
mod overflow;
mod pools;
mod refusals;
mod services;
mod signals;
mod two_handles;
mod two_lines;
mod two_services;
