//! A temporary home with the real programs in it.

use crate::bins::Bins;
use crate::done::{Done, run};
use crate::folder::Folder;
use crate::janitor::{clear, janitor, members};
use crate::proc::{Proc, pids, state_of};
use crate::wait::wait_until;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

/// A fresh home, and beside it a folder for the files of the test. Dropped, also by a panic, it ends every process that belongs to it; if the
/// test itself is killed, its janitor does that.
#[derive(Debug)]
pub struct House {
    folder: Folder,
    bins: Bins,
    janitor: Option<Child>,
}

/// How long a command may take at most.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

impl House {
    /// An empty house. Nothing runs in it.
    ///
    /// # Panics
    /// When a program is missing or too old.
    pub fn new() -> House {
        House::with(|_| Bins::find())
    }

    /// An empty house with programs of its own, below its root, which a test may replace.
    pub fn installed() -> House {
        House::with(|root| Bins::find().installed(&root.join("bin")))
    }

    fn with(bins: impl FnOnce(&Path) -> Bins) -> House {
        let folder = Folder::new("ab-");
        let bins = bins(folder.root());
        fs::create_dir(folder.file("work")).expect("a folder in our own folder");
        let janitor = janitor(&bins, folder.root());
        House { folder, bins, janitor: Some(janitor) }
    }

    /// The folder that holds everything of this house.
    pub fn root(&self) -> &Path {
        self.folder.root()
    }

    /// Abide's home. Not made by the kit.
    pub fn home(&self) -> PathBuf {
        self.folder.file("home")
    }

    /// The folder for the test's own files, in which commands run.
    pub fn work(&self) -> PathBuf {
        self.folder.file("work")
    }

    /// The path of a file in [`House::work`].
    pub fn file(&self, name: &str) -> PathBuf {
        self.work().join(name)
    }

