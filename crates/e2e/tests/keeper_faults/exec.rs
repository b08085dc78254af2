//! Row 27: a program cannot be executed.

use crate::desk::{fails_two, no_zombies, one, plain, set, two, works_one, works_two};
use e2e::Keeper;
use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// All arguments and variables together may have a quarter of the stack, but always 128 KiB (execve(2)).
const SMALL_STACK: &str = "service.rlimit\ta\tstack\t65536\t65536";

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("our own file");
}

/// The settings of every case, and how it fails in dialect 2.
fn cases(keeper: &Keeper) -> Vec<(Vec<String>, &'static str)> {
    let text = keeper.write("text", "#!/bin/sh\nexit 0\n");
    mode(&text, 0o600);
    let garbage = keeper.write("garbage", b"\x7fELF, but not really\0\0\0");
    mode(&garbage, 0o700);
    let interpreter = keeper.write("interpreter", "#!/no/such/interpreter\n");
    mode(&interpreter, 0o700);
    let run = |path: &Path| format!("service.args\ta\t{}", path.display());
    let dir = run(keeper.root());
    let variable = |verb: &str, name: &str| format!("{verb}\ta\t{name}={}", "x".repeat(60_000));
    let long = format!("service.args\ta\ttrue\t{}", "x".repeat(60_000));
    vec![
        (vec!["service.args\ta\t/no/such/program".into()], "exec:ENOENT"),
        (vec!["service.args\ta\tno-such-program-in-the-path".into()], "exec:ENOENT"),
        (vec![run(&text)], "exec:EACCES"),
        (vec![dir], "exec:EACCES"),
        (vec![run(&garbage)], "exec:ENOEXEC"),
        (vec![run(&interpreter)], "exec:ENOENT"),
        (vec![run(&text.join("below"))], "exec:ENOTDIR"),
        (vec![format!("service.args\ta\t/{}", "x".repeat(300))], "exec:ENAMETOOLONG"),
        (vec![long, variable("service.env", "A"), variable("service.env_add", "B"), SMALL_STACK.into()], "exec:E2BIG"),
    ]
}

#[test]
fn row_27_every_failed_exec_says_stage_and_reason() {
    let mut keeper = two(plain());
    for (settings, expected) in cases(&keeper) {
        set(&mut keeper, "service.args\ta\ttrue");
        settings.iter().for_each(|setting| set(&mut keeper, setting));
        let failed = fails_two(&mut keeper, "a");
        keeper.check(failed == expected, &format!("{expected} expected, {failed} said"));
        keeper.quiet();
    }
    no_zombies(keeper.pid());
    works_two(&mut keeper);
}

#[test]
fn row_27_in_dialect_one_it_is_an_exit_with_3() {
    let mut keeper = one(plain());
    for (settings, _) in cases(&keeper).into_iter().filter(|(settings, _)| settings.iter().all(|s| s.len() < 1000)) {
        set(&mut keeper, &settings[0]);
        keeper.say("service.start\ta");
        keeper.expect_match("service.state\ta\tstart\t<ts>\t-\t-\t-\t-\t-");
        keeper.expect_match("service.state\ta\tup\t<ts>\t<pid>\t-\t-\t<int>\t-");
        keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t3\t<int>\t<int>");
        keeper.quiet();
    }
    no_zombies(keeper.pid());
    works_one(&mut keeper);
}

#[test]
fn row_27_a_program_that_is_being_written() {
    let mut keeper = two(plain());
    let program = keeper.file("busy");
    fs::copy("/bin/true", &program).expect("a copy of a program");
    mode(&program, 0o700);
    let writer = OpenOptions::new().append(true).open(&program).expect("our own file");
    set(&mut keeper, &format!("service.args\ta\t{}", program.display()));
    let failed = fails_two(&mut keeper, "a");
    // Kernels from 6.11 to 6.13 let it pass.
    keeper.check(failed == "exec:ETXTBSY", &failed);
    drop(writer);
    keeper.say("service.start\ta");
    keeper.wait_for("#<int>\tservice.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
}

#[test]
fn row_27_a_folder_that_has_gone() {
    let mut keeper = two(plain());
    let folder = keeper.file("folder");
    fs::create_dir(&folder).expect("our own folder");
    set(&mut keeper, "service.args\ta\ttrue");
    set(&mut keeper, &format!("service.cwd\ta\t{}", folder.display()));
    keeper.say("service.start\ta");
    keeper.wait_for("#<int>\tservice.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
    fs::remove_dir(&folder).expect("our own folder");
    let failed = fails_two(&mut keeper, "a");
    keeper.check(failed == "cwd:ENOENT", &failed);
    keeper.write("folder", "a file now\n");
    let failed = fails_two(&mut keeper, "a");
    keeper.check(failed == "cwd:ENOTDIR", &failed);
    no_zombies(keeper.pid());
    works_two(&mut keeper);
}

#[test]
fn row_27_the_keepers_own_folder_may_go() {
    let mut keeper = two(plain());
    let folder = keeper.file("folder");
    fs::create_dir(&folder).expect("our own folder");
    set(&mut keeper, &format!("chdir\t{}", folder.display()));
    fs::remove_dir(&folder).expect("our own folder");
    works_two(&mut keeper);
}

#[test]
fn row_27_a_user_that_may_not_be_had() {
    let mut keeper = two(plain());
    set(&mut keeper, "service.args\ta\ttrue");
    if e2e::is_root() {
        // A user without a name is a user; where it may not enter, the reason is told.
        let locked = keeper.file("locked");
        fs::create_dir(&locked).expect("our own folder");
        mode(&locked, 0o700);
        set(&mut keeper, "service.user\ta\t61234\t61234");
        set(&mut keeper, "service.cwd\ta\t/");
        keeper.say("service.start\ta");
        keeper.wait_for("#<int>\tservice.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
        set(&mut keeper, &format!("service.cwd\ta\t{}", locked.display()));
        let failed = fails_two(&mut keeper, "a");
        keeper.check(failed == "cwd:EACCES", &failed);
        // What the kernel takes for "leave it as it is" is no user.
        let refused = crate::desk::denied(&mut keeper, "service.user\ta\t4294967295\t61234");
        keeper.check(!refused.is_empty(), &refused);
    } else {
        set(&mut keeper, "service.user\ta\t0\t0");
        let failed = fails_two(&mut keeper, "a");
        keeper.check(failed == "groups:EPERM", &failed);
    }
    no_zombies(keeper.pid());
    works_two(&mut keeper);
}
