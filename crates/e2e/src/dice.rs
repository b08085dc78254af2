//! Chance that can be repeated.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A small generator (splitmix64). The seed is printed, so a failed test can be run again with `E2E_SEED`.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Seeded from `E2E_SEED`, else from the clock; prints the seed (the runner shows it when the test fails).
    pub fn new() -> Dice {
        let given = std::env::var("E2E_SEED").ok().and_then(|s| s.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            now.as_nanos() as u64
        });
        eprintln!("dice: E2E_SEED={seed}");
        Dice(seed)
    }

    /// The same chance each time.
    pub fn seeded(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Fills with bytes of any value.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.below(u64::MAX).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }

    /// A span below `bound`.
    pub fn span(&mut self, bound: Duration) -> Duration {
        Duration::from_micros(self.below(bound.as_micros() as u64))
    }
}

impl Default for Dice {
    fn default() -> Self {
        Dice::new()
    }
}
