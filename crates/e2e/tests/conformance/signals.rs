//! §6: signals are events.

use crate::desk::{define, dump, start, talk};
use rustix::process::Signal;

const TOLD: [(Signal, &str); 6] = [
    (Signal::INT, "SIGINT"),
    (Signal::HUP, "SIGHUP"),
    (Signal::TERM, "SIGTERM"),
    (Signal::USR1, "SIGUSR1"),
    (Signal::USR2, "SIGUSR2"),
    (Signal::QUIT, "SIGQUIT"),
];

#[test]
fn six_signals_are_told_and_counted() {
    let mut keeper = talk();
    for (signal, name) in TOLD {
        for count in 1..=3 {
            keeper.signal(signal);
            keeper.expect_match(&format!("signal\t{name}\t<ts>\t{count}"));
        }
    }
    keeper.quiet();
}

#[test]
fn the_dump_has_them_oldest_first() {
    let mut keeper = talk();
    for (signal, name) in [TOLD[4], TOLD[0], TOLD[2]] {
        keeper.signal(signal);
        keeper.expect_match(&format!("signal\t{name}\t<ts>\t1"));
    }
    let lines = dump(&mut keeper);
    let names: Vec<&str> = lines.iter().filter_map(|l| l.strip_prefix("signal\t")?.split('\t').next()).collect();
    keeper.check(names == ["SIGUSR2", "SIGINT", "SIGTERM"], &format!("{lines:?}"));
    keeper.check(lines[lines.len() - 3..].iter().all(|l| l.starts_with("signal\t")), "at the end");
}

#[test]
fn clearing_takes_away_down_to_nothing() {
    let mut keeper = talk();
    for count in 1..=3 {
        keeper.signal(Signal::USR1);
        keeper.expect_match(&format!("signal\tSIGUSR1\t<ts>\t{count}"));
    }
    keeper.say("signal.clear\tSIGUSR1\t1");
    keeper.quiet();
    let lines = dump(&mut keeper);
    keeper.check(lines.iter().any(|l| e2e::fits("signal\tSIGUSR1\t<ts>\t2", l).is_some()), &format!("{lines:?}"));
    keeper.say("signal.clear\tUSR1\t100");
    keeper.quiet();
    let lines = dump(&mut keeper);
    keeper.check(!lines.iter().any(|l| l.starts_with("signal\t")), &format!("{lines:?}"));
    keeper.signal(Signal::USR1);
    keeper.expect_match("signal\tSIGUSR1\t<ts>\t1");
}

#[test]
fn some_only_wake() {
    let mut keeper = talk();
    for signal in [Signal::CHILD, Signal::ALARM, Signal::PIPE] {
        keeper.signal(signal);
    }
    keeper.quiet();
    let lines = dump(&mut keeper);
    keeper.check(!lines.iter().any(|l| l.starts_with("signal\t")), &format!("{lines:?}"));
    define(&mut keeper, "a", "true");
    start(&mut keeper, "a");
    keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
}

#[test]
fn a_storm_of_signals_ends_nothing() {
    let mut keeper = talk();
    for _ in 0..200 {
        TOLD.iter().for_each(|(signal, _)| keeper.signal(*signal));
    }
    keeper.barrier();
    let lines = dump(&mut keeper);
    for (_, name) in TOLD {
        keeper.check(
            lines.iter().any(|l| e2e::fits(&format!("signal\t{name}\t<ts>\t<ts>"), l).is_some()),
            &format!("{name} in {lines:?}"),
        );
    }
}
