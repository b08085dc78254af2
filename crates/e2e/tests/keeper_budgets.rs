//! What the keeper may cost: its promises about size, memory and sleep (`keeper-extensions.md`, budgets). Only what is counted stands here;
//! what is timed stands in the bench (`docs/performance.md`), because a test that fails on a busy machine teaches nothing.

use e2e::{House, Link, Pause, Proc, StaticKeeper, children_of, skip, state_of, wait_until, workspace_root};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// How long nothing must happen. The bench looks for 30 seconds.
const ASLEEP: Duration = Duration::from_secs(5);
const RESIDENT_KIB: u64 = 1024;
const PRIVATE_KIB: u64 = 3 * 1024;
const PROGRAM_KIB: u64 = 512;
/// The design said 3,000; `docs/design/0002-the-keeper-complete.md` says what the rest is for.
const CODE_LINES: usize = 5700;

/// The keeper as releases have it. The budgets of size are promised with musl only: glibc's own start is larger than some of them.
fn program(row: &str) -> Option<StaticKeeper> {
    let built = StaticKeeper::build("auto", "release").expect("tools/static-keeper builds it");
    if built.libc != "musl" {
        skip(row, &format!("the static keeper was built with {}", built.libc));
        return None;
    }
    Some(built)
}

/// A keeper with so many services that run.
fn crowd(house: &House, keeper: &StaticKeeper, count: usize) -> Link {
    let mut command = house.plain(&keeper.path);
    command.arg("-i").stderr(fs::File::create(house.file("keeper.err")).expect("a file of our own"));
    let mut link = Link::start(command).expect("the keeper starts");
    link.crowd(count, &["cat"])
        .unwrap_or_else(|e| panic!("{count} services cannot be started: {e}\n{}", house.read("keeper.err")));
    link
}

/// A field of `/proc/PID/smaps_rollup`, in KiB.
fn kib(rollup: &str, name: &str) -> u64 {
    let line = rollup.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or_else(|| panic!("no {name} in {rollup}"))
}

fn rollup(link: &Link) -> String {
    fs::read_to_string(format!("/proc/{}/smaps_rollup", link.pid())).expect("the keeper lives")
}

/// How often the keeper was put on or taken off a processor; it has one thread.
fn switches(link: &Link) -> u64 {
    let threads = fs::read_dir(format!("/proc/{}/task", link.pid())).expect("the keeper lives").count();
    assert_eq!(threads, 1, "the keeper has one thread");
    let status = fs::read_to_string(format!("/proc/{}/status", link.pid())).expect("the keeper lives");
    let fields = status.lines().filter_map(|line| line.split_once("ctxt_switches:"));
    let counts: Vec<u64> = fields.map(|(_, number)| number.trim().parse().expect("a number")).collect();
    assert_eq!(counts.len(), 2, "voluntary and involuntary ones: {status}");
    counts.iter().sum()
}

/// Whether it sleeps, and so does every service, as the program that it shall be: the keeper hears of an exec when the one who did it comes back
/// from the kernel, which on a busy machine is later.
fn is_at_rest(link: &Link) -> bool {
    let sleeps = |pid: u32| state_of(pid).is_some_and(|(state, _)| state == 'S');
    let waits = |pid: u32| Proc::find(pid).is_some_and(|service| service.args() == ["cat"]) && sleeps(pid);
    children_of(link.pid()).into_iter().all(|(pid, _)| waits(pid)) && sleeps(link.pid())
}

#[test]
fn the_program_is_small() {
    let Some(keeper) = program("keeper budgets: size of the program") else { return };
    assert!(keeper.size <= PROGRAM_KIB * 1024, "{} bytes are more than {PROGRAM_KIB} KiB", keeper.size);
}

#[test]
fn with_nothing_to_keep_it_is_small() {
    let Some(keeper) = program("keeper budgets: resident memory") else { return };
    let house = House::new();
    let link = crowd(&house, &keeper, 0);
    let rollup = rollup(&link);
    let resident = kib(&rollup, "Rss");
    assert!(resident > 0 && resident <= RESIDENT_KIB, "resident are {resident} KiB, of {RESIDENT_KIB}:\n{rollup}");
}

#[test]
fn a_thousand_services_cost_little() {
    let Some(keeper) = program("keeper budgets: private memory") else { return };
    let house = House::new();
    let link = crowd(&house, &keeper, 1000);
    let rollup = rollup(&link);
    // Private pages of the program's file count too; anonymous memory is its own, even where the kernel takes it for shared.
    let own = kib(&rollup, "Private_Clean") + kib(&rollup, "Private_Dirty");
    let most = own.max(kib(&rollup, "Anonymous"));
    assert!(most <= PRIVATE_KIB, "private are {most} KiB, of {PRIVATE_KIB}:\n{rollup}");
}

#[test]
fn it_sleeps_while_nothing_happens() {
    let keeper = StaticKeeper::build("auto", "release").expect("tools/static-keeper builds it");
    let house = House::new();
    let links = [0, 100].map(|count| crowd(&house, &keeper, count));
    let look = || links.each_ref().map(switches);
    wait_until(SOON, "the keeper sleeps", || {
        let before = look();
        Pause::measure(Duration::from_millis(100));
        // On a busy machine who is awake may do nothing for that long.
        (links.iter().all(is_at_rest) && look() == before).then_some(())
    });
    let before = look();
    Pause::measure(ASLEEP);
    assert_eq!(look(), before, "it woke, with 0 and with 100 services, within {ASLEEP:?} in which nothing happened");
}

/// Lines that are neither blank nor comment in the sources below a folder, those of tests excepted.
fn code_lines(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    let of_tests =
        |path: &Path| path.file_stem().is_some_and(|name| name == "tests" || name.as_encoded_bytes().ends_with(b"_tests"));
    let counted = paths.iter().filter(|path| !of_tests(path));
    counted.map(|path| if path.is_dir() { code_lines(path) } else { lines(&fs::read_to_string(path).expect("text")) }).sum()
}

fn lines(text: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn lines_are_counted_as_said() {
    assert_eq!(lines("//! Docs.\n\n/// More.\nfn f() { // why\n    // because\n    \"//\";\n}\n"), 3);
}

#[test]
fn it_can_be_read_in_a_day() {
    let count = code_lines(&workspace_root().join("crates/keeper/src"));
    assert!(count > 1000, "the keeper has moved: tell this test where to ({count} lines)");
    assert!(count <= CODE_LINES, "{count} lines of code are more than {CODE_LINES}");
}
