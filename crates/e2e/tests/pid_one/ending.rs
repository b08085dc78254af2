//! How process 1 ends: only when it is told to, with the code that it is told.

use crate::space::{SOON, Space, set, start};
use e2e::Client;

#[track_caller]
fn refused(client: &mut Client, command: &str, why: &str) {
    let answers = client.answers(command);
    let told = answers.len() == 1 && answers[0].starts_with(&format!("error\t{why}"));
    client.check(told, &format!("{command:?} must be refused with {why:?}, got {answers:?}"));
}

fn space() -> Option<Space> {
    Space::start::<&str>(Some("socket.create\t-\tROOT/ctl\n"), [])
}

#[test]
fn only_with_the_guard_code() {
    let Some(mut space) = space() else { return };
    let mut client = space.client();
    refused(&mut client, "terminate\t7", "terminate guard code required");
    refused(&mut client, "terminate\t7\t2", "incorrect terminate guard code");
    refused(&mut client, "terminate.guard\t+\t5", "terminate guard code is already set");
    // Whatever runs ends with the namespace.
    set(&mut client, "service.args\ta\tsleep\t1000");
    start(&mut client, "a");
    let left: Vec<_> = e2e::children_of(space.first.pid).into_iter().filter_map(|(pid, _)| e2e::Proc::find(pid)).collect();
    assert_eq!(left.len(), 1);
    client.say("terminate\t7\t1");
    space.keeper.exits(7);
    assert!(!left[0].alive() && !space.first.alive());
}

#[test]
fn without_a_guard_it_needs_no_code() {
    let Some(mut space) = space() else { return };
    let mut client = space.client();
    refused(&mut client, "terminate.guard\t-\t4", "incorrect guard code");
    set(&mut client, "terminate.guard\t-\t1");
    client.say("terminate\t5");
    space.keeper.exits(5);
}

#[test]
fn another_program_can_become_process_1() {
    let Some(mut space) = space() else { return };
    let mut client = space.client();
    let script = "echo \"$$ $DAEMONPROXY_EXITCODE [$DAEMONPROXY_ERROR]\" > successor; exec sleep 1000";
    set(&mut client, &format!("terminate.exec_args\t/bin/sh\t-c\t{script}"));
    set(&mut client, "service.args\ta\tsleep\t1000");
    let service = start(&mut client, "a");
    client.say("terminate\t7\t1");
    let told = space.keeper.wait_file("successor", |text| text.ends_with('\n'));
    assert_eq!(told, "1 7 []\n");
    e2e::wait_until(SOON, "process 1 is the other program", || {
        let exe = std::fs::read_link(format!("/proc/{}/exe", space.first.pid)).ok()?;
        (exe.file_name()? != "abide-keeper" && exe.file_name()? != "dash").then_some(())
    });
    assert!(space.first.alive(), "the same process");
    assert!(space.inside().iter().any(|(pid, state)| *pid == service && *state != 'Z'), "services are untouched");
    space.first.kill();
    space.keeper.exit_status(SOON);
}

#[test]
fn when_the_other_program_is_missing_it_ends_with_its_code() {
    let Some(mut space) = space() else { return };
    let mut client = space.client();
    set(&mut client, "terminate.exec_args\t/no/such/program");
    client.say("terminate\t9\t1");
    space.keeper.exits(9);
}
