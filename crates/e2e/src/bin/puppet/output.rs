//! Output in masses.

use crate::actions::BROKEN_OUTPUT;
use e2e::{Dice, FLOOD_LINE, Pause, flood_line};
use rustix::stdio::stdout;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::thread;
use std::time::{Duration, Instant};

/// Numbered lines in pieces that end anywhere in a line, as those of a buffering program do.
pub fn flood(count: u64, rate: u64, pauses: Option<&Path>, gate: Option<&(PathBuf, u64)>) {
    const PIECE: usize = 8192;
    let mut room = Vec::with_capacity(PIECE + FLOOD_LINE);
    let (mut longest, mut begun, mut before) = (Duration::ZERO, Instant::now(), 0);
    let mut allowed = if gate.is_some() { 0 } else { count };
    for number in 1..=count {
        if let Some((gate, steps)) = gate
            && number > allowed
        {
            allowed = let_through(gate, *steps, count, number);
            (begun, before) = (Instant::now(), number - 1);
        }
        room.extend_from_slice(&flood_line(number));
        if room.len() >= PIECE {
            longest = longest.max(put(&room[..PIECE]));
            room.drain(..PIECE);
            if let Some(due) = ((number - before) * 1_000_000_000).checked_div(rate) {
                thread::sleep(Duration::from_nanos(due).saturating_sub(begun.elapsed()));
            }
        }
    }
    longest = longest.max(put(&room));
    if let Some(file) = pauses {
        crate::actions::append(file, &format!("longest {} us\n", longest.as_micros()));
    }
}

/// Waits until the gate lets this line through; up to which one it does.
fn let_through(gate: &Path, steps: u64, count: u64, number: u64) -> u64 {
    let mut pause = Pause::default();
    loop {
        let open = std::fs::metadata(gate).map_or(0, |found| found.len());
        let allowed = count * open.min(steps) / steps;
        if allowed >= number {
            return allowed;
        }
        pause.take();
    }
}

/// Bytes of any value.
pub fn noise(count: u64, seed: u64) {
    let mut dice = Dice::seeded(seed);
    let mut bytes = vec![0; count as usize];
    dice.fill(&mut bytes);
    put(&bytes);
}

/// One endless line.
pub fn wall(count: u64) {
    let piece = vec![b'w'; 65_536];
    let mut left = count as usize;
    while left > 0 {
        put(&piece[..left.min(piece.len())]);
        left -= left.min(piece.len());
    }
}

/// Writes all of it; the longest time that a single call took.
fn put(mut bytes: &[u8]) -> Duration {
    let mut longest = Duration::ZERO;
    while !bytes.is_empty() {
        let begun = Instant::now();
        let Ok(wrote) = rustix::io::write(stdout(), bytes) else { exit(BROKEN_OUTPUT) };
        longest = longest.max(begun.elapsed());
        bytes = &bytes[wrote..];
    }
    longest
}
