//! Row 5: signals to the keeper. Row 37: signals by services to everybody.

use crate::desk::{SOON, one, plain, set, start_one, start_two, two, until_all, works_one, works_two};
use e2e::{Proc, wait_until};
use rustix::process::Signal;

const ENDING: [(Signal, &str); 3] = [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT"), (Signal::HUP, "SIGHUP")];

#[test]
fn row_05_idle_every_signal_is_an_event() {
    let mut keeper = one(plain());
    set(&mut keeper, "service.args\ta\tsleep\t1000");
    let service = Proc::find(start_one(&mut keeper, "a")).expect("it runs");
    for round in 1..=3 {
        for (signal, name) in ENDING {
            keeper.signal(signal);
            keeper.expect_match(&format!("signal\t{name}\t<ts>\t{round}"));
        }
    }
    keeper.quiet();
    keeper.check(service.alive(), "a signal to the keeper is forwarded to nobody");
    works_one(&mut keeper);
}

#[test]
fn row_05_while_a_service_starts_and_stops() {
    let mut keeper = two(plain());
    set(&mut keeper, "service.args\ta\tsleep\t1000");
    for (round, (signal, name)) in (1..).zip(ENDING.into_iter().chain(ENDING)) {
        let count = (round + 2) / 3;
        keeper.say("service.start\ta");
        keeper.signal(signal);
        // In any order: the service comes up, the signal is told.
        let lines = until_all(&mut keeper, &["service.state\ta\tup\t**", &format!("signal\t{name}\t<ts>\t{count}")]);
        keeper.check(!lines.iter().any(|l| l.contains("\tdown\t")), &format!("nothing ends of it: {lines:?}"));
        keeper.say("service.signal\ta\tTERM");
        keeper.signal(signal);
        until_all(&mut keeper, &["service.state\ta\tdown\t<ts>\t<pid>\tsignal\tSIGTERM\t**", &format!("signal\t{name}\t**")]);
        set(&mut keeper, &format!("signal.clear\t{name}\t1"));
    }
    works_two(&mut keeper);
}

#[test]
fn row_05_a_storm_of_signals_is_counted_and_ends_nothing() {
    let mut keeper = one(plain());
    for _ in 0..1000 {
        ENDING.iter().for_each(|(signal, _)| keeper.signal(*signal));
    }
    let lines = keeper.barrier();
    let odd: Vec<&String> = lines.iter().filter(|l| !l.starts_with("signal\tSIG") && *l != "overflow").collect();
    keeper.check(odd.is_empty(), &format!("{odd:?}"));
    let dump = keeper.answers("statedump");
    for (_, name) in ENDING {
        let told = dump.iter().any(|l| l.starts_with(&format!("signal\t{name}\t")));
        keeper.check(told, &format!("{name} in {dump:?}"));
    }
    works_one(&mut keeper);
}

#[test]
fn row_37_a_service_signals_its_group_and_the_keepers() {
    // In a group of its own, for its whole group is signalled here.
    let mut keeper = two(plain().through(["setsid"]));
    set(&mut keeper, "service.args\tother\tsleep\t1000");
    let other = start_two(&mut keeper, "other");
    set(&mut keeper, "service.args\tgroup\tsh\t-c\tkill -KILL 0");
    keeper.say("service.start\tgroup");
    keeper.wait_for("#<int>\tservice.state\tgroup\tdown\t<ts>\t<pid>\tsignal\tSIGKILL\t**");
    keeper.check(other.alive(), "its group is its own");
    for (signal, name) in [("TERM", "SIGTERM"), ("HUP", "SIGHUP"), ("INT", "SIGINT")] {
        let script = format!("kill -{signal} -{}", keeper.pid());
        set(&mut keeper, &format!("service.args\tkeepers\tsh\t-c\t{script}"));
        keeper.say("service.start\tkeepers");
        until_all(&mut keeper, &["service.state\tkeepers\tdown\t<ts>\t<pid>\texit\t0\t**", &format!("signal\t{name}\t<ts>\t1")]);
        keeper.check(other.alive(), "no service is in the keeper's group");
    }
    let script = "kill -TERM $PPID".to_owned();
    set(&mut keeper, &format!("service.args\tparent\tsh\t-c\t{script}"));
    keeper.say("service.start\tparent");
    until_all(&mut keeper, &["service.state\tparent\tdown\t<ts>\t<pid>\texit\t0\t**", "signal\tSIGTERM\t<ts>\t2"]);
    keeper.check(other.alive(), "nothing is forwarded");
    works_two(&mut keeper);
}

#[test]
fn row_37_an_unprivileged_service_signals_everybody() {
    if !e2e::is_root() {
        return e2e::skip("row 37, kill -1", "only root has services of other users, and as ourselves it would end the tests");
    }
    let mut keeper = two(plain());
    // Users of this test alone, so that nobody else is hit: other tests have some from 60,000 on, and this one may run several times at once.
    let user = 40_000 + std::process::id() % 10_000;
    set(&mut keeper, "service.args\troots\tsleep\t1000");
    let roots = start_two(&mut keeper, "roots");
    for (name, uid) in [("mine", user), ("anothers", user + 10_000)] {
        set(&mut keeper, &format!("service.args\t{name}\tsleep\t1000"));
        set(&mut keeper, &format!("service.cwd\t{name}\t/"));
        set(&mut keeper, &format!("service.user\t{name}\t{uid}\t{uid}"));
    }
    let (mine, anothers) = (start_two(&mut keeper, "mine"), start_two(&mut keeper, "anothers"));
    set(&mut keeper, "service.cwd\twild\t/");
    set(&mut keeper, &format!("service.user\twild\t{user}\t{user}"));
    let wild = format!("kill -KILL {}; kill -KILL {}; kill -KILL {}; kill -KILL -1", keeper.pid(), roots.pid, anothers.pid);
    set(&mut keeper, &format!("service.args\twild\tsh\t-c\t{wild}"));
    keeper.say("service.start\twild");
    until_all(&mut keeper, &["service.state\twild\tdown\t**", "service.state\tmine\tdown\t<ts>\t<pid>\tsignal\tSIGKILL\t**"]);
    wait_until(SOON, "its own user's is hit", || (!mine.alive()).then_some(()));
    keeper.check(roots.alive() && anothers.alive(), "those of others live");
    works_two(&mut keeper);
}
