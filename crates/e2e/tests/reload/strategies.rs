//! Each strategy where all goes well.

use crate::{SOON, lives, mode, stage, web};
use api::{AppDetail, EventLine, Operation, OperationKind, OperationState};
use e2e::{House, wait_until};
use model::{Change, StepAct};

fn of_web(house: &House) -> AppDetail {
    house.detail("web")
}

/// The number of the event by which this happened to a slot the last time.
fn last(events: &[EventLine], slot: &str, event: &str) -> u64 {
    let found = events.iter().rev().find(|line| line.slot.as_deref() == Some(slot) && line.event == event);
    found.unwrap_or_else(|| panic!("{event} of {slot}")).seq
}

#[test]
fn every_life_is_another_and_the_app_is_what_it_was() {
    let house = stage();
    for strategy in ["restart", "rolling", "bluegreen"] {
        house.up(&web(&house, "1", &format!("reload = \"{strategy}\"\nsoak = \"50ms\"\ndrain = \"50ms\"")));
        let before = lives(&house, 2);
        let done: Operation = house.abide(["reload", "web", "--json"]).ok().json();
        assert_eq!((done.kind, done.state, done.slots.len()), (OperationKind::Reload, OperationState::Done, 2), "{strategy}");
        let after = lives(&house, 2);
        assert!(after.iter().all(|life| !before.contains(life)), "{strategy}: {before:?} {after:?}");
        wait_until(SOON, "the old ones are gone", || before.iter().all(|life| !life.alive()).then_some(()));
        let detail = of_web(&house);
        assert_eq!((detail.reload, detail.failed_reload), (None, None), "{strategy}");
        assert!(detail.slots.iter().all(|slot| slot.row.restarts == 0), "{strategy}: nobody failed");
    }
    // Another steward finds everything in order.
    let after = lives(&house, 2);
    assert!(house.roles(SOON)[0].kill());
    house.roles(SOON);
    assert_eq!(lives(&house, 2), after);
}

#[test]
fn rolling_is_one_after_the_other_and_the_new_is_ready_before_the_old_goes() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\""));
    let before = lives(&house, 2);
    let done = house.abide(["reload", "web"]).ok();
    assert!(done.err.contains("web-0 new life i3 is starting") && done.err.contains("ok web-1 ready"), "{}", done.err);
    wait_until(SOON, "the old ones are gone", || {
        let gone = house.events(Some("web")).into_iter().filter(|line| line.event == "exited").count() == 2;
        (gone && before.iter().all(|life| !life.alive())).then_some(())
    });
    let events = house.events(Some("web"));
    for slot in ["web-0", "web-1"] {
        let order = ["starting", "ready", "retired", "exited"].map(|event| last(&events, slot, event));
        assert!(order.is_sorted(), "{slot}: {order:?}");
    }
    assert!(last(&events, "web-0", "retired") < last(&events, "web-1", "starting"), "one slot at a time");
    let words: Vec<&str> =
        events.iter().filter(|line| line.event.starts_with("reload.")).map(|line| line.event.as_str()).collect();
    assert_eq!(words, ["reload.begun", "reload.done"]);
}

#[test]
fn bluegreen_is_all_new_before_any_old_goes() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"bluegreen\""));
    house.abide(["reload", "web"]).ok();
    let events = house.events(Some("web"));
    let ready = ["web-0", "web-1"].map(|slot| last(&events, slot, "ready"));
    let retired = ["web-0", "web-1"].map(|slot| last(&events, slot, "retired"));
    assert!(ready.iter().max() < retired.iter().min(), "{ready:?} {retired:?}");
}

#[test]
fn a_signal_replaces_nobody() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"hup\""));
    let before = lives(&house, 2);
    house.abide(["reload", "web"]).ok();
    assert_eq!(lives(&house, 2), before);
    let mut told = house.notes("hups");
    told.sort();
    assert_eq!(told, ["0", "1"]);
    // One that does not say that it is ready again is unwell, and stays.
    house.up(&web(&house, "1", "reload = \"hup\"").replace("20s", "4s"));
    mode(&house, "deaf");
    house.abide(["reload", "web"]).code(1).says(&["not ready again within start_timeout", "failed to reload: web"]);
    assert_eq!(lives(&house, 2), before);
    assert_eq!(house.detail("web").failed_reload.map(|failed| failed.instance.is_some()), Some(true));
    mode(&house, "");
    house.abide(["reload", "web"]).ok();
    assert_eq!((lives(&house, 2), house.detail("web").failed_reload), (before, None));
}

#[test]
fn a_dry_run_shows_the_steps_and_does_nothing() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\"\nsoak = \"2s\""));
    let before = lives(&house, 2);
    let shown = house.abide(["reload", "web", "--dry-run"]).ok();
    assert!(shown.out.contains("* web: reloaded; replaces web-0, web-1"), "{}", shown.out);
    assert!(shown.out.contains("one slot at a time") && shown.out.contains("for 2s"), "{}", shown.out);
    assert_eq!(lives(&house, 2), before);
    let report: serde_json::Value = house.abide(["reload", "web", "--dry-run", "--json"]).ok().json();
    let plan: model::Plan = serde_json::from_value(report["plan"].clone()).expect("a plan");
    let acts: Vec<StepAct> = plan.steps().map(|step| step.act).collect();
    assert_eq!((plan.apps[0].change, acts), (Change::Reload, vec![StepAct::Replace, StepAct::Replace]));
    assert_eq!(report["operation"], serde_json::Value::Null);
}

#[test]
fn a_changed_file_is_rolled_out_by_the_strategy() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\""));
    let before = lives(&house, 2);
    house.write("abide.toml", web(&house, "2", "reload = \"rolling\""));
    let plan = house.abide(["plan"]).ok();
    assert!(plan.out.contains("replaces web-0, web-1"), "{}", plan.out);
    house.abide(["apply", "--yes"]).ok();
    assert!(lives(&house, 2).iter().all(|life| !before.contains(life)));
    house.until_logged("web-1", "out", "version 2 good\n", SOON);
    let events = house.events(Some("web"));
    assert!(last(&events, "web-0", "ready") < last(&events, "web-0", "retired"));
    // And the way back is rolled out likewise.
    let second = lives(&house, 2);
    house.abide(["rollback", "web", "--yes"]).ok();
    assert!(lives(&house, 2).iter().all(|life| !second.contains(life)));
    let events = house.events(Some("web"));
    assert!(last(&events, "web-1", "ready") < last(&events, "web-1", "retired"));
    assert!(house.abide(["plan"]).ok().out.contains("replaces web-0, web-1"), "the file still says 2");
}

#[test]
fn apps_go_in_the_order_of_their_dependencies() {
    let house = stage();
    let first = web(&house, "1", "reload = \"rolling\"");
    let second = first.replace("version = 1", "").replace("[apps.web]", "[apps.front]") + "depends_on = [\"web\"]\n";
    house.up(&(first + &second));
    house.abide(["reload", "all"]).ok();
    let events = house.events(None);
    assert!(last(&events, "web-1", "retired") < last(&events, "front-0", "starting"), "web first, all of it");
}
