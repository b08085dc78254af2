//! Handing over to another executable, in place (`mechanisms.md` §7): it is asked first, as a child that gets the real ledger, and nothing
//! waits for its answer; then it is executed with a fresh one.

use super::rounds::{KEY_CHECK, Shell};
use crate::core::Happening;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use sys::handle;
use sys::poll::{Interest, Ready};
use sys::process::{Ending, pidfd_signal};
use sys::spawn::{Place, Report, Wish, read_report};
use sys::upgrade;
use wire::ledger::LEDGER_VERSION;

/// How long the executable may take to answer.
const PATIENCE_NS: u64 = 5_000_000_000;
/// What is remembered of what it says.
const SAID: usize = 256;
/// `SIGKILL`.
const KILL: i32 = 9;
/// Where the child finds the ledger.
const LEDGER_NUMBER: u32 = 3;
/// Begins the line that says yes.
const NAME: &str = "abide-keeper";

/// An executable being asked.
pub(super) struct Check {
    path: Vec<u8>,
    pid: u32,
    pidfd: OwnedFd,
    report: OwnedFd,
    /// Until its end.
    out: Option<OwnedFd>,
    said: Vec<u8>,
    /// `None` when it was late, and is only waited for.
    deadline: Option<u64>,
}

impl Check {
    /// When it is too late for an answer.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    /// Takes what was said; whether more may come.
    fn listen(&mut self) -> bool {
        let Some(out) = &self.out else { return false };
        let mut some = [0; SAID];
        match handle::read(out, &mut some) {
            Ok(count) if count > 0 => {
                let room = SAID - self.said.len();
                self.said.extend_from_slice(&some[..count.min(room)]);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            _ => false,
        }
    }
}

/// The line with which an executable says that it can take over.
pub(super) fn version_line() -> String {
    format!("{NAME} {} ledger {LEDGER_VERSION}", env!("CARGO_PKG_VERSION"))
}

/// Whether that was a yes, or why not.
fn verdict(report: Report, ending: Ending, said: &[u8]) -> Result<(), String> {
    let line = String::from_utf8_lossy(said.split(|b| *b == b'\n').next().unwrap_or_default()).into_owned();
    if let Report::Failed(step, errno) = report {
        let what = if step == sys::spawn::Step::Exec { "not executable" } else { step.word() };
        return Err(format!("{what}: {}", sys::errno::name(errno)));
    }
    match ending {
        Ending::Code(0) => {
            let version = line.strip_prefix(NAME).and_then(|rest| rest.strip_suffix(&format!(" ledger {LEDGER_VERSION}")));
            // One word between.
            match version.and_then(|rest| rest.strip_prefix(' ')).filter(|word| !word.is_empty() && !word.contains(' ')) {
                Some(_) => Ok(()),
                None => Err(format!("it is no keeper that knows our ledger; it says: {line}")),
            }
        }
        Ending::Code(code) if line.is_empty() => Err(format!("it ended with {code}")),
        Ending::Code(code) => Err(format!("it ended with {code}: {line}")),
        Ending::Signal { number, .. } => Err(format!("it ended by {}", wire::signal_name(number))),
    }
}

impl Shell {
    /// Whether this pid is an executable being asked, and nobody's service.
    pub(super) fn is_check(&self, pid: u32) -> bool {
        self.check.as_ref().is_some_and(|check| check.pid == pid)
    }

    fn not_upgraded(&mut self, why: &str) {
        self.core.step(Happening::NotUpgraded { why }, sys::clock::now(), &mut self.effects);
    }

    /// Begins to ask the executable that the core names.
    pub(super) fn begin_upgrade(&mut self) {
        let named = self.core.text();
        // What has no folder is not searched for.
        let path = [if named.contains(&b'/') { &b""[..] } else { b"./" }, named].concat();
        if self.check.is_some() {
            return self.not_upgraded("one that was late is not over yet");
        }
        match self.ask(path) {
            Ok(check) => self.check = Some(check),
            Err((what, error)) => self.not_upgraded(&format!("{what}: {}", sys::errno::name_of(&error))),
        }
    }

