//! Row 28: no descriptor is left.

use crate::desk::{SOON, denied, fails_two, no_zombies, one, plain, set, speak_two, two, until_all, works_one, works_two};
use e2e::{Keeper, Pause, Proc, Start, open_files};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Files that the keeper may have open.
const FILES: usize = 32;

fn tight() -> Start {
    let limit = format!("--nofile={FILES}:{FILES}");
    Start::new(["--connections", "64"]).through(["prlimit", &limit])
}

/// Connects 200 times, without waiting; those that were queued or taken are given back.
fn crowd(keeper: &Keeper) -> Vec<OwnedFd> {
    let address = SocketAddrUnix::new(keeper.file("ctl")).expect("a short path");
    let one = || {
        let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None);
        let fd = fd.expect("the test has descriptors");
        connect(&fd, &address).is_ok().then_some(fd)
    };
    (0..200).filter_map(|_| one()).collect()
}

fn switches(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    text.lines().filter(|l| l.contains("ctxt_switches")).filter_map(|l| l.split('\t').nth(1)?.parse::<u64>().ok()).sum()
}

/// Two seconds in which the keeper must hardly be awake.
#[track_caller]
fn calm(keeper: &Keeper) {
    let process = Proc::find(keeper.pid()).expect("it lives");
    let before = (process.cpu_ticks(), switches(process.pid));
    Pause::measure(Duration::from_secs(2));
    let (ticks, woken) = (process.cpu_ticks() - before.0, switches(process.pid) - before.1);
    keeper.check(ticks <= 10 && woken <= 100, &format!("it spins: {ticks} ticks, {woken} switches in two seconds"));
}

#[test]
fn row_28_a_crowd_of_clients_takes_no_descriptor_that_others_need() {
    let mut keeper = one(tight());
    let mut old = keeper.client("ctl");
    old.barrier();
    let mut clients = crowd(&keeper);
    // So many more as free the queue: until the table is full.
    e2e::wait_until(SOON, "the table is nearly full", || {
        clients.extend(crowd(&keeper));
        (open_files(keeper.pid()).len() >= FILES - 5).then_some(())
    });
    calm(&keeper);
    keeper.barrier();
    old.barrier();
    // With what was kept in hand a birth goes, one after the other.
    for _ in 0..3 {
        works_one(&mut keeper);
        works_one(&mut old);
        keeper.barrier();
    }
    drop(clients);
    let mut late = keeper.client("ctl");
    late.barrier();
    works_one(&mut late);
    keeper.barrier();
    // The listener, the old and the late one; what is kept in hand is no socket.
    let sockets = || open_files(keeper.pid()).iter().filter(|(_, what)| what.starts_with("socket:")).count();
    e2e::wait_until(SOON, "the clients are forgotten", || (sockets() <= 3).then_some(()));
    no_zombies(keeper.pid());
}

#[test]
fn row_28_descriptors_of_a_controller_end_in_a_clear_error() {
    let mut keeper = two(tight());
    let mut made = 0;
    let refused = loop {
        let answers = keeper.answers(&format!("fd.open\tx{made}\tread\t/dev/null"));
        let error = answers.iter().find_map(|a| crate::desk::body(a).strip_prefix("error\t"));
        if let Some(error) = error {
            break error.to_owned();
        }
        made += 1;
        keeper.check(made < FILES, "there is an end of it");
    };
    keeper.check(refused.contains("Too many open files"), &refused);
    let refused = denied(&mut keeper, "fd.pipe\tr\tw");
    keeper.check(refused.contains("failed to create pipe"), &refused);
    let refused = denied(&mut keeper, "fd.socket\ts\tunix");
    keeper.check(refused.contains("Too many open files"), &refused);
    // Births go on with what is kept in hand, also those with a control connection.
    works_two(&mut keeper);
    set(&mut keeper, "service.fds\tcontroller\tnull\tnull\tnull\tcontrol.cmd");
    set(&mut keeper, "service.args\tcontroller\tsh\t-c\tprintf 'service.tags\\\\tsaid\\\\tyes\\\\n' >&3");
    for _ in 0..2 {
        keeper.say("service.start\tcontroller");
        // It may be heard to the end after its end.
        let said = ["service.tags\tsaid\tyes", "service.state\tcontroller\tdown\t<ts>\t<pid>\texit\t0\t**"];
        until_all(&mut keeper, &said);
    }
    calm(&keeper);
    for at in 0..made {
        set(&mut keeper, &format!("fd.delete\tx{at}"));
    }
    set(&mut keeper, "fd.pipe\tr\tw");
    let mut late = keeper.client("ctl");
    speak_two(&mut late);
    works_two(&mut late);
}

#[test]
fn row_28_a_system_without_descriptors() {
    let mut keeper = two(plain());
    set(&mut keeper, "service.args\ta\ttrue");
    let fault = ["-e", "trace=accept4,accept,pipe2", "-e", "inject=accept4,accept,pipe2:error=ENFILE"];
    let Some(strace) = keeper.strace("row 28, ENFILE", &fault) else { return };
    let clients = crowd(&keeper);
    keeper.check(!clients.is_empty(), "somebody waits");
    let before = Proc::find(keeper.pid()).expect("it lives").cpu_ticks();
    Pause::measure(Duration::from_secs(2));
    let ticks = Proc::find(keeper.pid()).expect("it lives").cpu_ticks() - before;
    keeper.barrier();
    let failed = fails_two(&mut keeper, "a");
    keeper.check(failed == "fds:ENFILE", &failed);
    let refused = denied(&mut keeper, "fd.pipe\tr\tw");
    keeper.check(refused.contains("failed to create pipe"), &refused);
    drop(clients);
    // strace stops at every call, so wake-ups are not counted here, but attempts.
    let attempts = strace.detach().lines().filter(|l| l.starts_with("accept")).count();
    keeper.check(ticks <= 10 && attempts <= 60, &format!("it spins: {ticks} ticks, {attempts} attempts"));
    set(&mut keeper, "fd.pipe\tr\tw");
    works_two(&mut keeper);
    let mut late = keeper.client("ctl");
    speak_two(&mut late);
    works_two(&mut late);
}

#[test]
fn row_28_in_dialect_one_a_start_without_descriptors_is_tried_again() {
    let mut keeper = one(plain());
    set(&mut keeper, "service.args\ta\tsleep\t1000");
    let fault = ["-e", "trace=pipe2", "-e", "inject=pipe2:error=ENFILE"];
    let Some(strace) = keeper.strace("row 28, ENFILE", &fault) else { return };
    keeper.say("service.start\ta");
    keeper.expect_match("service.state\ta\tstart\t**");
    keeper.wait_stderr("error: **ENFILE**");
    keeper.quiet();
    strace.detach();
    keeper.wait_for("service.state\ta\tup\t**");
    works_one(&mut keeper);
}
