//! Rotation in the midst of a flood.

use crate::{SOON, at_rest, flooded, flooding, names, sized, until_bytes};
use e2e::{Dice, FLOOD_LINE, House, Pause, app_file, check_flood, wait_until};
use std::fs;
use std::time::Duration;

const LINE: u64 = FLOOD_LINE as u64;

#[test]
fn row_22_no_line_is_lost_or_cut_by_rotation() {
    let count = sized(300_000, 10_000_000);
    let house = House::new();
    let keys = "log_max_size = \"1M\"\nlog_max_files = 2000";
    house.up(&app_file(&[flooding(&house, "flood", count).with(keys)]));
    house.write("go", "");
    flooded(&house, "flood");
    // Every file ends with a whole line, so the last bytes may come late but never between two files.
    wait_until(SOON, "the last line is there", || {
        fs::read(house.log_file("flood-0", "out")).is_ok_and(|bytes| bytes.ends_with(&e2e::flood_line(count))).then_some(())
    });
    at_rest(&house, "flood-0", true);
    check_flood(&house.log_bytes("flood-0", "out"), count);
    let rotated = names(&house, "flood-0.out.log.").into_iter().filter(|n| !n.ends_with(".idx")).count() as u64;
    assert!(rotated >= count * LINE / (1 << 20), "{rotated} rotated files");
}

#[test]
fn row_22_rotation_while_the_scribe_is_killed() {
    let count = sized(200_000, 2_000_000);
    let (house, mut dice) = (House::new(), Dice::new());
    let keys = "log_max_size = \"500K\"\nlog_max_files = 2000";
    house.up(&app_file(&[flooding(&house, "flood", count).with(keys)]));
    house.write("go", "");
    let mut kills = 0;
    let sizes = || {
        let size = |name: &String| fs::metadata(house.home().join("logs").join(name)).map_or(0, |found| found.len());
        names(&house, "flood-0.out.log").iter().map(size).collect::<Vec<u64>>()
    };
    while house.notes("flood").is_empty() && kills < 200 {
        // One that dies before it has begun its work is started again after a pause, a longer one each time: every second does some work.
        if kills % 2 == 1 {
            let before = sizes();
            let over = || !house.notes("flood").is_empty();
            wait_until(SOON, "the flood flows on", || (over() || sizes() != before).then_some(()));
        }
        let victim = wait_until(SOON, "it runs", || house.role("abide-scribe").pop());
        kills += usize::from(victim.kill());
        Pause::measure(dice.span(Duration::from_millis(20)));
    }
    flooded(&house, "flood");
    house.roles(SOON);
    wait_until(SOON, "the last line is there", || {
        fs::read(house.log_file("flood-0", "out")).is_ok_and(|bytes| bytes.ends_with(&e2e::flood_line(count))).then_some(())
    });
    at_rest(&house, "flood-0", true);
    eprintln!("{kills} kills");
    check_flood(&house.log_bytes("flood-0", "out"), count);
}

#[test]
fn no_more_files_than_are_wanted_and_the_newest_of_them() {
    let count = 60_000;
    let house = House::new();
    house.up(&app_file(&[flooding(&house, "flood", count).with("log_max_size = \"1M\"\nlog_max_files = 3")]));
    house.write("go", "");
    flooded(&house, "flood");
    wait_until(SOON, "the last line is there", || {
        fs::read(house.log_file("flood-0", "out")).is_ok_and(|bytes| bytes.ends_with(&e2e::flood_line(count))).then_some(())
    });
    at_rest(&house, "flood-0", true);
    let found = names(&house, "flood-0.out.log.").into_iter().filter(|n| !n.ends_with(".idx")).count();
    assert_eq!(found, 3, "{:?}", names(&house, "flood-0"));
    let kept = house.log_bytes("flood-0", "out");
    let first = count - kept.len() as u64 / LINE + 1;
    let expected: Vec<u8> = (first..=count).flat_map(e2e::flood_line).collect();
    assert!(kept == expected, "the newest lines, whole and in order");
    let _ = until_bytes(&house, "flood-0", 1);
}
