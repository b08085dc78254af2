//! The steward dies before, in, and after an apply.

use super::{SOON, history};
use e2e::{App, House, app_file, run, wait_until};
use std::fs;

/// When it is killed.
#[derive(Debug, Clone, Copy)]
enum When {
    /// As soon as the command is there.
    First,
    /// As soon as the operation is written.
    Written,
    /// As soon as the old life is gone.
    Ended,
    /// When the command has come back.
    Done,
}

#[test]
fn an_apply_is_carried_out_once_whenever_the_steward_dies() {
    let house = House::new();
    let starts = house.file("starts");
    let file = |round: usize| {
        let web = App::puppet("web", &house.puppet(), &format!("note:{} hang", starts.display()));
        app_file(&[web.with(&format!("env = {{ ROUND = \"{round}\" }}")), App::puppet("db", &house.puppet(), "hang")])
    };
    house.up(&file(0));
    let db = house.process("db-0");
    let rounds = [When::First, When::Written, When::Ended, When::Done, When::Written, When::First];
    for (round, when) in (1..).zip(rounds) {
        let old = house.process("web-0");
        let entries = history(&house).len();
        let [steward, ..] = house.roles(SOON);
        let operations = house.home().join("store/operations");
        let size = || fs::metadata(&operations).map_or(0, |meta| meta.len());
        let before = size();
        house.write("abide.toml", file(round));
        let command = house.command(["apply"]);
        let beside = std::thread::spawn(move || run(command, SOON));
        match when {
            When::First => {}
            When::Written => wait_until(SOON, "it is written", || (size() > before).then_some(())),
            When::Ended => wait_until(SOON, "the old life is gone", || (!old.alive()).then_some(())),
            When::Done => wait_until(SOON, "the command is back", || beside.is_finished().then_some(())),
        }
        steward.kill();
        beside.join().expect("it ends").ok();
        let row = house.until("web-0", SOON, "runs anew", |row| row.status.word() == "running" && row.pid != Some(old.pid));
        let env = fs::read(format!("/proc/{}/environ", row.pid.expect("it runs"))).expect("it lives");
        assert!(String::from_utf8_lossy(&env).split('\0').any(|pair| pair == format!("ROUND={round}")), "{when:?}");
        wait_until(SOON, "it has said so", || (house.notes("starts").len() > round).then_some(()));
        assert_eq!(house.notes("starts").len(), round + 1, "{when:?}: carried out once");
        let now = history(&house);
        assert_eq!(now.len(), entries + 1, "{when:?}: {now:#?}");
        let last = now.last().expect("an entry");
        let keys: Vec<&str> = last.plan.apps[0].differences.iter().map(|one| one.key.as_str()).collect();
        assert_eq!((last.plan.apps[0].app.as_str(), keys, last.kept), ("web", vec!["env.ROUND"], true), "{when:?}");
    }
    assert_eq!(house.process("db-0"), db, "nobody else was touched");
    house.abide(["rollback", "web"]).ok();
    let env = fs::read(format!("/proc/{}/environ", house.process("web-0").pid)).expect("it lives");
    assert!(String::from_utf8_lossy(&env).split('\0').any(|pair| pair == "ROUND=5"), "what was before is known after six deaths");
}
