//! How a life is asked to end: by a command, and with or without its descendants.

use super::SOON;
use e2e::{App, House, Proc, app_file, wait_until};

fn told(house: &House) -> Vec<(String, String)> {
    house.events(None).into_iter().map(|event| (event.event, event.reason.unwrap_or_default())).collect()
}

#[test]
fn a_command_asks_the_app_to_end() {
    let house = House::new();
    let bye = "stop_command = [\"sh\", \"-c\", \"echo $ABIDE_APP $ABIDE_SLOT $ABIDE_PID $MINE > asked; kill -INT $ABIDE_PID\"]";
    let web = App::puppet("web", &house.puppet(), "hang").with(bye).with("env = { MINE = \"x\" }\nstop_timeout = \"60s\"");
    house.up(&app_file(&[web]));
    let pid = house.process("web-0").pid;
    house.abide(["stop", "web"]).ok();
    assert_eq!(house.read("asked").trim(), format!("web web-0 {pid} x"));
    let told = told(&house);
    assert!(told.iter().any(|(event, why)| event == "stopping" && why == "told by its stop_command"), "{told:?}");
    assert!(told.iter().any(|(event, why)| event == "exited" && why.contains("SIGINT")), "no SIGTERM was sent: {told:?}");
    assert!(!told.iter().any(|(event, _)| event == "killing"), "{told:?}");
}

#[test]
fn a_command_that_fails_is_followed_by_the_signal() {
    let house = House::new();
    let web = |command: &str| App::puppet("web", &house.puppet(), "hang").with(command).with("stop_timeout = \"60s\"");
    house.write("bye", "#!/bin/sh\n");
    let bye = house.file("bye");
    std::fs::set_permissions(&bye, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    house.up(&app_file(&[web("stop_command = \"sh -c 'echo no; exit 3'\"")]));
    house.abide(["stop", "web"]).ok();
    let said = |part: &str| told(&house).iter().any(|(event, why)| event == "stop_command.failed" && why.contains(part));
    assert!(said("no; told by SIGTERM"), "{:?}", told(&house));
    // It was there when it was asked for, and is not any more.
    house.up(&app_file(&[web("stop_command = \"./bye\"")]));
    std::fs::remove_file(bye).expect("removed");
    house.abide(["stop", "web"]).ok();
    assert!(said("ENOENT"), "{:?}", told(&house));
    house.write("abide.toml", app_file(&[web("stop_command = \"nowhere-to-be-found\"")]));
    house.abide(["up"]).code(1).says(&["stop_command", "nowhere-to-be-found"]);
}

#[test]
fn a_command_that_does_not_help_ends_with_the_deadline_and_is_not_run_again_by_a_new_steward() {
    let house = House::new();
    let command = "stop_command = [\"sh\", \"-c\", \"echo $$$$ >> asked; exec sleep 600\"]";
    let web = App::puppet("web", &house.puppet(), "ignore hang").with(command).with("stop_timeout = \"3s\"");
    house.up(&app_file(&[web]));
    let app = house.process("web-0");
    house.abide(["stop", "web", "--no-wait"]).ok();
    let asked = || house.file("asked").exists().then(|| house.read("asked")).filter(|text| text.ends_with('\n'));
    let first = wait_until(SOON, "the command runs", asked);
    let [steward, ..] = house.roles(SOON);
    steward.kill();
    wait_until(SOON, "the app is killed", || (!app.alive()).then_some(()));
    house.until("web-0", SOON, "stopped", |row| row.status.word() == "stopped");
    assert_eq!(house.read("asked"), first, "asked once");
    let pid: u32 = first.trim().parse().expect("a pid");
    wait_until(SOON, "the command is gone too", || Proc::find(pid).is_none_or(|proc| !proc.alive()).then_some(()));
}

#[test]
fn descendants_are_left_alone_where_that_is_asked_for() {
    let house = House::new();
    let child = house.file("child");
    let script = format!("spawn{{ setsid note:{} ignore hang }} until:{} ignore hang", child.display(), child.display());
    let web = App::puppet("web", &house.puppet(), &script).with("kill_tree = false\nstop_timeout = \"500ms\"");
    house.up(&app_file(&[web]));
    let first = house.process("web-0");
    let left: Vec<String> = wait_until(SOON, "the child is there", || {
        Some(house.file("child").exists().then(|| house.notes("child"))?).filter(|notes| !notes.is_empty())
    });
    house.abide(["stop", "web"]).ok();
    assert!(!first.alive());
    let pid: u32 = left[0].split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a pid");
    let left = Proc::find(pid).expect("it lives on");
    assert!(left.alive(), "a descendant is none of ours");
    left.kill();
}
