//! What is wished, on a disk that failed, under a manager that died, and in files of other versions.

use crate::SOON;
use e2e::{App, House, Pause, Proc, Strace, app_file, wait_until};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The last acknowledged operation stops this app; what was acknowledged before is everything else.
const LAST: &str = "\"kind\":\"stop\"";
const NAMES: [&str; 4] = ["api", "extra", "job", "web"];

/// For all rounds of a test together.
const LONG: Duration = Duration::from_secs(300);

/// What is saved is compacted at once; so long after the answer nothing more comes.
const COMPACTED: Duration = Duration::from_secs(10);

fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// A line of the store, as any version writes it.
fn line(json: &str) -> Vec<u8> {
    format!("{:08x}\t{json}\n", crc(json.as_bytes())).into_bytes()
}

fn store(house: &House) -> PathBuf {
    house.home().join("store")
}

fn copied(house: &House) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(store(house)).expect("there").flatten().map(|entry| entry.path());
    files.map(|path| (path.clone(), fs::read(&path).expect("readable"))).collect()
}

/// Files of the evidence, all their bytes together.
fn evidence(house: &House) -> Vec<u8> {
    let kept = copied(house)
        .into_iter()
        .filter(|(path, _)| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("damaged")));
    kept.flat_map(|(_, bytes)| bytes).collect()
}

/// A house with apps, a history and a remembered profile; none of its roles runs any more, its apps do.
fn lived_in() -> House {
    let house = House::new();
    let app = |name: &str| App::puppet(name, &house.puppet(), "hang");
    let profile = "\n[profiles.dev]\n[apps.web.profiles.dev]\nenv = { KIND = \"dev\" }\n";
    house.write("abide.toml", app_file(&[app("web"), app("api"), app("job")]) + profile);
    house.abide(["up", "--profile", "dev"]).ok();
    house.abide(["start", &format!("{} hang", house.puppet()), "--name", "extra"]).ok();
    house.abide(["stop", "job"]).ok();
    house.until_status("job-0", "stopped", SOON);
    house.kill_roles();
    house
}

/// Where a record that holds this begins and ends.
fn record(bytes: &[u8], with: &str) -> (usize, usize) {
    let mut begin = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        if String::from_utf8_lossy(line).contains(with) {
            return (begin, begin + line.len());
        }
        begin += line.len();
    }
    panic!("no record with {with}")
}

/// Every app is there, the processes are the ones of before, and what was remembered still is.
#[track_caller]
fn complete(house: &House, why: &str, processes: &[Proc]) {
    let mut names: Vec<String> = house.list().into_iter().map(|row| row.app).collect();
    names.sort();
    assert_eq!(names, NAMES, "{why}");
    for (slot, process) in ["web-0", "api-0", "extra-0"].iter().zip(processes) {
        house.until(slot, SOON, "is the same process", |row| row.pid == Some(process.pid));
        assert!(process.alive(), "{why}: {slot}");
    }
    let told = house.abide(["plan"]).ok();
    assert!(told.err.contains("profile dev") && !told.out.contains("changed;") && !told.out.contains("new;"), "{why}: {told:#?}");
    let history = house.abide(["history"]).ok().out;
    assert!(history.contains("apply") && history.contains("extra: new"), "{why}: {history}");
}

/// Ends the house and keeps it ended for as long as the lock is held: a keeper that a role has started with its last breath may come late, and
/// must not look at a store that is being replaced.
fn ended(house: &House) -> File {
    let lock = File::open(house.home().join("run/lock")).expect("there was a keeper");
    let begun = Instant::now();
    loop {
        house.kill_roles();
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return lock;
        }
        assert!(begun.elapsed() < SOON, "another keeper comes again and again");
    }
}

