//! Commands on a house with a hundred apps: `list`, `restart`, `stop`.

use super::{SOON, handles, settle};
use crate::floor::{Floor, Way};
use crate::ground::{Ground, LIMIT, ended};
use crate::house::{House, apps};
use crate::report::Report;
use crate::stamps::{Stamp, Stamps};
use crate::stats::Samples;
use std::io;
use std::process::Command;

const APPS: usize = 100;

/// A house and a floor with the same apps, and who lives in them.
struct Both<'a> {
    house: House<'a>,
    floor: Floor,
    ours: (Stamps, Vec<Stamp>),
    theirs: (Stamps, Vec<Stamp>),
}

impl<'a> Both<'a> {
    fn new(ground: &'a Ground) -> io::Result<Both<'a>> {
        let [mut low, mut high] = [Stamps::new(ground)?, Stamps::new(ground)?];
        let house = House::warm(ground)?;
        house.run(&["up", &apps(ground, "app", APPS, &high, &[], "")?.to_string_lossy()])?;
        let body = house.run(&["list", "--json"])?.1.len();
        let floor = Floor::start(ground, Way::Vfork, APPS, body, &low, &[])?;
        let (theirs, ours) = (low.take(APPS, SOON)?, high.take(APPS, SOON)?);
        settle(500);
        Ok(Both { house, floor, ours: (high, ours), theirs: (low, theirs) })
    }
}

pub fn list(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let both = Both::new(ground)?;
    let [mut low, mut json, mut table, mut start]: [Samples; 4] = Default::default();
    let mut size = 0;
    for _ in 0..150 {
        let (took, body) = ground.timed(both.floor.ask(ground, "list"))?;
        low.push(took);
        size = body.len();
        json.push(both.house.run(&["list", "--json"])?.0);
        table.push(both.house.run(&["list"])?.0);
        // What of it is the start of the program alone.
        start.push(both.house.run(&["version"])?.0);
    }
    report.time(&format!("`list --json`, {APPS} apps, {size} bytes"), &low, &json, "≤ 2");
    report.time(&format!("`list`, {APPS} apps"), &low, &table, "≤ 2");
    report.percentile(&format!("`list`, {APPS} apps, p99"), 99, &low, &table, "");
    report.time("(`version`: the start of the program alone)", &low, &start, "");
    Ok(())
}

pub fn restart(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let mut both = Both::new(ground)?;
    let [mut low, mut high]: [Samples; 2] = Default::default();
    for _ in 0..60 {
        low.push(ground.timed(both.floor.ask(ground, "restart"))?.0);
        both.theirs.0.next(SOON)?;
        high.push(both.house.run(&["restart", "app0"])?.0);
        both.ours.0.next(SOON)?;
        settle(3);
    }
    report.time(&format!("`restart` that waits, among {APPS} apps"), &low, &high, "≤ 2.4");
    Ok(())
}

/// Nanoseconds until all of these have ended, and until the command that ends them has.
fn end_all(ground: &Ground, command: Command, apps: &[Stamp]) -> io::Result<(u64, u64)> {
    let handles = handles(apps)?;
    let begun = sys::clock::now();
    std::thread::scope(|scope| {
        // It sleeps until the last of them has ended.
        let gone = scope.spawn(|| ended(&handles, LIMIT).map(|()| sys::clock::now() - begun));
        let (returned, _) = ground.timed(command)?;
        let gone = gone.join().map_err(|_| io::Error::other("the watcher panicked"))??;
        Ok((gone, returned))
    })
}

pub fn stop(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let Both { house, floor, mut ours, mut theirs } = Both::new(ground)?;
    let [mut low, mut high, mut low_told, mut high_told]: [Samples; 4] = Default::default();
    for _ in 0..15 {
        let (gone, told) = end_all(ground, floor.ask(ground, "stop"), &theirs.1)?;
        low.push(gone);
        low_told.push(told);
        let (gone, told) = end_all(ground, house.abide(&["stop", "all"]), &ours.1)?;
        high.push(gone);
        high_told.push(told);
        ground.timed(floor.ask(ground, "start"))?;
        house.run(&["start", "all"])?;
        theirs.1 = theirs.0.take(APPS, SOON)?;
        ours.1 = ours.0.take(APPS, SOON)?;
        settle(50);
    }
    report.time(&format!("`stop` of {APPS} willing apps → the last is gone"), &low, &high, "≤ 1.4");
    report.time(&format!("`stop` of {APPS} willing apps → the command has returned"), &low_told, &high_told, "");
    Ok(())
}
