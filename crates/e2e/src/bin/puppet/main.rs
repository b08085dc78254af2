//! A child that does what a test tells it: each argument is an action, carried out in order. See [`script`] for the words.
//!
//! It ends by itself when the test that it belongs to (`E2E_GUARD`, `pid:start`) has been gone for 120 seconds.

mod actions;
mod output;
mod script;
mod signals;

use e2e::{Proc, janitor_main};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How long a puppet may outlive its test, in rounds of [`GUARD_ROUND`].
const GUARD_ROUNDS: u32 = 24;
const GUARD_ROUND: Duration = Duration::from_secs(5);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, root] = args.as_slice()
        && word == "janitor"
    {
        return janitor_main(Path::new(root));
    }
    if let Ok(guard) = std::env::var("E2E_GUARD") {
        watch_guard(&guard);
    }
    match script::parse(&args) {
        Ok(script) => actions::perform(&script),
        Err(wrong) => {
            eprintln!("puppet: {wrong}");
            std::process::exit(64);
        }
    }
}

/// Ends this process once the test `pid:start` has been gone for long enough.
fn watch_guard(guard: &str) {
    let Some((pid, start)) = guard.split_once(':').and_then(|(p, s)| Some((p.parse().ok()?, s.parse().ok()?))) else { return };
    let test = Proc { pid, start };
    thread::spawn(move || {
        let mut gone = 0;
        while gone < GUARD_ROUNDS {
            thread::sleep(GUARD_ROUND);
            gone = if test.alive() { 0 } else { gone + 1 };
        }
        std::process::exit(99);
    });
}
