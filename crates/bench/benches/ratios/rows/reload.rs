//! A reload by `socket`: new ones beside the old ones, each says that it is ready, then the old ones go.

use super::{SOON, settle};
use crate::floor::{Floor, Way};
use crate::ground::Ground;
use crate::house::House;
use crate::report::Report;
use crate::stamps::Stamps;
use crate::stats::{Samples, span};
use std::fs;
use std::io;
use std::net::TcpListener;

/// Turns for one instance, and for many.
const TURNS: [(usize, usize); 2] = [(1, 60), (20, 20)];

pub fn reload(ground: &Ground, report: &mut Report) -> io::Result<()> {
    for (count, turns) in TURNS {
        let [mut low_stamps, mut high_stamps] = [Stamps::new(ground)?, Stamps::new(ground)?];
        let house = House::warm(ground)?;
        let file = ground.fresh("reload").with_extension("toml");
        let words = format!("\"{}\", \"{}\", \"ready\"", ground.program("app").display(), high_stamps.path().display());
        let listen = format!("listen = [\"tcp://{}\"]", TcpListener::bind("127.0.0.1:0")?.local_addr()?);
        let keys = format!("instances = {count}\nready = {{ notify = true }}\nreload = \"socket\"\n{listen}\n");
        fs::write(&file, format!("version = 1\n[apps.web]\ncmd = [{words}]\n{keys}"))?;
        house.run(&["up", &file.to_string_lossy()])?;
        let floor = Floor::start(ground, Way::Vfork, count, 0, &low_stamps, &["ready"])?;
        low_stamps.take(count, SOON)?;
        high_stamps.take(count, SOON)?;
        settle(300);
        let [mut low, mut high, mut start]: [Samples; 3] = Default::default();
        for _ in 0..turns {
            low.push(ground.timed(floor.ask(ground, "reload"))?.0);
            low_stamps.take(count, SOON)?;
            high.push(house.run(&["reload", "web"])?.0);
            high_stamps.take(count, SOON)?;
            start.push(house.run(&["version"])?.0);
            settle(20);
        }
        let what = format!("`reload` of {count} {} by socket", if count == 1 { "instance" } else { "instances" });
        let aim = if count == 1 { "floor + 5 ms" } else { "" };
        report.time(&format!("{what} → the new serves, the command has returned"), &low, &high, aim);
        report.percentile(&format!("{what}, p90"), 90, &low, &high, "");
        report.count(
            &format!("{what}: more than the floor, at the median"),
            &span(high.at(50).saturating_sub(low.at(50))),
            if count == 1 { "≤ 5 ms" } else { "" },
        );
        report.count(&format!("(`version` beside it: the start of the program alone, {count})"), &span(start.at(50)), "");
    }
    Ok(())
}
