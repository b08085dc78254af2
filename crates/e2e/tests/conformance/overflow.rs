//! §1: a controller that does not read.

use crate::desk::{define, with_socket};
use e2e::{Client, Keeper, Pause, wait_until};
use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

/// Longer than everything that a socket and the keeper hold for a reader that sleeps.
const MANY: usize = 5000;

fn filler() -> String {
    "f".repeat(300)
}

/// Says many state events on the keeper's own streams, and reads its own share of them.
#[track_caller]
fn flood(keeper: &mut Keeper) {
    let filler = filler();
    for n in 0..MANY {
        keeper.say(&format!("service.tags\tb\t{n}-{filler}"));
    }
    let heard = keeper.barrier();
    keeper.check(heard.len() == MANY, &format!("a controller that reads misses nothing: {} of {MANY}", heard.len()));
}

/// Reads what is left for a client that slept: lines of [`flood`] without a gap, whole ones only, then one `overflow`.
#[track_caller]
fn wakes_up(client: &mut Client) {
    let filler = filler();
    let mut next = 0;
    loop {
        let line = client.next_line();
        if line == "overflow" {
            break;
        }
        client.check(line == format!("service.tags\tb\t{next}-{filler}"), &format!("whole and in order, number {next}: {line}"));
        next += 1;
    }
    client.check(next < MANY, "something was dropped");
}

#[test]
fn events_that_do_not_fit_are_dropped_and_overflow_is_said_once() {
    let mut keeper = with_socket();
    let mut client = keeper.deaf("ctl");
    client.say("service.tags\tready\tx");
    keeper.expect("service.tags\tready\tx");
    flood(&mut keeper);
    client.listen();
    client.expect("service.tags\tready\tx");
    wakes_up(&mut client);
    client.quiet();
    keeper.ask("service.tags\tafter\tx", "service.tags\tafter\tx");
    client.expect("service.tags\tafter\tx");
    // It is told to ask for a dump, and gets one.
    let dump = client.answers("statedump");
    client.check(dump.iter().any(|l| l.starts_with(&format!("service.tags\tb\t{}-", MANY - 1))), "the dump has the last state");
    let overflows = client.lines().iter().filter(|l| *l == "overflow").count();
    client.check(overflows == 1, &format!("{overflows} times overflow"));
}

#[test]
fn its_own_commands_wait_for_room_and_nothing_is_lost() {
    let mut keeper = with_socket();
    let mut client = keeper.deaf("ctl");
    let text = "e".repeat(600);
    for n in 0..3000 {
        client.say(&format!("echo\t{n}-{text}"));
    }
    keeper.quiet();
    keeper.ask("service.start\tnobody", "error\tNo such service**");
    client.listen();
    for n in 0..3000 {
        client.expect(&format!("{n}-{text}"));
    }
    client.quiet();
}

#[test]
fn a_keeper_with_a_sleeping_controller_serves_the_others() {
    let mut keeper = with_socket();
    let mut client = keeper.deaf("ctl");
    for _ in 0..3000 {
        client.say(&format!("echo\t{}", "e".repeat(900)));
    }
    define(&mut keeper, "a", "true");
    for _ in 0..20 {
        crate::desk::start(&mut keeper, "a");
        keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
    }
    // Nobody has read what is for the other: a keeper that waited for that would not have come so far.
}

#[test]
fn a_dump_is_longer_than_the_buffer_and_overflows_nothing() {
    let mut keeper = with_socket();
    let filler = filler();
    for n in 0..300 {
        keeper.say(&format!("service.tags\ts{n}\t{filler}\nservice.args\ts{n}\ttrue\t{filler}"));
    }
    keeper.barrier();
    let mut client = keeper.deaf("ctl");
    client.say("statedump");
    keeper.quiet();
    client.listen();
    let dump = client.barrier();
    let of = |head: &str| dump.iter().filter(|l| l.starts_with(head)).count();
    let counts =
        [of("service.state\t"), of("service.tags\t"), of("service.args\t"), of("service.fds\t"), of("service.auto_up\t")];
    client.check(counts == [300; 5] && of("overflow") == 0, &format!("{counts:?}"));
}

#[test]
fn after_reset_its_commands_are_consumed_again() {
    let mut keeper = with_socket();
    let mut client = keeper.deaf("ctl");
    client.say("conn.event_timeout\t1\t1000\nservice.tags\tready\tx");
    keeper.expect("service.tags\tready\tx");
    for _ in 0..3000 {
        client.say(&format!("echo\t{}", "e".repeat(900)));
    }
    client.say("service.tags\treached\tx");
    keeper.wait_for("service.tags\treached\tx");
    keeper.wait_stderr("warning: **");
    client.listen();
    client.expect("service.tags\tready\tx");
    loop {
        let line = client.next_line();
        if line == "overflow" {
            break;
        }
        let whole = line.len() == 900 && line.bytes().all(|b| b == b'e') || line == "service.tags\treached\tx";
        client.check(whole, &format!("whole lines only, not {line:?}"));
    }
    client.quiet();
}

/// Waits until the keeper has closed this connection, which nobody reads.
#[track_caller]
fn dropped(client: &Client, within: Duration) -> Duration {
    let begun = Instant::now();
    let mut stream = client.stream();
    stream.set_nonblocking(true).expect("a socket can be made so");
    let mut pause = Pause::default();
    loop {
        match stream.write(b"#\n") {
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => return begun.elapsed(),
            _ => client.check(begun.elapsed() < within, &format!("not dropped within {within:?}")),
        }
        pause.take();
    }
}

#[test]
fn after_close_the_connection_is_dropped() {
    let mut keeper = with_socket();
    let client = {
        let mut client = keeper.deaf("ctl");
        client.say("conn.event_timeout\t1\t2\nservice.tags\tready\tx");
        keeper.expect("service.tags\tready\tx");
        client
    };
    let begun = Instant::now();
    flood(&mut keeper);
    dropped(&client, e2e::PATIENCE);
    keeper.check(begun.elapsed() > Duration::from_millis(1500), &format!("not before its time: {:?}", begun.elapsed()));
    // A keeper that is held up meanwhile may close it without a reset before.
    keeper.wait_stderr("error: **closed");
    keeper.quiet();
    // Its place is free again.
    keeper.client("ctl").quiet();
}

#[test]
fn a_reader_that_wakes_in_time_is_kept() {
    let mut keeper = with_socket();
    let mut client = keeper.deaf("ctl");
    client.say("conn.event_timeout\t1\t1000\nservice.tags\tready\tx");
    keeper.expect("service.tags\tready\tx");
    flood(&mut keeper);
    keeper.wait_stderr("warning: **");
    client.listen();
    client.expect("service.tags\tready\tx");
    wakes_up(&mut client);
    client.quiet();
}

#[test]
fn a_client_that_dies_with_a_full_buffer_is_forgotten() {
    let mut keeper = with_socket();
    let held = e2e::open_files(keeper.pid()).len();
    let mut client = keeper.deaf("ctl");
    for _ in 0..2000 {
        client.say(&format!("echo\t{}", "e".repeat(900)));
    }
    keeper.quiet();
    client.hang_up();
    let closed = || (e2e::open_files(keeper.pid()).len() == held).then_some(());
    wait_until(e2e::PATIENCE, "its connection is closed", closed);
    keeper.quiet();
}
