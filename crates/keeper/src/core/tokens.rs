//! Numbers for descriptors, used again once they are given back.

use super::effect::FdToken;

#[derive(Debug, Default)]
pub(super) struct Tokens {
    next: u32,
    free: Vec<u32>,
}

impl Tokens {
    pub(super) fn with_capacity(count: usize) -> Tokens {
        Tokens { next: 0, free: Vec::with_capacity(count) }
    }

    pub(super) fn take(&mut self) -> FdToken {
        FdToken(self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        }))
    }

    pub(super) fn give_back(&mut self, token: FdToken) {
        self.free.push(token.0);
    }

    /// As if exactly these had been taken.
    pub(super) fn restore(taken: &[FdToken]) -> Tokens {
        let next = taken.iter().map(|token| token.0 + 1).max().unwrap_or(0);
        Tokens { next, free: (0..next).filter(|n| !taken.contains(&FdToken(*n))).collect() }
    }
}
