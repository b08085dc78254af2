//! Bytes that are not nice.

use crate::{SOON, at_rest, sized, until_bytes};
use e2e::{App, Dice, House, Pause, Proc, app_file, wait_until};
use std::fs;

/// Resident memory in KiB.
fn resident(process: Proc) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

#[test]
fn row_19_a_line_without_end_takes_no_memory() {
    let count = sized(256, 1024) << 20;
    let house = House::new();
    let go = house.file("go");
    let wall = App::puppet(
        "wall",
        &house.puppet(),
        &format!("until:{} wall:{count} note:{} hang", go.display(), house.file("done").display()),
    );
    house.up(&app_file(&[wall.with("log_max_size = 0")]));
    let [_, scribe, _] = house.roles(SOON);
    let (before, mut most) = (resident(scribe), 0);
    house.write("go", "");
    let file = house.log_file("wall-0", "out");
    wait_until(SOON, "all of it is in the log", || {
        most = most.max(resident(scribe));
        (fs::metadata(&file).map_or(0, |found| found.len()) >= count).then_some(())
    });
    assert!(scribe.alive(), "the same scribe did it");
    eprintln!("scribe: {before} KiB before, {most} KiB at most");
    assert!(most < before + 1024, "{before} KiB before, {most} KiB at most");
    wait_until(SOON, "the app goes on", || (house.notes("done").len() == 1).then_some(()));
    // In parts of 64 KiB, each said to be one.
    let lines = house.logs("wall", 3);
    assert!(!lines.is_empty() && lines.iter().all(|line| line.line.bytes().all(|b| b == b'w')), "{} lines", lines.len());
}

#[test]
fn row_20_random_bytes_are_kept_exactly() {
    let house = House::new();
    let count = 8_u64 << 20;
    house.up(&app_file(&[App::puppet("noise", &house.puppet(), &format!("noise:{count}:7 hang")).with("log_max_size = 0")]));
    let kept = until_bytes(&house, "noise-0", count);
    let mut printed = vec![0; count as usize];
    Dice::seeded(7).fill(&mut printed);
    let wrong = kept.iter().zip(&printed).position(|(kept, printed)| kept != printed);
    assert_eq!((wrong, kept.len()), (None, printed.len()));
    // No viewer breaks on it, and none lets a control character through.
    let shown = house.abide(["logs", "noise", "-n", "200"]).ok();
    assert!(!shown.out.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{:?}", shown.out);
    assert_eq!(house.logs("noise", 200).len(), 200);
}

#[test]
fn row_20_random_bytes_across_rotation() {
    let house = House::new();
    let count = 6_u64 << 20;
    let noise = App::puppet("noise", &house.puppet(), &format!("noise:{count}:11 hang"));
    house.up(&app_file(&[noise.with("log_max_size = \"1M\"\nlog_max_files = 50")]));
    until_bytes(&house, "noise-0", count);
    // While a file is compressed, it may go between the look for it and its reading.
    at_rest(&house, "noise-0", true);
    let kept = house.log_bytes("noise-0", "out");
    let mut printed = vec![0; count as usize];
    Dice::seeded(11).fill(&mut printed);
    assert!(kept == printed, "{} bytes kept of {count}", kept.len());
}

#[test]
fn row_23_really_closed_streams_are_no_spin() {
    let house = House::new();
    let shut = App::new("shut", ["sh", "-c", "echo before; exec 1>&- 2>&-; exec sleep 1000"]);
    // The leader ends; a daemon of its own session holds the stream and prints on.
    let handed =
        format!("double{{ setsid note:{} sleep:300 print:from-the-daemon hang }} exit:0", house.file("starts").display());
    let hands = App::puppet("hands", &house.puppet(), &handed).with("restart = \"never\"");
    // Both streams end while the process lives, again and again.
    let flips = App::new("flips", ["sh", "-c", "exec 1>&- 2>&-; exit 1"]).with("max_restarts = 3");
    house.up(&app_file(&[shut, hands, flips]));
    house.until_logged("shut-0", "out", "before\n", SOON);
    house.until("hands-0", SOON, "has ended", |r| r.exit.is_some());
    house.until("flips-0", SOON, "has given up", |r| r.status.word() == "errored");
    let roles = house.roles(SOON);
    let ticks = || roles.iter().map(|r| r.cpu_ticks()).sum::<u64>();
    let before = ticks();
    Pause::measure(std::time::Duration::from_secs(2));
    let used = ticks() - before;
    assert!(used <= 20, "{used} ticks of the processor in two idle seconds");
    assert_eq!(house.slot("shut-0").status.word(), "running");
    house.abide(["stop", "all"]).ok();
    // `daemon` is that of the manager's own log.
    let streams = || {
        fs::read_dir(house.home().join("run/io")).into_iter().flatten().flatten().filter(|e| e.file_name() != "daemon").count()
    };
    wait_until(SOON, "every stream has ended", || (streams() == 0).then_some(()));
}

/// Everything that could drive a terminal, or look like something else.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\u{1b}[31mred\rback\u{8}\u{202e}evil\u{2066}\u{200f}\u{9b}31m\u{0}nul\u{7f}";

#[test]
fn row_24_hostile_text_reaches_no_terminal() {
    let house = House::new();
    let script = house.write("hostile.sh", format!("printf '%b' '{}\\n'; printf '\\377\\376\\n' >&2; exit 1\n", octal(HOSTILE)));
    let app = App::new("mean", ["sh", script.to_str().expect("plain"), "a\u{1b}[31m\u{202e}b"])
        .with(&format!("max_restarts = 1\nenv = {{ X = {} }}", e2e::toml_string("\u{1b}[5m\u{202e}")));
    house.write("abide.toml", app_file(&[app]));
    // It ends at once, so this may fail.
    let _ = house.abide(["up"]);
    house.until_status("mean-0", "errored", SOON);
    house.until_logged("mean-0", "out", "red", SOON);
    let dangerous = |c: &char| {
        (c.is_control() && *c != '\n' && *c != '\t') || matches!(*c as u32, 0x200e..=0x200f | 0x202a..=0x202e | 0x2066..=0x2069)
    };
    for args in [&["list"][..], &["status", "mean"], &["logs", "mean"], &["events"], &["events", "mean"], &["validate"], &["up"]]
    {
        let done = house.abide(args);
        let found: Vec<char> = done.out.chars().chain(done.err.chars()).filter(dangerous).collect();
        assert!(found.is_empty(), "{args:?} lets {found:?} through: {done:#?}");
    }
    // Off a terminal, on request, exactly what was written.
    let raw = house.abide(["logs", "mean", "--raw", "--out", "-n", "1"]).ok();
    assert_eq!(raw.out, format!("{HOSTILE}\n"));
    assert!(house.logs("mean", 10).iter().any(|line| line.line == HOSTILE));
}

fn octal(text: &str) -> String {
    text.bytes().map(|b| format!("\\0{b:03o}")).collect()
}
