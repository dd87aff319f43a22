//! The two-sample Kolmogorov-Smirnov test, in whole numbers.
//!
//! Smirnov, Table for Estimating the Goodness of Fit of Empirical Distributions, 1948. It takes observations for
//! independent; pods of one outage are not, so its verdict is a yardstick.

use serde::Serialize;

/// The square of the critical value at 5 % is `-ln(0.05 / 2) / 2`, in millionths.
const CRITICAL_SQUARED_PPM: u128 = 1_844_440;

/// How far two samples are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Distance {
    /// The largest difference between the two distribution functions, in thousandths.
    pub permille: u64,
    /// What it may be, by chance in 19 of 20 cases, if both have the same distribution.
    pub critical_permille: u64,
}

impl Distance {
    /// Between two samples; `None` if one is empty.
    pub(super) fn between(a: &[u64], b: &[u64]) -> Option<Self> {
        let (mut a, mut b) = (a.to_vec(), b.to_vec());
        a.sort_unstable();
        b.sort_unstable();
        let (size_a, size_b) = (a.len() as u128, b.len() as u128);
        if size_a == 0 || size_b == 0 {
            return None;
        }
        let (mut i, mut j, mut largest) = (0usize, 0usize, 0u128);
        while let (Some(next_a), Some(next_b)) = (a.get(i), b.get(j)) {
            let next = *next_a.min(next_b);
            i += a[i..].iter().take_while(|time| **time == next).count();
            j += b[j..].iter().take_while(|time| **time == next).count();
            largest = largest.max((i as u128 * size_b).abs_diff(j as u128 * size_a));
        }
        let permille = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
        // c * sqrt((n + m) / (n * m)), in thousandths.
        let critical = (CRITICAL_SQUARED_PPM * (size_a + size_b) / (size_a * size_b)).isqrt();
        Some(Self {
            permille: permille((largest * 1000).div_ceil(size_a * size_b)),
            critical_permille: permille(critical.min(1000)),
        })
    }

    /// Whether the two may have the same distribution.
    pub const fn is_alike(&self) -> bool {
        self.permille <= self.critical_permille
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_distances_come_out() {
        let upto = |n: u64| (1..=n).collect::<Vec<u64>>();
        let same = Distance::between(&upto(100), &upto(100)).unwrap();
        // 1.358 * sqrt(2 / 100)
        assert_eq!((same.permille, same.critical_permille), (0, 192));
        let shifted: Vec<u64> = (51..=150).collect();
        let apart = Distance::between(&upto(100), &shifted).unwrap();
        assert_eq!(apart.permille, 500);
        assert!(same.is_alike() && !apart.is_alike());
        assert_eq!(Distance::between(&[], &upto(3)), None);
    }
}
