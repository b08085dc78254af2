//! A million lines of one app, from its first instruction until the last byte stands in the file.

use super::{SOON, settle};
use crate::ground::{Ground, LIMIT, ended};
use crate::house::{House, apps};
use crate::proc::processor;
use crate::report::{Report, ratio};
use crate::stamps::Stamps;
use crate::stats::Samples;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

const LINES: u64 = 1_000_000;
const BYTES: u64 = LINES * 100;
const TURNS: usize = 9;
/// Not counted: they make the machine's memory warm.
const WARM: usize = 2;

/// Waits until the files hold that many bytes together; the moment. Both sides are looked at in the same way, five thousand times a second.
fn filled(files: &[PathBuf], bytes: u64) -> io::Result<u64> {
    let deadline = sys::clock::now() + LIMIT.as_nanos() as u64;
    loop {
        let size: u64 = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|found| found.len()).sum();
        let now = sys::clock::now();
        if size >= bytes {
            return Ok(now);
        }
        if now > deadline {
            return Err(io::Error::other(format!("{size} of {bytes} bytes after {LIMIT:?}")));
        }
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
}

/// `cat < FIFO > file`.
fn cat(ground: &Ground, stamps: &mut Stamps) -> io::Result<(u64, u64)> {
    let (fifo, file) = (ground.fresh("fifo"), ground.fresh("file"));
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    // Held, so that the cat does not end before it has been looked at.
    let held = OpenOptions::new().read(true).write(true).open(&fifo)?;
    let mut cat = ground.plain(Path::new("cat")).stdin(File::open(&fifo)?).stdout(File::create(&file)?).spawn()?;
    let mut app = {
        let mut command = ground.plain(&ground.program("app"));
        // The command keeps what it was given as standard output: it has to go, or the FIFO never ends.
        command.arg(stamps.path()).args(["lines", &LINES.to_string()]).stdout(held.try_clone()?).spawn()?
    };
    let begun = stamps.next(SOON)?.ns;
    let full = filled(std::slice::from_ref(&file), BYTES);
    let used = processor(cat.id());
    if full.is_err() {
        app.kill()?;
    }
    app.wait()?;
    drop(held);
    ended(&[sys::process::pidfd_open(cat.id())?], LIMIT)?;
    cat.wait()?;
    fs::remove_file(&file)?;
    Ok((full? - begun, used?))
}

/// An app of the house.
fn carried(house: &House<'_>, stamps: &mut Stamps, app: &str, files: u32) -> io::Result<(u64, u64)> {
    let scribe = house.roles()?.into_iter().find(|(name, _)| *name == "scribe").map_or(0, |(_, pid)| pid);
    let log = house.home().join(format!("logs/{app}-0.out.log"));
    let mut logs: Vec<PathBuf> = (1..=files).map(|at| log.with_extension(format!("log.{at}"))).collect();
    logs.push(log);
    let before = processor(scribe)?;
    house.run(&["start", app, "--no-wait"])?;
    let begun = stamps.next(SOON)?.ns;
    let full = filled(&logs, BYTES)?;
    let used = processor(scribe)? - before;
    // Sealed by now. Gone, as the cat's file is: memory that the kernel has handed out before costs less than memory that it has not.
    settle(50);
    logs.iter().filter(|log| log.exists()).try_for_each(fs::remove_file)?;
    Ok((full - begun, used))
}

fn rate(took: u64) -> String {
    format!("{:.1} M lines/s", LINES as f64 * 1e3 / took as f64)
}

pub fn logs(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let mut stamps = Stamps::new(ground)?;
    let house = House::warm(ground)?;
    let words = ["lines", &LINES.to_string()];
    for (prefix, keys) in [
        ("plain", "restart = \"never\"\nautostart = false\nlog_max_size = 0"),
        ("turned", "restart = \"never\"\nautostart = false"),
    ] {
        house.run(&["up", &apps(ground, prefix, WARM + TURNS, &stamps, &words, keys)?.to_string_lossy()])?;
    }
    settle(200);
    let mut samples: [Samples; 6] = Default::default();
    for turn in 0..WARM + TURNS {
        let measured = [
            cat(ground, &mut stamps)?,
            carried(&house, &mut stamps, &format!("plain{turn}"), 0)?,
            carried(&house, &mut stamps, &format!("turned{turn}"), 9)?,
        ];
        for (at, (wall, processor)) in measured.into_iter().enumerate().filter(|_| turn >= WARM) {
            samples[2 * at].push(wall);
            samples[2 * at + 1].push(processor);
        }
        settle(50);
    }
    let [low, low_cpu, plain, plain_cpu, turned, turned_cpu] = samples;
    for (what, wall, used) in [("not rotated", plain, plain_cpu), ("rotated at 20 MiB", turned, turned_cpu)] {
        // Of rates, not of times: the aim is a share of the floor's.
        let share = ratio(low.at(50), wall.at(50));
        let work = format!("a million lines into the log, {what}");
        report.row(&work, TURNS, &rate(low.at(50)), &rate(wall.at(50)), share, "≥ 0.8");
        report.time(&format!("… processor time of the scribe (floor: of `cat`), {what}"), &low_cpu, &used, "≤ 2");
    }
    Ok(())
}
