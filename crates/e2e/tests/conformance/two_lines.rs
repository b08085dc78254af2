//! Dialect 2: lines, numbers, escapes, limits, versions.

use crate::desk::{body, define, denied, set, speak_two, start, start_two, talk, talk_two, with_socket};
use e2e::{Keeper, Proc};

#[test]
fn it_must_be_asked_for() {
    let mut keeper = talk();
    for unknown in ["dialect\t3", "dialect\t0", "dialect\tx", "dialect"] {
        keeper.ask(unknown, "error\t**");
    }
    keeper.ask("echo\tstill one", "still one");
    speak_two(&mut keeper);
    keeper.ask("echo\tnow two", "#2\tnow two");
}

#[test]
fn every_line_has_the_next_number() {
    let mut keeper = talk_two();
    keeper.say("service.args\ta\ttrue\nnonsense\necho\tx\nservice.start\ta\nstatedump\nfd.pipe\tr\tw\nversion");
    keeper.wait_for("#<int>\tservice.state\ta\tdown\t**");
    keeper.barrier();
    let lines = keeper.lines();
    let numbered: Vec<u64> = lines.iter().filter_map(|l| l.strip_prefix('#')?.split('\t').next()?.parse().ok()).collect();
    keeper.check(numbered.iter().copied().eq(1..=numbered.len() as u64), &format!("{numbered:?}"));
    let first = lines.iter().position(|l| l.starts_with("#1\t")).expect("it was asked");
    keeper.check(lines[first..].iter().all(|l| l.starts_with('#')), "every line from then on");
}

#[test]
fn each_connection_has_its_own_dialect_and_numbers() {
    let mut keeper = talk_two();
    let mut client = keeper.client("ctl");
    client.ask("echo\tone", "one");
    client.ask("service.tags\ta\tx", "service.tags\ta\tx");
    keeper.expect("#2\tservice.tags\ta\tx");
    speak_two(&mut client);
    client.ask("echo\ttwo", "#2\ttwo");
    keeper.ask("echo\tthree", "#3\tthree");
}

#[test]
fn fields_are_escaped_both_ways() {
    let mut keeper = talk_two();
    let mut client = keeper.client("ctl");
    client.quiet();
    keeper.ask("echo\ta\\tb\\nc\\rd\\\\e\\0f\t\tg", "#<int>\ta\\tb\\nc\\rd\\\\e\\0f\t\tg");
    keeper.ask("service.tags\ta\tx\\ty\\nz\t\\\\", "#<int>\tservice.tags\ta\tx\\ty\\nz\t\\\\");
    // Towards dialect 1 what it cannot say is a question mark.
    client.expect("service.tags\ta\tx?y?z\t\\");
}

#[test]
fn an_escape_that_is_none_is_refused() {
    let mut keeper = talk_two();
    for wrong in ["echo\ta\\q", "echo\ta\\", "service.tags\ta\t\\x41"] {
        denied(&mut keeper, wrong);
    }
}

