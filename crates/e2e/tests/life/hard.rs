//! A manager without memory, and an app that nobody can kill.

use crate::SOON;
use e2e::{App, House, Proc, app_file, is_root, skip, wait_until};
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The steward may not get a byte more: it dies of the next large request, and another comes. Nobody else notices.
#[test]
fn row_29_a_steward_without_memory_comes_back() {
    let house = House::new();
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "lines:0:50")])).ok();
    let (app, [steward, _, keeper]) = (house.process("web-0"), house.roles(SOON));
    let limit = Command::new("prlimit").args(["--pid", &steward.pid.to_string(), "--as=1048576"]).status();
    assert!(limit.is_ok_and(|status| status.success()), "prlimit belongs to util-linux");
    // Each of these wants memory for its specification; whoever is there answers.
    let long = "x".repeat(60_000);
    let mut tries = 0;
    wait_until(SOON, "it has died, or does without", || {
        tries += 1;
        let name = format!("job{tries}");
        let _ = house.abide(["start", "--no-wait", "--name", &name, "--env", &format!("LONG={long}"), "--", "true"]);
        (!steward.alive() || tries == 40).then_some(())
    });
    assert!(!steward.alive(), "it was to die of that");
    wait_until(SOON, "another one answers", || house.list().iter().any(|row| row.app == "web").then_some(()));
    assert_eq!(house.process("web-0"), app);
    assert_eq!(house.roles(SOON)[2], keeper);
    house.abide(["restart", "web"]).ok();
}

/// To read /proc takes longer than a manager that begins waits for it: what it finds later is taken all the same.
#[test]
fn a_manager_on_a_slow_machine_finds_what_has_ended_before_it() {
    let house = House::new();
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "hang")])).ok();
    let first = house.process("web-0");
    house.kill_roles();
    first.kill();
    let (log, slow) = (house.file("strace"), "inject=getdents64:delay_enter=2500000:when=1");
    let begin = house.command(["list"]);
    let mut strace = house.plain("strace");
    // Held up by nothing but the one call that is to be slow.
    strace.args(["-f", "--seccomp-bpf", "-qq", "-I2", "-P", "/proc", "-e", "trace=getdents64", "-e", slow, "-o"]).arg(&log);
    strace.arg(begin.get_program()).args(begin.get_args()).stdout(Stdio::null());
    let Ok(mut strace) = strace.spawn() else {
        return skip("a slow machine (hard)", "there is no strace");
    };
    house.roles(SOON);
    let next = wait_until(SOON, "another life has begun", || {
        let row = house.abide(["list", "--json"]).ok().json::<Vec<api::SlotRow>>().pop()?;
        row.pid.filter(|pid| *pid != first.pid)
    });
    // On SIGTERM it lets go of those whom it traces.
    let _ = Proc::find(strace.id()).is_some_and(|strace| strace.signal(Signal::TERM));
    strace.wait().expect("our own child");
    let log = house.read("strace");
    assert!(log.contains("DELAYED"), "it was slow: {log}");
    assert!(Proc::find(next).is_some());
}

/// A group of the freezer, in which nothing runs and nothing dies.
struct Ice(PathBuf);

impl Ice {
    fn new(name: &str) -> Option<Ice> {
        let folder = Path::new("/sys/fs/cgroup/freezer").join(name);
        fs::create_dir(&folder).ok()?;
        Some(Ice(folder))
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).expect("our own group");
    }
}

impl Drop for Ice {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("freezer.state"), "THAWED");
        // Who was in it ends now, and then it can go.
        for _ in 0..500 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

#[test]
fn row_33_what_cannot_be_killed_is_said_and_never_doubled() {
    if !is_root() {
        return skip("row 33", "needs root, to freeze a process");
    }
    let house = House::new();
    let Some(ice) = Ice::new(&format!("abide-e2e-{}", std::process::id())) else {
        return skip("row 33", "there is no freezer of cgroup version 1 here");
    };
    let note = format!("note:{} hang", house.file("starts").display());
    let web = App::puppet("web", &house.puppet(), &note).with("stop_timeout = \"200ms\"");
    house.up(&app_file(&[web, App::puppet("calm", &house.puppet(), "hang")])).ok();
    let (web, calm) = (house.process("web-0"), house.process("calm-0"));
    wait_until(SOON, "it has said that it was born", || (house.notes("starts").len() == 1).then_some(()));
    ice.write("cgroup.procs", &web.pid.to_string());
    ice.write("freezer.state", "FROZEN");
    house.abide(["restart", "web", "--no-wait"]).ok();
    wait_until(SOON, "it is said to be stuck", || {
        house.detail("web").slots[0].why.as_ref().is_some_and(|why| why.contains("stuck")).then_some(())
    });
    // Whatever is asked: there is one copy, it is honestly shown, and others are served.
    house.abide(["start", "web", "--no-wait"]).ok();
    house.abide(["restart", "calm"]).ok();
    assert!(!calm.alive() && web.alive());
    assert_eq!(house.slot("web-0").status.word(), "stopping");
    assert_eq!(house.notes("starts").len(), 1);
    ice.write("freezer.state", "THAWED");
    house.until_status("web-0", "running", SOON);
    assert!(!web.alive());
    wait_until(SOON, "the next one says so too", || (house.notes("starts").len() > 1).then_some(()));
    assert_eq!(house.notes("starts").len(), 2);
}
