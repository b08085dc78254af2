//! §4 and §2: who may talk to the keeper, and how.

use crate::desk::{define, dump, start, talk, with_socket};
use e2e::{Keeper, Start, wait_until};
use rustix::process::Signal;
use std::os::unix::net::UnixStream;

#[test]
fn the_banner_of_i_has_six_lines() {
    let mut keeper = Keeper::start(["-i"]);
    for _ in 0..6 {
        keeper.expect_match("info\t**");
    }
    keeper.quiet();
    let banner = keeper.lines().join("\n").to_lowercase();
    for word in ["version", "git", "copyright", "licen"] {
        keeper.check(banner.contains(word), &format!("{word} in the banner"));
    }
}

#[test]
fn a_client_of_the_socket_gets_no_banner() {
    let keeper = with_socket();
    let mut client = keeper.client("ctl");
    client.quiet();
}

#[test]
fn a_controller_may_come_and_go() {
    let mut keeper = with_socket();
    for _ in 0..30 {
        let mut client = keeper.client("ctl");
        client.ask("echo\there", "here");
    }
    keeper.quiet();
}

#[test]
fn exit_closes_the_connection_after_what_was_said() {
    let mut keeper = with_socket();
    let mut client = keeper.client("ctl");
    client.say("echo\tlast\nexit\necho\tnever");
    assert_eq!(client.closed(), ["last"]);
    keeper.quiet();
}

#[test]
fn the_last_commands_of_a_client_that_left_are_obeyed() {
    let mut keeper = with_socket();
    let mut client = keeper.client("ctl");
    client.say("service.tags\tdone\tx");
    wait_until(e2e::PATIENCE, "the line is on its way", || (client.written() > 0).then_some(()));
    client.hang_up();
    keeper.expect("service.tags\tdone\tx");
}

#[test]
fn more_than_two_controllers() {
    let mut keeper = with_socket();
    let mut clients: Vec<_> = (0..5).map(|_| keeper.client("ctl")).collect();
    for (at, client) in clients.iter_mut().enumerate() {
        client.ask(&format!("echo\tclient {at}"), &format!("client {at}"));
    }
    keeper.ask("service.tags\ta\tx", "service.tags\ta\tx");
    for client in &mut clients {
        client.expect("service.tags\ta\tx");
    }
}

#[test]
fn eight_is_the_default_and_others_wait_in_the_backlog() {
    let mut keeper = with_socket();
    let mut clients: Vec<_> = (0..7).map(|_| keeper.client("ctl")).collect();
    clients.iter_mut().for_each(|c| c.quiet());
    let mut ninth = keeper.client("ctl");
    ninth.say("echo\tat last");
    keeper.quiet();
    assert_eq!(ninth.lines(), [""; 0], "nobody has read it");
    clients.pop().expect("seven").hang_up();
    ninth.expect("at last");
}

#[test]
fn the_number_of_controllers_can_be_said() {
    let mut keeper = Keeper::talk(["-S", "ctl", "--connections", "2"]);
    let mut first = keeper.client("ctl");
    first.quiet();
    let mut second = keeper.client("ctl");
    second.say("echo\tat last");
    keeper.quiet();
    assert_eq!(second.lines(), [""; 0]);
    first.say("exit");
    first.closed();
    second.expect("at last");
}

#[test]
fn the_socket_is_made_moved_and_removed() {
    let mut keeper = talk();
    keeper.say("socket.create\t-\tone");
    keeper.quiet();
    keeper.client("one").quiet();
    keeper.say("socket.create\t\ttwo");
    keeper.quiet();
    keeper.client("two").quiet();
    keeper.check(UnixStream::connect(keeper.file("one")).is_err(), "the old one was removed");
    let mut stays = keeper.client("two");
    stays.quiet();
    keeper.say("socket.delete");
    keeper.quiet();
    keeper.check(UnixStream::connect(keeper.file("two")).is_err(), "it was removed");
    stays.quiet();
    keeper.say("socket.delete");
    keeper.quiet();
}

#[test]
fn a_stale_socket_is_replaced() {
    let start = Start::new(["-i", "-S", "ctl"]);
    drop(std::os::unix::net::UnixListener::bind(start.file("ctl")).expect("our own folder"));
    let keeper = start.start().greeted();
    keeper.client("ctl").quiet();
}

#[test]
fn a_file_in_the_sockets_place_is_kept() {
    let mut keeper = talk();
    keeper.write("precious", "text");
    keeper.ask("socket.create\t-\tprecious", "error\tFailed to create control socket**");
    assert_eq!(keeper.read("precious"), "text");
}

