//! Disks that are full, read-only or hang: no app is hurt, and everything goes on by itself.

use crate::{SOON, flooded, flooding, until_bytes};
use e2e::{App, Disk, FLOOD_LINE, House, Strace, app_file, check_flood, flood_line, is_root, skip, wait_until};
use std::fs;

/// A house whose logs lie on a tmpfs of 1 MiB; root alone can have that.
fn on_small_disk(row: &str, below: &str) -> Option<(Disk, House)> {
    if !is_root() {
        skip(row, "needs root, to mount a file system");
        return None;
    }
    let house = House::new();
    fs::create_dir_all(house.home()).expect("our own folder");
    let disk = Disk::small(row, &house.home().join(below), 1024)?;
    Some((disk, house))
}

fn events(house: &House, event: &str) -> usize {
    house.events(None).iter().filter(|e| e.event == event).count()
}

#[test]
fn row_16_a_full_log_disk_blocks_and_resumes() {
    let Some((disk, house)) = on_small_disk("row 16, ENOSPC", "logs") else { return };
    const COUNT: u64 = 4000;
    let flood = flooding(&house, "flood", COUNT).with("log_max_size = 0");
    house.up(&app_file(&[flood, App::puppet("other", &house.puppet(), "lines:0:50")]));
    let processes = ["flood-0", "other-0"].map(|slot| house.process(slot));
    house.until_logged("other-0", "out", "line 5\n", SOON);
    disk.fill();
    house.write("go", "");
    wait_until(SOON, "the trouble is told", || (events(&house, "log.trouble") > 0).then_some(()));
    // 400 000 bytes are more than a pipe holds: it waits, it does not die, and commands work.
    assert!(house.notes("flood").is_empty(), "it has not written everything");
    for _ in 0..5 {
        assert!(house.list().iter().all(|row| row.status.word() == "running"));
    }
    house.abide(["restart", "other"]).ok();
    let told = house.events(Some("flood")).iter().filter(|e| e.event == "log.trouble").count();
    assert!(told <= 2, "one warning a minute, not {told}");
    disk.free();
    flooded(&house, "flood");
    check_flood(&until_bytes(&house, "flood-0", COUNT * FLOOD_LINE as u64), COUNT);
    wait_until(SOON, "the end of the trouble is told", || (events(&house, "log.resumed") > 0).then_some(()));
    assert!(processes[0].alive());
}

#[test]
fn row_16_a_read_only_log_disk() {
    let Some((disk, house)) = on_small_disk("row 16, EROFS", "logs") else { return };
    disk.read_only(true);
    const COUNT: u64 = 4000;
    house.up(&app_file(&[flooding(&house, "flood", COUNT).with("log_max_size = 0")]));
    house.write("go", "");
    wait_until(SOON, "the trouble is told", || (events(&house, "log.trouble") > 0).then_some(()));
    let first = house.events(None).into_iter().find(|e| e.event == "log.trouble").expect("it is there");
    assert!(serde_json::to_string(&first).expect("it was JSON").contains("EROFS"), "{first:#?}");
    disk.read_only(false);
    flooded(&house, "flood");
    check_flood(&until_bytes(&house, "flood-0", COUNT * FLOOD_LINE as u64), COUNT);
    assert_eq!(house.slot("flood-0").restarts, 0);
}