#[test]
fn arguments_with_tabs_and_line_feeds_reach_the_program() {
    let mut keeper = talk_two();
    let script = "service.args\ta\tsh\t-c\tprintf '%s' \"$1\" > got\tsh\tone\\ttwo\\nthree\\\\n";
    set(&mut keeper, script);
    start_two(&mut keeper, "a");
    keeper.wait_for("#<int>\tservice.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
    assert_eq!(keeper.read("got"), "one\ttwo\nthree\\n");
}

#[test]
fn a_line_may_have_64_kib() {
    let mut keeper = talk_two();
    let text = "x".repeat(64 * 1024 - "echo\t".len());
    keeper.say(&format!("echo\t{text}"));
    let got = keeper.next_line();
    keeper.check(body(&got) == text, "all of it comes back");
    keeper.say(&format!("echo\t{text}x"));
    keeper.expect_match("#<int>\terror\tline too long");
    keeper.barrier();
}

#[test]
fn a_line_of_dialect_1_keeps_its_limit() {
    let keeper = talk_two();
    let mut client = keeper.client("ctl");
    client.ask(&format!("echo\t{}", "x".repeat(2000)), "error\tline too long");
}

#[test]
fn times_are_nanoseconds_and_a_process_has_its_ident() {
    let mut keeper = talk_two();
    define_two(&mut keeper, "a", "sleep\t1000");
    let before = std::time::Duration::from_secs(crate::desk::monotonic() as u64);
    keeper.say("service.start\ta");
    let started = keeper.expect_match("#<int>\tservice.state\ta\tstart\t<ts>\t-\t-\t-\t-\t-\t-");
    let up = keeper.expect_match("#<int>\tservice.state\ta\tup\t<ts>\t<pid>\t-\t-\t<int>\t-\t<ts>");
    for at in [&started[1], &up[1]] {
        let at = std::time::Duration::from_nanos(at.parse().expect("digits"));
        keeper.check(at >= before && at < before + e2e::PATIENCE, &format!("{at:?} after {before:?}"));
    }
    let process = Proc::find(up[2].parse().expect("digits")).expect("it runs");
    keeper.check(up[4] == process.start.to_string(), &format!("ident is the start time {}", process.start));
    keeper.say("service.signal\ta\tKILL");
    let down = keeper.expect_match("#<int>\tservice.state\ta\tdown\t<ts>\t<pid>\tsignal\tSIGKILL\t<ts>\t<ts>\t<ts>");
    keeper.check(down[5] == up[4], "the same ident at the end");
    let lived: u64 = down[3].parse().expect("digits");
    keeper.check(lived > 0, "nanoseconds, not seconds");
}

#[track_caller]
fn define_two(keeper: &mut Keeper, name: &str, args: &str) {
    keeper.ask(&format!("service.args\t{name}\t{args}"), &format!("#<int>\tservice.args\t{name}\t{args}"));
}

#[test]
fn states_that_dialect_1_knows_reach_it_in_its_words() {
    let mut keeper = talk_two();
    let mut client = keeper.client("ctl");
    client.quiet();
    define_two(&mut keeper, "a", "/no/such/program");
    keeper.say("service.start\ta");
    client.wait_for("service.state\ta\tdown\t<ts>\t*\texit\t3\t*\t*");
    for line in client.lines().iter().filter(|l| l.starts_with("service.state")) {
        client.check(line.split('\t').count() == 9, line);
    }
}

#[test]
fn a_service_keeps_the_dialect_of_who_made_it() {
    let mut keeper = with_socket();
    define(&mut keeper, "one", "/no/such/program");
    let mut client = keeper.client("ctl");
    speak_two(&mut client);
    client.say("service.start\tone");
    client.wait_for("#<int>\tservice.state\tone\tup\t**");
    client.wait_for("#<int>\tservice.state\tone\tdown\t<ts>\t<pid>\texit\t3\t**");
    define(&mut keeper, "plain", "sleep\t1000");
    keeper.barrier();
    let pid = start(&mut keeper, "plain");
    let session = |pid| crate::desk::stat_fields(pid)[3].clone();
    keeper.check(session(pid) == session(keeper.pid()), "no session of its own");
}

#[test]
fn the_version_names_the_dialects() {
    let mut keeper = talk_two();
    let found = keeper.ask("version", "#<int>\tversion\t*\t**");
    keeper.check(found[2].contains('2'), &format!("{found:?}"));
}

#[test]
fn overflow_says_the_first_number_that_was_lost() {
    let mut keeper = with_socket();
    let mut client = keeper.deaf("ctl");
    client.say("dialect\t2\nservice.tags\tready\tx");
    keeper.expect("service.tags\tready\tx");
    let filler = "f".repeat(300);
    for n in 0..6000 {
        keeper.say(&format!("service.tags\tb\t{n}-{filler}"));
    }
    keeper.barrier();
    client.listen();
    let mut next = 1;
    loop {
        let line = client.next_line();
        if let Some(found) = e2e::fits("#<ts>\toverflow\t<ts>", &line) {
            client.check(found[1] == next.to_string(), &format!("the first that was lost is {next}: {found:?}"));
            break;
        }
        client.check(line.starts_with(&format!("#{next}\t")), &format!("number {next}: {line:?}"));
        next += 1;
    }
    client.check(next < 6000, "something was lost");
    let dump = client.answers("statedump");
    client.check(dump.iter().any(|l| body(l).starts_with("service.tags\tb\t5999-")), "the dump has the last state");
}
