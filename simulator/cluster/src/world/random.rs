//! Random numbers, all from one seed.
//!
//! Everything that draws has a stream of its own, so that one more draw in one place changes nothing in another: the
//! same pods live the same lives under two policies, which is what makes policies comparable.

use std::time::Duration;

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// The random streams of one seed.
#[derive(Clone, Copy, Debug)]
pub struct RandomStreams {
    seed: u64,
}

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after what draws from it")]
pub enum Purpose {
    Node = 1,
    Worker = 2,
    Registry = 3,
    Arrival = 4,
    Enforcer = 5,
    Uid = 6,
    Fuzz = 7,
    Name = 8,
    Resampling = 9,
}

/// One sequence of draws: `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
///
/// Eight bytes, and the same on every machine and with every release: the algorithm is the type's name. What is made of its
/// bits is written here, since `rand` changes that between releases.
#[derive(Clone, Debug)]
pub struct RandomStream {
    generator: SplitMix64,
}

impl RandomStreams {
    /// The streams of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream for `purpose` number `id`.
    pub fn stream(self, purpose: Purpose, id: u64) -> RandomStream {
        let seed = RandomStream::new(self.seed).bits()
            ^ (purpose as u64).wrapping_mul(0xA24B_AED4_963E_E407);
        let seed = RandomStream::new(seed).bits() ^ id.wrapping_mul(0x9FB2_1C65_1E98_DF25);
        RandomStream::new(seed)
    }

    /// Five letters and digits, as Kubernetes ends the names of what it makes
    /// (`k8s.io/apimachinery/pkg/util/rand`).
    pub fn suffix(self, id: u64) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut chance = self.stream(Purpose::Name, id);
        let mut letter = || {
            let place = chance.below(ALPHABET.len() as u64);
            let letter = usize::try_from(place)
                .ok()
                .and_then(|place| ALPHABET.get(place));
            letter.map_or('x', |letter| char::from(*letter))
        };
        (0..5).map(|_| letter()).collect()
    }
}

impl RandomStream {
    fn new(seed: u64) -> Self {
        let generator = SplitMix64::from_seed(seed.to_le_bytes());
        Self { generator }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A number below `limit`, each as likely as the others up to one in 2^64; 0 if there is none.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(limit)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }

    /// A waiting time with this mean, exponentially distributed, to the millisecond.
    pub fn waiting_time(&mut self, mean: Duration) -> Duration {
        let uniform = u32::try_from(self.bits() >> 32).unwrap_or(u32::MAX);
        let logarithm = u128::from(minus_ln_q32(uniform));
        let millis = (mean.as_millis().saturating_mul(logarithm)) >> 32;
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

/// `-ln((u + 1) / 2^32)` in units of 2^-32, without floating point, whose logarithm differs between machines.
fn minus_ln_q32(u: u32) -> u64 {
    /// ln 2 in units of 2^-32.
    const LN_2_Q32: u128 = 2_977_044_472;
    let value = u64::from(u) + 1;
    let whole = u64::from(value.ilog2());
    // The mantissa in [1, 2), in units of 2^-62, is squared again and again: each time it passes 2 is a bit of log2.
    let mut mantissa = u128::from(value) << (62 - whole);
    let mut fraction = 0u64;
    for _ in 0..32 {
        mantissa = (mantissa * mantissa) >> 62;
        fraction <<= 1;
        if mantissa >> 63 != 0 {
            mantissa >>= 1;
            fraction |= 1;
        }
    }
    let log2_q32 = (whole << 32) + fraction;
    let minus_log2_q32 = (32u64 << 32) - log2_q32.min(32 << 32);
    u64::try_from((u128::from(minus_log2_q32) * LN_2_Q32) >> 32).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_the_paper() {
        // From the reference implementation at prng.di.unimi.it/splitmix64.c, seed 1234567.
        let mut stream = RandomStream::new(1_234_567);
        assert_eq!(stream.bits(), 6_457_827_717_110_365_317);
        assert_eq!(stream.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn streams_differ() {
        let streams = RandomStreams::new(1);
        let mut firsts: Vec<u64> = (0..1000)
            .flat_map(|id| {
                [
                    streams.stream(Purpose::Node, id).bits(),
                    streams.stream(Purpose::Worker, id).bits(),
                ]
            })
            .collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 2000);
    }

    #[test]
    fn logarithms_are_right() {
        assert_eq!(minus_ln_q32(u32::MAX), 0);
        let half = minus_ln_q32((1 << 31) - 1);
        assert!(half.abs_diff(2_977_044_472) <= 1, "{half}");
        let smallest = minus_ln_q32(0);
        assert!(smallest.abs_diff(32 * 2_977_044_472) <= 32, "{smallest}");
    }

    #[test]
    fn waiting_times_have_their_mean() {
        let mut stream = RandomStreams::new(7).stream(Purpose::Arrival, 0);
        let mean = Duration::from_secs(10);
        let total: Duration = (0..100_000).map(|_| stream.waiting_time(mean)).sum();
        let mean = total / 100_000;
        assert!(
            mean.abs_diff(Duration::from_secs(10)) < Duration::from_millis(150),
            "{mean:?}"
        );
    }
}
