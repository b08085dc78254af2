//! What the keeper costs while nothing happens.

use super::under::Under;
use crate::ground::Ground;
use crate::proc::{memory as weigh, switches};
use crate::report::Report;
use crate::rows::settle;
use e2e::Link;
use std::io;

const IDLE_S: u64 = 30;

fn crowd(ground: &Ground, under: &Under, count: usize) -> io::Result<Link> {
    let mut link = under.start(ground)?;
    link.crowd(count, &[&ground.program("nothing").to_string_lossy(), "wait"])?;
    Ok(link)
}

pub fn memory(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let under = Under::new()?;
    under.describe(report);
    for (count, aim) in [(0, "≤ 1024 KiB RSS"), (100, ""), (1000, "≤ 3072 KiB private")] {
        let link = crowd(ground, &under, count)?;
        let found = weigh(link.pid())?;
        let words =
            format!("{} KiB RSS, {} KiB PSS, {} KiB private, {} KiB anonymous", found.rss, found.pss, found.own, found.anonymous);
        report.count(&format!("memory of the keeper alone, {count} services"), &words, aim);
    }
    Ok(())
}

pub fn idle(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let under = Under::new()?;
    let links = [0, 100, 1000].map(|count| crowd(ground, &under, count).map(|link| (count, link)));
    let links = links.into_iter().collect::<io::Result<Vec<_>>>()?;
    settle(1000);
    let look = || links.iter().map(|(_, link)| switches(link.pid())).collect::<io::Result<Vec<u64>>>();
    let before = look()?;
    settle(IDLE_S * 1000);
    let after = look()?;
    for (((count, _), before), after) in links.iter().zip(before).zip(after) {
        let what = format!("wake-ups of the keeper alone in {IDLE_S} idle seconds, {count} services");
        report.count(&what, &(after - before).to_string(), "0");
    }
    Ok(())
}
