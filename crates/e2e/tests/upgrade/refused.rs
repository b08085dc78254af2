//! New executables that cannot take over: each is refused with a reason, and nothing changes.

use crate::SOON;
use crate::load::{body, gapless, keeper, running, sang_every_line, sing};
use crate::stand_ins::{put, put_script};
use e2e::{Keeper, wait_until};
use std::fs;

/// Says `upgrade`; gives back the reason of the refusal. Commands are served meanwhile.
#[track_caller]
fn refusal(keeper: &mut Keeper, name: &str) -> String {
    let path = keeper.file(name).display().to_string();
    keeper.say(&format!("upgrade\t{path}\necho\tmeanwhile-{name}"));
    wait_until(SOON, "a command is obeyed meanwhile", || {
        keeper.lines().iter().any(|line| body(line) == format!("meanwhile-{name}")).then_some(())
    });
    let why = keeper.wait_for_within("#<int>\terror\tupgrade **", SOON).pop().expect("a hole");
    // One that was killed for its silence takes a moment to die.
    if why == "one that was late is not over yet" { refusal(keeper, name) } else { why }
}

#[test]
fn broken_executables_are_refused_and_everything_goes_on() {
    let mut keeper = keeper();
    sing(&mut keeper);
    let before = running(&mut keeper);
    fs::create_dir(keeper.file("folder")).expect("our own folder");
    put(&keeper.file("closed"), "#!/bin/sh\n", 0o644);
    put_script(&keeper.file("text"), "just text, no program\n\u{1}");
    let scripts = [
        ("no-interpreter", "#!/nonexistent/interpreter\n", "not executable: ENOENT"),
        ("ends", "#!/bin/sh\nexit 1\n", "it ended with 1"),
        ("silent", "#!/bin/sh\nexit 0\n", "no keeper that knows our ledger"),
        ("other-version", "#!/bin/sh\necho abide-keeper 9.9.9 ledger 999\n", "no keeper that knows our ledger"),
        ("other-program", "#!/bin/sh\necho other-keeper 1.0.0 ledger 1\n", "no keeper that knows our ledger"),
        ("older", "#!/bin/sh\necho the ledger is of a later version; exit 1\n", "the ledger is of a later version"),
        ("killed", "#!/bin/sh\nkill -KILL $$\n", "SIGKILL"),
        ("aborts", "#!/bin/sh\nkill -ABRT $$\n", "SIGABRT"),
        ("floods", "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x; exit 0\n", "no keeper that knows our ledger"),
        ("becomes-another", "#!/bin/sh\nexec true\n", "no keeper that knows our ledger"),
        ("hangs", "#!/bin/sh\nexec sleep 1000\n", "timed out"),
        // Whoever it has left behind holds its output, and is not waited for.
        ("leaves-a-child", "#!/bin/sh\nsleep 8 & exit 5\n", "it ended with 5"),
    ];
    for (name, why) in [
        ("nowhere", "not executable: ENOENT"),
        ("folder", "not executable: EACCES"),
        ("closed", "not executable: EACCES"),
        ("text", "not executable: ENOEXEC"),
    ] {
        let said = refusal(&mut keeper, name);
        keeper.check(said.contains(why), &format!("{name}: expected {why:?}, got {said:?}"));
    }
    for (name, script, why) in scripts {
        put_script(&keeper.file(name), script);
        let said = refusal(&mut keeper, name);
        keeper.check(said.contains(why), &format!("{name}: expected {why:?}, got {said:?}"));
    }
    let after = running(&mut keeper);
    keeper.check(before == after, &format!("the same services run:\n{before:?}\n{after:?}"));
    sang_every_line(&keeper);
    let good = keeper.bins().path("abide-keeper").display().to_string();
    keeper.say(&format!("upgrade\t{good}"));
    keeper.wait_for("#<int>\tupgrade\t*");
    let after = running(&mut keeper);
    keeper.check(before == after, "the good one is taken after all of them");
    sang_every_line(&keeper);
    gapless(&keeper);
}
