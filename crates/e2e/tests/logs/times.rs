//! Looking into rotated and compressed logs, and tending them while they grow.

use crate::{SOON, at_rest, flooded, flooding, flooding_at, flooding_by_steps, names, next_step, until_bytes};
use api::LogLine;
use e2e::{App, FLOOD_LINE, House, Pause, app_file, check_flood, flood_line, run, wait_until};
use std::fs;
use std::time::Duration;

/// The numbers of the lines of a flood.
fn numbers(lines: &[LogLine]) -> Vec<u64> {
    lines.iter().map(|line| line.line[..9].parse().expect("a number")).collect()
}

fn shown(house: &House, args: &[&str]) -> Vec<LogLine> {
    let done = run(house.command(["logs", "flood", "--json"].iter().chain(args)), SOON).ok();
    eprintln!("logs {args:?}: {:?}", done.took);
    done.json_lines()
}

#[test]
fn times_and_words_in_compressed_files() {
    const COUNT: u64 = 40_000;
    let house = House::new();
    house.up(&app_file(&[flooding_at(&house, "flood", COUNT, 20_000).with("log_max_size = \"256K\"\nlog_max_files = 100")]));
    house.write("go", "");
    flooded(&house, "flood");
    wait_until(SOON, "the last line is there", || {
        fs::read(house.log_file("flood-0", "out")).is_ok_and(|bytes| bytes.ends_with(&flood_line(COUNT))).then_some(())
    });
    at_rest(&house, "flood-0", true);
    assert!(names(&house, "flood-0.out.log.").iter().filter(|name| name.ends_with(".gz")).count() > 10);
    let all = shown(&house, &["-n", "100000"]);
    assert_eq!(numbers(&all), (1..=COUNT).collect::<Vec<_>>());
    let time = |line: &LogLine| line.time.clone().expect("the index knows it");
    assert!(all.windows(2).all(|pair| time(&pair[0]) <= time(&pair[1])), "times go on");
    // From a time in the middle on, and up to one: together, everything; the borders as the lines' own times say.
    let (early, late) = (time(&all[10_000]), time(&all[30_000]));
    let expected = |good: &dyn Fn(&str) -> bool| {
        numbers(&all).into_iter().zip(&all).filter(|(_, line)| good(&time(line))).map(|(n, _)| n).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&shown(&house, &["--since", &early])), expected(&|t| *t >= *early));
    let until = numbers(&shown(&house, &["--until", &late, "-n", "100000"]));
    assert!(until == expected(&|t| *t <= *late) || until == expected(&|t| *t < *late), "{} lines", until.len());
    let both = numbers(&shown(&house, &["--since", &early, "--until", &late]));
    assert!(
        both == expected(&|t| *t >= *early && *t <= *late) || both == expected(&|t| *t >= *early && *t < *late),
        "{}",
        both.len()
    );
    assert_eq!(
        numbers(&shown(&house, &["--grep", "^0000[0-9]*77 ", "-n", "100000"])),
        (1..=COUNT).filter(|n| n % 100 == 77).collect::<Vec<_>>()
    );
    assert_eq!(numbers(&shown(&house, &["--grep", "77 ", "-n", "3"])), [COUNT - 223, COUNT - 123, COUNT - 23]);
    let stamped = house.abide(["logs", "flood", "--timestamps", "-n", "1"]).ok().out;
    assert!(stamped.contains(&format!("{COUNT:09} ")) && stamped.contains(':'), "{stamped:?}");
}

#[test]
fn several_apps_in_the_order_of_time() {
    let house = House::new();
    let turn = |n: u32| house.file(&format!("turn{n}")).display().to_string();
    let ping = format!("print:p1 until:{} print:p2 hang", turn(2));
    let pong = format!("until:{} print:q1 until:{} print:q2 hang", turn(1), turn(3));
    house.up(&app_file(&[App::puppet("ping", &house.puppet(), &ping), App::puppet("pong", &house.puppet(), &pong)]));
    // Each speaks when what the other has said is in the log, and after that more time has passed than the grain of the index.
    for (n, (slot, said)) in (1..).zip([("ping-0", "p1\n"), ("pong-0", "q1\n"), ("ping-0", "p2\n")]) {
        house.until_logged(slot, "out", said, SOON);
        Pause::measure(Duration::from_millis(30));
        house.write(&format!("turn{n}"), "");
    }
    house.until_logged("pong-0", "out", "q2\n", SOON);
    let lines: Vec<LogLine> = house.abide(["logs", "--json"]).ok().json_lines();
    assert_eq!(lines.iter().map(|line| line.line.as_str()).collect::<Vec<_>>(), ["p1", "q1", "p2", "q2"]);
}

#[test]
fn an_external_logrotate() {
    const COUNT: u64 = 100_000;
    let house = House::new();
    house.up(&app_file(&[flooding_by_steps(&house, "flood", COUNT, 40_000, 5).with("log_max_size = 0")]));
    let file = house.log_file("flood-0", "out");
    house.write("go", "");
    let mut kept = Vec::new();
    for n in 0..5 {
        next_step(&house);
        wait_until(SOON, "the flood flows", || fs::metadata(&file).is_ok_and(|found| found.len() > 500_000).then_some(()));
        let to = house.file(&format!("rotated{n}"));
        fs::rename(&file, &to).expect("our own file");
        house.abide(["logs", "--reopen"]).ok();
        // From now on nobody writes it.
        kept.extend(fs::read(&to).expect("our own file"));
    }
    flooded(&house, "flood");
    let left = COUNT * FLOOD_LINE as u64 - kept.len() as u64;
    kept.extend(until_bytes(&house, "flood-0", left));
    check_flood(&kept, COUNT);
}

#[test]
fn cleared_while_it_grows() {
    const COUNT: u64 = 72_000;
    let house = House::new();
    let flood = flooding_by_steps(&house, "flood", COUNT, 30_000, 6).with("log_max_size = \"256K\"\nlog_max_files = 100");
    let other = flooding(&house, "other", 1000);
    house.up(&app_file(&[flood, other]));
    house.write("go", "");
    for _ in 0..5 {
        next_step(&house);
        wait_until(SOON, "it has rotated", || (names(&house, "flood-0.out.log.").len() > 3).then_some(()));
        house.abide(["logs", "flood", "--clear"]).ok();
    }
    // What comes in this step comes after the last time.
    next_step(&house);
    flooded(&house, "flood");
    wait_until(SOON, "the last line is there", || {
        fs::read(house.log_file("flood-0", "out")).is_ok_and(|bytes| bytes.ends_with(&flood_line(COUNT))).then_some(())
    });
    at_rest(&house, "flood-0", true);
    // What is left is the end of it, whole but for the line in which it was cleared.
    let left = house.log_bytes("flood-0", "out");
    let lines = left.len() / FLOOD_LINE;
    let expected: Vec<u8> = (COUNT - lines as u64 + 1..=COUNT).flat_map(flood_line).collect();
    assert!(left[left.len() % FLOOD_LINE..] == expected && (lines as u64) < COUNT, "{lines} lines left");
    flooded(&house, "other");
    check_flood(&until_bytes(&house, "other-0", 1000 * FLOOD_LINE as u64), 1000);
}
