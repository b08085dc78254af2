//! From nothing to the first instruction of the last app.

use super::{SOON, last, settle};
use crate::floor::{Floor, Way};
use crate::ground::{Ground, LIMIT, ended};
use crate::house::{House, apps};
use crate::report::Report;
use crate::stamps::Stamps;
use crate::stats::Samples;
use std::io;
use std::process::Command;

/// Starts a command; nanoseconds until `count` apps have begun, and until it has ended itself.
fn begin(mut command: Command, stamps: &mut Stamps, count: usize) -> io::Result<(u64, u64)> {
    let begun = sys::clock::now();
    let mut child = command.spawn()?;
    let found = stamps.take(count, SOON);
    let over = found.as_ref().is_ok_and(|_| sys::process::pidfd_open(child.id()).and_then(|fd| ended(&[fd], LIMIT)).is_ok());
    let returned = sys::clock::now() - begun;
    if !over {
        let _ = child.kill();
    }
    let status = child.wait()?;
    let found = found?;
    if !status.success() {
        return Err(io::Error::other(format!("{command:?} ended with {status}")));
    }
    Ok((last(&found).saturating_sub(begun), returned))
}

pub fn boot(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let mut stamps = Stamps::new(ground)?;
    let warm = House::warm(ground)?;
    for (count, turns) in [(1, 15), (10, 15), (100, 9)] {
        let file = apps(ground, "app", count, &stamps, &[], "")?;
        let [mut low, mut mid, mut running, mut cold, mut told]: [Samples; 5] = Default::default();
        for _ in 0..turns {
            for (way, took) in [(Way::Vfork, &mut low), (Way::Fork, &mut mid)] {
                let begun = sys::clock::now();
                let floor = Floor::start(ground, way, count, 0, &stamps, &[])?;
                took.push(last(&stamps.take(count, SOON)?) - begun);
                drop(floor);
            }
            let (first, _) = begin(warm.up(&file), &mut stamps, count)?;
            running.push(first);
            warm.run(&["delete", "all", "--yes"])?;
            let house = House::cold(ground);
            let (first, returned) = begin(house.up(&file), &mut stamps, count)?;
            cold.push(first);
            told.push(returned);
            drop(house);
            settle(20);
        }
        let (one, aim) = (if count == 1 { "app" } else { "apps" }, if count == 100 { "≤ 1.25" } else { "" });
        report.time(&format!("`up` of {count} {one}, cold home → last first instruction"), &low, &cold, aim);
        report.time(&format!("`up` of {count} {one}, running house → last first instruction"), &low, &running, aim);
        report.time(&format!("`up` of {count} {one}, cold home → the command has returned"), &low, &told, "");
        report.time(&format!("(the floor with `sys::spawn`, {count} {one})"), &low, &mid, "");
    }
    Ok(())
}
