//! `abide logs` on real logs: rotated, compressed, followed while we are killed.

use crate::{SOON, at_rest, flooded, flooding, sized};
use e2e::{App, Dice, House, Pause, app_file, run, wait_until};
use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::time::Duration;

/// `abide logs … ` in the background, its output in a file. Dropped, it ends.
struct Follower<'a> {
    house: &'a House,
    child: Child,
    name: &'static str,
}

impl<'a> Follower<'a> {
    fn new(house: &'a House, name: &'static str, args: &[&str]) -> Follower<'a> {
        let out = File::create(house.file(name)).expect("a file in our own folder");
        let err = File::create(house.file(&format!("{name}.err"))).expect("a file in our own folder");
        let mut command = house.command(args);
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().expect("abide can be run");
        Follower { house, child, name }
    }

    fn text(&self) -> String {
        self.house.read(self.name)
    }

    #[track_caller]
    fn until(&mut self, line: &str) -> String {
        let end = format!("{line}\n");
        wait_until(SOON, &format!("the follower has seen {line:?}"), || {
            let over = self.child.try_wait().expect("our own child");
            assert!(over.is_none(), "it ended: {over:?}: {}", self.house.read(&format!("{}.err", self.name)));
            let text = self.text();
            text.ends_with(&end).then_some(text)
        })
    }
}

impl Drop for Follower<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// After the first, which says that all is ready, the lines 1 to `count`, each once and in order.
#[track_caller]
fn check_lines(text: &str, count: u64) {
    let wrong = text.lines().skip(1).zip(1..).find(|(line, n)| *line != format!("line {n}"));
    assert_eq!(wrong, None, "lost, doubled or torn");
    assert_eq!(text.lines().count() as u64, count + 1);
}

#[test]
fn following_across_rotation() {
    let house = House::new();
    let web =
        App::puppet("web", &house.puppet(), &format!("print:ready until:{} lines:20000:8000 hang", house.file("go").display()));
    // Twelve bytes a line: a rotation for every thousand lines or so.
    house.up(&app_file(&[web.with("log_max_size = \"16K\"\nlog_max_files = 100")]));
    let mut follower = Follower::new(&house, "seen", &["logs", "web", "--raw", "-f"]);
    follower.until("ready");
    house.write("go", "");
    check_lines(&follower.until("line 20000"), 20_000);
}

/// A role is killed again and again while somebody follows a log that rotates.
#[track_caller]
fn following_while_killed(role: &str) {
    let (house, mut dice) = (House::new(), Dice::new());
    let web =
        App::puppet("web", &house.puppet(), &format!("print:ready until:{} lines:6000:2000 hang", house.file("go").display()));
    house.up(&app_file(&[web.with("log_max_size = \"16K\"\nlog_max_files = 100")]));
    let mut follower = Follower::new(&house, "seen", &["logs", "web", "--raw", "-f"]);
    follower.until("ready");
    house.write("go", "");
    for kill in 0..15 {
        // One that dies before it has begun its work is started again after a pause, a longer one each time, and whoever follows waits some seconds only.
        if kill % 2 == 1 {
            house.abide(["list", "--json"]).ok();
        }
        let victim = wait_until(SOON, "it runs", || house.role(role).pop());
        assert!(victim.kill());
        Pause::measure(dice.span(Duration::from_millis(250)));
    }
    house.roles(SOON);
    check_lines(&follower.until("line 6000"), 6000);
}

#[test]
fn following_while_the_steward_is_killed() {
    following_while_killed("abide-steward");
}

#[test]
fn following_while_the_scribe_is_killed() {
    following_while_killed("abide-scribe");
}

#[test]
fn following_from_life_to_life() {
    let house = House::new();
    let starts = house.file("starts");
    let web = App::puppet("web", &house.puppet(), &format!("note:{} print:born hang", starts.display()));
    house.up(&app_file(&[web]));
    house.until_logged("web-0", "out", "born\n", SOON);
    let mut follower = Follower::new(&house, "seen", &["logs", "web", "--json", "-f", "-n", "100"]);
    for lives in 2..=6 {
        house.abide(["restart", "web"]).ok();
        // Who is told to end at once says nothing.
        house.until_logged("web-0", "out", &"born\n".repeat(lives), SOON);
    }
    let lives = wait_until(SOON, "six births", || {
        assert!(follower.child.try_wait().expect("our own child").is_none());
        let text = follower.text();
        let lines: Vec<api::LogLine> =
            text.split_inclusive('\n').filter(|l| l.ends_with('\n')).map(|l| serde_json::from_str(l).expect("JSON")).collect();
        (lines.len() == 6).then_some(lines)
    });
    let mut instances: Vec<_> = lives.iter().filter_map(|line| line.instance.clone()).collect();
    instances.sort();
    instances.dedup();
    assert_eq!(instances.len(), 6, "each line has its own life: {lives:#?}");
}

