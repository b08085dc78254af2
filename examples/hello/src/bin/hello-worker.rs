//! Prints a numbered line every second, every fifth one to standard error. SIGTERM ends it at once (the default action).

use std::io::{self, Write};
use std::thread::sleep;
use std::time::Duration;

fn main() -> io::Result<()> {
    for number in 1u64.. {
        if number % 5 == 0 {
            writeln!(io::stderr(), "line {number}: this one goes to standard error")?;
        } else {
            writeln!(io::stdout(), "line {number}: still at work")?;
        }
        sleep(Duration::from_secs(1));
    }
    Ok(())
}
