//! What the rows share.

use e2e::{Keeper, Lines, Proc, Start, children_of, wait_until};
use std::time::Duration;

/// Generous: other tests run beside this one.
pub const SOON: Duration = Duration::from_secs(20);

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

/// Asks for dialect 2.
#[track_caller]
pub fn speak_two(lines: &mut Lines) {
    lines.ask("dialect\t2", "#<int>\tdialect\t2");
}

/// An event of dialect 2 without its number.
pub fn body(line: &str) -> &str {
    line.split_once('\t').filter(|(number, _)| number.starts_with('#')).map_or(line, |(_, rest)| rest)
}

/// Says a command that must not be refused.
#[track_caller]
pub fn set(lines: &mut Lines, command: &str) {
    let answers = lines.answers(command);
    lines.check(!answers.iter().any(|a| body(a).starts_with("error\t")), &format!("{command:?} got {answers:?}"));
}

/// Says a command that must be refused, and with nothing else; gives back the reason.
#[track_caller]
pub fn denied(lines: &mut Lines, command: &str) -> String {
    let answers = lines.answers(command);
    let refused = answers.len() == 1 && body(&answers[0]).starts_with("error\t");
    lines.check(refused, &format!("{command:?} must be refused, got {answers:?}"));
    body(&answers[0])["error\t".len()..].to_owned()
}

/// Starts a service in dialect 2 and waits until it is up.
#[track_caller]
pub fn start_two(lines: &mut Lines, name: &str) -> Proc {
    lines.say(&format!("service.start\t{name}"));
    let found = lines.wait_for(&format!("#<int>\tservice.state\t{name}\tup\t<ts>\t<pid>\t-\t-\t<int>\t-\t<ts>"));
    Proc { pid: found[2].parse().expect("digits"), start: found[4].parse().expect("digits") }
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
