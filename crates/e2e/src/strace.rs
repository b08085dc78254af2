//! Failing system calls, by strace.

use crate::proc::Proc;
use crate::skip::skip;
use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

/// A strace that is attached to a process. Dropped, it lets go.
#[derive(Debug)]
pub struct Strace {
    child: Child,
    log: PathBuf,
    /// It says more with `-f`, and dies when nobody could hear it.
    _said: BufReader<ChildStderr>,
}

impl Strace {
    /// Attaches with these arguments (`-e`, `inject=…`); when this returns, the next system call of the process is under them. What it
    /// traces goes into `log`. `None`, said aloud, where that is not possible.
    pub fn attach(row: &str, pid: u32, log: &Path, args: &[&str]) -> Option<Strace> {
        let mut command = Command::new("strace");
        command.args(args).arg("-o").arg(log).args(["-p", &pid.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            skip(row, "there is no strace");
            return None;
        };
        let mut said = BufReader::new(child.stderr.take().expect("it is a pipe"));
        let mut line = String::new();
        // It says that it is attached, or why not, and ends.
        while said.read_line(&mut line).is_ok_and(|count| count > 0) {
            if line.contains("attached") {
                return Some(Strace { child, log: log.to_owned(), _said: said });
            }
        }
        let _ = child.wait();
        skip(row, &format!("strace cannot attach: {}", line.trim()));
        None
    }

    /// Lets the process go; gives back what was traced.
    pub fn detach(mut self) -> String {
        self.end();
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn end(&mut self) {
        // On SIGTERM it lets go of what it traces. When it is gone already, so has what it traced.
        if let Some(strace) = Proc::find(self.child.id()) {
            strace.signal(Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        self.end();
    }
}
