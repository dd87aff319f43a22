//! The Kaplan-Meier estimate: how long something lasts, from observations of which some ended before it did.
//!
//! Kaplan and Meier, Nonparametric Estimation from Incomplete Observations, 1958. What lasted when it was last seen
//! counts among those that could still end, until then (right-censoring). Where the curve stays at the end is the share
//! that never ends (Maller and Zhou, Survival Analysis with Long-Term Survivors, 1996). Only `+ - * /` are used, which
//! give the same on every machine.

use std::time::Duration;

use super::seen::Lasted;

/// An estimated distribution of times.
#[derive(Clone, Debug, Default)]
pub(super) struct Survival {
    /// Times at which some ended, and the share that lasts longer.
    steps: Vec<(Duration, f64)>,
    /// How many were observed, and how many of them to their end.
    pub(super) observed: usize,
    pub(super) ended: usize,
}

/// Shares that differ by less are equal: each is a product of at most some thousand fractions.
const EPSILON: f64 = 1e-9;

impl Survival {
    /// Of these observations.
    pub(super) fn of(all: impl IntoIterator<Item = Lasted>) -> Self {
        let mut all: Vec<Lasted> = all.into_iter().collect();
        all.sort_unstable_by_key(|lasted| lasted.time);
        let (observed, mut share) = (all.len(), 1.0);
        let mut survival = Self {
            observed,
            ..Self::default()
        };
        let mut at_risk = count(observed);
        for together in all.chunk_by(|a, b| a.time == b.time) {
            let ended = together.iter().filter(|lasted| lasted.is_over).count();
            if ended > 0 {
                share *= (at_risk - count(ended)) / at_risk;
                survival.steps.push((together[0].time, share));
            }
            survival.ended += ended;
            at_risk -= count(together.len());
        }
        survival
    }

    /// The share that never ends, as far as was observed.
    pub(super) fn never(&self) -> f64 {
        self.steps.last().map_or(1.0, |(_, share)| *share)
    }

    /// Of those that end, so many in a thousand do within this time; `None` if none was seen to end.
    pub(super) fn quantile(&self, permille: u32) -> Option<Duration> {
        let ends = 1.0 - self.never();
        let wanted = ends * f64::from(permille) / 1000.0;
        let step = self
            .steps
            .iter()
            .find(|(_, share)| 1.0 - share + EPSILON >= wanted);
        step.map(|(time, _)| *time)
    }

    /// `count` times that are distributed as estimated, evenly over the quantiles, in ascending order.
    pub(super) fn spread(&self, count: u32) -> Vec<Duration> {
        let at = |n: u32| self.quantile((2 * n + 1) * 500 / count.max(1));
        (0..count).filter_map(at).collect()
    }
}

/// Exact up to 2^53, which no recording reaches.
#[expect(
    clippy::cast_precision_loss,
    reason = "no recording has 2^53 observations"
)]
pub(super) const fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_textbook_example_comes_out() {
        // Freireich et al. 1963, as in Cox and Oakes, Analysis of Survival Data, 1984, table 1.1: remission under 6-MP.
        let ended = [6, 6, 6, 7, 10, 13, 16, 22, 23];
        let censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35];
        let ended = ended.map(|time| Lasted::exactly(s(time)));
        let censored = censored.map(|time| Lasted::at_least(s(time)));
        let survival = Survival::of(ended.into_iter().chain(censored));
        let expected = [
            (6, 857),
            (7, 807),
            (10, 753),
            (13, 690),
            (16, 627),
            (22, 538),
            (23, 448),
        ];
        for ((time, share), (expected_time, permille)) in survival.steps.iter().zip(expected) {
            assert_eq!(*time, s(expected_time));
            assert!(
                (share * 1000.0 - f64::from(permille)).abs() < 0.6,
                "{share}"
            );
        }
        assert_eq!((survival.observed, survival.ended), (21, 9));
    }

    #[test]
    fn without_censoring_quantiles_are_those_of_the_observations() {
        let survival = Survival::of((1..=10).map(|time| Lasted::exactly(s(time))));
        assert_eq!(survival.never().to_bits(), 0.0f64.to_bits());
        assert_eq!(survival.quantile(500), Some(s(5)));
        assert_eq!(survival.quantile(950), Some(s(10)));
        assert_eq!(survival.spread(5), [1, 3, 5, 7, 9].map(s));
        assert_eq!(Survival::of([Lasted::at_least(s(1))]).quantile(500), None);
    }
}
