//! §6: how the keeper ends, and what then stands in its place.

use crate::desk::{define, obeyed, refused, start, talk, with_socket};
use e2e::{Keeper, Proc, Start};
use rustix::process::Signal;

#[test]
fn terminate_ends_with_its_code_and_leaves_the_children() {
    for code in [0, 1, 7, 255] {
        let mut keeper = talk();
        define(&mut keeper, "a", "sleep\t1000");
        let child = Proc::find(start(&mut keeper, "a")).expect("it runs");
        keeper.say(&format!("terminate\t{code}"));
        keeper.exits(code);
        assert!(child.alive(), "children are untouched");
        keeper.wait_stderr("warning: **");
    }
}

#[test]
fn the_end_of_input_ends_with_0() {
    let mut keeper = talk();
    keeper.close_stdin();
    keeper.exits(0);
}

#[test]
fn what_was_said_before_the_end_of_input_is_done() {
    let mut keeper = talk();
    keeper.say("service.tags\ta\tx\necho\tlast");
    keeper.close_stdin();
    keeper.expect("service.tags\ta\tx");
    keeper.expect("last");
    keeper.exits(0);
}

#[test]
fn a_last_line_without_its_end_is_ignored() {
    let mut keeper = talk();
    keeper.send_raw("terminate\t9");
    keeper.close_stdin();
    keeper.exits(0);
}

#[test]
fn exit_of_i_ends_the_keeper() {
    let mut keeper = talk();
    keeper.say("exit");
    keeper.exits(0);
}

#[test]
fn fatal_signals_end_with_4() {
    for signal in [Signal::ABORT, Signal::FPE, Signal::ILL, Signal::SEGV, Signal::BUS, Signal::TRAP] {
        let mut keeper = talk();
        keeper.signal(signal);
        let code = keeper.exit_code(e2e::PATIENCE);
        keeper.check(code == 4, &format!("{signal:?} ended it with {code}"));
    }
}

#[test]
fn a_guard_is_set_once_and_cleared_by_its_code() {
    let mut keeper = talk();
    obeyed(&mut keeper, &[("terminate.guard\t+\t42", &[])]);
    refused(
        &mut keeper,
        &[
            ("terminate.guard\t+\t43", "terminate guard code is already set"),
            ("terminate.guard\t+\t42", "terminate guard code is already set"),
            ("terminate.guard\t-\t43", "incorrect guard code"),
            ("terminate\t5", "terminate guard code required"),
            ("terminate\t5\t43", "incorrect terminate guard code"),
        ],
    );
    obeyed(&mut keeper, &[("terminate.guard\t-\t42", &[])]);
    keeper.say("terminate\t5");
    keeper.exits(5);
}

#[test]
fn with_a_guard_and_nothing_to_exec_there_is_no_exit() {
    let mut keeper = Keeper::talk(["--exit-guard", "42"]);
    keeper.ask("terminate\t5", "error\tterminate guard code required**");
    keeper.ask("terminate\t5\t42", "error\tcannot exit, and exec-on-exit is not configured*");
    keeper.say("terminate.guard\t-\t42\nterminate\t6");
    keeper.exits(6);
}

#[test]
fn with_a_guard_the_end_of_input_ends_nothing() {
    let mut keeper = Keeper::talk(["-S", "ctl", "--exit-guard", "42"]);
    keeper.close_stdin();
    let mut client = keeper.client("ctl");
    client.quiet();
    client.say("terminate.guard\t-\t42\nterminate\t5");
    keeper.exits(5);
}

#[test]
fn with_a_guard_exit_closes_the_connection_only() {
    let mut keeper = with_socket();
    let mut client = keeper.client("ctl");
    client.say("terminate.guard\t+\t42");
    client.quiet();
    keeper.say("exit");
    client.quiet();
    client.say("terminate.guard\t-\t42\nterminate\t5");
    keeper.exits(5);
}

/// What to exec: a script that writes what it got into the file `told`, and ends with 66.
const TELL: &str = "sh\t-c\techo \"$$ ${DAEMONPROXY_EXITCODE-unset} ${DAEMONPROXY_ERROR+with an error}\" > told; exit 66";

#[test]
fn exec_on_exit_for_terminate() {
    let mut keeper = talk();
    keeper.say(&format!("terminate.exec_args\t{TELL}"));
    keeper.quiet();
    keeper.say("terminate\t5");
    keeper.exits(66);
    let told = keeper.read("told");
    assert!(told.starts_with(&format!("{} 5", keeper.pid())), "same pid, code 5: {told}");
}

