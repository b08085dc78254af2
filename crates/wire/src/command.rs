//! The lines that run one command beside the apps: a probe or a hook.
//!
//! It is borne as a life is, but what it prints goes to whoever reads its FIFO, and its end is nobody's log.

use crate::{Birth, Request, TooLong, birth};

/// Names and paths of what belongs to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// The keeper's handle of its standard input.
    pub input: String,
    /// The keeper's handle of its standard output and standard error.
    pub output: String,
    /// The FIFO from which it reads.
    pub input_path: String,
    /// The FIFO into which it prints.
    pub output_path: String,
    /// Its lock file, by which whoever is left of it is found.
    pub lock_path: String,
}

/// What belongs to the command called `service`.
pub fn ends(service: &str) -> Ends {
    Ends {
        input: format!("{service}.in"),
        output: format!("{service}.out"),
        input_path: format!("run/io/{service}.in"),
        output_path: format!("run/io/{service}.out"),
        lock_path: format!("run/lives/{service}.lock"),
    }
}

/// The lines that define and start a command. Its FIFOs must exist, and somebody must hold both ends of each, or the keeper could not open
/// them. Which streams of `of` are kept does not matter. Without `input` it reads from `/dev/null`.
///
/// # Errors
/// An argument list or one variable that does not fit into a line of 64 KiB.
pub fn command(of: &Birth, input: bool) -> Result<Vec<Request>, TooLong> {
    let mut lines = birth(&Birth { kept: [false; 2], ..of.clone() })?;
    let held = ends(&of.service);
    let start = lines.pop().expect("a birth ends with the start");
    let stdin = if input {
        lines.push(Request::new("fd.open").field(&held.input).field("read,handoff").field(&held.input_path));
        held.input.as_str()
    } else {
        "null"
    };
    // Nobody but the command may hold the writing end for it: when we are gone, whoever prints on is told.
    lines.push(Request::new("fd.open").field(&held.output).field("write,handoff").field(&held.output_path));
    let lock = format!("100={}", crate::handles(&of.service).lock);
    let fds = [stdin, &held.output, &held.output, &lock];
    lines.push(fds.into_iter().fold(Request::new("service.fds").field(&of.service), Request::field));
    lines.push(start);
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_prints_into_one_fifo_and_starts_last() {
        let of = Birth { tags: vec!["for=probe".to_owned()], argv: vec!["true".to_owned()], ..crate::script::plain("x4") };
        let text = |input| {
            let mut bytes = Vec::new();
            command(&of, input).expect("fits").iter().for_each(|line| line.write_to(&mut bytes));
            String::from_utf8(bytes).expect("our own words")
        };
        for (input, fds) in [(false, "null\tx4.out\tx4.out\t100=x4.lock"), (true, "x4.in\tx4.out\tx4.out\t100=x4.lock")] {
            let lines = text(input);
            let last: Vec<&str> = lines.lines().rev().take(2).collect();
            assert_eq!(last, ["service.start\tx4", &format!("service.fds\tx4\t{fds}")]);
            assert!(!lines.contains("x4.out.w"), "no stream for the scribe: {lines}");
            assert_eq!(lines.contains("fd.open\tx4.in\tread,handoff\trun/io/x4.in"), input);
        }
    }
}
