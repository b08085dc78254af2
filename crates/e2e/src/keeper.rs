//! A running `abide-keeper`, seen from outside.

use crate::bins::Bins;
use crate::folder::Folder;
use crate::janitor::{clear, janitor, members};
use crate::keeper_client::Client;
use crate::keeper_inbox::Inbox;
use crate::keeper_lines::{Lines, PATIENCE};
use crate::proc::{Proc, open_files};
use crate::strace::Strace;
use crate::wait::Pause;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a keeper is to be started. Every stream that is not chosen is a pipe to the test.
#[derive(Debug)]
pub struct Start {
    folder: Folder,
    bins: Bins,
    program: Option<PathBuf>,
    called: Option<String>,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: Option<PathBuf>,
    streams: [Option<Stdio>; 3],
    prefix: Vec<OsString>,
}

impl Deref for Start {
    type Target = Folder;
    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl Start {
    /// A keeper (the built one, or the program that the variable `E2E_KEEPER` names) in a fresh folder, which is its working directory and holds the test's files.
    ///
    /// # Panics
    /// When a program is missing or too old.
    pub fn new<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Start {
        let folder = Folder::new("ak-");
        let args = args.into_iter().map(|a| a.as_ref().to_owned()).collect();
        let (env, streams, prefix) = (Vec::new(), [None, None, None], Vec::new());
        Start { folder, bins: Bins::find(), program: None, called: None, args, env, cwd: None, streams, prefix }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Start {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Starts it through a link of this name.
    pub fn called(mut self, name: &str) -> Start {
        self.called = Some(name.to_owned());
        self
    }

    /// Another program in the keeper's place (the tests of the kit itself).
    pub fn program(mut self, path: impl Into<PathBuf>) -> Start {
        self.program = Some(path.into());
        self
    }

    /// A command that runs the keeper: `unshare …`, `sh -c 'exec "$@" 7<file' sh`.
    pub fn through<S: AsRef<OsStr>>(mut self, prefix: impl IntoIterator<Item = S>) -> Start {
        self.prefix = prefix.into_iter().map(|a| a.as_ref().to_owned()).collect();
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Start {
        self.env.push((key.into(), value.as_ref().to_owned()));
        self
    }

    /// Another working directory.
    pub fn cwd(mut self, path: impl Into<PathBuf>) -> Start {
        self.cwd = Some(path.into());
        self
    }

    /// Another standard input.
    pub fn stdin(mut self, stream: impl Into<Stdio>) -> Start {
        self.streams[0] = Some(stream.into());
        self
    }

    /// Another standard output.
    pub fn stdout(mut self, stream: impl Into<Stdio>) -> Start {
        self.streams[1] = Some(stream.into());
        self
    }

    /// Another standard error.
    pub fn stderr(mut self, stream: impl Into<Stdio>) -> Start {
        self.streams[2] = Some(stream.into());
        self
    }

    fn command(&self) -> Command {
        let program = self.program.clone().or_else(|| std::env::var_os("E2E_KEEPER").map(PathBuf::from));
        let program = program.unwrap_or_else(|| self.bins.path("abide-keeper"));
        let program = match &self.called {
            None => program,
            Some(name) => {
                let link = self.file(name);
                symlink(&program, &link).expect("a link in our own folder");
                link
            }
        };
        let mut words: Vec<OsString> = closing(&inherited());
        words.extend(self.prefix.iter().cloned());
        words.push(program.into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        let me = std::process::id();
        let start = Proc::find(me).map_or(0, |p| p.start);
        command.args(&self.args).env_clear().env("PATH", path).env("HOME", self.root()).env("LANG", "C.UTF-8");
        command.env("E2E_HOUSE", self.root()).env("E2E_GUARD", format!("{me}:{start}"));
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command.current_dir(self.cwd.as_deref().unwrap_or(self.root()));
        command
    }

    /// Starts it.
    #[track_caller]
    pub fn start(mut self) -> Keeper {
        let janitor = janitor(&self.bins, self.root());
        let mut command = self.command();
        let streams = std::mem::take(&mut self.streams).map(|s| s.unwrap_or_else(Stdio::piped));
        let [stdin, stdout, stderr] = streams;
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        drop(command); // With it go our copies of the streams that the test chose.
        let stderr = child.stderr.take().map_or_else(Arc::default, Inbox::gather);
        let events = child.stdout.take().map_or_else(Arc::default, Inbox::gather);
        let stdin = child.stdin.take().map(|stdin| Box::new(stdin) as Box<_>);
        let lines = Lines::new("stdin and stdout of the keeper", stdin, events, Some(stderr.clone()));
        let started = Proc::find(child.id()).map_or(0, |p| p.start);
        Keeper { lines, stderr, stderr_next: 0, child, ended: None, folder: self.folder, bins: self.bins, janitor, started }
    }
}

/// Descriptors above the standard ones that this process would pass on, because whoever started it left them open: the keeper would name
/// them, and count them.
fn inherited() -> Vec<u32> {
    const O_CLOEXEC: u32 = 0o2_000_000;
    let numbers = open_files(std::process::id()).into_iter().map(|(number, _)| number).filter(|number| *number > 2);
    let passed_on = |number: &u32| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
        flags.is_some_and(|flags| flags & O_CLOEXEC == 0)
    };
    numbers.filter(passed_on).collect()
}

/// The beginning of a command that closes these descriptors and then is the rest; nothing when there is nothing to close. (bash, since others
/// know only descriptors of one digit.)
fn closing(numbers: &[u32]) -> Vec<OsString> {
    if numbers.is_empty() {
        return Vec::new();
    }
    let closed: String = numbers.iter().map(|number| format!("exec {number}>&-; ")).collect();
    ["bash", "-c", &format!("{closed}exec \"$@\""), "bash"].map(OsString::from).to_vec()
}

/// A keeper that was started. It derefs to the [`Lines`] of its own standard streams. Dropped, also by a panic, it ends the keeper and every
/// process that it started.
#[derive(Debug)]
pub struct Keeper {
    lines: Lines,
    stderr: Arc<Inbox>,
    stderr_next: usize,
    child: Child,
    ended: Option<ExitStatus>,
    folder: Folder,
    bins: Bins,
    janitor: Child,
    started: u64,
}

impl Keeper {
    /// Starts a keeper with these arguments.
    #[track_caller]
    pub fn start<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Keeper {
        Start::new(args).start()
    }

    /// A keeper with `-i` (and whatever else), its banner read.
    #[track_caller]
    pub fn talk<S: AsRef<OsStr>>(more: impl IntoIterator<Item = S>) -> Keeper {
        Start::new(["-i"]).more(more).start().greeted()
    }

    /// Reads the banner of `-i` away.
    #[track_caller]
    pub fn greeted(mut self) -> Keeper {
        self.barrier();
        self
    }

    /// The folder of this keeper.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Its path.
    pub fn root(&self) -> &Path {
        self.folder.root()
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        self.folder.write(name, text)
    }

    /// What a file in it holds; nothing when it is missing.
    pub fn read(&self, name: &str) -> String {
        self.folder.read(name)
    }

    /// Waits until a file in it holds a text that `fits` says yes to, and gives it back.
    #[track_caller]
    pub fn wait_file(&self, name: &str, fits: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        let mut pause = Pause::default();
        loop {
            let text = self.read(name);
            if fits(&text) {
                return text;
            }
            self.check(begun.elapsed() < PATIENCE, &format!("waited for the file {name}, which holds {text:?}"));
            pause.take();
        }
    }

    /// The built programs.
    pub fn bins(&self) -> &Bins {
        &self.bins
    }

    /// A controller on the control socket of this name in the keeper's folder.
    #[track_caller]
    pub fn client(&self, socket: &str) -> Client {
        Client::connect(&self.file(socket), Some(self.stderr.clone()))
    }

    /// The same, which does not read before [`Client::listen`].
    #[track_caller]
    pub fn deaf(&self, socket: &str) -> Client {
        Client::deaf(&self.file(socket), Some(self.stderr.clone()))
    }

    /// A strace with these arguments on what was started; `None`, said aloud, where that is not possible.
    pub fn strace(&self, row: &str, args: &[&str]) -> Option<Strace> {
        Strace::attach(row, self.pid(), &self.file("strace.log"), args)
    }

    /// Process id of what was started (with `-D` the real keeper is another process).
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends the keeper a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a child has a pid");
        if self.ended.is_none() {
            let _ = kill_process(pid, signal);
        }
    }

    /// Lines of its standard error so far.
    pub fn stderr_lines(&self) -> Vec<String> {
        self.stderr.lines()
    }

    /// Every line of standard error, up to its end. Whatever was started and holds it open makes this wait in vain.
    #[track_caller]
    pub fn all_stderr_lines(&self) -> Vec<String> {
        self.check(self.stderr.ended(PATIENCE), "standard error is closed");
        self.stderr_lines()
    }

    /// Waits for a line of standard error that fits, behind the one found before.
    #[track_caller]
    pub fn wait_stderr(&mut self, pattern: &str) -> Vec<String> {
        match self.stderr.find(pattern, self.stderr_next, PATIENCE) {
            Ok((place, found)) => {
                self.stderr_next = place + 1;
                found
            }
            Err(why) => self.fail(&format!("waited for {pattern} on stderr: {why}")),
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub fn exit_status(&mut self, within: Duration) -> ExitStatus {
        let begun = Instant::now();
        let mut pause = Pause::default();
        while self.ended.is_none() {
            self.ended = self.child.try_wait().expect("our own child can be waited for");
            self.check(begun.elapsed() < within || self.ended.is_some(), &format!("the keeper did not end within {within:?}"));
            if self.ended.is_none() {
                pause.take();
            }
        }
        self.ended.expect("the loop ends with it")
    }

    /// Waits for its end by exit; gives back the code.
    #[track_caller]
    pub fn exit_code(&mut self, within: Duration) -> i32 {
        let status = self.exit_status(within);
        status.code().unwrap_or_else(|| self.fail(&format!("expected an exit code, but signal {:?} ended it", status.signal())))
    }

    /// It must end with this code.
    #[track_caller]
    pub fn exits(&mut self, code: i32) {
        let got = self.exit_code(PATIENCE);
        // What it said last is still on its way through the pipes; services may hold them open, so their end is not waited for in vain.
        let (_, _) = (self.stderr.ended(Duration::from_millis(500)), self.events_ended());
        self.check(got == code, &format!("expected exit code {code}, got {got}"));
    }

    fn events_ended(&self) -> bool {
        self.lines.inbox().ended(Duration::from_millis(500))
    }

    /// Every process that belongs to it: itself, its daemon, its services.
    pub fn members(&self) -> Vec<Proc> {
        members(self.root())
    }
}

impl Start {
    /// More arguments.
    pub fn more<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Start {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }
}

impl Deref for Keeper {
    type Target = Lines;

    fn deref(&self) -> &Lines {
        &self.lines
    }
}

impl DerefMut for Keeper {
    fn deref_mut(&mut self) -> &mut Lines {
        &mut self.lines
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A service without our variable in its environment is known by what the keeper said; nothing older than the keeper is its.
        self.lines.inbox().born().iter().filter(|born| born.start >= self.started).for_each(|born| _ = born.kill());
        clear(self.root());
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}