#[test]
fn row_12_a_torn_store_keeps_all_that_came_before() {
    let house = lived_in();
    house.abide(["daemon", "start"]).ok();
    let processes = ["web-0", "api-0", "extra-0"].map(|slot| house.process(slot));
    let mut quiet = ended(&house);
    let (good, operations) = (copied(&house), store(&house).join("operations"));
    let whole = fs::read(&operations).expect("there");
    let (begin, end) = record(&whole, LAST);
    let cut = |at: usize| whole[..at].to_vec();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        bytes
    };
    let zeroed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at..].fill(0);
        bytes
    };
    let middle = (begin + end) / 2;
    let (from, until) = record(&whole, "\"reserve\"");
    let reserve = (from + until) / 2;
    // What is there, what is lost of it for good, and whether the last operation still counts.
    let damages = [
        ("cut after the sum", cut(begin + 9), begin..begin + 9, false),
        ("cut in the middle", cut(middle), begin..middle, false),
        ("cut before the line feed", cut(end - 2), begin..end - 2, false),
        ("a zeroed tail", zeroed(middle), begin..middle, false),
        ("a page of zeros behind it", [whole.clone(), vec![0; 4096]].concat(), 0..0, true),
        ("a bit of the last", flipped(middle), begin..middle, false),
        ("a bit of the sum", flipped(begin + 3), begin + 9..end - 1, false),
        ("a bit of one before", flipped(reserve), from..reserve, true),
    ];
    for (what, bytes, lost, last) in damages {
        fs::remove_dir_all(store(&house)).expect("our own folder");
        fs::create_dir(store(&house)).expect("our own folder");
        good.iter().for_each(|(path, bytes)| fs::write(path, bytes).expect("put back"));
        fs::write(&operations, &bytes).expect("damaged");
        drop(quiet);
        house.abide(["daemon", "start"]).ok();
        complete(&house, what, &processes);
        // With its operation lost, the app is wished to run again.
        let status = if last { "stopped" } else { "running" };
        house.until_status("job-0", status, SOON);
        let kept = evidence(&house);
        let lost = &bytes[lost];
        assert!(kept.windows(lost.len().max(1)).any(|part| part == lost || lost.is_empty()), "{what}: the evidence is kept");
        let said = house.daemon().expect("it runs").read_only.unwrap_or_default();
        assert!(said.contains("damaged") && said.contains("bytes at offset"), "{what}: {said}");
        let events = house.events(None);
        assert!(events.iter().any(|e| e.event == "store.damaged"), "{what}: {events:#?}");
        wait_until(SOON, &format!("{what}: the log tells it"), || {
            let log = fs::read_to_string(house.home().join("daemon.log")).expect("there");
            (log.contains("are damaged") && log.contains("the bytes are kept in")).then_some(())
        });
        // It is mended: a wish is taken, and nothing is said at the next start.
        house.abide(["stop", "job"]).ok();
        house.kill_roles();
        house.abide(["daemon", "start"]).ok();
        complete(&house, what, &processes);
        assert_eq!(house.daemon().expect("it runs").read_only, None, "{what}: said once");
        assert_eq!(evidence(&house), kept, "{what}: the evidence stays");
        house.until_status("job-0", "stopped", SOON);
        quiet = ended(&house);
    }
}

#[test]
fn row_12_an_older_version_is_read() {
    let house = lived_in();
    house.abide(["daemon", "start"]).ok();
    let processes = ["web-0", "api-0", "extra-0"].map(|slot| house.process(slot));
    let quiet = ended(&house);
    let operations = store(&house).join("operations");
    let text = fs::read_to_string(&operations).expect("there");
    let older = |record: &str| line(&record.split_once('\t').expect("a sum").1.replacen("\"v\":1", "\"v\":0", 1));
    fs::write(&operations, text.lines().flat_map(older).collect::<Vec<u8>>()).expect("written");
    drop(quiet);
    house.abide(["daemon", "start"]).ok();
    complete(&house, "an older version", &processes);
    house.until_status("job-0", "stopped", SOON);
    assert_eq!(house.daemon().expect("it runs").read_only, None);
    assert!(evidence(&house).is_empty());
    // It is gone on with.
    house.abide(["stop", "web"]).ok();
}

