//! The test kit: a [`House`] is a temporary home in which a test runs the real programs, looks at them through the real command line and
//! through `/proc`, and which leaves no process behind, however the test ends.
//!
//! Rules of the house for tests: nothing sleeps to let something happen; [`wait_until`] waits for a condition with a deadline.
//! Every house is its own home, so all tests may run at once.

mod ask;
mod bins;
mod boxes;
mod config;
mod dialect_two;
mod dice;
mod disk;
mod done;
mod folder;
mod house;
mod janitor;
mod keeper;
mod keeper_client;
mod keeper_inbox;
mod keeper_lines;
mod lines;
mod link;
mod load;
mod ports;
mod proc;
mod skip;
mod static_keeper;
mod strace;
mod wait;

pub use bins::{Bins, workspace_root};
pub use config::{App, app_file, toml_string};
pub use dialect_two::{body, denied, set, speak_two, start_two};
pub use dice::Dice;
pub use disk::{Disk, Frozen};
pub use done::{Done, run};
pub use folder::Folder;
pub use house::House;
pub use janitor::{clear, janitor_main, members};
pub use keeper::{Keeper, Start};
pub use keeper_client::Client;
pub use keeper_inbox::fits;
pub use keeper_lines::{Lines, PATIENCE};
pub use lines::{FLOOD_LINE, check_flood, flood_line, log_files, log_size};
pub use link::Link;
pub use load::{Load, Tally, Target};
pub use ports::{free_port, free_ports};
pub use proc::{Proc, children_of, open_files, pids, state_of};
pub use skip::{is_root, skip};
pub use static_keeper::StaticKeeper;
pub use strace::Strace;
pub use wait::{Pause, wait_until};
