//! Random numbers for the tests of statistics.

use pullstop_cluster::world::random::{Purpose, RandomStream, RandomStreams};

/// Draws.
pub(super) struct Chance(RandomStream);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(RandomStreams::new(seed).stream(Purpose::Resampling, 1))
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0.below(limit)
    }

    /// About normally distributed, with mean 0: a sum of uniform numbers.
    pub(super) fn bell(&mut self) -> i64 {
        let sum: u64 = (0..12).map(|_| self.below(10_000)).sum();
        sum.cast_signed() - 60_000
    }
}
