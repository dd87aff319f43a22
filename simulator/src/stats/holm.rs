//! Several tests at once: of nine measures one is "more than chance" by chance in a third of all comparisons.
//!
//! S. Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics 6 (1979).

use super::float;

/// The probabilities of several tests, adjusted so that at most one comparison in twenty calls anything at all more than
/// chance that is not. In the order in which they were given; none stays none.
pub fn adjusted(probabilities: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<usize> = (0..probabilities.len())
        .filter(|at| probabilities[*at].is_some())
        .collect();
    order.sort_by(|a, b| {
        let value = |at: &usize| probabilities[*at].unwrap_or(1.0);
        value(a).total_cmp(&value(b))
    });
    let mut all = vec![None; probabilities.len()];
    let mut largest: f64 = 0.0;
    for (done, at) in order.iter().enumerate() {
        let left = float((order.len() - done) as u64);
        largest = largest
            .max(probabilities[*at].unwrap_or(1.0) * left)
            .min(1.0);
        all[*at] = Some(largest);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_counts_as_often_as_there_are_tests() {
        let given = [Some(0.01), Some(0.04), None, Some(0.03), Some(0.005)];
        let expected = [Some(0.03), Some(0.06), None, Some(0.06), Some(0.02)];
        for (got, expected) in adjusted(&given).into_iter().zip(expected) {
            let difference = got.unwrap_or(0.0) - expected.unwrap_or(0.0);
            assert!(difference.abs() < 1e-12, "{got:?}, {expected:?}");
        }
    }
}
