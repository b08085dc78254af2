//! What process 1 does while it lives.

use crate::space::{SOON, Space, set, start};
use e2e::{Pause, wait_until};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// The control socket, in the folder of the test.
const SOCKET: &str = "socket.create\t-\tROOT/ctl\n";

#[test]
fn its_configuration_is_the_default_one() {
    let config = format!("# of a container\nservice.args\tsleeper\tsleep\t1000\nservice.start\tsleeper\n{SOCKET}");
    let Some(space) = Space::start::<&str>(Some(&config), []) else { return };
    let mut client = space.client();
    wait_until(SOON, "the service of the configuration is up", || {
        client.answers("statedump").iter().any(|l| l.starts_with("service.state\tsleeper\tup\t")).then_some(())
    });
    let pids: Vec<u32> = space.inside().into_iter().map(|(pid, _)| pid).collect();
    assert!(pids.contains(&1) && pids.len() == 2, "process 1 and the service: {pids:?}");
    set(&mut client, "service.args\tshort\ttrue");
    start(&mut client, "short");
    client.wait_for("service.state\tshort\tdown\t<ts>\t<pid>\texit\t0\t**");
}

#[test]
fn another_configuration_can_be_given() {
    let Some(space) = Space::start(Some("service.args\tdefault\ttrue\n"), ["-c", "other.conf", "-S", "ctl"]) else { return };
    // There is no such file: said, and no reason to end.
    let mut space = space;
    space.keeper.wait_stderr("*: **other.conf**");
    let mut client = space.client();
    let dump = client.answers("statedump");
    client.check(!dump.iter().any(|l| l.starts_with("service.")), &format!("the default one is not read: {dump:?}"));
    client.quiet();
}

#[test]
fn it_stays_without_a_configuration_and_says_so() {
    let Some(mut space) = Space::start::<&str>(None, []) else { return };
    space.keeper.wait_stderr("*: **/etc/daemonproxy.conf**");
    // Idle is where it must stay; ended processes cannot take a signal.
    Pause::measure(Duration::from_secs(1));
    assert!(space.first.signal(Signal::HUP) && space.first.alive(), "it has ended");
}

#[test]
fn wrong_options_are_said_and_do_not_end_it() {
    let Some(mut space) = Space::start(Some(SOCKET), ["--no-such-option", "quiet", "--daemonize"]) else { return };
    space.keeper.wait_stderr("*: **--no-such-option**");
    space.client().quiet();
    assert!(space.first.alive());
    let inside = space.inside();
    assert!(matches!(inside.as_slice(), [(1, _)]), "nothing went to the background: {inside:?}");
}

#[test]
fn daemonize_is_ignored() {
    let Some(space) = Space::start(Some(SOCKET), ["-D"]) else { return };
    let mut client = space.client();
    client.quiet();
    set(&mut client, "service.args\ta\tsh\t-c\techo $PPID > parent");
    start(&mut client, "a");
    client.wait_for("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
    assert_eq!(space.keeper.read("parent"), "1\n");
    assert!(space.first.alive());
}

#[test]
fn orphans_are_reaped_by_thousands_while_it_answers() {
    let Some(space) = Space::start(Some(SOCKET), ["-c", "daemonproxy.conf"]) else { return };
    let mut client = space.client();
    set(
        &mut client,
        "service.args\tbreeder\tsh\t-c\ti=0; while [ $i -lt 1500 ]; do (true & true &); i=$((i+1)); done; : > bred; exec sleep 1000",
    );
    let breeder = start(&mut client, "breeder");
    let (mut asked, begun) = (0, Instant::now());
    while !space.keeper.file("bred").exists() {
        client.barrier();
        asked += 1;
        client.check(begun.elapsed() < 2 * SOON, "they are bred in time");
    }
    client.check(asked > 5, &format!("it answers meanwhile: {asked} times"));
    wait_until(SOON, "no zombie is left", || (!space.inside().iter().any(|(_, state)| *state == 'Z')).then_some(()));
    wait_until(SOON, "two are left", || {
        let mut pids: Vec<u32> = space.inside().into_iter().map(|(pid, _)| pid).collect();
        pids.sort_unstable();
        (pids == [1, breeder]).then_some(())
    });
    client.quiet();
}

#[test]
fn signals_from_inside_and_outside_are_events() {
    let Some(space) = Space::start(Some(SOCKET), ["-c", "daemonproxy.conf"]) else { return };
    let mut client = space.client();
    // It would tell if anything was forwarded.
    set(
        &mut client,
        "service.args\tother\tsh\t-c\ttrap 'echo $? > forwarded' TERM INT HUP; : > ready; while :; do sleep 0.1; done",
    );
    let other = start(&mut client, "other");
    space.keeper.wait_file("ready", |_| space.keeper.file("ready").exists());
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT"), (Signal::HUP, "SIGHUP")] {
        assert!(space.first.signal(signal));
        client.expect_match(&format!("signal\t{name}\t<ts>\t1"));
    }
    for (word, name) in [("TERM", "SIGTERM"), ("INT", "SIGINT"), ("HUP", "SIGHUP")] {
        set(&mut client, &format!("service.args\tsender\tsh\t-c\tkill -{word} 1"));
        client.say("service.start\tsender");
        let mut told = (false, false);
        while told != (true, true) {
            let line = client.next_line();
            told.0 |= e2e::fits(&format!("signal\t{name}\t<ts>\t2"), &line).is_some();
            told.1 |= e2e::fits("service.state\tsender\tdown\t<ts>\t<pid>\texit\t0\t**", &line).is_some();
        }
    }
    // Not even those can end process 1 from inside.
    set(&mut client, "service.args\tsender\tsh\t-c\tkill -KILL 1; kill -STOP 1");
    start(&mut client, "sender");
    client.wait_for("service.state\tsender\tdown\t<ts>\t<pid>\texit\t0\t**");
    client.quiet();
    assert!(!space.keeper.file("forwarded").exists(), "nothing is forwarded");
    assert!(space.inside().iter().any(|(pid, state)| *pid == other && *state != 'Z'));
}

#[test]
fn the_end_of_its_input_does_not_end_it() {
    let Some(mut space) = Space::start(Some(""), ["-i", "-S", "ctl"]) else { return };
    space.keeper.barrier();
    space.keeper.close_stdin();
    let mut client = space.client();
    set(&mut client, "service.args\ta\ttrue");
    start(&mut client, "a");
    client.wait_for("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
    assert!(space.first.alive());
}