#[test]
fn row_12_a_damaged_snapshot_and_other_versions() {
    let house = lived_in();
    // A pile of operations grown over deaths is compacted at a start; so is a damaged one: that makes the snapshot.
    let operations = store(&house).join("operations");
    let whole = fs::read(&operations).expect("there");
    fs::write(&operations, [&whole[..], b"noise\n"].concat()).expect("damaged");
    house.abide(["daemon", "start"]).ok();
    let processes = ["web-0", "api-0", "extra-0"].map(|slot| house.process(slot));
    let quiet = ended(&house);
    let snapshot = store(&house).join("snapshot");
    let good = fs::read(&snapshot).expect("it was made");
    // One app's record is hit: the others stand, and so do the bytes.
    let (begin, end) = record(&good, "\"extra\"");
    let mut bytes = good.clone();
    bytes[(begin + end) / 2] ^= 1;
    fs::write(&snapshot, &bytes).expect("damaged");
    drop(quiet);
    house.abide(["daemon", "start"]).ok();
    let mut names: Vec<String> = house.list().into_iter().map(|row| row.app).collect();
    names.sort();
    assert!(["api", "job", "web"].iter().all(|name| names.iter().any(|n| n == name)), "{names:?}");
    let lost = &bytes[begin..end - 1];
    assert!(evidence(&house).windows(lost.len()).any(|part| part == lost), "the evidence is kept");
    assert!(house.daemon().expect("it runs").read_only.expect("it is said").contains("snapshot are damaged"));
    assert!(processes[..2].iter().all(|process| process.alive()), "apps that are still known are not touched");

    // A later version wrote the last record: what is understood is shown, nothing is changed, and it is said.
    let quiet = ended(&house);
    let mut future = fs::read(&operations).expect("there");
    future.extend(line("{\"v\":2,\"op\":900,\"at\":1,\"actor\":\"later\",\"do\":{\"teleport\":{\"app\":\"web\"}}}"));
    fs::write(&operations, &future).expect("from the future");
    let before = fs::read(&snapshot).expect("there");
    drop(quiet);
    house.abide(["daemon", "start"]).ok();
    let said = house.daemon().expect("it runs").read_only.expect("it is said");
    assert!(said.contains("later abide") && said.contains("record version 2, this one knows 1"), "{said}");
    let done = house.abide(["stop", "web"]);
    assert!(done.code != Some(0) && done.err.contains("later abide"), "{done:#?}");
    assert!(house.list().iter().any(|row| row.app == "web" && row.pid == Some(processes[0].pid)), "it goes on as it was");
    let _quiet = ended(&house);
    assert_eq!(
        (fs::read(&operations).expect("there"), fs::read(&snapshot).expect("there")),
        (future, before),
        "not a byte changed"
    );
    assert!(processes[..2].iter().all(|process| process.alive()));
}

/// So large that it is compacted into a snapshot as soon as it is saved. Its apps are never started.
fn large(house: &House, word: &str) -> String {
    let mut text = app_file(&[App::puppet("web", &house.puppet(), "hang")]);
    for app in 0..4 {
        let _ = write!(text, "[apps.spare{app}]\ncmd = [\"true\"]\nautostart = false\n[apps.spare{app}.env]\n");
        for key in 0..10 {
            let _ = writeln!(text, "K{key} = \"{}{word}\"", "x".repeat(8000));
        }
    }
    text
}

const CALLS: [&str; 9] = ["openat", "pwrite64", "write", "fdatasync", "fsync", "ftruncate", "rename", "renameat", "renameat2"];

/// What the steward calls while this is applied.
fn traced(row: &str, house: &House, text: &str) -> Option<String> {
    let [steward, ..] = house.roles(SOON);
    let trace = format!("trace=?{},?sendto,?sendmsg", CALLS.join(",?"));
    let strace = Strace::attach(row, steward.pid, &house.file("strace.log"), &["-y", "-s", "40", "-e", &trace])?;
    house.up(text);
    Some(strace.detach())
}

