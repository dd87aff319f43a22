//! Tests of paired measurements: two policies on the same scenarios and seeds.

use pullstop_cluster::world::random::{Purpose, RandomStreams};

use super::float;

/// So many pairs are tested by all of their 2^n signs; more by a sample.
const EXACT_MAX: usize = 14;
/// So many random signs are drawn: the error of a probability of 5 % is then 0.3 %.
const DRAWS: u32 = 5000;

/// The probability that chance alone gives counts that differ at least so much, if each of `first + second` is as likely to
/// be one as the other: the exact two-sided sign test (J. Arbuthnot, 1710; W. J. Conover, *Practical Nonparametric
/// Statistics*, section 3.4). With counts of pairs in which only one of two had a failure it is the exact form of
/// Q. `McNemar`'s test (Psychometrika 12, 1947). Pairs without a difference do not count.
pub fn sign_test(first: u64, second: u64) -> f64 {
    let (n, few) = (first + second, first.min(second));
    // Terms of the binomial distribution, in units of the largest, from the middle outwards: nothing overflows, and what
    // underflows is too small to matter.
    let middle = n / 2;
    let (mut term, mut tail, mut half) = (1.0, 0.0, 0.0);
    let mut k = middle;
    loop {
        half += term;
        if k <= few {
            tail += term;
        }
        if k == 0 || term == 0.0 {
            break;
        }
        term = term * float(k) / float(n - k + 1);
        k -= 1;
    }
    // The other half is the same; the middle of an even number belongs to both.
    let total = if n.is_multiple_of(2) {
        2.0 * half - 1.0
    } else {
        2.0 * half
    };
    (2.0 * tail / total).min(1.0)
}

/// The probability that chance alone gives a mean difference at least so far from zero, if each difference could as well
/// have had the other sign: the two-sided permutation test of paired differences (R. A. Fisher, *The Design of Experiments*,
/// 1935, section 21; E. J. G. Pitman, 1937).
///
/// Exact up to 14 differences that are not zero. With more, 5,000 random choices of signs stand for all, and the result is
/// `(1 + those as far) / (1 + all)`, which is never too small (B. Phipson, G. K. Smyth, *Permutation p-values should never
/// be zero*, 2010).
pub fn sign_flip_test(differences: &[i64], seed: u64) -> f64 {
    let moved: Vec<i128> = differences
        .iter()
        .filter(|d| **d != 0)
        .map(|d| i128::from(*d))
        .collect();
    let observed = moved.iter().sum::<i128>().abs();
    if moved.len() <= EXACT_MAX {
        let all = 1_u32 << moved.len();
        let as_far = (0..all).filter(|signs| flipped(&moved, u64::from(*signs)).abs() >= observed);
        return float(as_far.count() as u64) / f64::from(all);
    }
    let mut chance = RandomStreams::new(seed).stream(Purpose::Resampling, 0);
    let as_far = (0..DRAWS).filter(|_| {
        let chunks = moved.chunks(64).map(|chunk| flipped(chunk, chance.bits()));
        chunks.sum::<i128>().abs() >= observed
    });
    float(1 + as_far.count() as u64) / f64::from(1 + DRAWS)
}

