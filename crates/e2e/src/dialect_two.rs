//! A conversation in dialect 2.

use crate::keeper_lines::Lines;
use crate::proc::Proc;

/// An event without its number.
pub fn body(line: &str) -> &str {
    line.split_once('\t').filter(|(number, _)| number.starts_with('#')).map_or(line, |(_, rest)| rest)
}

/// Asks for dialect 2.
#[track_caller]
pub fn speak_two(lines: &mut Lines) {
    lines.ask("dialect\t2", "#<int>\tdialect\t2");
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

/// Starts a service and waits until it is up.
#[track_caller]
pub fn start_two(lines: &mut Lines, name: &str) -> Proc {
    lines.say(&format!("service.start\t{name}"));
    let found = lines.wait_for(&format!("#<int>\tservice.state\t{name}\tup\t<ts>\t<pid>\t-\t-\t<int>\t-\t<ts>"));
    Proc { pid: found[2].parse().expect("digits"), start: found[4].parse().expect("digits") }
}