#[test]
fn row_13_killed_at_each_call_of_a_save() {
    let house = House::new();
    house.up(&large(&house, "0"));
    let web = house.process("web-0");
    let Some(log) = traced("row 13", &house, &large(&house, "1")) else { return };
    // Calls of each kind up to the last one that has to do with the store.
    let lines: Vec<&str> = log.lines().collect();
    let end = lines.iter().rposition(|line| line.contains("/store")).expect("it was saved");
    let count = |call: &str| lines[..=end].iter().filter(|line| line.starts_with(&format!("{call}("))).count();
    let points: Vec<(&str, usize)> = CALLS.iter().flat_map(|call| (1..=count(call)).map(move |n| (*call, n))).collect();
    eprintln!("{} calls: {points:?}", points.len());
    assert!(points.len() >= 8 && points.iter().any(|(call, _)| call.starts_with("rename")), "{log}");
    let (mut old, mut new, mut missed) = (0, 0, Vec::new());
    let begun = Instant::now();
    house.up(&large(&house, "round 0"));
    for (round, (call, n)) in points.into_iter().enumerate() {
        let [steward, _, keeper] = house.roles(SOON);
        let (was, will) = (format!("round {round}"), format!("round {}", round + 1));
        let fault = format!("inject={call}:signal=KILL:when={n}");
        let trace = format!("trace={call}");
        let attached = Strace::attach("row 13", steward.pid, &house.file("strace.log"), &["-e", &trace, "-e", &fault]);
        let Some(strace) = attached else { return };
        house.write("abide.toml", large(&house, &will));
        // The one who asks dies with it, before the keeper can start another: else it would ask that one again, and the new would always come.
        assert!(keeper.signal(Signal::STOP));
        let mut asking = house.command(["up"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it can be run");
        let (mut done, mut pause) = (None::<Instant>, Pause::default());
        while steward.alive() && done.is_none_or(|done| done.elapsed() < COMPACTED) {
            pause.take();
            assert!(begun.elapsed() < LONG, "{call} {n}: it goes on for ever");
            done = done.or_else(|| asking.try_wait().expect("our own child").map(|_| Instant::now()));
        }
        let told = asking.try_wait().expect("our own child").is_some_and(|status| status.success());
        let _ = asking.kill();
        let _ = asking.wait();
        strace.detach();
        assert!(keeper.signal(Signal::CONT));
        if steward.alive() {
            // Not every round makes as many calls: a message more or less.
            missed.push((call, n));
            continue;
        }
        house.roles(SOON);
        match (holds(&house, &was), holds(&house, &will)) {
            (true, false) => old += 1,
            (false, true) => new += 1,
            other => panic!("{call} {n}: neither the old nor the new: {other:?}"),
        }
        assert!(!told || holds(&house, &will), "{call} {n}: acknowledged and lost");
        assert!(evidence(&house).is_empty(), "{call} {n}: nothing is damaged");
        assert!(web.alive() && house.slot("web-0").pid == Some(web.pid), "{call} {n}: the app was touched");
        house.up(&large(&house, &will));
    }
    eprintln!("{old} times the old, {new} times the new; not reached: {missed:?}");
    assert!(old > 0 && new > 0 && missed.len() <= 3, "not reached: {missed:?}");
}

/// Whether what is wished is what [`large`] writes with this word, in every app.
fn holds(house: &House, word: &str) -> bool {
    house.write("abide.toml", large(house, word));
    house.abide(["plan"]).ok().out.contains("nothing to do")
}

#[test]
fn row_14_the_order_of_calls_survives_a_power_cut() {
    let house = House::new();
    house.up(&large(&house, "0"));
    let Some(log) = traced("row 14", &house, &large(&house, "1")) else { return };
    let lines: Vec<&str> = log.lines().collect();
    let mut at = 0;
    let mut then = |call: &str, what: &str| {
        let found = lines[at..].iter().position(|line| line.starts_with(call) && line.contains(what) && !line.contains("= -1"));
        at += found.unwrap_or_else(|| panic!("no {call} of {what} after call {at}:\n{log}")) + 1;
        at
    };
    then("pwrite64", "/store/operations>");
    let saved = then("fdatasync", "/store/operations>");
    for name in ["snapshot", "operations"] {
        then("openat", &format!("store/{name}.new"));
        if name == "snapshot" {
            then("write", &format!("/store/{name}.new>"));
        }
        then("fsync", &format!("/store/{name}.new>"));
        then("rename", &format!("store/{name}.new"));
        then("fsync", "/store>");
    }
    let answer = lines.iter().position(|line| line.starts_with("send") && line.contains("202 Accepted"));
    assert!(answer.is_some_and(|answer| answer >= saved), "answered before it was on the disk: {log}");
    // Nothing but what was synced has the name that counts.
    let first = lines.iter().position(|line| line.starts_with("rename") && line.contains("snapshot")).expect("it was renamed");
    assert!(
        !lines[..first]
            .iter()
            .any(|line| line.contains("openat") && line.contains("/store/snapshot\"") && line.contains("O_WRONLY"))
    );
}
