//! Nothing is lost when we are killed in the midst of a flood.

use crate::{SOON, flooded, flooding_by_steps, next_step, sized, until_bytes};
use e2e::{App, Dice, FLOOD_LINE, House, Pause, app_file, check_flood, wait_until};
use std::fs;
use std::time::Duration;

const LINE: u64 = FLOOD_LINE as u64;
pub const KILLS: usize = 60;

/// Apps that flood, in as many steps as there are kills, while one of our programs is killed: each time in another step, after the log of the first has
/// grown a little, and long before the end of the step.
pub fn flood_while_killed(program: &str, apps: usize, count: u64, app: impl Fn(&House, &str) -> App) -> (House, Vec<u64>) {
    let mut dice = Dice::new();
    let house = House::new();
    let names: Vec<String> = (0..apps).map(|n| format!("app{n}")).collect();
    let all: Vec<App> = names.iter().map(|name| app(&house, name)).collect();
    house.up(&app_file(&all));
    let file = house.log_file("app0-0", "out");
    let size = || fs::metadata(&file).map_or(0, |found| found.len());
    house.write("go", "");
    let most = (count * LINE / KILLS as u64 / 2).min(100_000);
    for kill in 0..KILLS {
        // One that dies before it has begun its work is started again after a pause, if that happens several times in a row: then the flood would be over.
        if kill % 2 == 1 {
            house.abide(["list", "--json"]).code(0);
        }
        let goal = size() + dice.below(most);
        next_step(&house);
        wait_until(SOON, "the flood flows on", || (size() >= goal).then_some(()));
        let victim = wait_until(SOON, "it runs", || house.role(program).pop());
        assert!(victim.kill());
        wait_until(SOON, "it is gone", || (!victim.alive()).then_some(()));
        Pause::measure(dice.span(Duration::from_millis(5)));
    }
    let longest = names.iter().map(|name| flooded(&house, name)).collect();
    (house, longest)
}

fn raw(count: u64, rate: u64) -> impl Fn(&House, &str) -> App {
    move |house, name| flooding_by_steps(house, name, count, rate, KILLS as u64).with("log_max_size = 0")
}

#[test]
fn the_scribe_is_killed_sixty_times_in_a_million_lines() {
    let (house, _) = flood_while_killed("abide-scribe", 1, 1_000_000, raw(1_000_000, 200_000));
    check_flood(&until_bytes(&house, "app0-0", 1_000_000 * LINE), 1_000_000);
}

#[test]
fn the_scribe_is_killed_sixty_times_under_twenty_apps() {
    let count = sized(50_000, 100_000);
    let (house, _) = flood_while_killed("abide-scribe", 20, count, raw(count, 5000));
    for n in 0..20 {
        check_flood(&until_bytes(&house, &format!("app{n}-0"), count * LINE), count);
    }
}

#[test]
fn the_steward_is_killed_sixty_times_in_a_million_lines() {
    let count = sized(1_000_000, 5_000_000);
    let (house, longest) = flood_while_killed("abide-steward", 1, count, raw(count, 150_000));
    check_flood(&until_bytes(&house, "app0-0", count * LINE), count);
    eprintln!("longest write of the app: {longest:?} us (promised where nothing else loads the machine: below 100000)");
}
