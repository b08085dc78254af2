//! `--mlockall`.

use crate::desk::{one, plain, works_one};
use e2e::Start;
use std::fs;

fn locked_kib(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = text.lines().find_map(|l| l.strip_prefix("VmLck:")).expect("Linux says it");
    line.trim().trim_end_matches(" kB").parse().expect("digits")
}

/// A keeper that may lock no memory at all, by its limit and by its capabilities.
fn bound() -> Start {
    let limit = plain().through(["prlimit", "--memlock=0:0"]);
    if !e2e::is_root() {
        return limit;
    }
    plain().through(["prlimit", "--memlock=0:0", "setpriv", "--inh-caps=-ipc_lock", "--bounding-set=-ipc_lock"])
}

#[test]
fn the_keepers_memory_is_locked() {
    if !e2e::is_root() {
        return e2e::skip("--mlockall", "only root surely may lock all its memory");
    }
    let mut keeper = one(plain().arg("--mlockall"));
    let locked = locked_kib(keeper.pid());
    keeper.check(locked > 0, &format!("VmLck is {locked} kB"));
    works_one(&mut keeper);
    // A service is not locked: that is not handed down.
    crate::desk::set(&mut keeper, "service.args\ta\tsleep\t1000");
    let child = crate::desk::start_one(&mut keeper, "a");
    e2e::wait_until(crate::desk::SOON, "it executes", || {
        fs::read_link(format!("/proc/{child}/exe")).ok().filter(|exe| !exe.ends_with("abide-keeper"))
    });
    assert_eq!(locked_kib(child), 0);
}

#[test]
fn a_refused_lock_is_a_clear_end() {
    let mut keeper = bound().more(["-M", "-S", "ctl"]).start();
    keeper.exits(3);
    let said = keeper.all_stderr_lines();
    let told = said.len() == 1 && said[0].contains("lock memory") && said[0].contains("os error");
    keeper.check(told, &format!("one line that says what and why: {said:?}"));
}

#[test]
fn a_refused_lock_under_a_guard_is_a_warning() {
    let mut keeper = one(bound().more(["--exit-guard", "5", "-M"]));
    keeper.wait_stderr("*: **lock memory**");
    assert_eq!(locked_kib(keeper.pid()), 0);
    works_one(&mut keeper);
}
