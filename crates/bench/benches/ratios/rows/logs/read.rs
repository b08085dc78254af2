//! A million lines of a log, read with `abide logs`.

use super::super::{SOON, settle};
use super::carry::{BYTES, LINES, filled, rate};
use crate::ground::Ground;
use crate::house::{House, apps};
use crate::proc::processor;
use crate::report::{Report, ratio};
use crate::stamps::Stamps;
use crate::stats::Samples;
use std::io;

const TURNS: usize = 9;
/// What is read, and how it is called.
const WAYS: [(&str, &[&str]); 3] = [("--raw", &["--raw"]), ("for people", &[]), ("--json", &["--json"])];

/// From the exec of `abide logs` until its exit, its output in a file; floor: `tail -n +1` of the log itself.
pub fn read(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let mut stamps = Stamps::new(ground)?;
    let house = House::warm(ground)?;
    let file = apps(ground, "web", 1, &stamps, &["lines", &LINES.to_string()], "restart = \"never\"\nlog_max_size = 0")?;
    house.run(&["up", &file.to_string_lossy()])?;
    stamps.take(1, SOON)?;
    let log = house.home().join("logs/web0-0.out.log");
    filled(std::slice::from_ref(&log))?;
    settle(200);
    let steward = house.roles()?.into_iter().find(|(name, _)| *name == "steward").map_or(0, |(_, pid)| pid);
    let (mut floor, mut ours, mut used): (Samples, [Samples; 3], [Samples; 3]) = Default::default();
    for _ in 0..TURNS {
        let mut tail = ground.plain("tail".as_ref());
        tail.args(["-n", "+1"]).arg(&log);
        let (took, text) = ground.timed(tail)?;
        all(&text)?;
        floor.push(took);
        for ((wall, used), (_, flags)) in ours.iter_mut().zip(&mut used).zip(WAYS) {
            let before = processor(steward)?;
            let args = ["logs", "web0", "--out", "--since", "2020-01-01"];
            let (took, text) = house.run(&[&args, flags].concat())?;
            used.push(processor(steward)? - before);
            wall.push(took);
            all(&text)?;
        }
    }
    for ((way, _), (wall, used)) in WAYS.iter().zip(ours.iter().zip(&used)) {
        let speed = |took: u64| format!("{} ({:.0} MB/s)", rate(took), BYTES as f64 * 1e3 / took as f64);
        let share = ratio(floor.at(50), wall.at(50));
        report.row(
            &format!("a million lines out of a log, {way}"),
            TURNS,
            &speed(floor.at(50)),
            &speed(wall.at(50)),
            share,
            "≥ 100 MB/s raw",
        );
        report.count(
            &format!("… processor of the steward, {way}"),
            &format!("{:.2} s/GB", used.at(50) as f64 / BYTES as f64),
            "",
        );
    }
    Ok(())
}

fn all(text: &[u8]) -> io::Result<()> {
    let lines = text.iter().filter(|b| **b == b'\n').count() as u64;
    if lines == LINES { Ok(()) } else { Err(io::Error::other(format!("{lines} of {LINES} lines were shown"))) }
}
