//! The distance of a recorded and a simulated sample, in thousandths.
//!
//! The test takes observations for independent; pods of one outage are not, so its verdict is a yardstick.

use serde::Serialize;

use crate::stats::ks;

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
        let found = ks::distance(&a, &b)?;
        Some(Self {
            permille: permille(found.distance),
            critical_permille: permille(found.critical.min(1.0)),
        })
    }

    /// Whether the two may have the same distribution.
    pub const fn is_alike(&self) -> bool {
        self.permille <= self.critical_permille
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of one, in thousandths"
)]
fn permille(share: f64) -> u64 {
    (share * 1000.0).round() as u64
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
