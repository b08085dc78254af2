//! Nobody's death but its own hurts an app: SIGKILL to our processes, at random, under apps that print numbered lines.

use e2e::{App, Dice, House, Pause, Proc, app_file, state_of, wait_until};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

/// What is killed in one stroke.
#[derive(Debug, Clone, Copy)]
enum Stroke {
    Steward,
    Scribe,
    Keeper,
    StewardAndKeeper,
    ScribeAndKeeper,
    StewardAndScribe,
    All,
}

const STROKES: [Stroke; 7] = [
    Stroke::Steward,
    Stroke::Scribe,
    Stroke::Keeper,
    Stroke::StewardAndKeeper,
    Stroke::ScribeAndKeeper,
    Stroke::StewardAndScribe,
    Stroke::All,
];

impl Stroke {
    fn programs(self) -> &'static [&'static str] {
        match self {
            Stroke::Steward => &["abide-steward"],
            Stroke::Scribe => &["abide-scribe"],
            Stroke::Keeper => &["abide-keeper"],
            Stroke::StewardAndKeeper => &["abide-steward", "abide-keeper"],
            Stroke::ScribeAndKeeper => &["abide-scribe", "abide-keeper"],
            Stroke::StewardAndScribe => &["abide-steward", "abide-scribe"],
            Stroke::All => &["abide-keeper", "abide-steward", "abide-scribe"],
        }
    }

    /// Kills what runs at this moment, newcomers included; keepers that only stand by are spared by half of the strokes. Gives back how
    /// many roles were hit.
    fn strike(self, house: &House, dice: &mut Dice) -> usize {
        let spare = dice.below(2) == 0;
        let children: Vec<u32> = ["abide-steward", "abide-scribe"].iter().flat_map(|p| house.role(p)).map(|p| p.pid).collect();
        let parents: BTreeSet<u32> = children.iter().filter_map(|pid| state_of(*pid)).map(|s| s.1).collect();
        let stands_by = |p: &Proc| !parents.is_empty() && !parents.contains(&p.pid);
        // All are found before the first is killed, so that a stroke is one moment.
        let victims: Vec<Vec<Proc>> = self.programs().iter().map(|p| house.role(p)).collect();
        let hit = self.programs().iter().zip(victims).filter(|(program, found)| {
            let chosen = found.iter().filter(|p| !(spare && **program == "abide-keeper" && stands_by(p)));
            chosen.filter(|p| p.signal(Signal::KILL)).count() > 0
        });
        hit.count()
    }
}

/// A house full of printing apps, and what they were at the beginning.
struct Choir {
    house: House,
    apps: Vec<String>,
    pids: Vec<Proc>,
}

impl Choir {
    fn new(count: usize, rate: u64) -> Choir {
        let house = House::new();
        let starts = house.file("starts");
        let apps: Vec<String> = (0..count).map(|n| format!("app{n}")).collect();
        let script = format!("note:{} lines:0:{rate}", starts.display());
        let file: Vec<App> = apps.iter().map(|name| App::puppet(name, &house.puppet(), &script)).collect();
        house.up(&app_file(&file));
        let pids = apps.iter().map(|a| house.process(&format!("{a}-0"))).collect();
        wait_until(SOON, "each has noted that it was born", || (house.notes("starts").len() == count).then_some(()));
        Choir { house, apps, pids }
    }

    /// Every app is the process that it was, and no second copy was ever born.
    #[track_caller]
    fn is_whole(&self) {
        let lost: Vec<_> = self.apps.iter().zip(&self.pids).filter(|(_, p)| !p.alive()).collect();
        assert!(lost.is_empty(), "apps died with us: {lost:?}");
        let starts = self.house.notes("starts");
        let distinct: BTreeSet<&String> = starts.iter().collect();
        assert_eq!((starts.len(), distinct.len()), (self.apps.len(), self.apps.len()), "copies were born: {starts:?}");
    }

    /// The roles are back, the table shows what it showed, and every line that was printed is in the log once and in order.
    #[track_caller]
    fn sang_every_line(self) {
        let house = &self.house;
        for (app, process) in self.apps.iter().zip(&self.pids) {
            let row = house.until(&format!("{app}-0"), SOON, "is as it was", |r| r.status.word() == "running");
            assert_eq!(row.pid, Some(process.pid), "{row:?}");
            assert_eq!(row.restarts, 0, "{row:?}");
        }
        house.roles(SOON);
        self.is_whole();
        house.abide(["stop", "all"]).ok();
        for app in &self.apps {
            let text = sealed_log(house, app);
            let mut next = 1;
            for line in text.lines() {
                assert_eq!(line, format!("line {next}"), "{app}: lost, doubled or torn near line {next}");
                next += 1;
            }
            assert!(next > 10, "{app} printed {} lines only", next - 1);
        }
        let ends = house.events(None);
        let exits = ends.iter().filter(|e| e.event == "exited").count();
        assert_eq!(exits, self.apps.len(), "each start has exactly one recorded end");
    }
}

/// The log of an app that has ended, once the scribe has nothing left to move.
fn sealed_log(house: &House, app: &str) -> String {
    let mut last = (0, Instant::now());
    wait_until(SOON, "the log is at rest", || {
        let log = house.log_bytes(&format!("{app}-0"), "out");
        if log.len() != last.0 {
            last = (log.len(), Instant::now());
        }
        let at_rest = last.1.elapsed() > Duration::from_millis(100) && fifos(house) == 0;
        at_rest.then(|| String::from_utf8(log).expect("digits"))
    })
}

/// FIFOs of apps that are not sealed yet. (`daemon` is that of the manager's own log.)
fn fifos(house: &House) -> usize {
    let entries = std::fs::read_dir(house.home().join("run/io")).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name() != "daemon").count()
}

