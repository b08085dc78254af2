//! §2 and §3: what the commands about services do, and how it is told.

use crate::desk::{define, dump, ends_with_42, monotonic, obeyed, output_of, start, talk, up};
use e2e::{Proc, state_of};

#[test]
fn tags_args_and_handles_make_a_service() {
    let mut keeper = talk();
    obeyed(
        &mut keeper,
        &[
            ("service.tags\tt\tx\ty z", &["service.tags\tt\tx\ty z"]),
            ("service.args\ta\ttrue\tone\ttwo", &["service.args\ta\ttrue\tone\ttwo"]),
            ("service.fds\tf\tnull\tnull", &["service.fds\tf\tnull\tnull"]),
        ],
    );
    let dump = dump(&mut keeper);
    for name in ["a", "f", "t"] {
        keeper.check(dump.contains(&format!("service.state\t{name}\tdown\t-\t-\t-\t-\t-\t-")), &format!("{name} in {dump:?}"));
    }
}

#[test]
fn nothing_behind_the_name_leaves_a_trailing_tab() {
    let mut keeper = talk();
    obeyed(
        &mut keeper,
        &[
            ("service.tags\ta\tx", &["service.tags\ta\tx"]),
            ("service.tags\ta", &["service.tags\ta\t"]),
            ("service.args\ta\ttrue", &["service.args\ta\ttrue"]),
            ("service.args\ta", &["service.args\ta\t"]),
            ("service.fds\ta", &["service.fds\ta\t"]),
        ],
    );
    let dump = dump(&mut keeper);
    for line in ["service.tags\ta\t", "service.args\ta\t", "service.fds\ta\t", "service.auto_up\ta\t-"] {
        keeper.check(dump.iter().any(|l| l == line), &format!("{line:?} in {dump:?}"));
    }
}

#[test]
fn a_handle_that_is_not_defined_is_warned_of_and_kept() {
    let mut keeper = talk();
    let mut lines = keeper.answers("service.fds\ta\tnull\t-\tlater");
    lines.sort();
    let want =
        ["service.fds\ta\tnull\t-\tlater", "warning: fd \"-\" is not yet defined", "warning: fd \"later\" is not yet defined"];
    keeper.check(lines == want, &format!("expected {want:?}, got {lines:?}"));
    let dump = dump(&mut keeper);
    keeper.check(dump.iter().any(|l| l == "service.fds\ta\tnull\t-\tlater"), "it is stored");
}

#[test]
fn start_then_up_then_down_with_nine_fields() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sh\t-c\texit 3");
    let before = monotonic();
    keeper.say("service.start\ta");
    let started: i64 = keeper.expect_match("service.state\ta\tstart\t<ts>\t-\t-\t-\t-\t-")[0].parse().expect("digits");
    let up = keeper.expect_match("service.state\ta\tup\t<ts>\t<pid>\t-\t-\t<int>\t-");
    let down = keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t3\t<int>\t<int>");
    keeper.check(up[1] == down[1], "one pid in both");
    let now = monotonic();
    keeper.check((before - 1..=now + 1).contains(&started), &format!("seconds of the monotonic clock, from {before} to {now}"));
    for line in keeper.lines().iter().filter(|l| l.starts_with("service.state")) {
        keeper.check(line.split('\t').count() == 9, &format!("nine fields in {line:?}"));
    }
}

#[test]
fn a_signal_ends_it_and_is_named() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    for (said, named) in
        [("TERM", "SIGTERM"), ("SIGINT", "SIGINT"), ("9", "SIGKILL"), ("SIGSEGV", "SIGSEGV"), ("USR1", "SIGUSR1")]
    {
        let pid = start(&mut keeper, "a");
        keeper.ask(
            &format!("service.signal\ta\t{said}"),
            &format!("service.state\ta\tdown\t<ts>\t{pid}\tsignal\t{named}\t<int>\t<int>"),
        );
    }
}

#[test]
fn signal_zero_asks_only() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    start(&mut keeper, "a");
    keeper.say("service.signal\ta\t0");
    keeper.quiet();
}

#[test]
fn a_group_is_signalled_when_the_service_made_one() {
    let mut keeper = talk();
    define(&mut keeper, "a", "setsid\tsh\t-c\tsleep 1000 & echo $! > member; wait");
    let pid = start(&mut keeper, "a");
    let member = keeper.wait_file("member", |t| t.ends_with('\n'));
    let member = Proc::find(member.trim().parse().expect("a pid")).expect("it runs");
    keeper.ask("service.signal\ta\tTERM\tgroup", &format!("service.state\ta\tdown\t<ts>\t{pid}\tsignal\tSIGTERM\t<int>\t<int>"));
    e2e::wait_until(e2e::PATIENCE, "the whole group has ended", || (!member.alive()).then_some(()));
}

