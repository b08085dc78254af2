//! A million lines, from the first instruction of the first who writes until the last byte stands in a file.

use super::super::{SOON, settle};
use super::cat::Cat;
use crate::ground::{Ground, LIMIT};
use crate::house::{House, apps};
use crate::proc::processor;
use crate::report::{Report, ratio};
use crate::stamps::Stamps;
use crate::stats::Samples;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

pub(super) const LINES: u64 = 1_000_000;
pub(super) const BYTES: u64 = LINES * 100;
const TURNS: usize = 9;
/// Not counted: they make the machine's memory warm.
const WARM: usize = 2;

/// Waits until the files hold all lines together; the moment. A line may be longer than what was printed, but all are of one length. Both sides
/// are looked at in the same way, five thousand times a second.
pub(super) fn filled(files: &[PathBuf]) -> io::Result<u64> {
    let deadline = sys::clock::now() + LIMIT.as_nanos() as u64;
    let mut line = None;
    loop {
        let size: u64 = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|found| found.len()).sum();
        let now = sys::clock::now();
        line = line.or_else(|| files.iter().find_map(|file| first_line(file)));
        if line.is_some_and(|line| size >= line * LINES) {
            return Ok(now);
        }
        if now > deadline {
            return Err(io::Error::other(format!("{size} bytes after {LIMIT:?}")));
        }
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
}

/// Bytes of the first line of a file, as soon as there is one.
fn first_line(file: &Path) -> Option<u64> {
    let mut line = Vec::new();
    BufReader::new(File::open(file).ok()?).read_until(b'\n', &mut line).ok()?;
    line.ends_with(b"\n").then_some(line.len() as u64)
}

/// What one turn cost, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Cost {
    wall: u64,
    processor: u64,
}

/// `cat < FIFO > file`, one for each app.
fn cats(ground: &Ground, stamps: &mut Stamps, apps: usize) -> io::Result<Cost> {
    let lines = (LINES / apps as u64).to_string();
    let (mut cats, mut writers, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..apps {
        let cat = Cat::start(ground)?;
        let mut command = ground.plain(&ground.program("app"));
        files.push(cat.file.clone());
        writers.push(command.arg(stamps.path()).args(["lines", &lines]).stdout(cat.writer()?).spawn()?);
        cats.push(cat);
    }
    let begun = stamps.take(apps, SOON)?.iter().map(|stamp| stamp.ns).min().unwrap_or(0);
    let full = filled(&files);
    let used: io::Result<u64> = cats.iter().map(Cat::processor).sum();
    for mut writer in writers {
        if full.is_err() {
            writer.kill()?;
        }
        writer.wait()?;
    }
    cats.into_iter().try_for_each(Cat::end)?;
    Ok(Cost { wall: full? - begun, processor: used? })
}

/// Apps of the house, all at once.
fn carried(house: &House<'_>, stamps: &mut Stamps, prefix: &str, apps: usize, rotated: u32) -> io::Result<Cost> {
    let scribe = house.roles()?.into_iter().find(|(name, _)| *name == "scribe").map_or(0, |(_, pid)| pid);
    let logs: Vec<PathBuf> = (0..apps).map(|at| house.home().join(format!("logs/{prefix}{at}-0.out.log"))).collect();
    let old = |log: &PathBuf| (1..=rotated).map(|at| log.with_extension(format!("log.{at}"))).collect::<Vec<_>>();
    let files: Vec<PathBuf> = logs.iter().flat_map(|log| old(log).into_iter().chain([log.clone()])).collect();
    let before = processor(scribe)?;
    house.run(&["start", &format!("{prefix}*"), "--no-wait"])?;
    let begun = stamps.take(apps, SOON)?.iter().map(|stamp| stamp.ns).min().unwrap_or(0);
    let full = filled(&files)?;
    let used = processor(scribe)? - before;
    // Sealed by now. Gone, as the cat's file is: memory that the kernel has handed out before costs less than memory that it has not.
    settle(50);
    files.iter().filter(|log| log.exists()).try_for_each(fs::remove_file)?;
    Ok(Cost { wall: full - begun, processor: used })
}

pub(super) fn rate(took: u64) -> String {
    format!("{:.1} M lines/s", LINES as f64 * 1e3 / took as f64)
}

/// One way of carrying, and what it is called.
struct Way {
    what: &'static str,
    prefix: &'static str,
    keys: &'static str,
    rotated: u32,
    aim: [&'static str; 2],
}

const NONE: [&str; 2] = ["", ""];
const WAYS: [Way; 4] = [
    Way { what: "raw, not rotated", prefix: "plain", keys: "log_max_size = 0", rotated: 0, aim: ["≥ 0.8", "≤ 1.5"] },
    Way {
        what: "raw, rotated at 20 MiB",
        prefix: "turned",
        keys: "log_compress = \"none\"",
        rotated: 9,
        aim: ["≥ 0.8", "≤ 1.5"],
    },
    Way { what: "text", prefix: "text", keys: "log_max_size = 0\nlog_format = \"text\"", rotated: 0, aim: NONE },
    Way { what: "json", prefix: "json", keys: "log_max_size = 0\nlog_format = \"json\"", rotated: 0, aim: NONE },
];

/// A million lines from so many apps together.
pub fn carry(ground: &Ground, report: &mut Report, apps_at_once: usize) -> io::Result<()> {
    let mut stamps = Stamps::new(ground)?;
    let house = House::warm(ground)?;
    let words = ["lines", &(LINES / apps_at_once as u64).to_string()];
    let keys = |way: &Way| format!("restart = \"never\"\nautostart = false\n{}", way.keys);
    let prefix = |way: &Way, turn: usize| format!("{}{turn}x", way.prefix);
    for way in &WAYS {
        for turn in 0..WARM + TURNS {
            let file = apps(ground, &prefix(way, turn), apps_at_once, &stamps, &words, &keys(way))?;
            house.run(&["up", &file.to_string_lossy()])?;
        }
    }
    settle(200);
    let mut samples: [[Samples; 2]; 5] = Default::default();
    for turn in 0..WARM + TURNS {
        let mut costs = vec![cats(ground, &mut stamps, apps_at_once)?];
        for way in &WAYS {
            costs.push(carried(&house, &mut stamps, &prefix(way, turn), apps_at_once, way.rotated)?);
            settle(50);
        }
        for (cost, [wall, processor]) in costs.into_iter().zip(&mut samples).filter(|_| turn >= WARM) {
            wall.push(cost.wall);
            processor.push(cost.processor);
        }
    }
    let whose = if apps_at_once == 1 { String::new() } else { format!(" of {apps_at_once} apps") };
    let [[low, low_used], ours @ ..] = samples;
    for (way, [wall, used]) in WAYS.iter().zip(ours) {
        // Of rates, not of times: the aim is a share of the floor's.
        let share = ratio(low.at(50), wall.at(50));
        let work = format!("a million lines{whose} into logs, {}", way.what);
        report.row(&work, TURNS, &rate(low.at(50)), &rate(wall.at(50)), share, way.aim[0]);
        let gib = |used: &Samples| format!("{:.2} s/GiB", used.at(50) as f64 / 1e9 * (1_u64 << 30) as f64 / BYTES as f64);
        let share = ratio(used.at(50), low_used.at(50));
        report.row(
            &format!("… processor of the scribe (floor: of `cat`){whose}, {}", way.what),
            TURNS,
            &gib(&low_used),
            &gib(&used),
            share,
            way.aim[1],
        );
    }
    Ok(())
}
