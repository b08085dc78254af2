//! The keeper alone, upgraded again and again to the same executable: fifty times with everything happening at once, fifty times for the time
//! that it takes.

use crate::SOON;
use crate::load::{body, gapless, keeper, running, sang_every_line, sing, speak_two};
use e2e::{Client, Keeper, Pause, children_of, open_files, wait_until};
use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const UPGRADES: usize = 50;
/// Commands that the busy controller sends for each upgrade.
const CHATTER: usize = 20;
/// Lines for the controller that does not read: more than a socket holds.
const UNREAD: usize = 24;

/// A controller that sends more than it reads, and stops in the middle of a line.
fn deaf(keeper: &Keeper) -> Client {
    let mut deaf = keeper.deaf("ctl");
    let long = "x".repeat(20_000);
    let lines: String = (0..UNREAD).map(|n| format!("echo\tunread-{n}-{long}\n")).collect();
    deaf.send_raw(format!("dialect\t2\n{lines}echo\thal").as_bytes());
    deaf
}

/// It goes on where it stopped.
#[track_caller]
fn hears_everything(mut deaf: Client) {
    deaf.send_raw("ves are joined\n");
    deaf.listen();
    for n in 0..UNREAD {
        deaf.wait_for(&format!("#<int>\tunread-{n}-**"));
    }
    deaf.wait_for("#<int>\thalves are joined");
    gapless(&deaf);
}

/// What is to be kept besides services: a start planned for later, one planned for soon, a signal that nobody has cleared, a listening
/// socket with somebody waiting.
fn plan(keeper: &mut Keeper) -> UnixStream {
    let now = sys_now();
    let (later, soon) = (now + 1_000_000_000_000, now + 1_500_000_000);
    let puppet = keeper.bins().path("puppet").display().to_string();
    let crash = "service.args\tcrash\tsh\t-c\techo x >> crashes; exit 1\nservice.auto_up\tcrash\t1\talways";
    keeper.say(&format!("service.args\tlater\tsleep\t1000\nservice.start\tlater\t{later}\n{crash}"));
    keeper.say(&format!("service.args\tsoon\tsleep\t1000\nservice.start\tsoon\t{soon}"));
    keeper.say(&format!(
        "fd.socket\tdoor\tunix,stream,bind,listen=4\tdoor\nservice.fds\tporter\tdoor\tnull\tnull\nservice.args\tporter\t{puppet}\tserve:unix"
    ));
    keeper.barrier();
    keeper.signal(Signal::USR1);
    keeper.wait_for("#<int>\tsignal\tSIGUSR1\t<int>\t1");
    UnixStream::connect(keeper.file("door")).expect("the socket listens")
}

fn sys_now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// What its descriptors are, without their numbers and those that name a process (services come and go).
fn held_by(keeper: &Keeper) -> Vec<String> {
    let all = open_files(keeper.pid()).into_iter().map(|(_, target)| target.display().to_string());
    let mut all: Vec<String> = all.filter(|target| !target.contains("[pidfd]")).collect();
    all.sort();
    all
}

/// One upgrade, with somebody knocking, somebody talking, a signal and the end of a child on the way, each time at another moment.
#[track_caller]
fn upgrade(keeper: &mut Keeper, busy: &mut Client, exe: &str, round: usize) {
    let chatter = |half: usize| -> String { (0..CHATTER / 2).map(|n| format!("echo\tbusy-{round}-{half}-{n}\n")).collect() };
    let moment = Duration::from_micros(500) * round as u32;
    keeper.say(&format!("service.args\tbrief\tsh\t-c\tsleep {}; exit 7\nservice.start\tbrief", moment.as_secs_f64()));
    keeper.wait_for("#<int>\tservice.state\tbrief\tup\t**");
    busy.send_raw(chatter(0));
    keeper.say(&format!("upgrade\t{exe}\necho\tbehind-{round}"));
    busy.send_raw(chatter(1));
    // Not waited for anything: the moment is what is chosen.
    Pause::measure(moment);
    keeper.signal(Signal::HUP);
    let mut knocking = keeper.client("ctl");
    knocking.say("echo\tlet me in");
    let (upgraded, down) =
        (format!("upgrade\t{}", env!("CARGO_PKG_VERSION")), "service.state\tbrief\tdown\t<int>\t<pid>\texit\t7\t**");
    let new = |keeper: &Keeper, before: usize, pattern: &str| {
        keeper.lines().iter().skip(before).any(|line| e2e::fits(pattern, body(line)).is_some())
    };
    let said = keeper.lines().iter().rposition(|line| e2e::fits("service.state\tbrief\tup\t**", body(line)).is_some());
    let said = said.expect("it was up");
    keeper.wait_for(&format!("#<int>\tbehind-{round}"));
    wait_until(SOON, "the new keeper says so", || new(keeper, said, &upgraded).then_some(()));
    wait_until(SOON, "the end of the brief one is told", || new(keeper, said, down).then_some(()));
    knocking.wait_for("let me in");
    busy.wait_for(&format!("#<int>\tsignal\tSIGHUP\t<int>\t{}", round + 1));
    knocking.say("exit");
    knocking.closed();
}

