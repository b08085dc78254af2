//! The new one is no good.

use crate::{SOON, beside, lives, mode, stage, web};
use api::{Operation, OperationState, Outcome};
use e2e::{House, Proc, wait_until};

#[test]
fn the_old_one_is_untouched_and_the_reason_is_shown() {
    let house = stage();
    for strategy in ["rolling", "bluegreen"] {
        let app = |soak: &str, start: &str| {
            web(&house, "1", &format!("reload = \"{strategy}\"\nsoak = \"{soak}\"")).replace("20s", start)
        };
        // Only one that never becomes ready waits for the end of its time, and only one that is good for the end of the soak: nothing that
        // happens is late for them.
        house.up(&app("60s", "60s"));
        let before = lives(&house, 2);
        for (kind, why, words) in [
            ("busy", "exit code 1", "| cannot bind: address already in use"),
            ("soak", "exit code 1", "| died young"),
            ("never", "not ready within start_timeout", "| version 1 never"),
        ] {
            if kind == "never" {
                house.up(&app("60s", "6s"));
            }
            mode(&house, kind);
            let done = house.abide(["reload", "web"]).code(1);
            assert!(done.err.contains(&format!("{why}; rolled back")), "{strategy} {kind}: {}", done.err);
            assert!(done.err.contains(words) && done.err.contains("failed to reload: web"), "{strategy} {kind}: {}", done.err);
            assert_eq!(lives(&house, 2), before, "{strategy} {kind}");
            assert!(before.iter().all(|life| life.alive()), "{strategy} {kind}");
            let failed = house.detail("web").failed_reload.expect("it is remembered");
            assert!(failed.why.contains(why) && failed.instance.is_some(), "{strategy} {kind}: {failed:?}");
        }
        wait_until(SOON, "what failed is gone", || {
            let slots = house.detail("web").slots;
            slots.iter().all(|slot| slot.next.is_none() && slot.leaving.is_empty()).then_some(())
        });
        let shown = house.abide(["status", "web"]).ok();
        assert!(shown.out.contains("last reload:  failed: web-"), "{}", shown.out);
        mode(&house, "");
        house.up(&app("1s", "60s"));
        assert_eq!(lives(&house, 2), before, "{strategy}: a soak is nothing that a life sees");
        house.abide(["reload", "web"]).ok();
        assert!(lives(&house, 2).iter().all(|life| !before.contains(life)), "{strategy}");
        assert_eq!(house.detail("web").failed_reload, None, "{strategy}: one has succeeded since");
    }
}

#[test]
fn a_changed_file_that_is_no_good_changes_nothing() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\""));
    let before = lives(&house, 2);
    mode(&house, "busy");
    house.write("abide.toml", web(&house, "2", "reload = \"rolling\""));
    house.abide(["apply", "--yes"]).code(1).says(&["web-0", "exit code 1; rolled back", "cannot bind"]);
    assert_eq!(lives(&house, 2), before);
    let argv = house.detail("web").spec["argv"].clone();
    assert_eq!(argv[2], "1", "what is stored is what runs");
    // A crash is answered by what is good; another steward knows the same.
    mode(&house, "");
    assert!(before[0].kill());
    house.until("web-0", SOON, "is born again", |row| row.restarts == 1 && row.status.word() == "ready");
    until_last_said(&house, "version 1 good\n");
    assert!(house.roles(SOON)[0].kill());
    house.roles(SOON);
    assert_eq!((house.process("web-1"), house.detail("web").spec["argv"][2].clone()), (before[1], "1".into()));
    assert!(house.abide(["plan"]).ok().out.contains("replaces"), "the file still says 2");
    house.abide(["apply", "--yes"]).ok();
    assert_eq!(house.detail("web").spec["argv"][2], "2");
}

#[test]
fn what_was_finished_before_a_later_slot_failed_is_brought_back() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\""));
    let before = lives(&house, 2);
    mode(&house, "busy:1");
    house.write("abide.toml", web(&house, "2", "reload = \"rolling\""));
    let done: Operation = house.abide(["apply", "--yes", "--json"]).code(1).json::<serde_json::Value>()["result"]
        .clone()
        .pipe(|value| serde_json::from_value(value).expect("an operation"));
    assert_eq!(done.state, OperationState::Failed);
    let of = |slot: &str| done.slots.iter().find(|outcome| outcome.slot == slot).expect("there").clone();
    assert_eq!((of("web-0").outcome, of("web-0").detail.as_str()), (Outcome::Failed, "rolled back"));
    assert!(of("web-1").log_tail.iter().any(|line| line.contains("cannot bind")), "{done:?}");
    let after = lives(&house, 2);
    assert_eq!(after[1], before[1], "never touched");
    assert!(after[0] != before[0], "one good generation");
    until_last_said(&house, "version 1 good\n");
}

/// Waits until this is what the first slot has printed last: its line may come after the word that it is ready.
#[track_caller]
fn until_last_said(house: &House, line: &str) {
    wait_until(SOON, "the first slot says so", || house.log_bytes("web-0", "out").ends_with(line.as_bytes()).then_some(()));
}

trait Pipe: Sized {
    fn pipe<T>(self, with: impl FnOnce(Self) -> T) -> T {
        with(self)
    }
}

impl Pipe for serde_json::Value {}

#[test]
fn a_restart_keeps_what_could_be_started_and_says_so() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"restart\"\nrestart = \"never\""));
    mode(&house, "busy:1");
    house.abide(["reload", "web"]).code(1).says(&["web-1", "exit code 1", "cannot bind", "ok web-0 ready"]);
    assert_eq!(house.slot("web-0").status.word(), "ready");
    mode(&house, "");
    house.abide(["reload", "web"]).ok();
    house.until_status("web-1", "ready", SOON);
}

/// One slot has been replaced when the program on disk is broken: the next slot fails, and nothing can bring back what was there.
#[test]
fn a_way_back_that_fails_is_said_and_not_tried_again_by_another_steward() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\""));
    mode(&house, "waits:1");
    let reload = beside(&house, &["reload", "web"]);
    let new = wait_until(SOON, "the second slot is at it", || house.detail("web").slots[1].next.clone()?.pid);
    // It has read what it is to do, before another is told something else.
    house.until_logged("web-1", "out", "version 1 waits\n", SOON);
    mode(&house, "busy");
    assert!(Proc::find(new).expect("it waits").kill());
    let done = reload.join().expect("no panic").code(1);
    done.says(&["failed: web-0: the new life", "stays: the way back has failed too", "failed: web-1: SIGKILL; rolled back"]);
    let left = lives(&house, 2);
    let given_up = || house.detail("web").reload.is_some_and(|reload| reload.given_up);
    assert!(given_up() && left.iter().all(|life| life.alive()));
    mode(&house, "");
    assert!(house.roles(SOON)[0].kill());
    house.roles(SOON);
    assert!(given_up(), "nobody has wished it to be tried again");
    house.abide(["wait", "web"]).ok();
    house.abide(["scale", "web", "3"]).ok();
    assert_eq!(lives(&house, 2), left);
    house.abide(["restart", "web"]).ok();
    assert_eq!(house.detail("web").reload, None, "nothing is left of it");
    house.abide(["reload", "web"]).ok();
}
