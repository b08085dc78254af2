//! The kit itself: what the other tests lean on.

use e2e::{App, Bins, House, Proc, app_file, run, wait_until};
use std::panic::AssertUnwindSafe;
use std::process::{Command, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Starts a family that nothing but the kit can end: sessions of their own, deaf, orphaned, bare. Gives back the living.
fn family(house: &House) -> Vec<Proc> {
    let note = format!("note:{}", house.file("starts").display());
    let script =
        format!("double{{ {note} ignore hang }} double{{ setsid ignore {note} hang }} bare{{ ignore {note} hang }} exit:0");
    let mut command = house.plain(house.puppet());
    let status = command.args(script.split_whitespace()).stdin(Stdio::null()).status().expect("the puppet can be run");
    assert!(status.success());
    wait_until(SOON, "all three live", || (house.notes("starts").len() == 3).then_some(()));
    let pid = |note: &String| note.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a pid");
    house.notes("starts").iter().filter_map(|n| Proc::find(pid(n))).collect()
}

#[test]
fn a_house_leaves_nobody_behind() {
    let house = House::new();
    let root = house.root().to_owned();
    let all = family(&house);
    assert_eq!(all.len(), 3);
    drop(house);
    assert!(all.iter().all(|p| !p.alive()), "{all:?}");
    assert!(!root.exists());
}

#[test]
fn the_janitor_clears_up_after_a_test_that_was_killed() {
    let house = House::new();
    let all = family(&house);
    let mut janitor = Command::new(Bins::find().path("puppet"));
    let mut janitor =
        janitor.arg("janitor").arg(house.root()).env("E2E_JANITOR", "1").stdin(Stdio::piped()).spawn().expect("it can be run");
    assert!(all.iter().all(|p| p.alive()));
    drop(janitor.stdin.take());
    assert!(janitor.wait().expect("our own child").success());
    assert!(all.iter().all(|p| !p.alive()), "{all:?}");
    assert!(!house.root().exists());
}

#[test]
fn output_that_somebody_holds_is_noticed() {
    let house = House::new();
    let mut command = house.plain("sh");
    command.args(["-c", "echo before; exec \"$@\" &", "sh"]).arg(house.puppet()).arg("hang");
    // All of it is waited away, so it is not a minute; a shell has said a word by then.
    let held = std::panic::catch_unwind(AssertUnwindSafe(|| run(command, Duration::from_secs(15))));
    let why = held.expect_err("the puppet holds the output");
    let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(why.contains("still holds its output") && why.contains("before"), "{why}");
}

#[test]
fn what_is_waited_for_in_vain_is_said() {
    let vain = std::panic::catch_unwind(|| wait_until(Duration::from_millis(50), "pigs fly", || None::<()>));
    let why = vain.expect_err("it never comes").downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(why.contains("pigs fly"), "{why}");
}

#[test]
fn files_of_tests_are_toml() {
    let text = app_file(&[App::new("a", ["x y", "q\"\\\n"]).with("instances = 2")]);
    let table: toml::Table = text.parse().expect("valid TOML");
    assert_eq!(table["apps"]["a"]["cmd"][1].as_str(), Some("q\"\\\n"));
    assert_eq!(table["apps"]["a"]["instances"].as_integer(), Some(2));
}

#[test]
fn a_crash_by_signal_is_one() {
    use std::os::unix::process::ExitStatusExt;
    let house = House::new();
    for signal in [6, 9, 11, 15] {
        let status = house.plain(house.puppet()).arg(format!("crash:{signal}")).status().expect("the puppet can be run");
        assert_eq!(status.signal(), Some(signal));
    }
}
