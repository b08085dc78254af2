//! §2: `statedump`.

use crate::desk::{define, dump, start, talk};
use e2e::Lines;
use rustix::process::Signal;

/// A keeper's worth of services, descriptors and signals.
#[track_caller]
fn furnish(lines: &mut Lines) {
    for command in [
        "service.args\tzeta\tsleep\t1000",
        "service.tags\tzeta\tone\ttwo words",
        "service.args\talpha\tsh\t-c\techo \"$0\" \\n",
        "service.fds\talpha",
        "service.tags\tBeta\tx",
        "service.fds\tBeta\tnull\t-\tp.r\tcontrol.event",
        "service.fds\tgamma\tnull\tnull\tstderr",
        "service.auto_up\tzeta\t99\tSIGUSR2\tHUP",
        "fd.pipe\tp.r\tp.w",
        "fd.open\tA\tread\t/dev/null",
        "fd.open\tb\twrite\t/dev/null",
        "fd.open\t0\tread,write\t/dev/null",
    ] {
        lines.say(command);
    }
    lines.barrier();
}

#[test]
fn descriptors_then_services_then_signals_each_in_order() {
    let mut keeper = talk();
    furnish(&mut keeper);
    for signal in [Signal::TERM, Signal::INT] {
        keeper.signal(signal);
        keeper.expect_match("signal\t*\t<ts>\t1");
    }
    let lines = dump(&mut keeper);
    let heads: Vec<(&str, &str)> =
        lines.iter().filter_map(|l| l.split_once('\t')).map(|(v, r)| (v, r.split('\t').next().unwrap_or(""))).collect();
    let mut want: Vec<(&str, &str)> =
        ["0", "A", "b", "control.cmd", "control.event", "control.socket", "null", "p.r", "p.w", "stderr", "stdin", "stdout"]
            .map(|name| ("fd.state", name))
            .to_vec();
    for name in ["Beta", "alpha", "gamma", "zeta"] {
        want.extend(["service.state", "service.tags", "service.args", "service.fds", "service.auto_up"].map(|verb| (verb, name)));
    }
    want.extend([("signal", "SIGTERM"), ("signal", "SIGINT")]);
    keeper.check(heads == want, &format!("expected {want:?}\ngot      {heads:?}"));
}

#[test]
fn the_service_lines_define_the_same_services_elsewhere() {
    let mut first = talk();
    furnish(&mut first);
    let verbs = ["service.tags\t", "service.args\t", "service.fds\t", "service.auto_up\t"];
    let of = |lines: Vec<String>| lines.into_iter().filter(|l| verbs.iter().any(|v| l.starts_with(v))).collect::<Vec<_>>();
    let said = of(dump(&mut first));
    first.check(said.len() == 16, &format!("{said:?}"));
    let mut second = talk();
    for line in &said {
        let answers = second.answers(line);
        second.check(!answers.iter().any(|a| a.starts_with("error\t")), &format!("{line:?} is understood: {answers:?}"));
    }
    let again = of(dump(&mut second));
    second.check(again == said, &format!("expected {said:?}\ngot      {again:?}"));
}

#[test]
fn a_dump_says_what_the_events_said() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    start(&mut keeper, "a");
    furnish(&mut keeper);
    let told = keeper.lines();
    let lines = dump(&mut keeper);
    for line in lines.iter().filter(|l| ["service.tags", "service.args", "fd.state\tp."].iter().any(|v| l.starts_with(v))) {
        let known = told.contains(line) || line.ends_with('\t');
        keeper.check(known, &format!("{line:?} was an event, too"));
    }
}

#[test]
fn two_dumps_in_one_breath() {
    let mut keeper = talk();
    furnish(&mut keeper);
    let once = dump(&mut keeper);
    keeper.say("statedump");
    keeper.say("statedump");
    let twice = keeper.barrier();
    // The second begins anew, where the first had come to, or behind its end.
    keeper.check(twice.len() <= 2 * once.len() && twice.ends_with(&once), &format!("{} lines, then {}", once.len(), twice.len()));
}

#[test]
fn a_service_deleted_under_a_dump_does_no_harm() {
    let mut keeper = talk();
    for n in 0..200 {
        keeper.say(&format!("service.tags\ts{n}\t{}", "x".repeat(100)));
    }
    keeper.barrier();
    keeper.say("statedump");
    for n in 0..200 {
        keeper.say(&format!("service.delete\ts{n}"));
    }
    let heard = keeper.barrier();
    let deleted = heard.iter().filter(|l| l.ends_with("\tdeleted\t-\t-\t-\t-\t-\t-")).count();
    keeper.check(deleted == 200, &format!("{deleted} of 200 are gone"));
    let lines = dump(&mut keeper);
    keeper.check(!lines.iter().any(|l| l.starts_with("service.")), &format!("{lines:?}"));
}
