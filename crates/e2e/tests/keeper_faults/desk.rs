//! What the rows share.

use e2e::{Keeper, Lines, Start, children_of, wait_until};
pub use e2e::{body, denied, set, speak_two, start_two};
use std::time::Duration;

/// Generous: other tests run beside this one.
pub const SOON: Duration = Duration::from_secs(60);

/// A keeper with `-i` and a control socket `ctl`, its banner read.
#[track_caller]
pub fn one(start: Start) -> Keeper {
    start.more(["-i", "-S", "ctl"]).start().greeted()
}

/// The same, spoken to in dialect 2.
#[track_caller]
pub fn two(start: Start) -> Keeper {
    let mut keeper = one(start);
    speak_two(&mut keeper);
    keeper
}

/// A keeper without arguments of its own.
pub fn plain() -> Start {
    Start::new::<&str>([])
}

/// Starts a service in dialect 1 and waits until it is up; gives back its pid.
#[track_caller]
pub fn start_one(lines: &mut Lines, name: &str) -> u32 {
    lines.say(&format!("service.start\t{name}"));
    lines.wait_for(&format!("service.state\t{name}\tup\t<ts>\t<pid>\t-\t-\t<int>\t-"))[1].parse().expect("digits")
}

/// The keeper of a conversation in dialect 1 is whole: it answers, bears, and hears the end of what it bore.
#[track_caller]
pub fn works_one(lines: &mut Lines) {
    set(lines, "service.args\tprobe-of-health\ttrue");
    start_one(lines, "probe-of-health");
    lines.wait_for("service.state\tprobe-of-health\tdown\t<ts>\t<pid>\texit\t0\t**");
    lines.barrier();
}

/// The same in dialect 2.
#[track_caller]
pub fn works_two(lines: &mut Lines) {
    set(lines, "service.args\tprobe-of-health\ttrue");
    start_two(lines, "probe-of-health");
    lines.wait_for("#<int>\tservice.state\tprobe-of-health\tdown\t<ts>\t<pid>\texit\t0\t**");
    lines.barrier();
}

/// Starts a service in dialect 2 that must not come up; gives back `stage:ERRNO`.
#[track_caller]
pub fn fails_two(lines: &mut Lines, name: &str) -> String {
    lines.say(&format!("service.start\t{name}"));
    lines.wait_for(&format!("#<int>\tservice.state\t{name}\tstart\t**"));
    let next = lines.next_line();
    let found = e2e::fits(&format!("#<int>\tservice.state\t{name}\tdown\t<ts>\t*\tfailed\t*\t*\t*\t*"), &next);
    let Some(found) = found else { lines.fail(&format!("expected that {name} fails, got {next:?}")) };
    found[3].clone()
}

/// Waits until the keeper has no child that is dead and not reaped.
#[track_caller]
pub fn no_zombies(keeper: u32) {
    wait_until(SOON, "no zombie is left", || (!children_of(keeper).iter().any(|(_, state)| *state == 'Z')).then_some(()));
}

/// Takes lines until each pattern (without event numbers) has been met once, in any order; gives back what was taken.
#[track_caller]
pub fn until_all(lines: &mut Lines, patterns: &[&str]) -> Vec<String> {
    let mut open: Vec<&str> = patterns.to_vec();
    let mut taken = Vec::new();
    while !open.is_empty() {
        let line = lines.next_line();
        let text = body(&line).to_owned();
        if let Some(met) = open.iter().position(|pattern| e2e::fits(pattern, &text).is_some()) {
            open.remove(met);
        }
        taken.push(text);
    }
    taken
}
