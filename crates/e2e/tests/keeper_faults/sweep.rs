//! Every system call of a start fails once.

use crate::desk::{SOON, no_zombies, plain, set, speak_two};
use e2e::{Client, Keeper, Lines, wait_until};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What no kernel fails in this way: waiting itself (the keeper gives up when that is refused, as a state that it cannot go on from), the
/// ends, `waitid`, which fails for no lack of anything (waitid(2)), and `close`, which strace would keep from closing.
const NOT_SWEPT: [&str; 8] =
    ["close", "waitid", "epoll_wait", "epoll_pwait", "epoll_pwait2", "exit", "exit_group", "restart_syscall"];

/// A keeper that is talked to over its socket: a connection that is lost with a failed read is no reason to end.
fn keeper() -> (Keeper, Client) {
    let keeper = plain().more(["-S", "ctl"]).start();
    let mut client = keeper.client("ctl");
    speak_two(&mut client);
    prepare(&mut client);
    (keeper, client)
}

/// A service that needs what a start can need: a pipe, a control connection, an environment, limits.
fn prepare(client: &mut Lines) {
    for setting in [
        "service.args\ta\tsh\t-c\texit 0",
        "service.fds\ta\tnull\tstderr\tstderr\tcontrol.event",
        "service.env\ta\tPATH=/usr/bin:/bin",
        "service.cwd\ta\t/",
        "service.rlimit\ta\tcore\t0\t0",
    ] {
        set(client, setting);
    }
}

/// How long the end of a start is waited for whose fault may have lost it. What counts comes after it.
const LOST: Duration = Duration::from_secs(2);

/// One start and whatever becomes of it; false when nothing was heard of its end in that time, or the connection was lost.
fn start(client: &mut Client, within: Duration) -> bool {
    let quietly = AssertUnwindSafe(|| {
        client.say("service.start\ta");
        client.wait_for_within("#<int>\tservice.state\ta\tdown\t<ts>\t*\t*\t*\t**", within);
        client.barrier();
    });
    catch_unwind(quietly).is_ok()
}

/// How often the keeper (and, with `-f`, its child) makes each call in one start.
fn counts(log: &str) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let Some((name, _)) = call.split_once('(') else { continue };
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !NOT_SWEPT.contains(&name) {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// After whatever happened: the keeper lives, answers a new controller, and starts and ends the service.
#[track_caller]
fn whole(keeper: &Keeper, what: &str) -> Client {
    let process = e2e::Proc::find(keeper.pid());
    keeper.check(process.is_some(), &format!("{what}: the keeper has died"));
    let mut client = keeper.client("ctl");
    speak_two(&mut client);
    // A start whose report was lost may still be under way.
    wait_until(SOON, &format!("{what}: it is down"), || {
        let dump = client.answers("statedump");
        let state = dump.iter().map(|l| crate::desk::body(l)).find(|l| l.starts_with("service.state\ta\t"));
        state.is_none_or(|s| s.starts_with("service.state\ta\tdown\t")).then_some(())
    });
    prepare(&mut client);
    client.say("service.start\ta");
    client.wait_for("#<int>\tservice.state\ta\tup\t**");
    client.wait_for("#<int>\tservice.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
    client.barrier();
    client
}

/// Fails the calls one after the other; gives back how many were.
fn sweep(row: &str, errno: &str, follow: &[&str]) -> Option<usize> {
    let (keeper, mut client) = keeper();
    // The first start may do what no later one does.
    assert!(start(&mut client, SOON));
    let strace = keeper.strace(row, follow)?;
    assert!(start(&mut client, SOON));
    let counts = counts(&strace.detach());
    let mut swept = 0;
    for (call, count) in &counts {
        for nth in 1..=*count {
            let what = format!("{call} number {nth} fails with {errno}");
            eprintln!("{what}"); // Seen when the test fails: the last line is the culprit.
            let fault = format!("inject={call}:error={errno}:when={nth}");
            let args: Vec<&str> = follow.iter().copied().chain(["-e", &fault]).collect();
            let strace = keeper.strace(row, &args)?;
            let heard = start(&mut client, LOST);
            let log = strace.detach();
            swept += log.matches("INJECTED").count();
            let process = e2e::Proc::find(keeper.pid());
            keeper.check(process.is_some(), &format!("{what}: the keeper has died (heard: {heard})\n{log}"));
            client.hang_up();
            client = whole(&keeper, &what);
        }
    }
    no_zombies(keeper.pid());
    keeper.check(swept >= 10, &format!("{swept} faults in {counts:?}"));
    Some(swept)
}

#[test]
fn every_call_of_the_keeper_in_a_start_may_be_refused_memory() {
    let _ = sweep("sweep", "ENOMEM", &[]);
}

#[test]
fn every_call_of_the_keeper_in_a_start_may_be_broken() {
    let _ = sweep("sweep", "EIO", &[]);
}