#[test]
fn the_last_lines_lie_in_rotated_files_too() {
    let house = House::new();
    let count = 30_000;
    house.up(&app_file(&[flooding(&house, "flood", count).with("log_max_size = \"256K\"\nlog_max_files = 100")]));
    house.write("go", "");
    flooded(&house, "flood");
    wait_until(SOON, "the last line is there", || {
        fs::read(house.log_file("flood-0", "out")).is_ok_and(|bytes| bytes.ends_with(&e2e::flood_line(count))).then_some(())
    });
    let shown = house.abide(["logs", "flood", "--raw", "-n", "10000"]).ok().out;
    let expected: Vec<u8> = (count - 9999..=count).flat_map(e2e::flood_line).collect();
    assert!(shown.as_bytes() == expected, "{} lines of 10000", shown.lines().count());
}

/// All of a log that is rotated and compressed, byte for byte, and what is found in it. With `E2E_LOGS_FULL=1` it is a GiB.
#[test]
fn the_whole_of_a_compressed_log() {
    let house = House::new();
    let count = sized(300_000, 11_000_000);
    house.up(&app_file(&[flooding(&house, "flood", count).with("log_max_size = \"4M\"\nlog_max_files = 1000")]));
    house.write("go", "");
    flooded(&house, "flood");
    wait_until(SOON, "all of it stands in the log", || {
        fs::read(house.log_file("flood-0", "out")).is_ok_and(|bytes| bytes.ends_with(&e2e::flood_line(count))).then_some(())
    });
    at_rest(&house, "flood-0", true);
    let all = ["logs", "flood", "--raw", "--out", "--since", "2020-01-01"];
    let shown = run(house.command(all), SOON).ok().out;
    let wrong = shown.as_bytes().chunks(e2e::FLOOD_LINE).zip(1..).find(|(line, n)| **line != e2e::flood_line(*n));
    assert_eq!((shown.len() as u64, wrong), (count * e2e::FLOOD_LINE as u64, None));
    let found = run(house.command(all.iter().chain(&["--grep", "^[0-9]*777 "])), SOON).ok().out;
    let expected: Vec<u8> = (1..=count).filter(|n| n % 1000 == 777).flat_map(e2e::flood_line).collect();
    assert!(found.as_bytes() == expected, "{} lines found", found.lines().count());
}

#[test]
fn slots_that_share_a_file_are_told_apart() {
    let house = House::new();
    let web = App::puppet("web", &house.puppet(), "env:INSTANCE_ID hang");
    house.up(&app_file(&[web.with("instances = 2\nout_file = \"{{home}}/shared.log\"")]));
    let told = |house: &House| {
        let lines: Vec<api::LogLine> = house.abide(["logs", "web", "--json", "--out"]).ok().json_lines();
        lines.into_iter().map(|line| (line.line, line.slot)).collect::<Vec<_>>()
    };
    // What each says is its own name.
    let check = |house: &House, count: usize| {
        let lines = wait_until(SOON, "every life has spoken", || Some(told(house)).filter(|lines| lines.len() == count));
        for (said, slot) in &lines {
            assert!(slot.ends_with(&format!("-{}", said.rsplit(['=', '-']).next().unwrap_or_default())), "{lines:?}");
        }
        for slot in ["web-0", "web-1"] {
            assert_eq!(lines.iter().filter(|(_, of)| of == slot).count(), count / 2, "{lines:?}");
        }
    };
    check(&house, 2);
    house.abide(["restart", "web"]).ok();
    check(&house, 4);
    // Lives that are over are known to the next steward too.
    let victim = wait_until(SOON, "it runs", || house.role("abide-steward").pop());
    assert!(victim.kill());
    check(&house, 4);
}
