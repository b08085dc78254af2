//! Boxes on the kernel of this machine, as far as it has them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use sys::cgroup::{Acts, Cell, Held, Limits, Place, Version, Watcher, places};

/// Says aloud what cannot be tried here.
fn skip(why: &str) {
    eprintln!("SKIPPED cgroups: {why}");
    if let Some(path) = std::env::var_os("E2E_SKIPPED") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "SKIPPED cgroups: {why}")).expect("the list of skipped tests can be written");
    }
}

/// A box for one test; gone with it.
struct Boxed {
    place: Place,
    cell: Cell,
}

impl Boxed {
    fn new(name: &str, limits: &Limits, fits: impl Fn(&Place) -> bool) -> Option<Boxed> {
        let name = format!("abide-test-{name}-{}", std::process::id());
        let place = places(&name).expect("/proc").into_iter().find(|place| place.check().is_ok() && fits(place))?;
        let cell = place.make("i1", limits, &|_| false).ok()?;
        Some(Boxed { place, cell })
    }

    /// A shell that goes into the box, does this, and then waits for the end of its standard input.
    fn run(&self, script: &str) -> (Child, BufReader<std::process::ChildStdout>) {
        let enter = format!("echo 0 > '{}/cgroup.procs' || exit 9; {script}", self.cell.folder().display());
        let mut child =
            Command::new("bash").args(["-c", &enter]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        (child, out)
    }
}

impl Drop for Boxed {
    fn drop(&mut self) {
        if self.cell.kill(&|_| false).is_err() {
            for pid in self.cell.pids() {
                let ident = sys::process::start_time(pid);
                let _ = ident.map(|ident| sys::process::signal_pid(pid, ident, 9));
            }
        }
        until("the box is empty", || self.cell.remove().is_ok());
        self.place.remove();
    }
}

#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::yield_now();
    }
}

fn line(out: &mut impl BufRead) -> String {
    let mut line = String::new();
    out.read_line(&mut line).expect("readable");
    line.trim().to_owned()
}

#[test]
fn a_box_knows_who_is_in_it_and_ends_them_all() {
    let boxed = Boxed::new("kill", &Limits::default(), |place| place.version == Version::Two);
    let Some(boxed) = boxed else { return skip("no cgroup of version 2 can be made here") };
    assert!(!boxed.cell.is_populated());
    let (mut child, mut out) = boxed.run("setsid sleep 1000 & echo ready; read x");
    assert_eq!(line(&mut out), "ready");
    assert!(boxed.cell.is_populated());
    assert!(boxed.cell.pids().contains(&child.id()) && boxed.cell.pids().len() == 2);
    assert!(boxed.cell.counts().cpu_nanos.is_some(), "cpu.stat is there without any controller");
    assert_eq!(boxed.cell.told(), None);
    let acts = Acts { oom_kills: u64::MAX, refused_forks: 7 };
    boxed.cell.note_told(acts);
    assert_eq!(boxed.cell.told(), Some(acts));
    let me = child.id();
    assert!(boxed.cell.kill(&|pid| pid == me).is_err(), "somebody is spared");
    boxed.cell.kill(&|_| false).expect("Linux 5.14");
    child.wait().expect("killed");
    until("nobody is left", || !boxed.cell.is_populated());
}

#[test]
fn a_fork_bomb_is_held_by_the_kernel() {
    let limits = Limits { tasks: Some(20), ..Limits::default() };
    let Some(boxed) = Boxed::new("bomb", &limits, |place| place.offers.tasks) else {
        return skip("no cgroup that counts processes can be made here");
    };
    assert_eq!(boxed.cell.held(), Held { tasks: true, ..Held::default() });
    let mut watcher = Watcher::new().expect("inotify");
    let files = boxed.cell.event_files();
    files.iter().for_each(|file| watcher.add(file, 1).expect("watched"));
    assert!(!files.is_empty());
    let (mut child, mut out) = boxed.run("for i in {1..200}; do sleep 1000 >/dev/null & done 2>/dev/null; echo done; read x");
    let mut most = 0;
    until("a fork is refused, and told", || {
        most = most.max(boxed.cell.counts().tasks.expect("counted"));
        boxed.cell.acts().refused_forks > 0
    });
    // Version 1 has the same file and does not tell when it changes (Linux 6.11 and later).
    if boxed.place.version == Version::Two {
        until("it is told", || watcher.changed().expect("asked") == [1]);
    }
    assert!(most <= 20, "{most}");
    drop(child.stdin.take());
    child.kill().expect("ours");
    child.wait().expect("killed");
    drop(line(&mut out));
}

#[test]
fn memory_is_held_where_the_kernel_can() {
    let limits = Limits { memory: Some(64 << 20), ..Limits::default() };
    let Some(boxed) = Boxed::new("memory", &limits, |place| place.offers.memory) else {
        return skip("no memory controller in cgroup version 2 here: memory.max cannot be tried on the real kernel");
    };
    if !boxed.cell.held().memory {
        return skip("the memory controller cannot be handed down from where we are");
    }
    let (mut child, _) = boxed.run("x=x; while :; do x=$x$x; done");
    let status = child.wait().expect("ends");
    assert!(!status.success());
    until("the kernel says so", || boxed.cell.acts().oom_kills == 1);
}
