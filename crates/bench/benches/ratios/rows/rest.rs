//! What the manager costs while nothing happens: memory and wake-ups.

use super::{SOON, settle};
use crate::floor::{Floor, Way};
use crate::ground::Ground;
use crate::house::{House, apps};
use crate::proc::{self, Memory, switches};
use crate::report::Report;
use crate::stamps::Stamps;
use crate::stats::figures;
use std::io;

const IDLE_S: u64 = 30;

/// Memory of each of our processes, and of all.
fn weigh(house: &House<'_>) -> io::Result<([(&'static str, Memory); 3], Memory)> {
    settle(1500);
    let roles = house.roles()?;
    // The question itself woke the steward.
    settle(500);
    let mut all = Memory::default();
    let mut each = roles.map(|(name, _)| (name, Memory::default()));
    for ((_, pid), (_, found)) in roles.iter().zip(&mut each) {
        *found = proc::memory(*pid)?;
        let (rss, pss, private) = (all.rss + found.rss, all.pss + found.pss, all.private + found.private);
        all = Memory { rss, pss, private, ..Memory::default() };
    }
    Ok((each, all))
}

fn words(memory: Memory) -> String {
    format!("{} KiB PSS, {} KiB RSS, {} KiB private dirty", memory.pss, memory.rss, memory.private)
}

fn memory_of_floor(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let mut stamps = Stamps::new(ground)?;
    let floor = Floor::start(ground, Way::Vfork, 100, 0, &stamps, &[])?;
    stamps.take(100, SOON)?;
    report.count("memory of the floor, 100 apps", &words(proc::memory(floor.pid())?), "");
    Ok(())
}

fn memory_of_house(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let mut stamps = Stamps::new(ground)?;
    let house = House::warm(ground)?;
    let mut sums = Vec::new();
    for count in [0u64, 100, 200] {
        if count > 0 {
            let file = apps(ground, &format!("more{count}x"), 100, &stamps, &[], "")?;
            house.run(&["up", &file.to_string_lossy()])?;
            stamps.take(100, SOON)?;
        }
        let (each, all) = weigh(&house)?;
        for (name, found) in each {
            let aim = if name == "keeper" && count == 100 { "keeper ≤ 0.4 MiB PSS" } else { "" };
            report.count(&format!("memory of the {name}, {count} apps"), &words(found), aim);
        }
        report.count(&format!("memory of all three, {count} apps"), &words(all), if count == 100 { "≤ 4 MiB PSS" } else { "" });
        sums.push(all.pss);
    }
    let further = |from: usize, to: usize| format!("{} KiB PSS", figures((sums[to] as f64 - sums[from] as f64) / 100.0));
    report.count("memory for each further app, 0 → 100", &further(0, 1), "≤ 6 KiB");
    report.count("memory for each further app, 100 → 200", &further(1, 2), "≤ 6 KiB");
    Ok(())
}

pub fn memory(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let sizes = ["abide", "abide-keeper", "abide-scribe", "abide-steward"].map(|name| {
        let size = std::fs::metadata(ground.abide(name).get_program()).map_or(0, |found| found.len());
        format!("{name} {} KiB", size / 1024)
    });
    report.count("programs on disk", &sizes.join(", "), "");
    memory_of_floor(ground, report)?;
    memory_of_house(ground, report)
}

pub fn idle(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let mut stamps = Stamps::new(ground)?;
    let (empty, full) = (House::warm(ground)?, House::warm(ground)?);
    full.run(&["up", &apps(ground, "app", 100, &stamps, &[], "")?.to_string_lossy()])?;
    stamps.take(100, SOON)?;
    let roles = [(0, empty.roles()?), (100, full.roles()?)];
    settle(3000);
    let look = || -> io::Result<Vec<u64>> { roles.iter().flat_map(|(_, roles)| roles).map(|(_, pid)| switches(*pid)).collect() };
    let before = look()?;
    settle(IDLE_S * 1000);
    let after = look()?;
    let mut grown = after.iter().zip(&before).map(|(after, before)| after - before);
    for (apps, roles) in &roles {
        let each: Vec<(&str, u64)> = roles.iter().zip(&mut grown).map(|((name, _), switches)| (*name, switches)).collect();
        let words: Vec<String> = each.iter().map(|(name, switches)| format!("{name} {switches}")).collect();
        let sum: u64 = each.iter().map(|(_, switches)| switches).sum();
        report.count(&format!("wake-ups in {IDLE_S} idle seconds, {apps} apps"), &format!("{sum} ({})", words.join(", ")), "0");
    }
    Ok(())
}
