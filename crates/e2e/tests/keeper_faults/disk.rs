//! Rows 15 and 16, as far as the keeper has to do with disks: they are full.

use crate::desk::{SOON, denied, one, plain, set, works_one};
use e2e::{Keeper, Start, wait_until};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// A keeper that sees a small file system at `small` in its folder, in a mount namespace of its own, so that it ends with it. `None`, said
/// aloud, where none can be made.
fn on_small_disk(row: &str) -> Option<(Keeper, PathBuf)> {
    let ways: &[&[&str]] = &[&["unshare", "--mount"], &["unshare", "--user", "--map-root-user", "--mount"]];
    let mount = "mkdir -p small && mount -t tmpfs -o size=1m,nr_inodes=64,mode=700 none small && exec \"$@\"";
    let works = |way: &&&[&str]| {
        let probe = Command::new(way[0]).args(&way[1..]).args(["sh", "-c", "mount -t tmpfs none /mnt"]).output();
        probe.is_ok_and(|done| done.status.success())
    };
    let Some(way) = ways.iter().find(works) else {
        e2e::skip(row, "no file system can be mounted");
        return None;
    };
    let prefix: Vec<&str> = way.iter().copied().chain(["sh", "-c", mount, "sh"]).collect();
    let keeper = one(Start::through(plain(), prefix));
    // As the keeper sees it.
    let seen = PathBuf::from(format!("/proc/{}/root{}", keeper.pid(), keeper.file("small").display()));
    if fs::read_dir(&seen).is_err() {
        e2e::skip(row, "another mount namespace cannot be looked into");
        return None;
    }
    Some((keeper, seen))
}

/// Fills what is left, to the last byte.
fn fill(seen: &std::path::Path) {
    let mut file = File::create(seen.join("filler")).expect("a file on the small disk");
    for size in [65_536, 4_096, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

#[test]
fn row_16_a_full_disk_under_the_log_stops_nothing() {
    let Some((mut keeper, seen)) = on_small_disk("row 16") else { return };
    let log = keeper.file("small").join("log");
    set(&mut keeper, &format!("fd.open\tlog\twrite,append,create\t{}", log.display()));
    set(&mut keeper, "log.dest\tfd\tlog");
    keeper.ask("before-it-is-full", "error\tUnknown command: before-it-is-full");
    let read = || fs::read_to_string(seen.join("log")).unwrap_or_default();
    wait_until(SOON, "the log is written", || read().contains("before-it-is-full").then_some(()));
    fill(&seen);
    // More than fits into the rest of the last page and the keeper's own buffer.
    for number in 0..500 {
        keeper.ask(&format!("while-it-is-full-{number}"), &format!("error\tUnknown command: while-it-is-full-{number}"));
    }
    works_one(&mut keeper);
    fs::remove_file(seen.join("filler")).expect("our own file");
    // By the next line at the latest it writes again, and says how much is missing.
    wait_until(SOON, "the log goes on", || {
        keeper.say("after-it-was-full");
        keeper.barrier();
        let text = read();
        (text.contains("after-it-was-full") && text.contains("warning: lost ")).then_some(())
    });
    works_one(&mut keeper);
}

#[test]
fn row_15_files_on_a_full_disk_are_refused_with_the_reason() {
    let Some((mut keeper, seen)) = on_small_disk("row 15") else { return };
    let mut fillers = Vec::new();
    while let Ok(file) = File::create(seen.join(format!("i{}", fillers.len()))) {
        fillers.push(file);
    }
    let small = keeper.file("small").display().to_string();
    for command in [
        format!("fd.open\tx\twrite,create\t{small}/new"),
        format!("fd.open\tx\twrite,create,mkdir\t{small}/deep/er/new"),
        format!("fd.socket\tx\tunix,bind\t{small}/new-socket"),
        format!("fd.socket\tx\tunix,bind,mkdir\t{small}/deep/er/new-socket"),
        format!("socket.create\t-\t{small}/control"),
    ] {
        let refused = denied(&mut keeper, &command);
        let told = refused.contains("No space left on device") || refused.contains("Failed to create control socket");
        keeper.check(told, &format!("{command:?}: {refused}"));
    }
    keeper.check(!seen.join("deep").exists(), "nothing was made half");
    let dump = keeper.answers("statedump");
    keeper.check(!dump.iter().any(|l| l.starts_with("fd.state\tx\t")), &format!("{dump:?}"));
    works_one(&mut keeper);
    (0..fillers.len()).for_each(|at| _ = fs::remove_file(seen.join(format!("i{at}"))));
    drop(fillers);
    set(&mut keeper, &format!("fd.open\tx\twrite,create,mkdir\t{small}/deep/er/new"));
    keeper.check(seen.join("deep/er/new").exists(), "it was made");
    works_one(&mut keeper);
}
