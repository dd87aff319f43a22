//! The interval of a rate: how far the true rate may be from the counted one.
//!
//! The score interval of E. B. Wilson, *Probable inference, the law of succession, and statistical inference*, Journal of
//! the American Statistical Association 22 (1927). It is good for small numbers too, and for rates near 0 and 1, where
//! the usual `p ± 1.96 √(p(1-p)/n)` is not (L. D. Brown and others, *Interval Estimation for a Binomial Proportion*,
//! Statistical Science 16, 2001).

use super::float;

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// From where to where a value may reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether the value lies in it.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// The 95 % interval of the rate of which `hits` of `trials` are a sample; `None` if there were no trials.
pub fn wilson(hits: u64, trials: u64) -> Option<Interval> {
    if trials == 0 {
        return None;
    }
    let n = float(trials);
    let rate = float(hits.min(trials)) / n;
    let z2 = Z * Z;
    let shrink = 1.0 + z2 / n;
    let middle = (rate + z2 / (2.0 * n)) / shrink;
    let half = Z * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt() / shrink;
    // At the ends the interval reaches them exactly; what is left there is rounding.
    let low = if hits == 0 { 0.0 } else { middle - half };
    let high = if hits >= trials { 1.0 } else { middle + half };
    Some(Interval { low, high })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::simulated::Chance;

    #[test]
    fn it_is_that_of_the_formula() {
        for (hits, trials, low, high) in [
            (0, 10, 0.0, 0.277_53),
            (1, 10, 0.017_88, 0.404_15),
            (5, 10, 0.236_59, 0.763_41),
            (10, 10, 0.722_47, 1.0),
            (48, 366, 0.100_38, 0.169_56),
        ] {
            let interval = wilson(hits, trials).unwrap();
            let is_near = |a: f64, b: f64| (a - b).abs() < 0.000_05;
            assert!(
                is_near(interval.low, low) && is_near(interval.high, high),
                "{hits} of {trials}: {interval:?}"
            );
        }
        assert_eq!(wilson(0, 0), None);
    }

    /// How often the interval contains the true rate.
    fn coverage(
        interval: &dyn Fn(u64, u64) -> Interval,
        rate_permille: u64,
        trials: u64,
        chance: &mut Chance,
    ) -> f64 {
        const SAMPLES: u64 = 4000;
        let rate = float(rate_permille) / 1000.0;
        let covered = (0..SAMPLES).filter(|_| {
            let hits = (0..trials).filter(|_| chance.below(1000) < rate_permille);
            interval(hits.count() as u64, trials).contains(rate)
        });
        float(covered.count() as u64) / float(SAMPLES)
    }

    /// Counts are whole numbers, so that no interval covers exactly 95 % everywhere: the mean over rates and sizes is
    /// within 1 % of it, and each within 4 %.
    fn is_covered(interval: &dyn Fn(u64, u64) -> Interval) -> Result<(), String> {
        let mut chance = Chance::new(1);
        let mut all = Vec::new();
        for trials in [20, 60, 200] {
            for rate_permille in [20, 50, 100, 200, 350, 500, 800, 970] {
                let covered = coverage(interval, rate_permille, trials, &mut chance);
                if !(0.91..=0.99).contains(&covered) {
                    return Err(format!("{covered} at {rate_permille} ‰ of {trials}"));
                }
                all.push(covered);
            }
        }
        let mean = all.iter().sum::<f64>() / float(all.len() as u64);
        if (0.94..=0.96).contains(&mean) {
            Ok(())
        } else {
            Err(format!("{mean} in the mean"))
        }
    }

    #[test]
    fn it_contains_the_true_rate_as_often_as_it_says() {
        assert_eq!(
            is_covered(&|hits, trials| wilson(hits, trials).unwrap()),
            Ok(())
        );
    }

    /// The check above is worth something: it finds the intervals that are wrong.
    #[test]
    fn wrong_intervals_are_found() {
        let wald = |hits: u64, trials: u64| {
            let rate = float(hits) / float(trials);
            let half = Z * (rate * (1.0 - rate) / float(trials)).sqrt();
            Interval {
                low: rate - half,
                high: rate + half,
            }
        };
        assert!(is_covered(&wald).is_err());
        let of_90_percent = |hits: u64, trials: u64| {
            let Interval { low, high } = wilson(hits, trials).unwrap();
            let (middle, half) = (f64::midpoint(low, high), (high - low) / 2.0 * 1.645 / Z);
            Interval {
                low: middle - half,
                high: middle + half,
            }
        };
        assert!(is_covered(&of_90_percent).is_err());
    }
}