#[test]
fn row_16_a_disk_that_fails_now_and_then() {
    let house = House::new();
    const COUNT: u64 = 4000;
    house.up(&app_file(&[flooding(&house, "flood", COUNT).with("log_max_size = 0")]));
    let scribe = wait_until(SOON, "it runs", || house.role("abide-scribe").pop());
    let fault = ["-e", "trace=splice", "-e", "inject=splice:error=EIO"];
    let Some(strace) = Strace::attach("row 16, EIO", scribe.pid, &house.file("strace.log"), &fault) else { return };
    house.write("go", "");
    wait_until(SOON, "the trouble is told", || (events(&house, "log.trouble") > 0).then_some(()));
    let first = house.events(None).into_iter().find(|e| e.event == "log.trouble").expect("it is there");
    assert!(serde_json::to_string(&first).expect("it was JSON").contains("EIO"), "{first:#?}");
    assert!(strace.detach().contains("INJECTED"), "calls were made to fail");
    flooded(&house, "flood");
    check_flood(&until_bytes(&house, "flood-0", COUNT * FLOOD_LINE as u64), COUNT);
    assert_eq!((scribe.alive(), house.slot("flood-0").restarts), (true, 0));
}

#[test]
fn row_16_what_is_dropped_is_counted() {
    let Some((disk, house)) = on_small_disk("row 16, drop", "logs") else { return };
    const COUNT: u64 = 20_000;
    let app = |name: &str, keys: &str| flooding(&house, name, COUNT).with("log_max_size = 0\nlog_overflow = \"drop\"").with(keys);
    house.up(&app_file(&[app("raw", ""), app("text", "log_format = \"text\""), App::puppet("late", &house.puppet(), "hang")]));
    disk.fill();
    house.write("go", "");
    // Two megabytes each, for which there is no room: nobody waits.
    flooded(&house, "raw");
    flooded(&house, "text");
    disk.free();
    wait_until(SOON, "both have said what is missing", || {
        let told = ["raw", "text"].map(|name| house.events(Some(name)).iter().any(|e| e.event == "log.dropped"));
        (told == [true, true]).then_some(())
    });
    for name in ["raw", "text"] {
        let gap = |line: &str| line.split_once("[abide: ")?.1.split_once(" bytes dropped: ENOSPC]")?.0.parse::<u64>().ok();
        let number = |line: &str| line.split_once("xxxx").and_then(|(head, _)| head.rsplit(' ').nth(1)?.parse::<u64>().ok());
        let (text, dropped, whole) = wait_until(SOON, "the gap is in the log, and what came after it", || {
            let text = String::from_utf8_lossy(&house.log_bytes(&format!("{name}-0"), "out")).into_owned();
            let dropped: u64 = text.lines().filter_map(gap).sum();
            let whole = text.lines().filter(|line| number(line).is_some() && line.ends_with(&"x".repeat(89))).count() as u64;
            let kept = match name {
                "raw" => text.split_inclusive('\n').filter(|line| gap(line).is_none()).map(str::len).sum::<usize>() as u64,
                _ => whole * FLOOD_LINE as u64 + 300,
            };
            (dropped > 0 && kept + dropped >= COUNT * FLOOD_LINE as u64).then_some((text, dropped, whole))
        });
        eprintln!("{name}: {dropped} bytes dropped, {whole} of {COUNT} lines whole");
        assert!(dropped > 0 && dropped <= COUNT * FLOOD_LINE as u64);
        // Every byte is in the log or counted. (In text a line may be cut where the gap begins and where it ends.)
        if name == "raw" {
            let kept: usize = text.split_inclusive('\n').filter(|line| gap(line).is_none()).map(str::len).sum();
            let all = COUNT * FLOOD_LINE as u64;
            assert!((all..=all + 2).contains(&(kept as u64 + dropped)), "{kept} kept, {dropped} dropped of {all}");
        } else {
            let kept = whole * FLOOD_LINE as u64;
            assert!(
                kept + dropped <= COUNT * FLOOD_LINE as u64 && kept + dropped + 300 >= COUNT * FLOOD_LINE as u64,
                "{kept} kept, {dropped} dropped"
            );
        }
        let told = || -> u64 {
            house.events(Some(name)).iter().filter(|e| e.event == "log.dropped").filter_map(|e| e.data["bytes"].as_u64()).sum()
        };
        wait_until(SOON, "all of it is told", || (told() >= dropped).then_some(()));
        assert_eq!(told(), dropped, "{name}: events and log say the same");
    }
}

