//! Many apps, few changes.

use super::{pids, steps};
use e2e::{App, House, app_file, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const APPS: usize = 500;
const CHANGED: [usize; 3] = [7, 250, 499];

/// Five hundred programs are to be started on a machine that has other work as well.
const LONG: Duration = Duration::from_secs(400);

fn file(seconds: impl Fn(usize) -> &'static str) -> String {
    let apps: Vec<App> = (0..APPS).map(|at| App::new(&format!("app{at:03}"), ["sleep", seconds(at)])).collect();
    app_file(&apps)
}

#[test]
fn of_five_hundred_apps_the_three_that_change_are_restarted() {
    let house = House::new();
    house.write("abide.toml", file(|_| "100000"));
    run(house.command(["up", "--wait-timeout", "400"]), LONG).ok();
    let before = pids(&house);
    assert_eq!(before.len(), APPS);
    assert!(before.values().all(Option::is_some), "all of them run");

    house.write("abide.toml", file(|at| if CHANGED.contains(&at) { "200000" } else { "100000" }));
    let planned: Value = house.abide(["plan", "--json"]).ok().json();
    let wanted: Vec<String> = CHANGED.iter().map(|at| format!("restart app{at:03}-0")).collect();
    assert_eq!(steps(&planned), wanted);
    let done: Value = run(house.command(["apply", "--json"]), LONG).ok().json();
    assert_eq!(steps(&done), wanted, "what was planned is what is done");
    assert_eq!(done["unchanged"].as_array().map(Vec::len), Some(APPS - CHANGED.len()));

    let after = pids(&house);
    let other: BTreeSet<String> =
        before.iter().filter(|(slot, pid)| after.get(*slot) != Some(pid)).map(|(slot, _)| slot.clone()).collect();
    assert_eq!(other, CHANGED.iter().map(|at| format!("app{at:03}-0")).collect::<BTreeSet<_>>());
    assert!(after.values().all(Option::is_some) && after.len() == APPS);
    let again: Value = house.abide(["apply", "--json"]).ok().json();
    assert_eq!((steps(&again), again["operation"].as_u64()), (Vec::new(), None), "applied twice, it changes nothing");
    house.abide(["delete", "all", "--yes"]).ok();
}
