//! Row 57: the drop of privileges fails half way. Row 58: what a child has.

use crate::desk::{fails_two, no_zombies, one, plain, set, start_one, start_two, two, works_two};
use e2e::{Keeper, Start};
use std::path::Path;

/// The keeper is not traced for these: only the child calls them.
const DROPS: [(&str, &str); 3] = [("setgroups", "groups"), ("setresgid", "gid"), ("setresuid", "uid")];

#[test]
fn row_57_a_refused_step_of_the_drop_starts_nothing() {
    if !e2e::is_root() {
        return e2e::skip("row 57", "only root drops privileges");
    }
    let mut keeper = two(plain());
    let mark = keeper.file("it-ran");
    set(&mut keeper, &format!("service.args\ta\ttouch\t{}", mark.display()));
    set(&mut keeper, "service.user\ta\t61234\t61234\t61235");
    for (call, stage) in DROPS {
        // Refused; then silently not done, which only the proof behind it can find.
        for (fault, expected) in [("error=EPERM", format!("{stage}:EPERM")), ("retval=0", format!("{stage}:EPERM"))] {
            let fault = format!("inject={call}:{fault}");
            let Some(strace) = keeper.strace("row 57", &["-f", "-e", &format!("trace={call}"), "-e", &fault]) else {
                return;
            };
            let failed = fails_two(&mut keeper, "a");
            let log = strace.detach();
            keeper.check(failed == expected, &format!("{fault}: {failed}\n{log}"));
            keeper.check(log.contains("INJECTED"), &format!("the fault was there: {log}"));
        }
    }
    keeper.check(!mark.exists(), "the program never ran");
    no_zombies(keeper.pid());
    works_two(&mut keeper);
}

/// The keeper's starter has a stray descriptor, ignored and blocked signals, and an odd mask.
fn careless() -> Start {
    let script = "umask 027; trap '' HUP USR1 PIPE TTOU WINCH; exec 7</dev/null 11>/dev/null; exec \"$@\"";
    plain().through(["bash", "-c", script, "bash"])
}

/// `/proc/self/status` and the descriptors, by programs that add nothing of their own but what they read with.
#[track_caller]
fn probe(keeper: &mut Keeper, fds: &str, dialect_two: bool) -> (String, Vec<(u32, String)>) {
    let mut texts = Vec::new();
    for (name, program) in [("state", "cat\t/proc/self/status"), ("files", "ls\t-l\t/proc/self/fd")] {
        let file = keeper.file(name);
        set(keeper, &format!("fd.open\toutput\twrite,create,trunc\t{}", file.display()));
        set(keeper, &format!("service.fds\tprobe\t{fds}"));
        set(keeper, &format!("service.args\tprobe\t{program}"));
        if dialect_two {
            start_two(keeper, "probe");
            keeper.wait_for("#<int>\tservice.state\tprobe\tdown\t<ts>\t<pid>\texit\t0\t**");
        } else {
            start_one(keeper, "probe");
            keeper.wait_for("service.state\tprobe\tdown\t<ts>\t<pid>\texit\t0\t**");
        }
        texts.push(keeper.read(name));
    }
    let files = texts[1].lines().filter_map(|line| {
        let (before, target) = line.split_once(" -> ")?;
        Some((before.rsplit(' ').next()?.parse().ok()?, target.to_owned()))
    });
    let mut files: Vec<(u32, String)> = files.filter(|(_, target): &(u32, String)| !target.ends_with("/fd")).collect();
    files.sort();
    (texts.swap_remove(0), files)
}

#[track_caller]
fn field(state: &str, name: &str) -> String {
    let line = state.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name} in {state}")).trim().to_owned()
}

#[track_caller]
fn fresh(state: &str) {
    for mask in ["SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"] {
        assert_eq!(field(state, mask), "0000000000000000", "{mask} of a fresh child");
    }
}

fn is(files: &[(u32, String)], expected: &[(u32, &Path)]) -> bool {
    files.iter().map(|(at, target)| (*at, Path::new(target))).eq(expected.iter().copied())
}

#[test]
fn row_58_a_child_of_dialect_one_has_what_was_declared() {
    let mut keeper = one(careless());
    let null = Path::new("/dev/null");
    for (fds, expected) in [("null\toutput\tnull", vec![0, 1, 2]), ("null\toutput\t-\t-\tnull", vec![0, 1, 4])] {
        let (state, files) = probe(&mut keeper, fds, false);
        fresh(&state);
        assert_eq!(field(&state, "Umask"), "0077", "daemonproxy's own");
        let output = keeper.file("files");
        let expected: Vec<(u32, &Path)> =
            expected.iter().map(|at| (*at, if *at == 1 { output.as_path() } else { null })).collect();
        keeper.check(is(&files, &expected), &format!("descriptors of {fds:?}: {files:?}"));
    }
}

#[test]
fn row_58_a_child_of_dialect_two_has_what_was_declared() {
    let mut keeper = two(careless());
    set(&mut keeper, "service.umask\tprobe\t0027");
    if e2e::is_root() {
        set(&mut keeper, "service.user\tprobe\t61234\t61235");
    }
    set(&mut keeper, "service.opt\tprobe\tsession\tno_new_privs");
    set(&mut keeper, "service.cwd\tprobe\t/");
    let (state, files) = probe(&mut keeper, "null\toutput\tnull\t-\tnull", true);
    fresh(&state);
    assert_eq!((field(&state, "Umask"), field(&state, "NoNewPrivs")), ("0027".to_owned(), "1".to_owned()));
    let pid = field(&state, "Pid");
    assert_eq!((field(&state, "NSpgid"), field(&state, "NSsid")), (pid.clone(), pid), "own group and session");
    if e2e::is_root() {
        assert_eq!(field(&state, "Groups"), "", "no group of the keeper's");
        assert_eq!(field(&state, "Uid"), "61234\t61234\t61234\t61234");
        assert_eq!(field(&state, "Gid"), "61235\t61235\t61235\t61235");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(field(&state, set), "0000000000000000", "{set} of an ordinary user");
        }
    }
    let (null, output) = (Path::new("/dev/null"), keeper.file("files"));
    let expected = [(0, null), (1, output.as_path()), (2, null), (4, null)];
    keeper.check(is(&files, &expected), &format!("descriptors: {files:?}"));
}