#[test]
fn exec_on_exit_for_the_end_of_input() {
    let mut keeper = Keeper::talk(["-E", TELL]);
    keeper.close_stdin();
    keeper.exits(66);
    assert!(keeper.read("told").starts_with(&format!("{} 0", keeper.pid())), "{}", keeper.read("told"));
}

#[test]
fn exec_on_exit_for_a_wrong_option() {
    for option in ["-E", "--exit-exec"] {
        let mut keeper = Keeper::start([option, TELL, "--no-such-option"]);
        keeper.exits(66);
        let told = keeper.read("told");
        assert!(told.starts_with(&format!("{} 2", keeper.pid())), "same pid, code 2: {told}");
    }
}

#[test]
fn options_act_in_order() {
    let mut keeper = Keeper::start(["--no-such-option", "-E", TELL]);
    keeper.exits(2);
    assert_eq!(keeper.read("told"), "");
}

#[test]
fn exec_on_exit_for_a_fatal_signal() {
    for signal in [Signal::SEGV, Signal::ABORT] {
        let mut keeper = Keeper::talk(["-E", TELL]);
        keeper.signal(signal);
        keeper.exits(66);
        let told = keeper.read("told");
        assert!(told.starts_with(&format!("{} 4 with an error", keeper.pid())), "same pid, code 4, an error: {told}");
    }
}

#[test]
fn exec_on_exit_with_a_guard() {
    let mut keeper = Keeper::talk(["-E", TELL, "--exit-guard", "42"]);
    keeper.ask("terminate\t5\t41", "error\tincorrect terminate guard code**");
    keeper.say("terminate\t5\t42");
    keeper.exits(66);
    assert!(keeper.read("told").starts_with(&format!("{} 5", keeper.pid())));
}

#[test]
fn what_is_executed_keeps_the_children() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    let child = Proc::find(start(&mut keeper, "a")).expect("it runs");
    keeper.say("terminate.exec_args\tsleep\t999\nterminate\t5");
    e2e::wait_until(e2e::PATIENCE, "sleep stands in the keeper's place", || {
        (Proc::find(keeper.pid())?.args() == ["sleep", "999"]).then_some(())
    });
    assert!(child.alive() && e2e::state_of(child.pid).is_some_and(|(_, parent)| parent == keeper.pid()));
}

#[test]
fn what_is_executed_has_plain_signals() {
    let mut keeper = talk();
    keeper.say("terminate.exec_args\tsh\t-c\tgrep -E '^Sig(Blk|Ign)' /proc/self/status > told\nterminate\t5");
    keeper.exits(0);
    let told = keeper.read("told");
    let mask = |at: usize| u64::from_str_radix(told.lines().nth(at).and_then(|l| l.split_whitespace().nth(1)).expect(&told), 16);
    assert_eq!(mask(0), Ok(0), "nothing is blocked: {told}");
}

#[test]
fn when_the_exec_fails_it_ends_after_all() {
    let mut keeper = talk();
    keeper.say("terminate.exec_args\t/no/such/program\nterminate\t5");
    keeper.exits(5);
}

#[test]
fn exec_args_are_switched_off_by_none() {
    let mut keeper = talk();
    keeper.say(&format!("terminate.exec_args\t{TELL}\nterminate.exec_args\nterminate\t5"));
    keeper.exits(5);
}

#[test]
fn exec_args_take_255_bytes() {
    let mut keeper = talk();
    // "true" and its end, and the rest up to 255.
    let fits = format!("terminate.exec_args\ttrue\t{}", "x".repeat(240));
    obeyed(&mut keeper, &[(&fits, &[])]);
    let more = format!("terminate.exec_args\ttrue\t{}", "x".repeat(255));
    refused(&mut keeper, &[(&more, "exec arguments exceed buffer size (255)")]);
}

#[test]
fn as_pid_1_it_reads_its_file_reaps_all_and_ends_by_the_code() {
    if !e2e::is_root() {
        return e2e::skip("pid 1", "needs root for a pid namespace");
    }
    let script = "mount -t tmpfs tmpfs /etc && printf 'socket.create\\011-\\011ctl\\n' > /etc/daemonproxy.conf && exec \"$@\"";
    let start = Start::new([""; 0]).through([
        "unshare",
        "--pid",
        "--mount",
        "--mount-proc",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        script,
        "sh",
    ]);
    let mut keeper = start.start();
    let mut client = keeper.client("ctl");
    client.quiet();
    define(&mut client, "a", "sh\t-c\tfor n in 1 2 3 4 5 6 7 8 9; do (sleep 0.1 & :); done; exit 42");
    crate::desk::start(&mut client, "a");
    client.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t42\t**");
    client.ask("terminate\t5", "error\tterminate guard code required**");
    client.say("terminate.guard\t-\t1\nterminate\t5");
    keeper.exits(5);
}
