//! The Pareto front of a sweep, and the point on it that is recommended.

use pullstop_cluster::scenario::metric::{Condition, Figure};

use super::rows::Measured;
use super::score::{get, violation};

/// How good a policy is, less being better: by what it violates first, then by y, then by x.
pub type Rank = (u64, u64, u64);

/// How good a policy is.
pub fn rank(measured: &Measured, constraints: &[Condition], axes: (Figure, Figure)) -> Rank {
    let (x, y) = place(measured, axes);
    (violations(measured, constraints), y, x)
}

/// How far a policy is from meeting all constraints.
pub fn violations(measured: &Measured, constraints: &[Condition]) -> u64 {
    constraints
        .iter()
        .map(|constraint| violation(measured, constraint))
        .sum()
}

/// Where a policy is in the picture. What was not measured is worst.
pub fn place(measured: &Measured, (x, y): (Figure, Figure)) -> (u64, u64) {
    let value = |figure| get(measured, figure).unwrap_or(u64::MAX);
    (value(x), value(y))
}

/// The indices of the points that no other is better than, by x. Of equal points the first stands for all.
pub fn pareto(points: &[(u64, u64)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|index| (points[*index], *index));
    let mut front: Vec<usize> = Vec::new();
    for index in order {
        let best_y = front.last().map(|last| points[*last].1);
        if best_y.is_none_or(|best| points[index].1 < best) {
            front.push(index);
        }
    }
    front
}

/// The point of a front at which its curve bends most: the one farthest below the line between the ends (Satopää et al.:
/// Finding a "Kneedle" in a Haystack, 2011). None if the front has fewer than three points.
pub fn knee(front: &[(u64, u64)]) -> Option<usize> {
    let ((first_x, first_y), (last_x, last_y)) = (*front.first()?, *front.last()?);
    let (width, height) = (last_x.checked_sub(first_x)?, first_y.checked_sub(last_y)?);
    let below = |(x, y): (u64, u64)| {
        // The distance from the line, with both axes scaled to the front's extent.
        let along = u128::from(x - first_x) * u128::from(height);
        let down = u128::from(first_y - y) * u128::from(width);
        down.saturating_sub(along)
    };
    let inner = 1..front.len().checked_sub(1)?;
    inner
        .map(|index| (below(front[index]), index))
        .filter(|(distance, _)| *distance > 0)
        .max_by_key(|(distance, index)| (*distance, std::cmp::Reverse(*index)))
        .map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_knee_is_where_the_curve_bends() {
        let front = [(0, 100), (10, 20), (20, 15), (100, 0)];
        assert_eq!(knee(&front), Some(1));
        assert_eq!(knee(&[(0, 100), (100, 0)]), None);
        assert_eq!(knee(&[(0, 100), (50, 50), (100, 0)]), None);
        assert_eq!(knee(&[]), None);
    }

    proptest! {
        #[test]
        fn a_front_dominates_everything_and_nothing_of_itself(
            points in prop::collection::vec((0u64..30, 0u64..30), 1..60)
        ) {
            let front = pareto(&points);
            let dominates = |a: (u64, u64), b: (u64, u64)| a.0 <= b.0 && a.1 <= b.1;
            for point in &points {
                prop_assert!(front.iter().any(|index| dominates(points[*index], *point)));
            }
            for a in &front {
                for b in &front {
                    prop_assert!(a == b || !dominates(points[*a], points[*b]));
                }
            }
        }
    }
}
