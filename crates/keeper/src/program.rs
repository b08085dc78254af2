//! The program `abide-keeper`, which is `daemonproxy` too: from its arguments to its exit code.

use crate::options::{Options, Stop, usage};
use crate::shell::{Shell, check_ledger};
use std::ffi::OsString;
use std::io::Write;
use std::os::fd::RawFd;
use std::path::Path;
use std::process::ExitCode;

/// The help or the version was asked for.
const EXIT_TOLD: u8 = 1;
/// Wrong options.
const EXIT_USAGE: u8 = 2;
/// The environment does not allow it.
pub(crate) const EXIT_ENVIRONMENT: u8 = 3;
/// A state that we cannot go on from.
pub(crate) const EXIT_BROKEN: u8 = 4;
/// The code that would say "impossible" (5) is never given: what cannot be stands in no branch here, and a panic aborts.
const PROTOCOL: &str = "daemonproxy protocol version 1.1.0";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a program was built from.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// When, or of when its source is.
    pub timestamp: &'static str,
    /// The commit.
    pub head: &'static str,
}

impl Default for Build {
    fn default() -> Build {
        Build { timestamp: "unknown", head: "unknown" }
    }
}

/// Why the keeper ends before it has served, or cannot go on: the exit code and the reason.
pub(crate) type Failure = (u8, String);

/// Runs the keeper; `args` are the program's, its own name first. Must be called by the only thread.
///
/// Exit codes: that of `terminate`; 0 when another keeper keeps that home, or at the end of the input with `-i`; 1 after the help or the
/// version; 2 wrong options; 3 the environment does not allow it; 4 a broken state. What `-E` says is executed instead.
pub fn main(args: impl IntoIterator<Item = OsString>, build: &Build) -> ExitCode {
    let mut args = args.into_iter();
    let path = args.next().unwrap_or_default();
    // Called by the name that it was invoked with: it may be a link.
    let name = Path::new(&path).file_name().map_or("abide-keeper".into(), |name| name.to_string_lossy());
    let mut options = Options::default();
    let stop = options.read(&args.collect::<Vec<_>>(), std::process::id() == 1).err();
    if !options.exec.is_empty() {
        // What cannot be armed cannot be executed either: then we just end.
        let _ = sys::last::arm(&options.exec);
    }
    let ended = match (stop, options) {
        (Some(Stop::Help), _) => tell(&usage(&name)),
        (Some(Stop::Version), _) => tell(&version(build)),
        (Some(Stop::Wrong(why)), _) => Err((EXIT_USAGE, format!("{why}; `{name} --help` shows every option"))),
        (None, Options { ask_ledger: Some(number), .. }) => return say_whether(number),
        (None, Options { ledger: Some(number), .. }) => go_on(number),
        (None, options) => match options.home.clone() {
            Some(home) => crate::home::keep(&home, options),
            None => crate::start::serve(options),
        },
    };
    match ended {
        Ok(code) => ExitCode::from(code as u8),
        Err((code, why)) => {
            say_why(&format!("{name}: {why}\n"));
            sys::last::leave(code.into(), &why)
        }
    }
}

/// Prints to standard output. If nobody reads it there is nobody to tell.
fn tell(text: &str) -> ! {
    let _ = std::io::stdout().write_all(text.as_bytes());
    sys::last::leave(EXIT_TOLD.into(), "")
}

/// As [`tell`], to standard error.
pub(crate) fn say_why(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The order of these lines is what scripts know.
fn version(build: &Build) -> String {
    let Build { timestamp, head } = build;
    format!(
        "{PROTOCOL}, abide-keeper version {VERSION}\nbuild timestamp: {timestamp}\ngit HEAD: {head}\n\
         Copyright (c) 2026-2026 The Abide founders\nLICENSE: MIT OR Apache-2.0, at your choice\n"
    )
}

/// Answers a keeper that asks whether we could take over from it. Only the code 0 together with the line is a yes.
fn say_whether(number: RawFd) -> ExitCode {
    let answer = sys::handle::adopt_number(number).map_err(|error| error.to_string()).and_then(check_ledger);
    let code = u8::from(answer.is_err());
    let (Ok(line) | Err(line)) = answer;
    // A yes that did not arrive is a no.
    let told = std::io::stdout().write_all(format!("{line}\n").as_bytes());
    ExitCode::from(if told.is_ok() { code } else { 1 })
}

/// Goes on from where the executable before us was.
fn go_on(number: RawFd) -> Result<i32, Failure> {
    let broken = |why: String| (EXIT_BROKEN, format!("failed to take over: {why}"));
    let ledger = sys::handle::adopt_number(number).map_err(|error| broken(error.to_string()))?;
    let shell = Shell::from_ledger(ledger).map_err(|error| broken(error.to_string()))?;
    if shell.settings().lock_memory {
        // It was possible before; where it is no more, going on without is better than not going on.
        let _ = sys::process::lock_memory();
    }
    run(shell)
}

/// The loop, until told to end.
pub(crate) fn run(shell: Shell) -> Result<i32, Failure> {
    shell.run().map_err(|error| (EXIT_BROKEN, format!("failed to wait: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_says_in_order_what_scripts_look_for() {
        let text = version(&Build { timestamp: "then", head: "abc" });
        let lines: Vec<&str> = text.lines().collect();
        let [first, "build timestamp: then", "git HEAD: abc", rights, licence] = lines[..] else { panic!("{text}") };
        assert!(first.starts_with("daemonproxy ") && first.contains(" version ") && first.ends_with(VERSION), "{first}");
        assert!(rights.starts_with("Copyright ") && rights.contains("2026-2026"), "{rights}");
        assert!(licence.contains("LICENSE"), "{licence}");
    }
}
