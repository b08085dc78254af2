//! How a command ends when it does not end well: an exit code, a sentence, and what to do next.

use crate::escape::{shown, shown_lines};
use api::Problem;
use api::client::ClientError;
use std::fmt;
use std::io;

/// Exit codes that scripts may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The answer is no: unknown app, name taken, an operation that failed.
    No = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A configuration is invalid.
    Config = 3,
    /// The manager cannot be reached.
    Unreachable = 4,
    /// Not permitted.
    Refused = 5,
    /// A bug of ours.
    Internal = 70,
}

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Said on standard error with the last line saying what to do next.
    Told {
        /// The exit code.
        exit: Exit,
        /// What is wrong; may have several lines. Safe to print.
        message: String,
        /// What to do next.
        next: Option<String>,
        /// The code of the refusal, where the manager refused.
        code: Option<String>,
    },
    /// Nobody reads our standard output any more (`abide list | head -1`): the end, and a good one.
    NobodyReads,
}

impl Failure {
    /// A failure without advice.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Failure {
        Failure::Told { exit, message: message.to_string(), next: None, code: None }
    }

    /// Adds what to do next, unless something is said already.
    #[must_use]
    pub fn next(mut self, advice: impl fmt::Display) -> Failure {
        if let Failure::Told { next: next @ None, .. } = &mut self {
            *next = Some(advice.to_string());
        }
        self
    }

    /// Whether the manager refused with this code.
    pub fn is(&self, refusal: &str) -> bool {
        matches!(self, Failure::Told { code: Some(code), .. } if code == refusal)
    }

    /// The exit code of the process.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Told { exit, .. } => *exit as u8,
            Failure::NobodyReads => 0,
        }
    }
}

/// The exit code for a refusal of the steward.
fn exit_of(problem: &Problem) -> Exit {
    match problem.code.as_str() {
        "unknown_app" | "name_taken" | "not_startable" | "not_running" | "no_input" | "read_only" => Exit::No,
        "port_taken" | "too_few_ports" | "cannot_reload" | "out_of_range" | "reloading" | "cannot_listen" => Exit::No,
        "plan_changed" | "no_rollback" | "unknown_operation" => Exit::No,
        "settings_differ" => Exit::Config,
        "invalid_request" => Exit::Usage,
        "forbidden" => Exit::Refused,
        "starting_up" | "stopping" => Exit::Unreachable,
        _ => Exit::Internal,
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        // Further lines are set off, so that none can pass for a line of ours.
        let mut message = shown_lines(&problem.detail).replace('\n', "\n  ");
        if !problem.nearest.is_empty() {
            let names: Vec<String> = problem.nearest.iter().map(|name| shown(name)).collect();
            message.push_str(&format!("\nnearest: {}", names.join(", ")));
        }
        let next = problem.hint.as_deref().map(shown).or_else(|| {
            let advice = match problem.code.as_str() {
                "unknown_app" => "`abide list` shows every app and slot",
                "name_taken" => "choose another `--name`, or `abide delete` the app that has it",
                "not_startable" => "`abide status APP` says why",
                "read_only" => "make room on the disk of the home; `abide daemon status` says what is in the way",
                "stopping" => "wait until `abide daemon status` says that it has stopped, then try again",
                "starting_up" => "try again in a moment",
                "forbidden" => "run this as the user who owns the manager, or as root",
                _ => return None,
            };
            Some(advice.to_owned())
        });
        Failure::Told { exit: exit_of(&problem), message, next, code: Some(problem.code) }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match error {
            ClientError::Refused(problem) => Failure::from(*problem),
            ClientError::Broken(_) | ClientError::NotYet => {
                Failure::new(Exit::Unreachable, format!("the manager is silent: {error}"))
                    .next("`abide daemon status` says whether it runs; its own log is daemon.log in the home")
            }
            ClientError::Garbage(_) | ClientError::TooLong(_) => Failure::new(Exit::Internal, shown(&error.to_string()))
                .next("compare `abide version` with `abide daemon status`: the two may be of different versions"),
        }
    }
}

/// Only for writing to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::NobodyReads,
            _ => Failure::new(Exit::Internal, format!("failed to write the output: {error}")),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        match error.io_error_kind() {
            Some(kind) => Failure::from(io::Error::from(kind)),
            None => Failure::new(Exit::Internal, format!("failed to write JSON: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_of_refusals() {
        let cases = [
            (404, "unknown_app", 1),
            (409, "name_taken", 1),
            (409, "plan_changed", 1),
            (409, "not_startable", 1),
            (409, "port_taken", 1),
            (409, "too_few_ports", 1),
            (409, "cannot_listen", 1),
            (409, "not_running", 1),
            (409, "cannot_reload", 1),
            (409, "out_of_range", 1),
            (409, "reloading", 1),
            (503, "read_only", 1),
            (400, "invalid_request", 2),
            (403, "forbidden", 5),
            (503, "starting_up", 4),
            (503, "stopping", 4),
            (500, "internal", 70),
            (418, "something_new", 70),
        ];
        for (status, code, exit) in cases {
            assert_eq!(Failure::from(Problem::new(status, code, "x")).code(), exit, "{code}");
        }
        assert_eq!(Failure::from(ClientError::Broken(io::ErrorKind::UnexpectedEof.into())).code(), 4);
        assert_eq!(Failure::from(ClientError::Garbage(String::new())).code(), 70);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).code(), 0);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).code(), 70);
    }

    #[test]
    fn an_unknown_app_names_its_neighbours_and_what_to_do() {
        let problem = Problem {
            nearest: vec!["web".into(), "wet".into()],
            ..Problem::new(404, "unknown_app", "no app `wbe\u{1b}`\nnext: rm")
        };
        let Failure::Told { message, next, .. } = Failure::from(problem) else { panic!("told") };
        assert_eq!(message, "no app `wbe\\x1b`\n  next: rm\nnearest: web, wet");
        assert_eq!(next.as_deref(), Some("`abide list` shows every app and slot"));
    }
}
