//! The commands that the manager has run beside the apps, hooks and checks: nothing of them is left, whatever they do and whoever dies.

use crate::SOON;
use crate::hooks::{command, commands, failures, hooks, until_no_command, writes};
use e2e::{App, House, app_file, is_root, skip, toml_string, wait_until};
use rustix::process::Signal;
use std::fs;
use std::time::Duration;

#[test]
fn whatever_a_hook_leaves_behind_is_ended() {
    let house = House::new();
    let puppet = house.puppet();
    let done = house.file("done");
    let script = format!("double{{ setsid ignore hang }} spawn{{ ignore hang }} note:{} exit:0", done.display());
    let words: Vec<&str> = std::iter::once(puppet.as_str()).chain(script.split(' ')).collect();
    house.up(&app_file(&[App::puppet("web", &puppet, "hang").with(&hooks(&[command("on_ready", &words)]))]));
    wait_until(SOON, "the hook has run", || (house.notes("done").len() == 1).then_some(()));
    until_no_command(&house);
    assert_eq!(failures(&house, "web"), [""; 0]);
    assert!(house.process("web-0").alive());
}

#[test]
fn a_hook_that_hangs_is_killed_with_its_tree() {
    let house = House::new();
    let puppet = house.puppet();
    let script = format!(
        "print:waiting double{{ setsid ignore hang }} spawn{{ ignore hang }} ignore note:{} hang",
        house.file("done").display()
    );
    let words: Vec<&str> = std::iter::once(puppet.as_str()).chain(script.split(' ')).collect();
    let slow = App::puppet("slow", &puppet, "hang").with(&hooks(&[command("on_ready", &words)]));
    // Others are told meanwhile.
    let quick = App::puppet("quick", &puppet, "hang").with(&hooks(&[writes(&house, "on_ready")]));
    house.up(&app_file(&[slow, quick]));
    wait_until(SOON, "the other app was told", || (house.notes("told").len() == 2).then_some(()));
    wait_until(SOON, "the hook runs", || (house.notes("done").len() == 1).then_some(()));
    wait_until(SOON, "all of it runs", || (commands(&house).len() >= 3).then_some(()));
    let said = wait_until(SOON, "it was given up", || failures(&house, "slow").pop());
    assert_eq!(said, "on_ready: it took longer than 30s and was killed: waiting");
    until_no_command(&house);
    assert!(house.process("slow-0").alive() && house.process("quick-0").alive());
}

#[test]
fn a_hook_that_floods_fills_nothing() {
    let house = House::new();
    let script = format!(
        "head -c 12000000 /dev/zero | tr '\\0' x; echo; echo the end; echo done > {}; exit 9",
        house.file("done").display()
    );
    house.up(&app_file(&[
        App::puppet("web", &house.puppet(), "hang").with(&hooks(&[command("on_ready", &["sh", "-c", &script])]))
    ]));
    let [steward, ..] = house.roles(SOON);
    wait_until(SOON, "the flood is over", || (!house.notes("done").is_empty()).then_some(()));
    let said = wait_until(SOON, "its end is told", || failures(&house, "web").pop());
    assert_eq!(said, "on_ready: exit code 9: the end");
    let mut stack = vec![house.home()];
    let mut bytes = 0;
    while let Some(folder) = stack.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            // What goes away meanwhile, as the FIFOs of a command that has ended, fills nothing.
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() { stack.push(entry.path()) } else { bytes += meta.len() }
        }
    }
    assert!(bytes < 2_000_000, "{bytes} bytes in the home");
    assert_eq!(house.roles(SOON)[0], steward, "the same steward");
}

#[test]
fn a_new_steward_ends_the_hooks_of_the_old() {
    let house = House::new();
    let puppet = house.puppet();
    let script = format!("double{{ setsid ignore hang }} ignore note:{} hang", house.file("done").display());
    let words: Vec<&str> = std::iter::once(puppet.as_str()).chain(script.split(' ')).collect();
    house.up(&app_file(&[App::puppet("web", &puppet, "hang").with(&hooks(&[command("on_ready", &words)]))]));
    wait_until(SOON, "the hook runs", || (house.notes("done").len() == 1).then_some(()));
    let (app, [steward, ..]) = (house.process("web-0"), house.roles(SOON));
    assert!(commands(&house).len() >= 2);
    assert!(steward.signal(Signal::KILL));
    until_no_command(&house);
    assert_eq!(house.process("web-0"), app, "the app has not noticed");
    // The keeper dies as well: what it bore is found by the files that it left.
    house.abide(["restart", "web"]).ok();
    wait_until(SOON, "the hook runs again", || (house.notes("done").len() == 2).then_some(()));
    let app = house.process("web-0");
    assert!(house.roles(SOON)[2].kill());
    until_no_command(&house);
    assert_eq!(house.process("web-0"), app);
}