    /// Writes a file in [`House::work`].
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        self.folder.write(&format!("work/{name}"), text)
    }

    /// Puts a file in [`House::work`] in place whole: one that is being written is empty for a moment.
    pub fn replace(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::rename(self.write(&format!("{name}.new"), text), self.file(name)).expect("our own folder");
    }

    /// What a file in [`House::work`] holds; nothing when it is missing.
    pub fn read(&self, name: &str) -> String {
        self.folder.read(&format!("work/{name}"))
    }

    /// The built programs.
    pub fn bins(&self) -> &Bins {
        &self.bins
    }

    /// The puppet's path, as text for command lines.
    pub fn puppet(&self) -> String {
        self.bins.path("puppet").to_str().expect("target folders have plain names").to_owned()
    }

    /// `program` in the plain environment of this house, run in its work folder.
    pub fn plain(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        let me = std::process::id();
        let start = Proc::find(me).map_or(0, |p| p.start);
        command.env_clear().env("PATH", path).env("HOME", self.work()).env("LANG", "C.UTF-8");
        command.env("E2E_HOUSE", self.root()).env("E2E_GUARD", format!("{me}:{start}"));
        command.current_dir(self.work());
        command
    }

    /// `abide --home HOME ARGS…`, not yet run.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.plain(self.bins.path("abide"));
        command.arg("--home").arg(self.home()).args(args);
        command
    }

    /// Runs `abide --home HOME ARGS…` to its end.
    #[track_caller]
    pub fn abide<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Done {
        run(self.command(args), COMMAND_LIMIT)
    }

    /// Writes `abide.toml` and brings it up; must succeed.
    #[track_caller]
    pub fn up(&self, config: &str) -> Done {
        self.write("abide.toml", config);
        self.abide(["up"]).ok()
    }

    /// Every process of this house: ours and the apps'.
    pub fn members(&self) -> Vec<Proc> {
        members(self.root())
    }

    /// Processes that run one of our programs (`abide-keeper`, `abide-scribe`, `abide-steward`) for this home, found without asking any of them.
    pub fn role(&self, program: &str) -> Vec<Proc> {
        let home = self.home();
        let runs = |p: &Proc| {
            let args = p.args();
            let named = args.first().and_then(|a| Path::new(a).file_name()).is_some_and(|n| n == program);
            // After an upgrade its arguments are others; the keeper stands in its home.
            let upgraded = args.iter().any(|a| a == "--ledger") && p.cwd().as_ref() == Some(&home);
            named && (upgraded || args.iter().any(|a| Path::new(a) == home))
        };
        pids().into_iter().filter_map(Proc::find).filter(runs).collect()
    }

    /// Waits until exactly one steward and one scribe run, children of one keeper; gives back steward, scribe, keeper. (Keepers that found
    /// another at work may stand by for some seconds; they are nobody's parent.)
    #[track_caller]
    pub fn roles(&self, deadline: Duration) -> [Proc; 3] {
        wait_until(deadline, "one steward and one scribe run under one keeper", || {
            let one = |program| match self.role(program).as_slice() {
                [single] => Some(*single),
                _ => None,
            };
            let (steward, scribe) = (one("abide-steward")?, one("abide-scribe")?);
            let parent = |p: Proc| state_of(p.pid).map(|s| s.1);
            let keeper = self.role("abide-keeper").into_iter().find(|k| parent(steward) == Some(k.pid))?;
            (parent(scribe) == Some(keeper.pid)).then_some([steward, scribe, keeper])
        })
    }

    /// Kills our three roles, and whoever they started in their last moment, until none is left. Apps live on.
    #[track_caller]
    pub fn kill_roles(&self) {
        self.kill_roles_and(|| ());
    }

    /// The same, and does something while none is there: commands that go on beside the test, each of which would start the manager again at once, are
    /// held until then.
    #[track_caller]
    pub fn kill_roles_and(&self, meanwhile: impl FnOnce()) {
        let commands = self.role("abide");
        commands.iter().for_each(|command| _ = command.signal(Signal::STOP));
        wait_until(COMMAND_LIMIT, "no role is left", || {
            // All are held before the first is killed: one that sees another die starts a new one, and on a busy machine that goes on for ever.
            let mut held = BTreeSet::new();
            loop {
                let found = ["abide-keeper", "abide-steward", "abide-scribe"].iter().flat_map(|program| self.role(program));
                let fresh: Vec<Proc> = found.filter(|role| held.insert(*role)).collect();
                fresh.iter().for_each(|role| _ = role.signal(Signal::STOP));
                if fresh.is_empty() {
                    break;
                }
            }
            held.iter().for_each(|role| _ = role.kill());
            held.is_empty().then_some(())
        });
        meanwhile();
        commands.iter().for_each(|command| _ = command.signal(Signal::CONT));
    }

    /// Lines of a shared file that puppets append to.
    pub fn notes(&self, name: &str) -> Vec<String> {
        self.read(name).lines().map(str::to_owned).collect()
    }
}

impl Default for House {
    fn default() -> Self {
        House::new()
    }
}

fn show_tail(file: &Path) {
    let text = fs::read(file).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
    let tail: Vec<&str> = text.lines().rev().take(40).collect();
    eprintln!("last lines of {}:", file.display());
    tail.iter().rev().for_each(|line| eprintln!("  {line}"));
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show_tail(&self.home().join("daemon.log"));
            let events = fs::read_dir(self.home().join("events")).into_iter().flatten().flatten();
            events.for_each(|day| show_tail(&day.path()));
            if let Some(keep) = std::env::var_os("E2E_KEEP") {
                let to = Path::new(&keep).join(self.root().file_name().unwrap_or_default());
                let _ = Command::new("cp").arg("-a").arg(self.root()).arg(&to).status();
                eprintln!("kept: {}", to.display());
            }
        }
        clear(self.root());
        if let Some(mut janitor) = self.janitor.take() {
            drop(janitor.stdin.take());
            let _ = janitor.wait();
        }
    }
}
