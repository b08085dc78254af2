//! From the arguments of the process to its exit code.

use crate::args::{Cli, Global};
use crate::commands::{run, version};
use crate::failure::Exit;
use crate::screen::Screen;
use crate::slips::told;
use crate::words::{Ambiguous, arrange};
use clap::error::ErrorKind;
use clap::{ColorChoice, CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::process::ExitCode;

/// The `abide` command.
pub fn main() -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    let cli = match parse(argv) {
        Ok(cli) => cli,
        Err(code) => return ExitCode::from(code),
    };
    let screen = Screen::new(&cli.global);
    match run(cli, &screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.fail(&failure);
            ExitCode::from(failure.code())
        }
    }
}

fn parse(mut argv: Vec<OsString>) -> Result<Cli, u8> {
    if argv.get(1).is_some_and(|word| word == "keeper") {
        // The keeper has options of the same names as ours; from here on all are its own.
        argv.insert(2, "--".into());
    }
    let plain = argv.iter().any(|word| word == "--no-color");
    let choice = if plain { ColorChoice::Never } else { ColorChoice::Auto };
    let texts: Option<Vec<String>> = argv.iter().map(|word| word.to_str().map(str::to_owned)).collect();
    // What is not UTF-8 is no option of ours; clap refuses it where it must be text.
    let argv: Vec<OsString> = match texts.map(arrange) {
        Some(Ok(arranged)) => arranged.into_iter().map(OsString::from).collect(),
        Some(Err(ambiguous)) => {
            eprint_ambiguous(&ambiguous);
            return Err(Exit::Usage as u8);
        }
        None => argv,
    };
    let mut command = Cli::command().color(choice);
    if argv.len() < 2 {
        // `abide` alone asks what there is.
        let _ = command.print_help();
        return Err(0);
    }
    let parsed = command.try_get_matches_from(&argv).and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
        let words: Vec<String> = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let screen =
            Screen::new(&Global { json: words.iter().any(|word| word == "--json"), quiet: false, no_color: plain, home: None });
        match error.kind() {
            // If nobody reads it there is nobody to tell.
            ErrorKind::DisplayHelp => _ = error.print(),
            ErrorKind::DisplayVersion => _ = version(&screen),
            // A command below another was asked for what there is, and named nothing.
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let _ = error.print();
                return Exit::Usage as u8;
            }
            _ => {
                screen.fail(&told(&error, &words));
                return Exit::Usage as u8;
            }
        }
        0
    })
}

fn eprint_ambiguous(ambiguous: &Ambiguous) {
    use std::io::Write as _;
    let Ambiguous { option, for_abide, for_program } = ambiguous;
    let text = format!(
        "error: `{}` stands after the command's second word, where options belong to the program\n  \
         for Abide:        {for_abide}\n  for the program:  {for_program}\nnext: write one of the two\n",
        crate::escape::shown_word(option)
    );
    // If standard error is gone there is nobody to tell.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