/// From the command to the word of the new keeper.
#[track_caller]
fn timed(keeper: &mut Keeper, exe: &str) -> Duration {
    let begun = Instant::now();
    keeper.say(&format!("upgrade\t{exe}"));
    keeper.wait_for(&format!("#<int>\tupgrade\t{}", env!("CARGO_PKG_VERSION")));
    begun.elapsed()
}

#[test]
fn a_hundred_upgrades_under_load_lose_nothing() {
    let mut keeper = keeper();
    let exe = keeper.bins().path("abide-keeper").display().to_string();
    let mut busy = keeper.client("ctl");
    speak_two(&mut busy);
    sing(&mut keeper);
    let mut waiting = plan(&mut keeper);
    let deaf = deaf(&keeper);
    wait_until(SOON, "the deaf controller's socket is full", || (deaf.written() > 200_000).then_some(()));
    let before = running(&mut keeper);
    let held = held_by(&keeper);

    (0..UPGRADES).for_each(|round| upgrade(&mut keeper, &mut busy, &exe, round));
    keeper.barrier();
    let mut times: Vec<Duration> = (0..UPGRADES).map(|_| timed(&mut keeper, &exe)).collect();
    times.sort();
    println!("an upgrade takes {:?} (median of {UPGRADES}, longest {:?})", times[UPGRADES / 2], times[UPGRADES - 1]);

    // The same processes, nobody else, nothing left open.
    let mut after = running(&mut keeper);
    let mut wanted = before.clone();
    for fickle in ["crash", "soon"] {
        after.remove(fickle);
        wanted.remove(fickle);
    }
    keeper.check(after == wanted, &format!("the same services run:\n{wanted:?}\n{after:?}"));
    wait_until(SOON, "exactly the same descriptors are held", || (held_by(&keeper) == held).then_some(()));
    wait_until(SOON, "no child is left unreaped", || {
        children_of(keeper.pid()).iter().all(|(_, state)| *state != 'Z').then_some(())
    });
    sang_every_line(&keeper);

    // What was planned comes, what was signalled is known, who waited is let in.
    let dump = keeper.answers("statedump");
    let has = |pattern: &str| dump.iter().any(|line| e2e::fits(pattern, body(line)).is_some());
    keeper
        .check(has("service.state\tlater\tstart\t**") && has("signal\tSIGUSR1\t<int>\t1"), &format!("plans are kept: {dump:#?}"));
    wait_until(SOON, "the service that was planned for soon runs", || running(&mut keeper).contains_key("soon").then_some(()));
    keeper.say("service.start\tporter");
    waiting.set_read_timeout(Some(SOON)).expect("a socket has a timeout");
    let mut greeting = String::new();
    BufReader::new(&mut waiting).read_line(&mut greeting).expect("the porter answers");
    assert_eq!(greeting, "hello from the puppet\n");
    // No other life begins; one that is planned may. Each was told once, from its beginning to its end.
    keeper.say("service.auto_up\tcrash\t-");
    let states = |keeper: &Keeper| -> Vec<String> {
        let lines = keeper.lines().into_iter().map(|line| body(&line).to_owned());
        lines.filter(|line| line.starts_with("service.state\tcrash\t")).collect()
    };
    let is_down = |line: &String| e2e::fits("service.state\tcrash\tdown\t**", line).is_some();
    wait_until(SOON, "it rests", || {
        keeper.barrier();
        states(&keeper).last().is_some_and(is_down).then_some(())
    });
    let (lived, died) = (keeper.read("crashes").lines().count(), states(&keeper).iter().filter(|line| is_down(line)).count());
    keeper.check(lived == died && died > 1, &format!("each death was told once: {lived} lives, {died} deaths"));

    hears_everything(deaf);
    for round in 0..UPGRADES {
        keeper.check(
            keeper.lines().iter().any(|line| body(line) == format!("behind-{round}")),
            "every command behind an upgrade is obeyed",
        );
    }
    busy.barrier();
    let heard: Vec<String> = busy.lines().iter().filter(|l| body(l).starts_with("busy-")).map(|l| body(l).to_owned()).collect();
    let sent =
        (0..UPGRADES).flat_map(|round| (0..2).flat_map(move |h| (0..CHATTER / 2).map(move |n| format!("busy-{round}-{h}-{n}"))));
    assert!(heard.into_iter().eq(sent), "every command of the busy controller is obeyed once, in order");
    gapless(&busy);
    gapless(&keeper);
}
