//! Whole houses: `abide daemon upgrade` under running apps.

use crate::SOON;
use crate::stand_ins::{keeper_that, put_copy, put_script};
use e2e::{App, House, Proc, app_file, wait_until};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;

/// Apps that print numbered lines, and what they were at the beginning.
pub struct Choir {
    pub house: House,
    apps: Vec<String>,
    pids: Vec<Proc>,
}

impl Choir {
    /// A house with programs of its own, in which so many apps print so many lines a second.
    pub fn new(count: usize, rate: u64) -> Choir {
        let house = House::installed();
        let starts = house.file("starts");
        let apps: Vec<String> = (0..count).map(|n| format!("app{n}")).collect();
        let script = format!("note:{} lines:0:{rate}", starts.display());
        let file: Vec<App> = apps.iter().map(|name| App::puppet(name, &house.puppet(), &script)).collect();
        house.up(&app_file(&file));
        let pids = apps.iter().map(|app| house.process(&format!("{app}-0"))).collect();
        wait_until(SOON, "each has noted that it was born", || (house.notes("starts").len() == count).then_some(()));
        Choir { house, apps, pids }
    }

    /// The house answers, and every app is the process that it was.
    #[track_caller]
    pub fn is_whole(&self) {
        let rows = self.house.list();
        for (app, process) in self.apps.iter().zip(&self.pids) {
            let row = rows.iter().find(|row| row.app == *app).expect("listed");
            assert_eq!((row.status.word(), row.pid, row.restarts), ("running", Some(process.pid), 0), "{row:?}");
            assert!(process.alive(), "{app} is another process");
        }
        assert_eq!(self.house.notes("starts").len(), self.apps.len(), "copies were born");
    }

    /// Every line that was printed is in the log, once and in order; the last look at this house.
    #[track_caller]
    pub fn sang_every_line(self) {
        let house = &self.house;
        for app in &self.apps {
            // What is printed now arrives, too.
            let slot = format!("{app}-0");
            let length = house.log_bytes(&slot, "out").len();
            wait_until(SOON, "lines arrive", || (house.log_bytes(&slot, "out").len() > length).then_some(()));
        }
        self.is_whole();
        house.abide(["stop", "all"]).ok();
        house.abide(["daemon", "stop"]).ok();
        for app in &self.apps {
            let bytes = house.log_bytes(&format!("{app}-0"), "out");
            let text = String::from_utf8_lossy(&bytes);
            for (line, number) in text.lines().zip(1..) {
                assert_eq!(line, format!("line {number}"), "{app}: lost, doubled or torn");
            }
            assert!(text.lines().count() > 3, "{app} printed next to nothing");
        }
    }
}

/// Whether a process executes the file that stands at a path.
pub fn runs(process: Proc, path: &Path) -> bool {
    let place = |path: &Path| fs::metadata(path).map(|seen| (seen.dev(), seen.ino())).ok();
    place(path).is_some_and(|file| place(Path::new(&format!("/proc/{}/exe", process.pid))) == Some(file))
}