#[test]
fn a_steward_that_dies_during_pre_start_is_followed_by_a_whole_birth() {
    let house = House::new();
    let (tries, go) = (house.file("tries"), house.file("go"));
    let puppet = house.puppet();
    let script = format!("note:{} until:{} exit:0", tries.display(), go.display());
    let words: Vec<&str> = std::iter::once(puppet.as_str()).chain(script.split(' ')).collect();
    let app = App::puppet("web", &puppet, &format!("note:{} hang", house.file("starts").display()));
    house.write("abide.toml", app_file(&[app.with(&hooks(&[command("pre_start", &words)]))]));
    house.abide(["start", "abide.toml", "--no-wait"]).ok();
    wait_until(SOON, "pre_start runs", || (house.notes("tries").len() == 1).then_some(()));
    assert!(house.roles(SOON)[0].signal(Signal::KILL));
    wait_until(SOON, "pre_start runs again", || (house.notes("tries").len() == 2).then_some(()));
    house.write("go", "");
    house.until_status("web-0", "running", SOON);
    wait_until(SOON, "it has said so", || (!house.notes("starts").is_empty()).then_some(()));
    assert_eq!(house.notes("starts").len(), 1, "one birth");
    until_no_command(&house);
}

#[test]
fn the_house_ends_when_its_hooks_have() {
    let house = House::new();
    let slow = command("post_stop", &["sh", "-c", &format!("sleep 1; echo told >> {}", house.file("told").display())]);
    let never = command("post_stop", &["sleep", "1000"]);
    let puppet = house.puppet();
    house.up(&app_file(&[
        App::puppet("slow", &puppet, "hang").with(&hooks(&[slow])),
        App::puppet("never", &puppet, "hang").with(&hooks(&[never])),
    ]));
    let done = house.abide(["daemon", "stop"]).ok();
    assert!(done.took < Duration::from_secs(20), "{done:?}");
    assert_eq!(house.notes("told"), ["told"]);
    until_no_command(&house);
}

#[test]
fn a_check_by_command_tells_what_it_said_last() {
    let house = House::new();
    let good = house.file("good");
    let script = format!(
        "test \"$ABIDE_SLOT $MINE\" = 'web-0 0' || exit 1; kill -0 $ABIDE_PID || exit 2; test -e {} || {{ echo not good; exit 4; }}",
        good.display()
    );
    let exec: Vec<String> = ["sh", "-c", script.as_str(), "{{slot}}"].iter().map(|word| toml_string(word)).collect();
    let check =
        format!("healthcheck = {{ exec = [{}], interval = \"200ms\", failures = 2, action = \"none\" }}", exec.join(", "));
    let app = App::puppet("web", &house.puppet(), "hang").with(&check).with("env = { MINE = \"{{slot}}\" }");
    house.write("good", "");
    house.up(&app_file(&[app.with(&hooks(&[writes(&house, "on_ready"), writes(&house, "on_unhealthy")]))]));
    let life = house.process("web-0");
    fs::remove_file(&good).expect("removed");
    let lines = wait_until(SOON, "it is unhealthy", || Some(house.notes("told")).filter(|lines| lines.len() == 4));
    assert!(lines[1].starts_with("on_ready ready "), "once, when it was ready: {lines:?}");
    assert!(lines[3].starts_with("on_unhealthy unhealthy ") && lines[3].contains("exit code 4: not good"), "{lines:?}");
    assert_eq!(house.process("web-0"), life);
    house.abide(["stop", "web"]).ok();
    until_no_command(&house);
}

#[test]
fn a_check_by_command_that_hangs_is_killed_with_its_tree() {
    let house = House::new();
    let puppet = house.puppet();
    let script =
        format!("ignore note:{} double{{ setsid ignore hang }} spawn{{ ignore hang }} hang", house.file("asked").display());
    let words: Vec<String> = std::iter::once(puppet.as_str()).chain(script.split(' ')).map(toml_string).collect();
    let check = format!(
        "healthcheck = {{ exec = [{}], interval = \"2s\", timeout = \"400ms\", failures = 2, action = \"none\" }}",
        words.join(", ")
    );
    // Time to kill one before the next is due.
    let app = App::puppet("web", &puppet, "hang").with(&check).with("ready = { after = \"1ms\" }");
    house.up(&app_file(&[app]));
    let why = wait_until(SOON, "it is unhealthy", || {
        house.events(Some("web")).into_iter().find(|e| e.event == "unhealthy").map(|e| e.reason.unwrap_or_default())
    });
    assert!(why.contains("it took longer than 400ms and was killed"), "{why}");
    wait_until(SOON, "it was asked some times", || (house.notes("asked").len() >= 4).then_some(()));
    assert!(commands(&house).len() <= 3, "no two checks of one life at once");
    // A check that runs when its app ends, ends with it.
    house.abide(["stop", "web"]).ok();
    until_no_command(&house);
}

#[test]
fn hooks_run_as_the_user_of_their_app() {
    if !is_root() {
        return skip("hooks of another user (commands)", "only root can give away a process");
    }
    let house = House::new();
    let script = "echo $(id -u) $(id -g) $USER $(umask) > /dev/stdout; exit 3";
    let app = App::puppet("web", &house.puppet(), "hang").with("restart = \"never\"\nuser = \"nobody\"\numask = \"077\"");
    house.write("abide.toml", app_file(&[app.with(&hooks(&[command("pre_start", &["sh", "-c", script])]))]));
    house.abide(["up"]).code(1);
    assert_eq!(failures(&house, "web"), ["pre_start: exit code 3: 65534 65534 nobody 0077"]);
    until_no_command(&house);
}
