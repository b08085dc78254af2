//! What the clock begins: jobs and restarts.

use crate::SOON;
use e2e::{App, House, app_file, wait_until};
use std::time::{SystemTime, UNIX_EPOCH};

fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("soon enough")
}

/// A job that notes each run and ends.
fn job(house: &House, name: &str) -> App {
    App::puppet(name, &house.puppet(), &format!("note:{} exit:0", house.file(name).display()))
}

#[track_caller]
fn until_runs(house: &House, name: &str, count: usize) {
    wait_until(SOON, &format!("{name} has run {count} times"), || (house.notes(name).len() >= count).then_some(()));
}

/// Times of an event of an app, as the journal has them.
fn events_of(house: &House, app: &str, event: &str) -> usize {
    house.events(Some(app)).iter().filter(|e| e.event == event).count()
}

#[test]
fn jobs_run_by_their_rules_and_only_while_they_are_wished() {
    let house = House::new();
    let often = job(&house, "often").with("schedule = { every = \"500ms\" }");
    let seconds = job(&house, "seconds").with("schedule = { cron = \"* * * * * *\", timezone = \"Europe/Berlin\" }");
    let nightly = job(&house, "nightly").with("schedule = \"@yearly\"");
    let first = job(&house, "first").with("schedule = { cron = \"@yearly\", run_at_start = true }");
    house.up(&app_file(&[often, seconds, nightly, first]));
    until_runs(&house, "often", 4);
    until_runs(&house, "seconds", 3);
    until_runs(&house, "first", 1);
    assert_eq!(house.notes("nightly"), [""; 0], "it is a job, and its time has not come");
    let next = house.detail("nightly").next_run_at.expect("it comes");
    assert!((0..=366 * 86_400_000).contains(&(next - wall_ms())), "{next}");
    assert_eq!((house.notes("first").len(), house.detail("first").next_run_at.is_some()), (1, true));
    // Runs are told as such, one event for each.
    assert!(events_of(&house, "often", "due") >= 4);
    house.abide(["stop", "often"]).ok();
    let stopped = house.notes("often").len();
    let seconds = house.notes("seconds").len();
    until_runs(&house, "seconds", seconds + 3);
    assert_eq!(house.notes("often").len(), stopped);
    assert_eq!(house.detail("often").next_run_at, None);
    house.abide(["start", "often"]).ok();
    until_runs(&house, "often", stopped + 2);
}

#[test]
fn a_restart_by_the_clock() {
    let house = House::new();
    let web = App::puppet("web", &house.puppet(), &format!("note:{} hang", house.file("web").display()));
    house.up(&app_file(&[web.with("cron_restart = \"*/2 * * * * *\"")]));
    until_runs(&house, "web", 3);
    let reasons: Vec<_> = house.events(Some("web")).into_iter().filter_map(|e| e.reason).collect();
    assert!(reasons.iter().any(|reason| reason == "cron_restart"), "{reasons:?}");
    assert_eq!(house.slot("web-0").restarts, 0, "nobody has failed");
}

#[test]
fn jobs_go_on_under_the_next_steward_and_none_runs_twice() {
    let house = House::new();
    let every = job(&house, "every").with("schedule = { every = \"2s\" }");
    let cron = job(&house, "cron").with("schedule = \"*/2 * * * * *\"");
    house.up(&app_file(&[every, cron]));
    until_runs(&house, "every", 1);
    // Counted from a run on: none is due that is not noted yet.
    let before = house.notes("cron").len() + 1;
    until_runs(&house, "cron", before);
    let begun = wall_ms();
    for _ in 0..3 {
        let [steward, ..] = house.roles(SOON);
        steward.kill();
        let (every, cron) = (house.notes("every").len(), house.notes("cron").len());
        until_runs(&house, "cron", cron + 1);
        until_runs(&house, "every", every + 1);
    }
    let passed = (wall_ms() - begun) / 1000;
    let runs = i64::try_from(house.notes("cron").len() - before).expect("few");
    // One for each even second at most.
    assert!(runs <= passed / 2 + 1, "{runs} runs in {passed} s");
}

#[test]
fn a_missed_run_is_made_up_for_where_that_is_asked() {
    let house = House::new();
    // Both miss times while nobody is there; how long a time stays on time is a minute, so the memory is made older by hand.
    // Every hour, and none of them now: half an hour from here to the next.
    let hourly = format!("cron = \"{} * * * *\", timezone = \"UTC\"", (wall_ms() / 60_000 + 30) % 60);
    let made_up = job(&house, "made-up").with(&format!("schedule = {{ {hourly}, catch_up = true }}"));
    let left_out = job(&house, "left-out").with(&format!("schedule = {{ {hourly} }}"));
    house.up(&app_file(&[made_up, left_out]));
    assert_eq!((house.notes("made-up").len(), house.notes("left-out").len()), (0, 0));
    house.abide(["daemon", "stop"]).ok();
    let path = house.home().join("store/schedule");
    let text = std::fs::read_to_string(&path).expect("written with the definition");
    let (_, json) = text.trim_end().split_once('\t').expect("a framed line");
    let mut memory: serde_json::Value = serde_json::from_str(json).expect("a document");
    let apps = memory["apps"].as_object_mut().expect("apps");
    for past in apps.values_mut() {
        past[0]["marks"] = serde_json::json!([wall_ms() - 3 * 3_600_000]);
    }
    let json = memory.to_string();
    std::fs::write(&path, format!("{:08x}\t{json}\n", crc32(json.as_bytes()))).expect("written");
    house.abide(["daemon", "start"]).ok();
    until_runs(&house, "made-up", 1);
    wait_until(SOON, "the other is told to be left out", || {
        (events_of(&house, "left-out", "schedule.missed") == 1).then_some(())
    });
    let late = house.events(Some("made-up")).into_iter().find(|e| e.event == "due").expect("it was due");
    assert_eq!(late.data["late"], true);
    assert_eq!((house.notes("made-up").len(), house.notes("left-out").len()), (1, 0));
}

/// CRC-32 as zlib has it, the slow way.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
        crc
    })
}

#[test]
fn a_house_without_schedules_has_no_alarm() {
    let house = House::new();
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "hang")]));
    let [steward, ..] = house.roles(SOON);
    let alarms = || {
        let folder = format!("/proc/{}/fd", steward.pid);
        let links =
            std::fs::read_dir(folder).expect("it lives").flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
        links.filter(|link| link.to_string_lossy().contains("timerfd")).count()
    };
    let threads = || std::fs::read_dir(format!("/proc/{}/task", steward.pid)).expect("it lives").count();
    assert_eq!(alarms(), 0);
    let plain = wait_until(SOON, "it is at rest", || (threads() == 1).then_some(1));
    let job = job(&house, "job").with("schedule = \"@yearly\"").with("watch = true");
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "hang"), job]));
    wait_until(SOON, "it has an alarm, and watches", || (alarms() == 1 && threads() > plain).then_some(()));
    house.abide(["delete", "job"]).ok();
    wait_until(SOON, "it is at rest again", || (alarms() == 0 && threads() == plain).then_some(()));
}