/// The sum with a minus before those whose bit is set.
fn flipped(differences: &[i128], signs: u64) -> i128 {
    let signed = differences.iter().enumerate();
    signed
        .map(|(at, d)| if signs >> at & 1 == 1 { -d } else { *d })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SIGNIFICANCE;
    use crate::stats::simulated::Chance;

    fn is_near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn the_sign_test_is_that_of_the_binomial_distribution() {
        for (first, second, expected) in [
            (0, 0, 1.0),
            (0, 1, 1.0),
            (0, 5, 0.0625),
            (0, 6, 0.03125),
            (2, 8, 0.109_375),
            (5, 5, 1.0),
            (4, 5, 1.0),
            (1, 9, 0.021_484_375),
        ] {
            let p = sign_test(first, second);
            assert!(is_near(p, expected), "{first}, {second}: {p}");
            assert!(is_near(sign_test(second, first), p), "{first}, {second}");
        }
    }

    #[test]
    fn large_counts_stay_exact() {
        // 2 (1 - Φ(2)) is 0.0455; the half pair that continuity asks for makes it a little more.
        let p = sign_test(499_000, 501_000);
        assert!((0.0455..0.0457).contains(&p), "{p}");
        assert!(sign_test(0, 5_000_000) < 1e-300);
        assert!(is_near(sign_test(1_000_000, 1_000_000), 1.0));
    }

    #[test]
    fn the_flips_of_few_pairs_are_all_tried() {
        assert!(is_near(sign_flip_test(&[], 1), 1.0));
        assert!(is_near(sign_flip_test(&[0, 0, 7], 1), 1.0));
        assert!(is_near(sign_flip_test(&[1, 1, 1, 1, 1], 1), 0.0625));
        assert!(is_near(sign_flip_test(&[1, 1, 1, 1, 1, 1], 1), 0.03125));
        // Darwin's maize in Fisher's book: 15 pairs, of which so many of 2^15 choices of signs are as far: 0.05267.
        let maize = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48];
        let p = sign_flip_test(&maize, 1);
        assert!((p - 0.0527).abs() < 0.01, "{p}");
        assert!(
            is_near(p, sign_flip_test(&maize, 1)),
            "the same seed, another result"
        );
    }

    type Test<'a> = &'a dyn Fn(&[i64], u64) -> f64;
    /// Draws one difference; the argument is the number of the pair.
    type Draw<'a> = &'a dyn Fn(&mut Chance, u64) -> i64;

    fn by_signs(differences: &[i64], _seed: u64) -> f64 {
        let count = |sign: i64| differences.iter().filter(|d| d.signum() == sign).count() as u64;
        sign_test(count(1), count(-1))
    }

    /// How often the test calls differences more than chance.
    fn found(test: Test<'_>, draw: Draw<'_>, pairs: u64, samples: u64) -> f64 {
        let mut chance = Chance::new(3);
        let found = (0..samples).filter(|sample| {
            let differences: Vec<i64> = (0..pairs).map(|pair| draw(&mut chance, pair)).collect();
            test(&differences, *sample) < SIGNIFICANCE
        });
        float(found.count() as u64) / float(samples)
    }

    /// No worlds in which the two are equal: two policies with the same rates of failures, and of any size of differences.
    const RATES_PERMILLE: [u64; 4] = [20, 100, 300, 500];

    /// Of 600 samples 5 % are 30; four standard deviations more are 51, or 8.5 %.
    fn has_few_false_alarms(test: Test<'_>) -> Result<(), String> {
        for pairs in [10, 40, 100] {
            for rate in RATES_PERMILLE {
                let both_fail_so_often = |chance: &mut Chance, _: u64| {
                    i64::from(chance.below(1000) < rate) - i64::from(chance.below(1000) < rate)
                };
                let alarms = found(test, &both_fail_so_often, pairs, 600);
                if alarms > 0.085 {
                    return Err(format!("{alarms} at {rate} ‰, {pairs} pairs"));
                }
            }
            let alarms = found(test, &|chance: &mut Chance, _| chance.bell(), pairs, 600);
            if alarms > 0.085 {
                return Err(format!("{alarms} of times, {pairs} pairs"));
            }
        }
        Ok(())
    }

    #[test]
    fn false_alarms_are_as_rare_as_they_say() {
        assert_eq!(has_few_false_alarms(&sign_flip_test), Ok(()));
        assert_eq!(has_few_false_alarms(&by_signs), Ok(()));
    }

    #[test]
    fn differences_are_found() {
        let shifted = |chance: &mut Chance, _| chance.bell() + 5_000;
        assert!(found(&sign_flip_test, &shifted, 100, 200) > 0.95);
        assert!(found(&by_signs, &shifted, 100, 200) > 0.85);
    }

    /// The checks above are worth something: they find tests that are wrong.
    #[test]
    fn wrong_tests_are_found() {
        // One-sided, and called two-sided.
        assert!(has_few_false_alarms(&|d, seed| sign_flip_test(d, seed) / 2.0).is_err());
        assert!(has_few_false_alarms(&|d, seed| by_signs(d, seed) / 2.0).is_err());
        // Each pair counted twice, as seeds are of a scenario in which chance has no part.
        let twice = |d: &[i64], seed| sign_flip_test(&[d, d].concat(), seed);
        assert!(has_few_false_alarms(&twice).is_err());
    }
}