fn storm(kills: usize, apps: usize, strokes: &[Stroke], most_pause: Duration) {
    let mut dice = Dice::new();
    let choir = Choir::new(apps, 200);
    let mut hit = 0;
    let mut strokes_done = 0;
    while hit < kills {
        Pause::measure(dice.span(most_pause));
        let stroke = strokes[dice.below(strokes.len() as u64) as usize];
        hit += stroke.strike(&choir.house, &mut dice);
        strokes_done += 1;
        choir.is_whole();
        // When all are gone nobody starts them but the next command.
        if choir.house.role("abide-keeper").is_empty() && choir.house.role("abide-steward").is_empty() {
            choir.house.list();
        }
    }
    eprintln!("{hit} kills of ours in {strokes_done} strokes");
    choir.sang_every_line();
}

#[test]
fn two_hundred_kills_at_random() {
    storm(200, 10, &STROKES, Duration::from_millis(150));
}

#[test]
fn row_01_the_steward_dies_under_a_hundred_apps() {
    let mut dice = Dice::new();
    let choir = Choir::new(100, 5);
    let mut slow = Vec::new();
    for _ in 0..20 {
        let [steward, ..] = choir.house.roles(SOON);
        assert!(steward.kill());
        let begun = Instant::now();
        choir.house.abide(["list", "--json"]).ok();
        slow.push(begun.elapsed());
        choir.is_whole();
        Pause::measure(dice.span(Duration::from_millis(100)));
    }
    slow.sort();
    eprintln!("back after {:?} (median), {:?} (worst)", slow[slow.len() / 2], slow[slow.len() - 1]);
    // A busy machine only adds to it: the faster ones show what it takes.
    assert!(slow[slow.len() / 4] < Duration::from_secs(1), "back within a second: {slow:?}");
    choir.sang_every_line();
}

#[test]
fn row_02_the_keeper_dies() {
    storm(40, 10, &[Stroke::Keeper], Duration::from_millis(300));
}

#[test]
fn the_scribe_dies_under_a_flood() {
    let mut dice = Dice::new();
    let house = House::new();
    house.up(&app_file(&[App::puppet("flood", &house.puppet(), "lines:400000 hang").with("log_max_size = 0")]));
    let flood = house.process("flood-0");
    let size = || std::fs::metadata(house.log_file("flood-0", "out")).map_or(0, |found| found.len());
    for kill in 0..30 {
        house.roles(SOON);
        // One that dies before it has begun its work is started again after a pause, a longer one each time: every second does some work.
        if kill % 2 == 1 {
            let (before, whole) = (size(), || house.log_bytes("flood-0", "out").ends_with(b"line 400000\n"));
            wait_until(SOON, "the flood flows on", || (size() > before || whole()).then_some(()));
        }
        Stroke::Scribe.strike(&house, &mut dice);
        Pause::measure(dice.span(Duration::from_millis(60)));
    }
    house.until_logged("flood-0", "out", "line 400000\n", SOON);
    let log = String::from_utf8(house.log_bytes("flood-0", "out")).expect("digits");
    let wrong = log.lines().zip(1..).find(|(line, n)| *line != format!("line {n}"));
    assert_eq!(wrong, None);
    assert_eq!(log.lines().count(), 400_000);
    assert!(flood.alive());
}

#[test]
fn row_03_the_keeper_dies_while_apps_are_born() {
    let mut dice = Dice::new();
    let house = House::new();
    house.abide(["daemon", "start"]).ok();
    for round in 0..25 {
        let name = format!("app{round}");
        let command = format!("{} note:{} hang", house.puppet(), house.file("starts").display());
        let mut start = house.command(["start", &command, "--name", &name]).spawn().expect("abide can be run");
        Pause::measure(dice.span(Duration::from_millis(40)));
        let stroke = STROKES[2 + dice.below(5) as usize];
        stroke.strike(&house, &mut dice);
        start.wait().expect("our own child");
    }
    // Whatever was accepted runs once, and nothing runs that the table does not show.
    let rows = wait_until(SOON, "every app that is known runs", || {
        let rows = house.list();
        rows.iter().all(|r| r.status.word() == "running").then_some(rows)
    });
    let shown: BTreeSet<u32> = rows.iter().filter_map(|r| r.pid).collect();
    let puppet = house.puppet();
    let alive = || house.members().into_iter().filter(|p| p.args().first() == Some(&puppet)).map(|p| p.pid);
    assert_eq!(alive().collect::<BTreeSet<u32>>(), shown, "exactly the processes that are shown");
}

#[test]
fn row_04_all_die_while_an_app_restarts() {
    let mut dice = Dice::new();
    let house = House::new();
    let script = format!("note:{} hang", house.file("starts").display());
    let app = App::puppet("web", &house.puppet(), &script).with("backoff = { min = \"1ms\", max = \"5ms\", threshold = 0 }");
    house.up(&app_file(&[app]));
    let puppet = house.puppet();
    let copies = || house.members().into_iter().filter(|p| p.args().first() == Some(&puppet)).collect::<Vec<_>>();
    for round in 0..25 {
        let row = house.until_status("web-0", "running", SOON);
        let Some(process) = row.pid.and_then(Proc::find) else { continue };
        process.kill();
        Pause::measure(dice.span(Duration::from_millis(20)));
        let stroke = STROKES[3 + dice.below(4) as usize];
        stroke.strike(&house, &mut dice);
        let row = house.until("web-0", SOON, "runs again", |r| r.status.word() == "running" && r.pid != Some(process.pid));
        let alive = copies();
        assert_eq!(alive.iter().map(|p| p.pid).collect::<Vec<_>>(), [row.pid.expect("it runs")], "round {round}: one copy");
    }
}
