//! The distance of two samples, and how far two samples of one distribution are apart by chance.
//!
//! The two-sample test of Kolmogorov and Smirnov (N. Smirnov, *Table for estimating the goodness of fit of empirical
//! distributions*, Annals of Mathematical Statistics 19, 1948). Values that are equal make it cautious: it then finds less.

use super::float;

/// `c(α) = √(-ln(α/2)/2)` for α = 0.05, as the tables have it (W. J. Conover, *Practical Nonparametric Statistics*, table
/// A20, for samples that are not small).
const CRITICAL_5_PERCENT: f64 = 1.358_101_578_973_8;

/// How far two samples are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// The largest difference of the two shares of values up to some value: from 0, the same, to 1, nothing in common.
    pub distance: f64,
    /// The distance that two samples of these sizes from one distribution exceed in 5 of 100 cases. It is an approximation
    /// for large samples, and on the safe side for small ones.
    pub critical: f64,
}

impl Distance {
    /// Whether the samples are further apart than chance explains.
    pub fn is_significant(&self) -> bool {
        self.distance > self.critical
    }
}

/// The distance of two samples, each in ascending order; `None` if one is empty.
///
/// # Panics
/// In builds with debug assertions, if one is not in order.
pub fn distance<T: Ord>(first: &[T], second: &[T]) -> Option<Distance> {
    debug_assert!(
        first.is_sorted() && second.is_sorted(),
        "samples are sorted"
    );
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let (n, m) = (first.len() as u64, second.len() as u64);
    let (mut i, mut j, mut largest) = (0, 0, 0);
    while let (Some(a), Some(b)) = (first.get(i), second.get(j)) {
        let next = a.min(b);
        i += first[i..].iter().take_while(|value| *value == next).count();
        j += second[j..]
            .iter()
            .take_while(|value| *value == next)
            .count();
        let (up, down) = (u128::from(m) * i as u128, u128::from(n) * j as u128);
        largest = largest.max(up.abs_diff(down));
    }
    let (n, m) = (float(n), float(m));
    let largest = float(u64::try_from(largest).unwrap_or(u64::MAX));
    Some(Distance {
        distance: largest / (n * m),
        critical: CRITICAL_5_PERCENT * ((n + m) / (n * m)).sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::simulated::Chance;

    #[test]
    fn the_distance_is_the_largest_gap() {
        let of = |a: &[u64], b: &[u64]| distance(a, b).unwrap().distance;
        let is_near = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(is_near(of(&[1, 2, 3], &[1, 2, 3]), 0.0));
        assert!(is_near(of(&[1, 2], &[3, 4, 5]), 1.0));
        assert!(is_near(of(&[1, 2, 3, 4], &[3, 4, 5, 6]), 0.5));
        assert!(is_near(of(&[1, 1, 1, 2], &[1, 2, 2, 2]), 0.5));
        assert_eq!(distance::<u64>(&[], &[1]), None);
        // √(200 / 10,000) times 1.358.
        let hundred: Vec<u64> = (0..100).collect();
        assert!((distance(&hundred, &hundred).unwrap().critical - 0.192_06).abs() < 1e-5);
    }

    /// How often samples are called different.
    fn found(draw: &dyn Fn(&mut Chance, bool) -> i64, n: usize, m: usize, scale: f64) -> f64 {
        let mut chance = Chance::new(5);
        let samples = 1000;
        let found = (0..samples).filter(|_| {
            let mut a: Vec<i64> = (0..n).map(|_| draw(&mut chance, false)).collect();
            let mut b: Vec<i64> = (0..m).map(|_| draw(&mut chance, true)).collect();
            a.sort_unstable();
            b.sort_unstable();
            let found = distance(&a, &b).unwrap();
            found.distance > found.critical * scale
        });
        float(found.count() as u64) / float(samples)
    }

    /// Of 1,000 samples 5 % are 50; four standard deviations more are 78.
    #[test]
    fn false_alarms_are_as_rare_as_they_say() {
        for (n, m) in [(20, 20), (50, 200), (300, 300)] {
            let same = |chance: &mut Chance, _| chance.bell();
            let whole_numbers = |chance: &mut Chance, _| chance.below(4).cast_signed();
            assert!(found(&same, n, m, 1.0) < 0.078, "{n}, {m}");
            assert!(found(&whole_numbers, n, m, 1.0) < 0.078, "{n}, {m}");
        }
        // The check is worth something: a critical value that is too small is found.
        assert!(found(&|chance: &mut Chance, _| chance.bell(), 300, 300, 0.85) > 0.078);
    }

    #[test]
    fn other_distributions_are_found() {
        let shifted = |chance: &mut Chance, is_second| chance.bell() + i64::from(is_second) * 5_000;
        assert!(found(&shifted, 200, 200, 1.0) > 0.95);
    }
}
