//! How far a measure moves when only chance changes: the tolerance of a comparison over seeds.
//!
//! The measure is taken once for each of n seeds. If a change of the program only redraws the random numbers, the new mean
//! is another mean of n draws, and the difference of the two has the standard deviation `s √(2/n)`. The tolerance is the one
//! that such a difference exceeds in one case of a hundred: `t s √(2/n)`, t being Student's for n - 1 degrees of freedom
//! (Student, *The probable error of a mean*, Biometrika 6, 1908). That is how the t-test of Bencher sets its boundaries
//! (bencher.dev/docs/explanation/thresholds), with the seeds in the place of past runs.

use super::float;

/// A thousand times Student's t that is exceeded in one case of a hundred, for 1 to 30 degrees of freedom
/// (NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.2).
const T_99_MILLI: [u32; 30] = [
    31821, 6965, 4541, 3747, 3365, 3143, 2998, 2896, 2821, 2764, 2718, 2681, 2650, 2624, 2602,
    2583, 2567, 2552, 2539, 2528, 2518, 2508, 2500, 2492, 2485, 2479, 2473, 2467, 2462, 2457,
];
/// For more, the bound of the last: a little cautious.
const T_99_MILLI_MANY: u32 = 2457;

/// How far the mean of these values may move by chance, rounded up; 0 if there are fewer than two, since nothing is then
/// known of chance.
pub fn tolerance(values: &[u64]) -> u64 {
    let n = values.len() as u64;
    if n < 2 {
        return 0;
    }
    let mean = values.iter().map(|value| float(*value)).sum::<f64>() / float(n);
    let square = |value: &u64| (float(*value) - mean) * (float(*value) - mean);
    let deviation = (values.iter().map(square).sum::<f64>() / float(n - 1)).sqrt();
    let freedom = values.len() - 1;
    let t = T_99_MILLI
        .get(freedom - 1)
        .copied()
        .unwrap_or(T_99_MILLI_MANY);
    let t = f64::from(t) / 1000.0;
    whole((t * deviation * (2.0 / float(n)).sqrt()).ceil())
}

/// A number that is not negative, without its fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, and what comes here is not negative"
)]
const fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::simulated::Chance;

    #[test]
    fn it_is_worked_out_by_hand() {
        // The deviation is 10, t is 6.965: 6.965 · 10 · √(2/3) = 56.87.
        assert_eq!(tolerance(&[90, 100, 110]), 57);
        assert_eq!(tolerance(&[5, 5, 5]), 0);
        assert_eq!(tolerance(&[7]), 0);
        assert_eq!(tolerance(&[]), 0);
    }

    /// How often another draw of as many seeds is worse by more than the tolerance, times `scale`.
    fn alarms(seeds: usize, scale: f64) -> f64 {
        let mut chance = Chance::new(9);
        let samples = 4000;
        let alarms = (0..samples).filter(|_| {
            let mut draw = || -> Vec<u64> {
                (0..seeds)
                    .map(|_| (chance.bell() + 500_000).unsigned_abs())
                    .collect()
            };
            let (before, after) = (draw(), draw());
            let mean = |values: &[u64]| float(values.iter().sum()) / float(values.len() as u64);
            mean(&after) - mean(&before) > float(tolerance(&before)) * scale
        });
        float(alarms.count() as u64) / float(samples)
    }

    /// One in a hundred, of 4,000: 40, and four standard deviations more are 65. Only the deviation of the draw before is
    /// known, which makes few seeds no less cautious than many.
    #[test]
    fn chance_alone_passes_in_ninety_nine_of_a_hundred_cases() {
        for seeds in [2, 3, 5, 10, 20, 40] {
            let alarms = alarms(seeds, 1.0);
            assert!((0.003..0.0165).contains(&alarms), "{seeds} seeds: {alarms}");
        }
        // The check is worth something: it finds a tolerance that is too small.
        assert!(alarms(10, 0.8) > 0.0165);
    }
}
