//! A million lines, and what a flood does to others.

use crate::{SOON, flooded, flooding, sized, until_bytes};
use e2e::{App, FLOOD_LINE, House, app_file, check_flood, wait_until};

const LINE: u64 = FLOOD_LINE as u64;

#[test]
fn a_million_lines_of_one_app() {
    let house = House::new();
    house.up(&app_file(&[flooding(&house, "flood", 1_000_000).with("log_max_size = 0")]));
    house.write("go", "");
    flooded(&house, "flood");
    check_flood(&until_bytes(&house, "flood-0", 1_000_000 * LINE), 1_000_000);
}

#[test]
fn a_hundred_thousand_lines_of_twenty_apps_at_once() {
    const COUNT: u64 = 100_000;
    let house = House::new();
    let names: Vec<String> = (0..20).map(|n| format!("app{n}")).collect();
    let apps: Vec<App> = names.iter().map(|name| flooding(&house, name, COUNT).with("log_max_size = 0")).collect();
    house.up(&app_file(&apps));
    house.write("go", "");
    for name in &names {
        flooded(&house, name);
        check_flood(&until_bytes(&house, &format!("{name}-0"), COUNT * LINE), COUNT);
    }
}

#[test]
fn a_flood_leaves_others_their_turn() {
    let house = House::new();
    let calm = App::puppet("calm", &house.puppet(), "lines:0:200");
    let endless = App::puppet("endless", &house.puppet(), "wall:1000000000000").with("log_max_size = \"8M\"\nlog_max_files = 1");
    house.up(&app_file(&[calm, endless]));
    // While the flood brings its rotated megabytes, the calm one's lines stand in its log as they come.
    let rotated = house.log_file("endless-0", "out").with_extension("log.1");
    wait_until(SOON, "the flood flows", || (rotated.exists() || rotated.with_extension("1.gz").exists()).then_some(()));
    let lines = || house.log_bytes("calm-0", "out").iter().filter(|b| **b == b'\n').count();
    let before = lines();
    wait_until(SOON, "a hundred lines more of the calm one", || (lines() >= before + 100).then_some(()));
    let text = String::from_utf8(house.log_bytes("calm-0", "out")).expect("digits");
    let wrong = text.split_inclusive('\n').zip(1..).find(|(line, n)| line.ends_with('\n') && *line != format!("line {n}\n"));
    assert_eq!(wrong, None);
    // And commands are answered, restarts happen.
    for _ in 0..10 {
        house.abide(["restart", "calm"]).ok();
    }
    assert_eq!(house.slot("calm-0").status.word(), "running");
    assert_eq!(house.slot("endless-0").restarts, 0);
}

#[test]
fn row_21_restarts_of_others_work_in_a_burst() {
    let count = sized(1_000_000, 5_000_000);
    let house = House::new();
    let burst = flooding(&house, "burst", count).with("log_max_size = 0");
    let crashes = App::puppet("crashes", &house.puppet(), &format!("note:{} sleep:20 exit:1", house.file("starts").display()))
        .with("backoff = { min = \"1ms\", max = \"1ms\", threshold = 0 }\nmax_restarts = 100000");
    house.up(&app_file(&[burst, crashes]));
    let before = house.notes("starts").len();
    house.write("go", "");
    flooded(&house, "burst");
    let after = house.notes("starts").len();
    check_flood(&until_bytes(&house, "burst-0", count * LINE), count);
    eprintln!("{} restarts of another app while {count} lines came", after - before);
    assert!(after > before, "nothing was restarted while the burst went on");
}
