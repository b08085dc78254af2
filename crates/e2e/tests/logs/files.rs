//! Log files that somebody else takes away.

use crate::SOON;
use e2e::{App, Dice, House, Pause, app_file, wait_until};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::time::Duration;

/// In so many steps it prints, and so many times its file is taken away: once in each, however long that takes.
const STEPS: u64 = 45;
/// Lines of a step.
const LINES: u64 = 100;
/// The last line, which comes when it is [`calm`].
const LAST: u64 = STEPS * LINES + 1;

/// An app that prints numbered lines, some in each step, notes that it has, and prints one more when nobody takes files away any more.
fn printing(house: &House) -> App {
    let file = |name: &str| house.file(name).display().to_string();
    let step = |n| format!("until:{} lines:{LINES}:1500:out:{}", file(&format!("step{n}")), n * LINES + 1);
    let steps: Vec<String> = (0..STEPS).map(step).collect();
    let end = format!("note:{} until:{} lines:1:0:out:{LAST} hang", file("done"), file("calm"));
    App::puppet("web", &house.puppet(), &format!("{} {end}", steps.join(" "))).with("log_max_size = 0")
}

/// Does something to the file in the midst of each step; then waits until all but the last line is printed.
fn in_each_step(house: &House, mut act: impl FnMut(&Path)) {
    let (file, mut dice) = (house.log_file("web-0", "out"), Dice::new());
    for n in 0..STEPS {
        house.write(&format!("step{n}"), "");
        wait_until(SOON, "lines of this step come", || fs::metadata(&file).is_ok_and(|found| found.len() > 0).then_some(()));
        Pause::measure(dice.span(Duration::from_millis(50)));
        act(&file);
    }
    wait_until(SOON, "it prints to its end", || (!house.notes("done").is_empty()).then_some(()));
}

/// The files stay from now on; waits for the last line.
fn calm(house: &House) {
    house.write("calm", "");
    house.until_logged("web-0", "out", &format!("line {LAST}\n"), SOON);
}

/// The numbers of the lines in a file; each line must be whole. `truncated` = a first line may have lost its head.
fn numbers(path: &Path) -> Vec<u64> {
    let text = String::from_utf8(fs::read(path).unwrap_or_default()).expect("digits");
    let number = |line: &str| line.strip_prefix("line ").and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("torn: {line:?}"));
    text.lines().map(number).collect()
}

/// In the order of the file, without one twice.
fn in_order(numbers: &[u64]) -> bool {
    numbers.windows(2).all(|pair| pair[0] < pair[1])
}

#[test]
fn row_18_moved_again_and_again() {
    let house = House::new();
    house.up(&app_file(&[printing(&house)]));
    let mut moved = Vec::new();
    in_each_step(&house, |file| {
        let to = house.file(&format!("moved{}", moved.len()));
        fs::rename(file, &to).expect("nobody else takes it");
        moved.push(to);
    });
    calm(&house);
    let file = house.log_file("web-0", "out");
    // What was moved kept its lines, and a new file took the next: nothing is lost at all.
    let mut found: Vec<u64> = moved.iter().chain([&file]).flat_map(|path| numbers(path)).collect();
    assert!(in_order(&found), "order across files");
    found.dedup();
    assert_eq!(found, (1..=LAST).collect::<Vec<_>>());
}

#[test]
fn row_18_removed_again_and_again() {
    let house = House::new();
    house.up(&app_file(&[printing(&house)]));
    in_each_step(&house, |file| {
        let found = numbers(file);
        assert!(in_order(&found), "{found:?}");
        fs::remove_file(file).expect("nobody else takes it");
    });
    calm(&house);
    // The folder too.
    fs::remove_dir_all(house.home().join("logs")).expect("our own folder");
    house.abide(["restart", "web"]).ok();
    house.until_logged("web-0", "out", "line 1\n", SOON);
    assert_eq!(house.slot("web-0").status.word(), "running");
}

#[test]
fn row_18_truncated_again_and_again() {
    let house = House::new();
    house.up(&app_file(&[printing(&house)]));
    let (mut holes, mut seen) = (0, BTreeSet::new());
    in_each_step(&house, |file| {
        let text = fs::read(file).unwrap_or_default();
        // No call writes at the end of a file and splices: a truncation between the look at the size and the write leaves a hole before what is
        // written, once. Nothing that was written is hurt by it, and the next turn is at the new end again.
        let hole = text.iter().take_while(|byte| **byte == 0).count();
        holes += u64::from(hole > 0);
        let text = String::from_utf8(text[hole..].to_vec()).expect("digits");
        assert!(!text.contains('\0'), "a hole in the midst of the file");
        // The truncation may fall between two halves of a line that was moved in two turns; no other line is torn.
        let found: Vec<u64> = text.lines().skip(1).filter_map(|line| line.strip_prefix("line ")?.parse().ok()).collect();
        assert!(in_order(&found), "{found:?}");
        seen.extend(found.iter().copied());
        OpenOptions::new().write(true).truncate(true).open(file).expect("nobody takes it");
    });
    calm(&house);
    eprintln!("truncated {STEPS} times ({holes} looks at a hole), {} of {LAST} lines seen before they went", seen.len());
    assert!(holes * 4 < STEPS, "{STEPS} times truncated, {holes} holes");
    assert_eq!(house.slot("web-0").restarts, 0);
    assert_eq!(house.logs("web", 5).last().map(|line| line.line.clone()), Some(format!("line {LAST}")));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let house = House::new();
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "lines:50000 hang")]));
    house.until_logged("web-0", "out", "line 50000\n", SOON);
    for more in ["", "--json", "--raw", "-f"] {
        let abide = house.bins().path("abide");
        let script = format!(
            "'{}' --home '{}' logs web -n 50000 {more} | head -n 1; echo \"${{PIPESTATUS[0]}}\"",
            abide.display(),
            house.home().display()
        );
        let mut command = house.plain("bash");
        command.args(["-c", &script]);
        let done = e2e::run(command, SOON).ok();
        let last = done.out.lines().last().unwrap_or_default();
        assert!(matches!(last, "0" | "141"), "{more:?}: {done:#?}");
        assert!(!done.err.contains("panicked") && done.out.lines().count() == 2, "{more:?}: {done:#?}");
    }
    // The manager has not noticed.
    house.roles(SOON);
    assert_eq!(house.slot("web-0").status.word(), "running");
}