#[test]
fn a_service_runs_again() {
    let mut keeper = talk();
    define(&mut keeper, "a", "true");
    for _ in 0..20 {
        start(&mut keeper, "a");
        keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t<int>\t<int>");
    }
    let pid = keeper.pid();
    let zombies = e2e::children_of(pid).into_iter().filter(|(_, state)| *state == 'Z').count();
    keeper.check(zombies == 0, "every child was reaped");
}

#[test]
fn the_dump_shows_how_long() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    let pid = start(&mut keeper, "a");
    keeper.check(state_of(pid).is_some_and(|(_, parent)| parent == keeper.pid()), "it is the keeper's child");
    let shown = dump(&mut keeper);
    let fits = |p: &str| shown.iter().any(|l| e2e::fits(p, l).is_some());
    keeper.check(fits(&format!("service.state\ta\tup\t<ts>\t{pid}\t-\t-\t<int>\t-")), &format!("{shown:?}"));
    keeper.ask("service.signal\ta\tKILL", "service.state\ta\tdown\t**");
    let shown = dump(&mut keeper);
    let fits = |p: &str| shown.iter().any(|l| e2e::fits(p, l).is_some());
    keeper.check(fits(&format!("service.state\ta\tdown\t<ts>\t{pid}\tsignal\tSIGKILL\t<int>\t<int>")), &format!("{shown:?}"));
}

#[test]
fn a_start_is_planned_for_a_second() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    let due = monotonic() + 2;
    keeper.ask(&format!("service.start\ta\t{due}"), &format!("service.state\ta\tstart\t{due}\t-\t-\t-\t-\t-"));
    let found = keeper.expect_match("service.state\ta\tup\t<ts>\t<pid>\t-\t-\t<int>\t-");
    let at: i64 = found[0].parse().expect("digits");
    keeper.check(at >= due && at <= monotonic(), &format!("up at {at}, planned for {due}"));
}

#[test]
fn a_planned_start_is_cancelled() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    let due = monotonic() + 1000;
    keeper.ask(&format!("service.start\ta\t{due}"), &format!("service.state\ta\tstart\t{due}\t-\t-\t-\t-\t-"));
    keeper.ask("service.start\ta\t-", "service.state\ta\tdown\t-\t-\t-\t-\t-\t-");
    keeper.ask("service.start\ta\t-", "error\tno service.start pending**");
}

#[test]
fn a_planned_start_is_brought_forward() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    let due = monotonic() + 1000;
    keeper.ask(&format!("service.start\ta\t{due}"), &format!("service.state\ta\tstart\t{due}\t-\t-\t-\t-\t-"));
    keeper.say("service.start\ta");
    keeper.wait_for("service.state\ta\tup\t**");
}

#[test]
fn deleted_is_told_and_forgotten() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    keeper.ask("service.delete\ta", "service.state\ta\tdeleted\t-\t-\t-\t-\t-\t-");
    keeper.ask("service.start\ta", "error\tNo such service**");
    let dump = dump(&mut keeper);
    keeper.check(!dump.iter().any(|l| l.starts_with("service.")), &format!("{dump:?}"));
}

#[test]
fn bug_a_service_that_has_run_can_be_deleted() {
    let mut keeper = talk();
    ends_with_42(&mut keeper, "a", "true");
    keeper.ask("service.delete\ta", "service.state\ta\tdeleted\t-\t-\t-\t-\t-\t-");
    keeper.ask("service.start\ta", "error\tNo such service**");
    // The name is free for another.
    define(&mut keeper, "a", "sleep\t1000");
    start(&mut keeper, "a");
}

#[test]
fn bug_a_moment_ago_means_now() {
    let mut keeper = talk();
    define(&mut keeper, "a", "true");
    let now = monotonic();
    for past in [now, now - 1, now - 100, (now - 99_900).max(1)] {
        keeper.ask(&format!("service.start\ta\t{past}"), "service.state\ta\tstart\t<int>\t-\t-\t-\t-\t-");
        up(&mut keeper, "a");
        keeper.expect_match("service.state\ta\tdown\t**");
    }
}

#[test]
fn bug_an_unknown_signal_name_is_an_error() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    start(&mut keeper, "a");
    for name in ["SIGNOPE", "nope", "term", "SIGSIGTERM", "15x"] {
        keeper.ask(&format!("service.signal\ta\t{name}"), "error\t**, for command \"service.signal\ta\t*\"");
    }
    keeper.quiet();
}

#[test]
fn arguments_are_replaced_for_the_next_start() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sh\t-c\texit 1");
    define(&mut keeper, "a", "sh\t-c\texit 2");
    start(&mut keeper, "a");
    keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t2\t<int>\t<int>");
    assert_eq!(output_of(&mut keeper, "printf '%s' \"$0\""), "sh");
}
