//! The way back.

use super::{SOON, history, pids, steps};
use api::OperationKind;
use e2e::{App, House, app_file};
use serde_json::Value;

fn web(house: &House, more: &str) -> String {
    app_file(&[App::puppet("web", &house.puppet(), "hang").with(more)])
}

#[test]
fn after_a_bad_change_the_last_good_definition_comes_back() {
    let house = House::new();
    house.up(&web(&house, "env = { V = \"1\" }"));
    house.abide(["rollback", "web"]).code(1).says(&["no earlier definition", "abide history"]);
    house.write("abide.toml", web(&house, "env = { V = \"2\" }"));
    house.abide(["apply"]).ok();
    // Two that are no good, one after the other: the second must not lead back to the first.
    for code in [3, 4] {
        let bad = App::puppet("web", &house.puppet(), &format!("exit:{code}")).with("max_restarts = 0");
        house.write("abide.toml", app_file(&[bad.with("ready = { after = \"5s\" }")]));
        house.abide(["apply"]).code(1);
        house.until_status("web-0", "errored", SOON);
    }
    let planned: Value = house.abide(["rollback", "web", "--dry-run", "--json"]).ok().json();
    assert_eq!(steps(&planned), ["start web-0"]);
    let done: Value = house.abide(["rollback", "web", "--json"]).ok().json();
    assert_eq!(steps(&done), ["start web-0"]);
    house.until_status("web-0", "running", SOON);
    let env = std::fs::read(format!("/proc/{}/environ", house.process("web-0").pid)).expect("it lives");
    assert!(String::from_utf8_lossy(&env).split('\0').any(|pair| pair == "V=2"));
    let last = history(&house).pop().expect("an entry");
    assert_eq!((last.kind, last.apps, last.back_to, last.kept), (OperationKind::Rollback, vec!["web".to_owned()], None, true));
    // A rollback can be rolled back, to what was good before it.
    house.abide(["rollback", "web"]).ok();
    let env = std::fs::read(format!("/proc/{}/environ", house.process("web-0").pid)).expect("it lives");
    assert!(String::from_utf8_lossy(&env).split('\0').any(|pair| pair == "V=1"));
}

#[test]
fn everything_goes_back_to_how_it_was_after_an_operation() {
    let house = House::new();
    let app = |name: &str| App::puppet(name, &house.puppet(), "hang");
    house.up(&app_file(&[app("web").with("instances = 2"), app("db"), app("old")]));
    house.abide(["stop", "old"]).ok();
    let then = history(&house).last().expect("an entry").operation;
    let before = pids(&house);

    house.write("abide.toml", app_file(&[app("web").with("env = { V = \"2\" }"), app("new")]));
    house.abide(["apply", "--prune", "--yes"]).ok();
    house.abide(["start", "--name", "by-hand", &house.puppet(), "hang"]).ok();
    house.abide(["delete", "new"]).ok();
    let bad = history(&house).last().expect("an entry").operation;
    assert_eq!(pids(&house).into_keys().collect::<Vec<_>>(), ["by-hand-0", "web-0"]);

    house.abide(["rollback", "--operation", &then.to_string(), "--yes"]).ok();
    let after = pids(&house);
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    assert!(after["web-1"].is_some() && after["db-0"].is_some());
    assert_eq!(after["old-0"], None, "it had been stopped by then");
    let last = history(&house).pop().expect("an entry");
    assert_eq!((last.kind, last.back_to), (OperationKind::Rollback, Some(then)));
    house.abide(["rollback", "--operation", &then.to_string()]).ok();
    assert_eq!(pids(&house), after, "there is nothing to go back to any more");

    // That was an operation too.
    house.abide(["rollback", "--operation", &bad.to_string(), "--yes"]).ok();
    assert_eq!(pids(&house).into_keys().collect::<Vec<_>>(), ["by-hand-0", "web-0"]);
    house.abide(["rollback", "db"]).code(1).says(&["no app", "rollback --operation"]);
    house.abide(["rollback", "--operation", "100000"]).code(1).says(&["no operation 100000"]);

    // It outlives everything of ours.
    house.abide(["daemon", "stop"]).ok();
    house.abide(["daemon", "start"]).ok();
    house.abide(["rollback", "--operation", &then.to_string(), "--yes"]).ok();
    assert_eq!(pids(&house).into_keys().collect::<Vec<_>>(), before.into_keys().collect::<Vec<_>>());
}

#[test]
fn a_profile_that_was_taken_back_is_not_chosen_again() {
    let house = House::new();
    let app = App::puppet("web", &house.puppet(), "hang");
    house.up(&format!("{}\n[profiles.prod]\ninstances = 2\n", app_file(&[app])));
    let then = history(&house).last().expect("an entry").operation;
    house.abide(["apply", "--profile", "prod", "--yes"]).ok();
    assert_eq!(pids(&house).len(), 2);
    let back = then.to_string();
    house.abide(["rollback", "--operation", &back, "--yes"]).ok().says(&["goes back to none"]);
    assert_eq!(pids(&house).len(), 1);
    house.abide(["apply"]).ok();
    assert_eq!(pids(&house).len(), 1, "the profile had been chosen by what was taken back");

    // What is taken back changes nothing but what is remembered.
    house.abide(["apply", "--profile", "prod", "--yes"]).ok();
    house.abide(["scale", "web", "1"]).ok();
    house.abide(["rollback", "--operation", &back, "--yes"]).ok();
    house.abide(["apply"]).ok();
    assert_eq!(pids(&house).len(), 1);
}
