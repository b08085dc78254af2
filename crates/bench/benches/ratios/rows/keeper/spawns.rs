//! Children in a second: fork, exec, wait, again.

use super::under::Under;
use crate::ground::Ground;
use crate::report::{Report, ratio};
use crate::stats::Samples;
use e2e::Link;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

const TURNS: usize = 5;
const COUNT: usize = 2000;

/// Children a second of the C loop, `width` at a time.
fn theirs(ground: &Ground, width: usize) -> io::Result<u64> {
    let mut command = ground.plain(&ground.program("spawn"));
    command.arg("loop").args([width, COUNT].map(|number| number.to_string())).arg(ground.program("nothing"));
    let (_, said) = ground.timed(command)?;
    let said = String::from_utf8_lossy(&said);
    Ok(rate(said.trim().parse().map_err(io::Error::other)?))
}

fn rate(ns: u64) -> u64 {
    COUNT as u64 * 1_000_000_000 / ns.max(1)
}

/// Children a second of the C loop when somebody else asks for each and waits until it is told: what no keeper can do without.
fn asked(ground: &Ground) -> io::Result<u64> {
    let (mut near, far) = UnixStream::pair()?;
    let mut command = ground.plain(&ground.program("spawn"));
    command.arg("asked").arg(ground.program("nothing"));
    let mut process = command.stdin(OwnedFd::from(far.try_clone()?)).stdout(OwnedFd::from(far)).spawn()?;
    drop(command); // With it goes our copy of the far end.
    let begun = sys::clock::now();
    for _ in 0..COUNT {
        near.write_all(b".")?;
        near.read_exact(&mut [0; b"down\n".len()])?;
    }
    let took = sys::clock::now() - begun;
    drop(near);
    process.wait()?;
    Ok(rate(took))
}

/// Defines `width` services that end at once.
fn define(ground: &Ground, link: &mut Link, width: usize) -> io::Result<()> {
    for n in 0..width {
        let nothing = ground.program("nothing");
        link.send(&format!("service.fds\ts{n}\tnull\tnull\tnull\nservice.args\ts{n}\t{}\n", nothing.display()))?;
    }
    link.barrier()
}

/// Children a second of the keeper, `width` at a time: each is asked for when the end of the one before has been told.
fn ours(link: &mut Link, width: usize) -> io::Result<u64> {
    let begun = sys::clock::now();
    for n in 0..width {
        link.send(&format!("service.start\ts{n}\n"))?;
    }
    for done in 1..=COUNT {
        let (name, rest) = link.state("down")?;
        // One that could not be executed is quicker.
        if !rest.contains("\texit\t0\t") {
            return Err(io::Error::other(format!("a child did not end with 0: {rest}")));
        }
        if done + width <= COUNT {
            let again = format!("service.start\t{name}\n");
            link.send(&again)?;
        }
    }
    Ok(rate(sys::clock::now() - begun))
}

/// What is measured: how many at a time, and in which dialect.
const ROWS: [(usize, u8, &str); 3] = [(1, 1, "≥ 0.8"), (8, 1, "≥ 0.8"), (1, 2, "≥ 0.8")];

pub fn spawns(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let under = Under::new()?;
    under.describe(report);
    let mut found: [(Samples, Samples); ROWS.len()] = Default::default();
    let mut told = Samples::default();
    for _ in 0..TURNS {
        told.push(asked(ground)?);
        for ((width, dialect, _), (low, high)) in ROWS.iter().zip(&mut found) {
            low.push(theirs(ground, *width)?);
            let mut link = under.start(ground)?;
            if *dialect == 2 {
                link.dialect_two()?;
            }
            define(ground, &mut link, *width)?;
            high.push(ours(&mut link, *width)?);
        }
    }
    let words = |rates: &Samples| format!("{}/s ({} – {})", rates.at(50), rates.at(10), rates.at(90));
    let alone = &found[0].0;
    let work = format!("({COUNT} children: the C loop when another process asks for each)");
    report.row(&work, TURNS, &words(alone), &words(&told), ratio(told.at(50), alone.at(50)), "");
    for ((width, dialect, aim), (low, high)) in ROWS.iter().zip(&found) {
        let work = format!("{COUNT} children, fork to wait, {width} at a time, dialect {dialect}");
        report.row(&work, TURNS, &words(low), &words(high), ratio(high.at(50), low.at(50)), aim);
    }
    Ok(())
}
