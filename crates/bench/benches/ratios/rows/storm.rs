//! A hundred apps that end at once, each time, without any pause between lives.

use crate::floor::{Floor, Way};
use crate::ground::Ground;
use crate::house::{House, apps};
use crate::report::{Report, ratio};
use crate::stamps::Stamps;
use crate::stats::{Samples, span};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const APPS: usize = 100;
const TURN_MS: u64 = 1500;
const TURNS: usize = 3;

fn lives(stamps: &mut Stamps) -> io::Result<u64> {
    let end = sys::clock::now() + TURN_MS * 1_000_000;
    Ok(stamps.until(end)?.len() as u64 * 1000 / TURN_MS)
}

pub fn storm(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let [mut low, mut high]: [Samples; 2] = Default::default();
    let mut list = Samples::default();
    for _ in 0..TURNS {
        let mut stamps = Stamps::new(ground)?;
        let floor = Floor::start(ground, Way::Vfork, APPS, 0, &stamps, &["flash"])?;
        low.push(lives(&mut stamps)?);
        drop(floor);
        let mut stamps = Stamps::new(ground)?;
        let house = House::warm(ground)?;
        let file = apps(ground, "app", APPS, &stamps, &["flash"], "restart = \"always\"")?;
        // It waits until each has run once, which in a storm is soon.
        house.run(&["up", &file.to_string_lossy()])?;
        high.push(lives(&mut stamps)?);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // Somebody has to read the stamps, or the apps wait instead of ending.
            let reader = scope.spawn(|| -> io::Result<()> {
                while !over.load(Ordering::Relaxed) {
                    stamps.until(sys::clock::now() + 20_000_000)?;
                }
                Ok(())
            });
            let asked = (0..40).try_for_each(|_| -> io::Result<()> {
                list.push(house.run(&["list", "--json"])?.0);
                std::thread::sleep(Duration::from_millis(10));
                Ok(())
            });
            let stopped = house.end();
            over.store(true, Ordering::Relaxed);
            let read = reader.join().map_err(|_| io::Error::other("the reader panicked"))?;
            asked.and(stopped).and(read)
        })?;
    }
    let (floor, ours) = (low.at(50), high.at(50));
    let work = format!("storm of {APPS} apps that end at once");
    report.row(&work, TURNS, &format!("{floor} lives/s"), &format!("{ours} lives/s"), ratio(ours, floor), "≥ 0.7");
    report.count("`list --json` in that storm, p50", &span(list.at(50)), "");
    report.count("`list --json` in that storm, p99", &span(list.at(99)), "≤ 10 ms");
    Ok(())
}
