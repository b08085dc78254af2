//! The program `abide-keeper`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use sys::daemon::NotKept;

const USAGE: &str = "usage: abide-keeper --home HOME [--foreground]";
/// Wrong options.
const EXIT_USAGE: u8 = 2;
/// The environment does not allow it.
const EXIT_ENVIRONMENT: u8 = 3;

/// Runs the keeper; `args` are the program's, its own name first. Must be called by the only thread.
///
/// Exit codes: that of `terminate`; 0 when another keeper keeps that home; 2 wrong options; 3 the home is refused.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut home: Option<PathBuf> = None;
    let mut foreground = false;
    let mut args = args.into_iter().skip(1);
    while let Some(arg) = args.next() {
        match (arg.to_str(), &home) {
            (Some("--home"), None) => match args.next() {
                Some(path) => home = Some(path.into()),
                None => return usage("--home needs a folder"),
            },
            (Some("--foreground"), _) => foreground = true,
            _ => return usage(&format!("unexpected argument {}", arg.to_string_lossy())),
        }
    }
    let Some(home) = home else { return usage("no home was given") };
    match crate::home::keep(&home, foreground) {
        Ok(code) => ExitCode::from(code as u8),
        Err(NotKept::Taken) => ExitCode::SUCCESS,
        Err(NotKept::Refused(why)) => {
            eprintln!("abide-keeper: {why}");
            ExitCode::from(EXIT_ENVIRONMENT)
        }
    }
}

fn usage(why: &str) -> ExitCode {
    eprintln!("abide-keeper: {why}\n{USAGE}");
    ExitCode::from(EXIT_USAGE)
}