/// `abide daemon upgrade`, going on beside the test.
fn upgrading(house: &House) -> Child {
    let mut command = house.command(["daemon", "upgrade"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("abide can be run")
}

/// Waits for its good end.
#[track_caller]
fn upgraded(child: Child) {
    let done = child.wait_with_output().expect("our own child");
    assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
}

#[test]
fn row_6_every_part_is_replaced_under_fifty_apps() {
    let choir = Choir::new(50, 20);
    let house = &choir.house;
    let bin = house.bins().clone();
    let programs = ["abide-steward", "abide-scribe", "abide-keeper"].map(|name| bin.path(name));
    let mut roles = house.roles(SOON);
    let mut times = Vec::new();
    for _ in 0..5 {
        for path in &programs {
            put_copy(path, &path.clone());
        }
        assert!(roles.iter().zip(&programs).all(|(role, path)| !runs(*role, path)), "they run what was there before");
        let begun = Instant::now();
        house.abide(["daemon", "upgrade"]).ok().says(&["the manager is upgraded"]);
        times.push(begun.elapsed());
        let new = house.roles(SOON);
        assert_eq!(new[2], roles[2], "the keeper is the same process");
        assert!(new[0] != roles[0] && new[1] != roles[1], "steward and scribe are new: {roles:?} {new:?}");
        assert!(new.iter().zip(&programs).all(|(role, path)| runs(*role, path)), "all run what stands there now");
        assert!(!house.home().join("run/abide-keeper.previous").exists(), "nothing is left over");
        roles = new;
        choir.is_whole();
    }
    println!("`abide daemon upgrade` with 50 apps took {times:?}");
    let daemon = house.daemon().expect("it runs");
    assert_eq!((daemon.recovered, daemon.keeper.version.as_deref()), (false, Some(env!("CARGO_PKG_VERSION"))));
    let json: serde_json::Value = house.abide(["daemon", "upgrade", "--json"]).ok().json();
    assert_eq!((&json["upgraded"], &json["before"]["keeper"]["pid"]), (&true.into(), &json["after"]["keeper"]["pid"]));
    choir.sang_every_line();
}

#[test]
fn one_that_refuses_leaves_the_house_as_it_was() {
    let choir = Choir::new(3, 50);
    let house = &choir.house;
    let path = house.bins().path("abide-keeper");
    let good = house.root().join("good-keeper");
    fs::rename(&path, &good).expect("our own folder");
    let roles = house.roles(SOON);
    let refuses = |what: &[&str]| {
        house.abide(["daemon", "upgrade"]).code(1).says(&["not upgraded, and everything runs on", "next:"]).says(what);
        assert_eq!(house.roles(SOON), roles);
        assert!(!house.home().join("run/abide-keeper.previous").exists(), "nothing is left over");
        choir.is_whole();
    };
    refuses(&["not executable: ENOENT"]);
    put_script(&path, "#!/bin/sh\necho abide-keeper 0.0.1 ledger 0\n");
    refuses(&["says: abide-keeper 0.0.1 ledger 0"]);
    put_script(&path, "#!/bin/sh\necho I am not ready; exit 3\n");
    refuses(&["ended with 3: I am not ready"]);
    put_copy(&path, &good);
    // The other parts are looked at, too.
    let scribe = house.bins().path("abide-scribe");
    let aside = scribe.with_extension("aside");
    fs::rename(&scribe, &aside).expect("our own folder");
    house.abide(["daemon", "upgrade"]).code(1).says(&["abide-scribe cannot be executed", "install every part"]);
    assert_eq!(house.roles(SOON), roles);
    fs::rename(&aside, &scribe).expect("our own folder");
    house.abide(["daemon", "upgrade"]).ok();
    assert_eq!(house.events(None).iter().filter(|e| e.event == "manager.upgraded").count(), 1);
    assert_eq!(house.events(None).iter().filter(|e| e.event == "manager.not_upgraded").count(), 3);
    choir.sang_every_line();
}

#[test]
fn nothing_to_upgrade_where_nothing_runs() {
    let house = House::new();
    house.abide(["daemon", "upgrade"]).code(4).says(&["is stopped", "abide daemon start"]);
    assert!(house.members().is_empty());
}

/// The steward is killed while the new keeper is being asked: its successor asks again.
#[test]
fn the_steward_dies_while_the_keeper_asks() {
    let choir = Choir::new(5, 50);
    let house = &choir.house;
    let (asked, go) = (house.file("asked"), house.file("go"));
    let real = house.bins().installed(&house.root().join("real")).path("abide-keeper");
    let slow = format!("echo x >> {}; until [ -e {} ]; do sleep 0.02; done", asked.display(), go.display());
    put_script(&house.bins().path("abide-keeper"), &keeper_that(&real, &slow, ":"));
    let before = house.roles(SOON);
    let command = upgrading(house);
    wait_until(SOON, "the new keeper is asked", || asked.exists().then_some(()));
    assert!(before[0].kill());
    wait_until(SOON, "another steward begins", || house.role("abide-steward").first().copied().filter(|new| *new != before[0]));
    fs::write(&go, "").expect("our own folder");
    upgraded(command);
    let after = house.roles(SOON);
    assert_eq!(after[2], before[2]);
    assert!(after[1] != before[1]);
    choir.sang_every_line();
}

/// The steward is killed when the keeper is new and the scribe is not: whoever asked asks again.
#[test]
fn the_steward_dies_between_keeper_and_scribe() {
    let choir = Choir::new(5, 50);
    let house = &choir.house;
    let (begun, go) = (house.file("begun"), house.file("go"));
    let scribe = house.bins().path("abide-scribe");
    let real = house.bins().installed(&house.root().join("real")).path("abide-scribe");
    let wait = format!("echo x >> {}; until [ -e {} ]; do sleep 0.02; done", begun.display(), go.display());
    put_script(&scribe, &format!("#!/bin/sh\n{wait}\nexec {} \"$@\"\n", real.display()));
    let before = house.roles(SOON);
    let command = upgrading(house);
    wait_until(SOON, "the new scribe begins", || begun.exists().then_some(()));
    assert!(before[0].kill());
    wait_until(SOON, "another steward begins", || house.role("abide-steward").first().copied().filter(|new| *new != before[0]));
    fs::write(&go, "").expect("our own folder");
    upgraded(command);
    put_copy(&scribe, &real);
    house.abide(["daemon", "upgrade"]).ok();
    let after = house.roles(SOON);
    assert_eq!(after[2], before[2], "the keeper is the same process");
    choir.sang_every_line();
}
