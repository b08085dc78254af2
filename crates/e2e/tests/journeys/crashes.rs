//! Apps that end unasked.

use crate::SOON;
use e2e::{App, House, Proc, app_file, wait_until};

#[test]
fn a_killed_app_is_back_with_the_reason() {
    let house = House::new();
    let starts = house.file("starts");
    house.up(&app_file(&[App::puppet("web", &house.puppet(), &format!("note:{} hang", starts.display()))]));
    let first = house.process("web-0");
    let life = house.slot("web-0").instance.expect("a life");
    assert!(first.kill());
    let row = house.until("web-0", SOON, "runs again", |r| r.status.word() == "running" && r.pid != Some(first.pid));
    assert_ne!(row.instance.as_deref(), Some(life.as_str()), "another life has another name");
    assert_eq!(row.restarts, 1, "{row:?}");
    assert_eq!(row.exit.as_ref().and_then(|e| e.signal.as_deref()), Some("SIGKILL"), "{row:?}");
    wait_until(SOON, "the second life has begun", || (house.notes("starts").len() == 2).then_some(()));

    let events = house.events(Some("web"));
    let exited = events.iter().find(|e| e.event == "exited").unwrap_or_else(|| panic!("the end is an event: {events:#?}"));
    assert_eq!(exited.instance.as_deref(), Some(life.as_str()));
    assert!(exited.reason.as_deref().is_some_and(|r| r.contains("SIGKILL")), "{exited:?}");
    assert!(events.windows(2).all(|pair| pair[0].seq < pair[1].seq), "in order: {events:#?}");
    let status = house.abide(["status", "web"]).ok();
    assert!(status.out.contains("SIGKILL"), "{status:?}");
}

#[test]
fn an_app_that_always_fails_is_given_up_and_restart_leaves_that() {
    let house = House::new();
    let (starts, good) = (house.file("starts"), house.file("good"));
    let script = format!("note:{} eprint:no-database-here need:{}:7 hang", starts.display(), good.display());
    let app = App::puppet("job", &house.puppet(), &script);
    let app = app.with("backoff = { min = \"20ms\", max = \"50ms\", window = \"60s\", threshold = 3 }");
    // An app without readiness is up once it runs: whether `up` sees the failures is a matter of time.
    house.write("abide.toml", app_file(&[app]));
    house.abide(["up"]);
    let row = house.until_status("job-0", "errored", SOON);
    assert_eq!(row.exit.as_ref().and_then(|e| e.code), Some(7), "{row:?}");
    assert_eq!(row.pid, None);
    // `errored` on failed life number threshold + 1.
    assert_eq!(house.notes("starts").len(), 4);
    assert_eq!(row.restarts, 3, "{row:?}");
    house.until_logged("job-0", "err", &"no-database-here\n".repeat(4), SOON);
    let detail = house.detail("job");
    assert!(detail.slots[0].last_lines.iter().any(|l| l.contains("no-database-here")), "{detail:#?}");
    assert!(detail.slots[0].why.is_some(), "{detail:#?}");
    assert!(house.events(Some("job")).iter().any(|e| e.event == "errored"));

    let shown = house.abide(["status", "job"]).ok().out;
    assert!(shown.contains("errored") && shown.contains("no-database-here"), "{shown}");

    house.abide(["restart", "job"]);
    wait_until(SOON, "it was tried again", || (house.notes("starts").len() > 4).then_some(()));
    house.until_status("job-0", "errored", SOON);
    house.write("good", "");
    house.abide(["restart", "job"]).ok();
    let row = house.until_status("job-0", "running", SOON);
    assert!(Proc::find(row.pid.expect("it runs")).is_some());
}

#[test]
fn errored_outlives_the_manager() {
    let house = House::new();
    let app = App::puppet("job", &house.puppet(), "exit:3").with("max_restarts = 0");
    house.up(&app_file(&[app]));
    house.until_status("job-0", "errored", SOON);
    house.abide(["daemon", "stop"]).ok();
    house.abide(["daemon", "start"]).ok();
    let row = house.until_status("job-0", "errored", SOON);
    assert_eq!(row.exit.as_ref().and_then(|e| e.code), Some(3), "{row:?}");
}

#[test]
fn a_job_that_ends_well_is_completed() {
    let house = House::new();
    let starts = house.file("starts");
    let app = App::puppet("job", &house.puppet(), &format!("note:{} print:done exit:0", starts.display()));
    let other = App::puppet("odd", &house.puppet(), "exit:9").with("success_exit_codes = [0, 9]");
    house.up(&app_file(&[app, other]));
    assert_eq!(house.until_status("job-0", "completed", SOON).restarts, 0);
    assert_eq!(house.until_status("odd-0", "completed", SOON).restarts, 0);
    // `up` does not run a completed job again.
    house.abide(["up"]).ok();
    assert_eq!(house.slot("job-0").status.word(), "completed");
    assert_eq!(house.notes("starts").len(), 1);
    house.until_logged("job-0", "out", "done\n", SOON);
}

#[test]
fn pauses_grow_and_are_shown() {
    let house = House::new();
    let starts = house.file("starts");
    let app = App::puppet("job", &house.puppet(), &format!("note:{} exit:1", starts.display()));
    let app = app.with("backoff = { min = \"200s\", max = \"600s\", window = \"1200s\", threshold = 5 }");
    house.write("abide.toml", app_file(&[app]));
    house.abide(["start", "abide.toml", "--no-wait"]).ok();
    // The first restart is immediate, the second after 200 s ± 20 %.
    let row = house.until_status("job-0", "backoff", SOON);
    assert_eq!((row.restarts, house.notes("starts").len()), (1, 2), "{row:?}");
    let next = house.detail("job").next_restart_at.expect("a restart is due");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    assert!((0..=240_000).contains(&(next - now)), "due in {} ms", next - now);
    let begun = std::time::Instant::now();
    house.abide(["stop", "job"]).ok();
    assert!(begun.elapsed() < SOON, "a pause does not delay a stop");
    assert_eq!(house.slot("job-0").status.word(), "stopped");
}
