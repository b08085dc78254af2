//! From the last words of a child until its end is known.

use super::under::Under;
use crate::ground::Ground;
use crate::report::Report;
use crate::rows::SOON;
use crate::stamps::Stamps;
use crate::stats::Samples;
use e2e::Link;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};

const TURNS: usize = 5;
const COUNT: usize = 200;

/// The C side in one of its ways.
fn spawn(ground: &Ground, way: &str, stamps: &Stamps) -> Command {
    let mut command = ground.plain(&ground.program("spawn"));
    command.arg(way).arg(COUNT.to_string()).arg(ground.program("nothing")).arg("last").arg(stamps.path());
    command
}

/// The moments at which `waitpid` returned in the parent itself.
fn told(ground: &Ground, stamps: &Stamps) -> io::Result<Vec<u64>> {
    let (_, said) = ground.timed(spawn(ground, "told", stamps))?;
    String::from_utf8_lossy(&said).lines().map(|line| line.parse().map_err(io::Error::other)).collect()
}

/// The moments at which somebody else read a line that the parent wrote when `waitpid` returned: what no keeper can do without.
fn relayed(ground: &Ground, stamps: &Stamps) -> io::Result<Vec<u64>> {
    let mut relay = spawn(ground, "relay", stamps).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(relay.stdout.take().ok_or_else(|| io::Error::other("its output was piped"))?);
    let (mut line, mut moments) = (String::new(), Vec::with_capacity(COUNT));
    while lines.read_line(&mut line)? > 0 {
        moments.push(sys::clock::now());
        line.clear();
    }
    relay.wait()?;
    Ok(moments)
}

/// The moments at which the keeper's `down` had been read.
fn ours(link: &mut Link) -> io::Result<Vec<u64>> {
    let mut moments = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        link.send("service.start\tlast\n")?;
        link.state("down")?;
        moments.push(sys::clock::now());
    }
    Ok(moments)
}

/// Puts the moments beside what the children said last.
fn compare(took: &mut Samples, stamps: &mut Stamps, moments: &[u64]) -> io::Result<()> {
    let said = stamps.take(COUNT, SOON)?;
    if moments.len() != COUNT {
        return Err(io::Error::other(format!("{} of {COUNT} ends were told", moments.len())));
    }
    moments.iter().zip(&said).for_each(|(moment, stamp)| took.push(moment.saturating_sub(stamp.ns)));
    Ok(())
}

pub fn ends(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let under = Under::new()?;
    let mut stamps = Stamps::new(ground)?;
    let [mut low, mut relay, mut high, mut crowded]: [Samples; 4] = Default::default();
    for _ in 0..TURNS {
        let moments = told(ground, &stamps)?;
        compare(&mut low, &mut stamps, &moments)?;
        let moments = relayed(ground, &stamps)?;
        compare(&mut relay, &mut stamps, &moments)?;
        for (others, took) in [(0, &mut high), (1000, &mut crowded)] {
            let mut link = under.start(ground)?;
            let nothing = ground.program("nothing").to_string_lossy().into_owned();
            link.crowd(others, &[&nothing, "wait"])?;
            link.send(&format!("service.args\tlast\t{nothing}\tlast\t{}\n", stamps.path().display()))?;
            link.barrier()?;
            let moments = ours(&mut link)?;
            compare(took, &mut stamps, &moments)?;
        }
    }
    let mut row = |work: &str, took: &Samples, aim: &str| {
        report.time(&format!("end of a child → {work}"), &low, took, aim);
        report.percentile(&format!("end of a child → {work}, p99"), 99, &low, took, "");
    };
    row("`down` at the controller", &high, "≤ 100 µs");
    row("`down` at the controller, among 1000 services", &crowded, "≤ 100 µs");
    row("a C parent's line at its reader", &relay, "");
    Ok(())
}
