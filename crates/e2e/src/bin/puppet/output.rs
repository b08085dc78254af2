//! Output in masses.

use crate::actions::BROKEN_OUTPUT;
use e2e::{Dice, FLOOD_LINE, flood_line};
use rustix::stdio::stdout;
use std::path::Path;
use std::process::exit;
use std::thread;
use std::time::{Duration, Instant};

/// Numbered lines in pieces that end anywhere in a line, as those of a buffering program do.
pub fn flood(count: u64, rate: u64, pauses: Option<&Path>) {
    const PIECE: usize = 8192;
    let mut room = Vec::with_capacity(PIECE + FLOOD_LINE);
    let (mut longest, begun) = (Duration::ZERO, Instant::now());
    for number in 1..=count {
        room.extend_from_slice(&flood_line(number));
        if room.len() >= PIECE {
            longest = longest.max(put(&room[..PIECE]));
            room.drain(..PIECE);
            if let Some(due) = (number * 1_000_000_000).checked_div(rate) {
                thread::sleep(Duration::from_nanos(due).saturating_sub(begun.elapsed()));
            }
        }
    }
    longest = longest.max(put(&room));
    if let Some(file) = pauses {
        crate::actions::append(file, &format!("longest {} us\n", longest.as_micros()));
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
