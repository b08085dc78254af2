//! What the chapters share.

use e2e::{Keeper, Lines, Start};
pub use e2e::{body, denied, set, speak_two, start_two};

/// A keeper with `-i` alone, its banner read.
#[track_caller]
pub fn talk() -> Keeper {
    Keeper::talk::<&str>([])
}

/// A keeper with `-i` and a control socket `ctl`.
#[track_caller]
pub fn with_socket() -> Keeper {
    Keeper::talk(["-S", "ctl"])
}

/// What a refused command gets: the reason, and the first 30 bytes of the command.
pub fn refusal(why: &str, command: &str) -> String {
    match command.get(..30).filter(|_| command.len() > 30) {
        Some(cut) => format!("error\t{why}, for command \"{cut}...\""),
        None => format!("error\t{why}, for command \"{command}\""),
    }
}

/// Every command must be refused with its reason, in a pattern's words, and with nothing else.
#[track_caller]
pub fn refused(lines: &mut Lines, cases: &[(&str, &str)]) {
    for (command, why) in cases {
        let answers = lines.answers(command);
        let want = refusal(why, command);
        let fits = answers.len() == 1 && e2e::fits(&want, &answers[0]).is_some();
        lines.check(fits, &format!("{command:?}\nexpected {want:?}\ngot      {answers:?}"));
    }
}

/// Every command must be obeyed with these events.
#[track_caller]
pub fn obeyed(lines: &mut Lines, cases: &[(&str, &[&str])]) {
    for (command, events) in cases {
        let answers = lines.answers(command);
        let fits = answers.len() == events.len() && answers.iter().zip(*events).all(|(a, e)| e2e::fits(e, a).is_some());
        lines.check(fits, &format!("{command:?}\nexpected {events:?}\ngot      {answers:?}"));
    }
}

/// Defines a service with these arguments (TABs between), and says nothing else.
#[track_caller]
pub fn define(lines: &mut Lines, name: &str, args: &str) {
    lines.ask(&format!("service.args\t{name}\t{args}"), &format!("service.args\t{name}\t**"));
}

/// Starts a service that was defined; gives back its pid.
#[track_caller]
pub fn start(lines: &mut Lines, name: &str) -> u32 {
    lines.ask(&format!("service.start\t{name}"), &format!("service.state\t{name}\tstart\t<ts>\t-\t-\t-\t-\t-"));
    up(lines, name)
}

/// The next line must be the service's `up`; gives back its pid.
#[track_caller]
pub fn up(lines: &mut Lines, name: &str) -> u32 {
    let found = lines.expect_match(&format!("service.state\t{name}\tup\t<ts>\t<pid>\t-\t-\t<int>\t-"));
    found[1].parse().expect("digits")
}

/// Runs a shell script as a service that must end with 42; gives back what it wrote to its standard output. The script cannot contain TABs
/// or line feeds.
#[track_caller]
pub fn output_of(keeper: &mut Keeper, script: &str) -> String {
    let file = keeper.file("output");
    let open = format!("fd.open\toutput\twrite,create,trunc\t{}", file.display());
    keeper.ask(&open, "fd.state\toutput\tfile\twrite,create,trunc\t*");
    keeper.ask("service.fds\tprobe\tnull\toutput\toutput", "service.fds\tprobe\tnull\toutput\toutput");
    ends_with_42(keeper, "probe", script);
    keeper.read("output")
}

/// Runs a shell script as this service, which must end with 42.
#[track_caller]
pub fn ends_with_42(keeper: &mut Keeper, name: &str, script: &str) {
    define(keeper, name, &format!("sh\t-c\t{script}\nexit 42").replace('\n', "; "));
    start(keeper, name);
    keeper.expect_match(&format!("service.state\t{name}\tdown\t<ts>\t<pid>\texit\t42\t<int>\t<int>"));
}

/// The lines of a dump.
#[track_caller]
pub fn dump(lines: &mut Lines) -> Vec<String> {
    lines.answers("statedump")
}

/// Seconds of the monotonic clock.
pub fn monotonic() -> i64 {
    rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_sec
}

/// Every stream of a short run: exit code, standard output, standard error.
#[track_caller]
pub fn run(args: &[&str]) -> (i32, String, String) {
    finish(Start::new(args).stdin(std::process::Stdio::null()).start())
}

/// Waits for its end.
#[track_caller]
pub fn finish(mut keeper: Keeper) -> (i32, String, String) {
    let code = keeper.exit_code(e2e::PATIENCE);
    let rest = keeper.closed().join("\n");
    let out = format!("{rest}{}", keeper.tail());
    (code, out, keeper.all_stderr_lines().join("\n"))
}

/// The fields of a line of /proc/PID/stat behind the name: state, ppid, pgrp, session, ….
pub fn stat_fields(pid: u32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = text.rfind(')').map_or("", |at| &text[at + 2..]);
    rest.split(' ').map(str::to_owned).collect()
}

/// A keeper with `-i` that speaks dialect 2, and a control socket `ctl`.
#[track_caller]
pub fn talk_two() -> Keeper {
    let mut keeper = with_socket();
    speak_two(&mut keeper);
    keeper
}

/// Runs a script as a service of dialect 2 after these settings; gives back what it wrote to its standard output. It must end with 0.
#[track_caller]
pub fn output_two(keeper: &mut Keeper, settings: &[&str], script: &str) -> String {
    let file = keeper.file("output");
    let _ = std::fs::remove_file(&file);
    set(keeper, &format!("fd.open\toutput\twrite,create,trunc\t{}", file.display()));
    let _ = std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o666));
    set(keeper, "service.fds\tprobe\tnull\toutput\tstderr");
    set(keeper, &format!("service.args\tprobe\t/bin/sh\t-c\t{script}"));
    settings.iter().for_each(|setting| set(keeper, setting));
    start_two(keeper, "probe");
    keeper.wait_for("#<int>\tservice.state\tprobe\tdown\t<ts>\t<pid>\texit\t0\t**");
    keeper.read("output")
}
