//! Where everything happens: one temporary folder, and the programs in it. Nothing that belongs to it outlives the bench: a janitor in a
//! session of its own ends and removes all of it when our end of its pipe closes, Ctrl-C and SIGKILL included.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use sys::poll::{Interest, Poller};
use tempfile::TempDir;

/// How long any one command may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The folder, the programs, and the janitor.
#[derive(Debug)]
pub struct Ground {
    root: TempDir,
    bins: PathBuf,
    /// How the C programs were linked.
    pub linked: &'static str,
    janitor: Child,
    next: std::cell::Cell<u32>,
}

impl Ground {
    /// Makes the folder and compiles the C programs. `bins` holds the programs of Abide.
    pub fn new(bins: PathBuf) -> io::Result<Ground> {
        let place = std::env::var_os("ABIDE_BENCH_ROOT").unwrap_or_else(|| "/tmp".into());
        let root = tempfile::Builder::new().prefix("ab-bench-").tempdir_in(place)?;
        let janitor = Command::new(std::env::current_exe()?)
            .arg("janitor")
            .arg(root.path())
            .env("E2E_JANITOR", "1")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut ground = Ground { root, bins, linked: "static", janitor, next: 0.into() };
        for name in ["app", "ask", "nothing", "spawn"] {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c").join(name).with_extension("c");
            if !ground.compile(&source, name, &["-static"])? {
                ground.linked = "dynamic";
                if !ground.compile(&source, name, &[])? {
                    return Err(io::Error::other(format!("cc cannot compile {}", source.display())));
                }
            }
        }
        Ok(ground)
    }

    fn compile(&self, source: &Path, name: &str, more: &[&str]) -> io::Result<bool> {
        let mut cc = Command::new("cc");
        cc.arg("-O2").args(more).arg(source).arg("-o").arg(self.root.path().join(name)).stderr(Stdio::null());
        Ok(cc.status()?.success())
    }

    /// The folder of everything.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A path in the folder that has not been given before.
    pub fn fresh(&self, name: &str) -> PathBuf {
        self.next.set(self.next.get() + 1);
        self.root.path().join(format!("{name}{}", self.next.get()))
    }

    /// A compiled C program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// `program` in the plain environment that everything here gets.
    pub fn plain(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        command.env_clear().env("PATH", path).env("HOME", self.root()).env("LANG", "C.UTF-8").env("E2E_HOUSE", self.root());
        command.current_dir(self.root()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// One of the programs of Abide.
    pub fn abide(&self, name: &str) -> Command {
        self.plain(&self.bins.join(name))
    }

    /// Runs a command to its end, its output in a file; gives nanoseconds from before the spawn to after the exit, and the output.
    pub fn timed(&self, mut command: Command) -> io::Result<(u64, Vec<u8>)> {
        let (out, err) = (self.root().join("out"), self.root().join("err"));
        command.stdout(File::create(&out)?).stderr(File::create(&err)?);
        let begun = sys::clock::now();
        let mut child = command.spawn()?;
        let ended = ended(&[sys::process::pidfd_open(child.id())?], LIMIT);
        let took = sys::clock::now() - begun;
        if ended.is_err() {
            child.kill()?;
        }
        let status = child.wait()?;
        if status.success() {
            return Ok((took, fs::read(out)?));
        }
        let said = String::from_utf8_lossy(&fs::read(err)?).into_owned();
        Err(io::Error::other(format!("{command:?} ended with {status}: {}", said.trim())))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        sweep(self.root.path());
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}

/// Ends everything that belongs to a folder. First everything is stopped until nothing new appears, because whoever sees its parent, its
/// child or its keeper die starts another one; then all of it is killed. One look that finds nothing proves little: what is just being
/// forked is for a moment on no list.
pub fn sweep(root: &Path) {
    let mut quiet = 0;
    while quiet < 3 {
        let mut stopped = Vec::new();
        loop {
            let found: Vec<_> = e2e::members(root).into_iter().filter(|one| !stopped.contains(one)).collect();
            if found.is_empty() {
                break;
            }
            found.iter().for_each(|one| {
                one.signal(rustix::process::Signal::STOP);
            });
            stopped.extend(found);
        }
        quiet = if stopped.is_empty() { quiet + 1 } else { 0 };
        stopped.iter().for_each(|one| {
            one.kill();
        });
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The janitor: waits until its standard input ends, because the bench has, in whatever way; then ends and removes what is left.
pub fn janitor(root: &Path) {
    let _ = rustix::process::setsid();
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    if root.exists() {
        sweep(root);
        let _ = fs::remove_dir_all(root);
    }
}

/// Waits until every one of these processes has ended.
pub fn ended(processes: &[std::os::fd::OwnedFd], limit: Duration) -> io::Result<()> {
    let poller = Poller::new()?;
    for (key, fd) in processes.iter().enumerate() {
        poller.add(fd, key as u64, Interest { read: true, ..Interest::default() })?;
    }
    let (deadline, mut left, mut ready) = (sys::clock::now() + limit.as_nanos() as u64, processes.len(), Vec::new());
    while left > 0 {
        let now = sys::clock::now();
        if now >= deadline {
            return Err(io::Error::other(format!("{left} of {} have not ended within {limit:?}", processes.len())));
        }
        poller.wait(Some(deadline - now), &mut ready)?;
        for one in &ready {
            poller.remove(&processes[one.key as usize])?;
            left -= 1;
        }
    }
    Ok(())
}

/// Builds the programs of Abide with the release profile, in the target folder in which this bench itself was built; gives that folder.
pub fn build() -> io::Result<PathBuf> {
    if let Some(given) = std::env::var_os("ABIDE_BENCH_BINS") {
        return Ok(given.into());
    }
    let me = std::env::current_exe()?;
    // target/release/deps/ratios-….
    let target = me.ancestors().nth(3).ok_or_else(|| io::Error::other("the bench stands outside of a target folder"))?;
    writeln!(io::stderr(), "building the programs (release, fat LTO) …")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "-p", "abide", "--target-dir"]).arg(target);
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).status()?;
    if built.success() { Ok(target.join("release")) } else { Err(io::Error::other("the programs cannot be built")) }
}
