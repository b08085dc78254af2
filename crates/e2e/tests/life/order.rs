//! Dependencies and groups, on real processes.

use crate::SOON;
use e2e::{App, House, app_file, wait_until};

/// An app that is ready when a file is there, and says when it is told to end.
fn gated(house: &House, name: &str) -> App {
    let actions = format!(
        "until:{} print:listening note:{} hang",
        house.file(&format!("{name}-go")).display(),
        house.file("notes").display()
    );
    App::puppet(name, &house.puppet(), &actions).with("ready = { log = \"listening\" }")
}

/// The events of one kind, in order, as the names of their slots.
fn order_of(house: &House, event: &str) -> Vec<String> {
    house.events(None).into_iter().filter(|e| e.event == event).filter_map(|e| e.slot).collect()
}

#[test]
fn what_depends_waits_for_readiness_and_ends_first() {
    let house = House::new();
    let (db, web) = (gated(&house, "db"), App::puppet("web", &house.puppet(), "print:hello hang").with("depends_on = [\"db\"]"));
    let front = App::puppet("front", &house.puppet(), "hang").with("depends_on = { web = \"started\" }");
    house.write("abide.toml", app_file(&[front, web, db]));
    house.abide(["up", "--no-wait"]).ok();
    house.until_status("web-0", "waiting", SOON);
    house.abide(["status", "web"]).ok().says(&["waiting", "db is not ready"]);
    house.abide(["status", "front"]).ok().says(&["waiting", "web waits itself"]);
    house.write("db-go", "");
    house.until_status("front-0", "running", SOON);
    assert_eq!(house.slot("db-0").status.word(), "ready");
    assert_eq!(order_of(&house, "running"), ["db-0", "web-0", "front-0"]);
    house.abide(["stop", "all"]).ok();
    assert_eq!(order_of(&house, "exited"), ["front-0", "web-0", "db-0"]);
}

#[test]
fn a_dependency_that_fails_is_named_and_its_dependents_go_on_when_it_comes() {
    let house = House::new();
    let migrate = format!("until:{} exit:0", house.file("mended").display());
    let broken = App::new("migrate", ["/bin/false"]).with("restart = \"never\"");
    let web = App::puppet("web", &house.puppet(), "hang").with("depends_on = { migrate = \"completed_ok\" }");
    house.write("abide.toml", app_file(&[broken, web.clone()]));
    house.abide(["up"]).code(1).says(&["migrate has failed (errored)"]);
    house.write("mended", "");
    house.write("abide.toml", app_file(&[App::puppet("migrate", &house.puppet(), &migrate), web]));
    house.abide(["up"]).ok();
    assert_eq!(house.slot("migrate-0").status.word(), "completed");
    assert_eq!(house.slot("web-0").status.word(), "running");
}

#[test]
fn the_last_end_of_one_ends_its_group_for_good() {
    let house = House::new();
    let main = App::puppet("main", &house.puppet(), &format!("until:{} exit:0", house.file("done").display()))
        .with("on_exit = \"stop-group\"");
    house.up(&app_file(&[main, App::puppet("side", &house.puppet(), "hang")])).ok();
    let side = house.process("side-0");
    house.write("done", "");
    house.until_status("side-0", "stopped", SOON);
    assert!(!side.alive());
    assert_eq!(house.slot("main-0").status.word(), "completed");
    // Also after the manager has been killed.
    house.kill_roles();
    assert_eq!(house.slot("side-0").status.word(), "stopped");
}

#[test]
fn a_group_restarts_together() {
    let house = House::new();
    let crash = format!("note:{} until:{} exit:9", house.file("a-starts").display(), house.file("crash").display());
    let a = App::puppet("a", &house.puppet(), &crash);
    let b = App::puppet("b", &house.puppet(), &format!("note:{} hang", house.file("b-starts").display()));
    let config = format!("{}\n[groups.pair]\napps = [\"a\", \"b\"]\nstrategy = \"all\"\n", app_file(&[a, b]));
    house.up(&config).ok();
    let before = house.process("b-0");
    house.write("crash", "");
    wait_until(SOON, "b follows", || (house.notes("b-starts").len() >= 2).then_some(()));
    assert!(!before.alive());
    assert!(house.events(Some("b")).iter().any(|e| e.reason.as_deref() == Some("it follows a")));
}

#[test]
fn cycles_are_refused_with_the_cycle() {
    let house = House::new();
    let app = |name: &str, needs: &str| App::puppet(name, &house.puppet(), "hang").with(&format!("depends_on = [\"{needs}\"]"));
    house.write("abide.toml", app_file(&[app("web", "db"), app("db", "web")]));
    house.abide(["up"]).code(2).says(&["db", "web", "→"]);
    // Also over two files: the manager knows both.
    house.write("one.toml", app_file(&[app("one", "two")]));
    house.write("two.toml", app_file(&[app("two", "one")]));
    house.abide(["up", "one.toml", "--no-wait"]).ok();
    house.abide(["up", "two.toml"]).code(1).says(&["one → two → one"]);
    assert_eq!(house.list().len(), 1, "nothing of the refused file is there");
}
