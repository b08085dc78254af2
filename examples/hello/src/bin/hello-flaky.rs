//! Works for 10 to 40 seconds, then dies: it exits with code 1, or aborts, each about half of the time.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::process::{ExitCode, abort};
use std::thread::sleep;
use std::time::Duration;

fn main() -> ExitCode {
    let chance = RandomState::new().hash_one("how long, and how");
    let seconds = 10 + chance % 31;
    println!("a new life, process {}", std::process::id());
    for second in 1..=seconds {
        sleep(Duration::from_secs(1));
        println!("task {second} done");
    }
    if chance & 1 << 40 == 0 {
        eprintln!("something went wrong: exit code 1");
        ExitCode::FAILURE
    } else {
        eprintln!("something went badly wrong: abort");
        abort()
    }
}
