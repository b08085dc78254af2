//! `scale`, and what `reload` makes of apps that rest.

use crate::{SOON, lives, stage, web};
use api::{Operation, OperationKind};
use e2e::House;

fn slots(house: &House) -> Vec<String> {
    house.list().into_iter().map(|row| format!("{} {}", row.slot, row.status)).collect()
}

#[test]
fn only_the_difference_is_touched() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\""));
    let two = lives(&house, 2);
    let done: Operation = house.abide(["scale", "web", "4", "--json"]).ok().json();
    let touched: Vec<&str> = done.slots.iter().map(|slot| slot.slot.as_str()).collect();
    assert_eq!((done.kind, touched), (OperationKind::Scale, vec!["web-2", "web-3"]));
    let four = lives(&house, 4);
    assert_eq!(four[..2], two);
    house.abide(["scale", "web", "-1"]).ok().says(&["ok web-3 gone"]);
    assert_eq!(lives(&house, 3), four[..3]);
    house.abide(["scale", "web", "+2"]).ok();
    assert_eq!(lives(&house, 5)[..3], four[..3]);
    house.abide(["scale", "web", "5"]).ok().says(&["it has as many instances as you say"]);
    // The file wins the next time, and the plan says so.
    let plan = house.abide(["plan"]).ok();
    assert!(plan.out.contains("`abide scale` had set instances to 5; the 2 of the file wins"), "{}", plan.out);
    house.abide(["apply", "--yes"]).ok();
    assert_eq!((lives(&house, 2), house.list().len()), (two.clone(), 2));
    assert!(!house.abide(["plan"]).ok().out.contains("abide scale"), "said once");
    // And it can be undone like everything that changes a definition.
    house.abide(["scale", "web", "3"]).ok();
    house.abide(["rollback", "web", "--yes"]).ok();
    assert_eq!((lives(&house, 2), house.list().len()), (two, 2));
    house.abide(["scale", "web", "0"]).ok();
    assert!(house.list().is_empty());
    house.abide(["scale", "web", "1"]).ok();
    assert_eq!(slots(&house), ["web-0 ready"]);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let house = stage();
    house.up(&web(&house, "1", ""));
    let two = lives(&house, 2);
    house.abide(["scale", "web", "-3"]).code(1).says(&["`web` has 2, and cannot have -1"]);
    house.abide(["scale", "web", "1001"]).code(1).says(&["cannot have 1001"]);
    house.abide(["scale", "web-0", "3"]).code(2).says(&["only whole apps are scaled", "abide stop web-0"]);
    house.abide(["scale", "web,nobody", "3"]).code(2).says(&["is no selector"]);
    house.abide(["scale", "nobody", "3"]).code(1);
    house.abide(["scale", "web", "many"]).code(2).says(&["+2 for two more"]);
    house.abide(["reload", "web-1"]).code(2).says(&["only whole apps are reloaded", "abide restart"]);
    assert_eq!(lives(&house, 2), two);
}

#[test]
fn slots_that_were_stopped_stay_stopped() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\""));
    house.abide(["stop", "web-1"]).ok();
    house.abide(["scale", "web", "3"]).ok();
    assert_eq!(slots(&house), ["web-0 ready", "web-1 stopped", "web-2 ready"]);
    house.abide(["reload", "web"]).ok();
    assert_eq!(slots(&house), ["web-0 ready", "web-1 stopped", "web-2 ready"]);
    assert!(house.roles(SOON)[0].kill());
    house.roles(SOON);
    assert_eq!(slots(&house), ["web-0 ready", "web-1 stopped", "web-2 ready"]);
}

#[test]
fn an_app_that_is_stopped_is_started_if_it_is_named() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\""));
    house.abide(["stop", "web"]).ok();
    house.abide(["reload", "all"]).ok().says(&["nothing to do"]);
    house.abide(["reload", "we*"]).ok();
    assert_eq!(slots(&house), ["web-0 stopped", "web-1 stopped"]);
    house.abide(["scale", "web", "3"]).ok();
    assert_eq!(slots(&house).last().map(String::as_str), Some("web-2 stopped"), "more of what is stopped is stopped");
    let plan = house.abide(["reload", "web", "--dry-run"]).ok();
    assert!(plan.out.contains("> web: at rest; starts web-0, web-1, web-2"), "{}", plan.out);
    house.abide(["reload", "web"]).ok();
    assert_eq!(slots(&house), ["web-0 ready", "web-1 ready", "web-2 ready"]);
}

#[test]
fn variables_of_another_session_are_taken_without_a_gap() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\""));
    let before = lives(&house, 2);
    let mut command = house.command(["reload", "web", "--update-env"]);
    // A manager that runs as root takes only variables like this one.
    command.env("TZ", "UTC");
    e2e::run(command, SOON).ok();
    assert!(lives(&house, 2).iter().all(|life| !before.contains(life)));
    let env = house.abide(["env", "web", "--reveal"]).ok();
    assert!(env.out.contains("TZ "), "{}", env.out);
    let retired = house.events(Some("web")).into_iter().filter(|line| line.event == "retired").count();
    assert_eq!(retired, 2, "by the strategy of the app");
}