#[test]
fn row_15_a_full_state_disk_ends_nothing() {
    if !is_root() {
        return skip("row 15", "needs root, to mount a file system");
    }
    let house = House::new();
    // The whole home: store, journals, logs.
    let Some(disk) = Disk::small("row 15", &house.home(), 1024) else { return };
    let crashes = App::puppet(
        "crashes",
        &house.puppet(),
        &format!("note:{} until:{} crash:9", house.file("starts").display(), house.file("crash").display()),
    )
    .with("backoff = { min = \"1ms\", max = \"10ms\", threshold = 0 }");
    house.up(&app_file(&[crashes, App::puppet("calm", &house.puppet(), "print:hello hang")]));
    house.until_logged("calm-0", "out", "hello\n", SOON);
    let calm = house.process("calm-0");
    disk.fill();
    // Supervision goes on from memory.
    let starts = house.notes("starts").len();
    house.write("crash", "");
    wait_until(SOON, "the crashed one is restarted", || (house.notes("starts").len() >= starts + 3).then_some(()));
    fs::remove_file(house.file("crash")).expect("our own file");
    assert!(calm.alive());
    assert_eq!(house.slot("calm-0").status.word(), "running");
    disk.free();
    // And everything works again, by itself.
    wait_until(SOON, "a new app can be had", || {
        let done = house.abide(["start", "--name", "late", "--", &house.puppet(), "print:late", "hang"]);
        (done.code == Some(0)).then_some(())
    });
    house.until_logged("late-0", "out", "late\n", SOON);
    assert!(calm.alive());
    house.until_status("crashes-0", "running", SOON);
}

#[test]
fn row_17_a_hanging_log_disk_hangs_nobody_else() {
    if !is_root() {
        return skip("row 17", "needs root, to mount a file system");
    }
    let house = House::new();
    let Some(disk) = Disk::image("row 17", &house.file("slow")) else { return };
    let log = disk.at().join("hangs.log");
    let hangs = App::puppet(
        "hangs",
        &house.puppet(),
        &format!("print:ready until:{} flood:20000 note:{} hang", house.file("go").display(), house.file("hangs").display()),
    );
    let hangs = hangs.with(&format!("log_max_size = 0\nout_file = {}", e2e::toml_string(log.to_str().expect("plain"))));
    let fine = App::puppet(
        "fine",
        &house.puppet(),
        &format!("until:{} flood:20000 note:{} hang", house.file("go").display(), house.file("fine").display()),
    );
    house.up(&app_file(&[hangs, fine.with("log_max_size = 0"), App::puppet("calm", &house.puppet(), "lines:0:50")]));
    wait_until(SOON, "its file is there", || fs::read(&log).is_ok_and(|bytes| bytes == b"ready\n").then_some(()));
    let Some(frozen) = disk.freeze("row 17") else { return };
    house.write("go", "");
    // Two megabytes of another app arrive, and every command works.
    check_flood(&until_bytes(&house, "fine-0", 20_000 * FLOOD_LINE as u64), 20_000);
    for _ in 0..3 {
        house.abide(["restart", "calm"]).ok();
    }
    assert_eq!(house.logs("fine", 3).len(), 3);
    assert!(house.list().iter().all(|row| row.status.word() == "running"));
    house.abide(["start", "--name", "born", "--", &house.puppet(), "print:born", "hang"]).ok();
    house.until_logged("born-0", "out", "born\n", SOON);
    assert!(house.notes("hangs").is_empty(), "it waits in its write");
    drop(frozen);
    wait_until(SOON, "it goes on", || (house.notes("hangs").len() == 1).then_some(()));
    wait_until(SOON, "its last line is there", || {
        fs::read(&log).is_ok_and(|bytes| bytes.ends_with(&flood_line(20_000))).then_some(())
    });
    check_flood(&fs::read(&log).expect("it is there")["ready\n".len()..], 20_000);
}