    fn ask(&mut self, path: Vec<u8>) -> Result<Check, (&'static str, io::Error)> {
        let (ledger, _) = self.save();
        let ledger = upgrade::memfd(&ledger).map_err(|error| ("ledger", error))?;
        let null = handle::null().map_err(|error| ("fds", error))?;
        let (out, theirs) = handle::pipe(false).map_err(|error| ("fds", error))?;
        handle::set_nonblocking(&out, true).map_err(|error| ("fds", error))?;
        let interest = Interest { read: true, ..Interest::default() };
        self.poller.add(&out, KEY_CHECK, interest).map_err(|error| ("fds", error))?;
        let argv = [&path[..], b"\0--can-read-ledger\0", LEDGER_NUMBER.to_string().as_bytes(), b"\0"].concat();
        let places = [(0, &null), (1, &theirs), (2, &null), (LEDGER_NUMBER, &ledger)];
        let born = self.workshop.spawn(&Wish {
            argv: &argv,
            env: &self.environment,
            session: true,
            death_signal: Some(KILL),
            places: &places.map(|(number, fd)| (number, Place::Copy(fd.as_fd()))),
            ..Wish::default()
        });
        let born = born.map_err(|(step, error)| (step.word(), error))?;
        let deadline = Some(sys::clock::now() + PATIENCE_NS);
        let said = Vec::with_capacity(SAID);
        Ok(Check { path, pid: born.pid, pidfd: born.pidfd, report: born.report, out: Some(out), said, deadline })
    }

    /// Hears what the executable says, and does not wait for it for ever.
    pub(super) fn tend_check(&mut self, ready: &[Ready]) {
        let Some(check) = &mut self.check else { return };
        if ready.iter().any(|event| event.key == KEY_CHECK)
            && !check.listen()
            && let Some(out) = check.out.take()
        {
            let _ = self.poller.remove(&out);
        }
        if check.deadline.is_some_and(|at| at <= sys::clock::now()) {
            check.deadline = None;
            let _ = pidfd_signal(&check.pidfd, KILL);
            self.step(Happening::NotUpgraded { why: "it was asked, and timed out" });
        }
    }

    /// The executable has answered by its end.
    pub(super) fn end_check(&mut self, ending: Ending) {
        let Some(mut check) = self.check.take() else { return };
        // What stands in the pipe was said before the end; who else may hold it is not waited for.
        let _ = check.said.len() < SAID && check.listen();
        if let Some(out) = &check.out {
            let _ = self.poller.remove(out);
        }
        if check.deadline.is_some() {
            match verdict(read_report(&check.report), ending, &check.said) {
                Ok(()) => self.agreed = Some(check.path),
                Err(why) => self.step(Happening::NotUpgraded { why: &why }),
            }
        }
    }

    /// Hands over, when an executable has said yes. Called at the end of a round, when nothing is out that is to be answered.
    pub(super) fn upgrade_if_ready(&mut self) {
        let Some(path) = self.agreed.take() else { return };
        let error = self.hand_over(&path);
        self.step(Happening::NotUpgraded { why: &format!("exec: {}", sys::errno::name_of(&error)) });
    }

    /// Does not come back, or says why.
    fn hand_over(&self, path: &[u8]) -> io::Error {
        let (ledger, numbers) = self.save();
        let memfd = match upgrade::memfd(&ledger) {
            Ok(memfd) => memfd,
            Err(error) => return error,
        };
        let number = memfd.as_raw_fd().to_string();
        let name = std::env::args_os().next().unwrap_or_else(|| NAME.into());
        let old = upgrade::block_signals();
        let error = match upgrade::keep_on_exec(&numbers, true).and_then(|()| upgrade::keep_on_exec(&[memfd.as_raw_fd()], true)) {
            Ok(()) => upgrade::exec(Path::new(OsStr::from_bytes(path)), &[&name, OsStr::new("--ledger"), OsStr::new(&number)]),
            Err(error) => error,
        };
        let _ = upgrade::keep_on_exec(&numbers, false);
        upgrade::restore(old);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::spawn::Step;

    #[test]
    fn only_one_answer_is_a_yes() {
        let yes = [version_line().as_bytes(), b"\n"].concat();
        assert_eq!(verdict(Report::Runs, Ending::Code(0), &yes), Ok(()));
        let no = |report, ending, said: &[u8]| verdict(report, ending, said).expect_err("no");
        assert_eq!(no(Report::Failed(Step::Exec, 13), Ending::Code(3), b""), "not executable: EACCES");
        assert_eq!(no(Report::Failed(Step::Fds, 24), Ending::Code(3), b""), "fds: EMFILE");
        assert_eq!(no(Report::Runs, Ending::Signal { number: 11, core: true }, &yes), "it ended by SIGSEGV");
        assert_eq!(no(Report::Runs, Ending::Code(2), b"usage: x\nmore"), "it ended with 2: usage: x");
        assert_eq!(no(Report::Runs, Ending::Code(1), b""), "it ended with 1");
        for said in [
            "",
            "hello",
            "abide-keeper 1.0 ledger 99",
            "abide-keeper  ledger 1",
            "abide-keeper ledger 1",
            "abide-keeper a b ledger 1",
        ] {
            assert!(no(Report::Runs, Ending::Code(0), said.as_bytes()).ends_with(said), "{said}");
        }
    }
}