/// A service that is a controller, by a script of one line.
fn controller(keeper: &mut Keeper, fds: &str, script: &str) -> u32 {
    keeper.ask(&format!("service.fds\tc\t{fds}"), &format!("service.fds\tc\t{fds}"));
    define(keeper, "c", &format!("sh\t-c\t{script}"));
    start(keeper, "c")
}

#[test]
fn control_cmd_takes_commands() {
    let mut keeper = talk();
    controller(&mut keeper, "null\tcontrol.cmd\tstderr", "printf 'service.tags\\011made\\011by c\\n'; exec sleep 1000");
    keeper.expect("service.tags\tmade\tby c");
    keeper.ask("service.signal\tc\tKILL", "service.state\tc\tdown\t**");
}

#[test]
fn control_event_gives_events() {
    let mut keeper = talk();
    let out = keeper.file("out");
    keeper.ask(&format!("fd.open\tout\twrite,create\t{}", out.display()), "fd.state\tout\t**");
    controller(&mut keeper, "control.event\tout\tstderr", "exec cat");
    keeper.ask("service.tags\tmark\tx", "service.tags\tmark\tx");
    keeper.wait_file("out", |text| text.contains("service.tags\tmark\tx\n"));
}

#[test]
fn control_socket_is_both() {
    let mut keeper = talk();
    let script = "printf 'echo\\011one\\n' >&3; IFS= read -r a <&3; while test \"$a\" != one; do IFS= read -r a <&3 || exit 1; done; \
                  printf 'service.tags\\011seen\\011%s\\n' \"$a\" >&3; exec sleep 1000";
    controller(&mut keeper, "null\tnull\tstderr\tcontrol.socket", script);
    keeper.expect("service.tags\tseen\tone");
}

#[test]
fn events_and_commands_on_two_descriptors_of_one_controller() {
    let mut keeper = talk();
    let script = "printf 'echo\\011one\\n'; IFS= read -r a; while test \"$a\" != one; do IFS= read -r a || exit 1; done; \
                  printf 'service.tags\\011seen\\011%s\\n' \"$a\"; exec sleep 1000";
    controller(&mut keeper, "control.event\tcontrol.cmd\tstderr", script);
    keeper.expect("service.tags\tseen\tone");
}

#[test]
fn a_controller_that_ended_leaves_its_place() {
    let mut keeper = talk();
    for _ in 0..20 {
        controller(&mut keeper, "control.event\tcontrol.cmd\tstderr", "exit 0");
        keeper.expect_match("service.state\tc\tdown\t<ts>\t<pid>\texit\t0\t**");
    }
    keeper.quiet();
}

#[test]
fn the_last_commands_of_a_service_are_obeyed() {
    let mut keeper = talk();
    controller(&mut keeper, "null\tcontrol.cmd\tstderr", "printf 'service.tags\\011last\\011words\\n'");
    let mut seen = vec![keeper.next_line(), keeper.next_line()];
    seen.sort_by_key(|l| l.contains("\tdown\t"));
    keeper.check(seen[0] == "service.tags\tlast\twords" && seen[1].starts_with("service.state\tc\tdown\t"), &format!("{seen:?}"));
}

#[test]
fn without_a_free_place_the_start_waits() {
    let mut keeper = Keeper::talk(["--connections", "1"]);
    keeper.ask("service.fds\tc\tcontrol.event\tcontrol.cmd", "service.fds\tc\t**");
    define(&mut keeper, "c", "cat");
    keeper.ask("service.start\tc", "service.state\tc\tstart\t<ts>\t-\t-\t-\t-\t-");
    keeper.wait_stderr("**can't allocate controller object**");
    let lines = dump(&mut keeper);
    keeper.check(lines.iter().any(|l| l.starts_with("service.state\tc\tstart\t")), &format!("{lines:?}"));
    // It is tried again after three seconds; once it needs no controller any more, it comes up.
    keeper.ask("service.fds\tc\tnull\tnull", "service.fds\tc\tnull\tnull");
    keeper.wait_for("service.state\tc\tup\t**");
}

#[test]
fn a_new_controller_hears_of_pending_signals() {
    let mut keeper = with_socket();
    keeper.signal(Signal::USR2);
    keeper.expect_match("signal\tSIGUSR2\t<ts>\t1");
    let mut client = keeper.client("ctl");
    client.expect_match("signal\tSIGUSR2\t<ts>\t1");
    client.quiet();
}
