//! Where words go: data to standard output, everything said to people to standard error.

use crate::args::Global;
use crate::failure::Failure;
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::{self, BufRead, IsTerminal, Write};

/// The two outputs of a command and what they are.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// `--json`: documents on standard output, nothing else there.
    pub json: bool,
    /// `-q`: no progress, no remarks; errors are still said.
    pub quiet: bool,
    /// Whether standard output is a terminal.
    pub out_tty: bool,
    /// Whether standard error is a terminal.
    pub err_tty: bool,
    /// Whether a line on standard error can be drawn anew.
    pub err_live: bool,
    /// Whether standard output takes colours.
    pub out_colour: bool,
    /// Whether standard error takes colours.
    pub err_colour: bool,
}

/// Said in bold.
pub const BOLD: Style = Style::new().bold();
/// Less important.
pub const DIM: Style = Style::new().dimmed();
/// In order.
pub const GREEN: Style = AnsiColor::Green.on_default();
/// On the way.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Not in order.
pub const RED: Style = AnsiColor::Red.on_default();

impl Screen {
    /// What the flags and the environment make of this process's outputs.
    pub fn new(global: &Global) -> Screen {
        let (out_tty, err_tty) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let able = set_to("TERM").as_deref() != Some("dumb");
        let wanted = able && !global.no_color && set_to("NO_COLOR").is_none();
        Screen {
            json: global.json,
            quiet: global.quiet,
            out_tty,
            err_tty,
            err_live: err_tty && able,
            out_colour: out_tty && wanted,
            err_colour: err_tty && wanted,
        }
    }

    /// Columns of the terminal; `None` off a terminal, where nothing is cut.
    pub fn width(&self) -> Option<usize> {
        self.out_tty.then(|| comfy_table::Table::new().width()).flatten().map(usize::from).filter(|width| *width > 0)
    }

    /// Columns of the terminal that standard error is.
    pub fn err_width(&self) -> usize {
        comfy_table::Table::new().use_stderr().width().map(usize::from).filter(|width| *width > 0).unwrap_or(80)
    }

    /// Writes to standard output.
    ///
    /// # Errors
    /// [`Failure::NobodyReads`] when the reader has gone.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Writes bytes to standard output.
    ///
    /// # Errors
    /// As [`Screen::print`].
    pub fn print_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    /// Whether whoever read our standard output has gone: a follower that has nothing to print would not notice.
    pub fn nobody_reads(&self) -> bool {
        sys::poll::is_hung_up(io::stdout())
    }

    /// Writes one JSON document, readable on a terminal, on one line otherwise.
    ///
    /// # Errors
    /// As [`Screen::print`].
    pub fn print_json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let mut text = if self.out_tty { serde_json::to_string_pretty(value)? } else { serde_json::to_string(value)? };
        text.push('\n');
        self.print(&crate::escape::json(&text))
    }

    /// Whether somebody sits at a terminal and can be asked.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && self.err_tty
    }

    /// Asks, and gives back the answer without the blanks around it; `None` = the input has ended.
    pub fn ask(&self, question: &str) -> Option<String> {
        self.err(question);
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.is_ok_and(|bytes| bytes > 0).then(|| answer.trim().to_owned())
    }

    /// Asks a question that only a yes answers with yes.
    pub fn agrees(&self, question: &str) -> bool {
        self.ask(question).is_some_and(|answer| matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// A remark to people on standard error, unless `-q`.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.err(text);
        }
    }

    /// A warning; also with `-q`.
    pub fn warn(&self, text: &str) {
        self.err(&format!("{} {text}", paint(self.err_colour, YELLOW, "warning:")));
    }

    /// Says how a command failed, with the last line saying what to do next.
    pub fn fail(&self, failure: &Failure) {
        if let Failure::Told { message, next, .. } = failure {
            let mut text = format!("{} {message}", paint(self.err_colour, RED.bold(), "error:"));
            if let Some(next) = next {
                text.push_str(&format!("\n{} {next}", paint(self.err_colour, BOLD, "next:")));
            }
            self.err(&text);
        }
    }

    /// A line on standard error. If that is gone there is nobody to tell.
    pub fn err(&self, text: &str) {
        let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
    }
}

/// The text in this style, if colours are wanted.
pub fn paint(colour: bool, style: Style, text: &str) -> String {
    if colour && !style.is_plain() { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

fn set_to(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}
