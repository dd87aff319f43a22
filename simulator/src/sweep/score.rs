//! What a policy comes to over all scenarios and seeds.

use std::time::Duration;

use pullstop_cluster::scenario::metric::{Condition, Count, Figure, Statistic, Timing, Waste};

use super::rows::{COUNTS, Measured, Seconds, TIMINGS, WASTE};
use super::summary::{Objective, Unit};

/// What policies are measured by, besides what the constraint and the axes name.
pub const FIGURES: [(Figure, &str); 9] = [
    (Figure::Count(Count::FalseFailures), "false failures"),
    (Figure::Count(Count::Missed), "missed pods"),
    (
        Figure::Timing(Timing::TimeToFail, Statistic::P50),
        "time to fail, median",
    ),
    (
        Figure::Timing(Timing::TimeToFail, Statistic::P95),
        "time to fail, 95th percentile",
    ),
    (Figure::Waste(Waste::WastedCpuHours), "wasted CPU-hours"),
    (Figure::Waste(Waste::WastedGpuHours), "wasted GPU-hours"),
    (
        Figure::Timing(Timing::QueueWait, Statistic::P95),
        "queue wait, 95th percentile",
    ),
    (Figure::Count(Count::Writes), "writes"),
    (Figure::Count(Count::Pulls), "pulls"),
];

/// The objectives of a report, in the order of [`FIGURES`].
pub fn objectives() -> Vec<Objective> {
    FIGURES
        .iter()
        .map(|(figure, title)| Objective {
            name: figure.to_string(),
            title: (*title).to_owned(),
            unit: unit_of(*figure),
        })
        .collect()
}

/// The unit of a figure's values.
pub const fn unit_of(figure: Figure) -> Unit {
    match figure {
        Figure::Count(_) => Unit::Count,
        Figure::Timing(..) => Unit::Milliseconds,
        Figure::Waste(_) => Unit::Millihours,
    }
}

/// A figure: a count, milliseconds or thousandths of an hour. `None` if nothing was measured, or rows do not have it.
pub fn get(measured: &Measured, figure: Figure) -> Option<u64> {
    match figure {
        Figure::Count(count) => {
            let place = COUNTS.iter().position(|known| *known == count)?;
            Some(measured.counts[place])
        }
        Figure::Waste(waste) => {
            let place = WASTE.iter().position(|known| *known == waste)?;
            Some(measured.waste_millihours[place])
        }
        Figure::Timing(timing, statistic) => {
            let place = TIMINGS.iter().position(|known| *known == timing)?;
            statistic_of(&measured.times[place], statistic).map(|seconds| seconds * 1000)
        }
    }
}

/// How far a policy is from what a condition asks for: 0 if it holds. A condition on what was not measured holds.
pub fn violation(measured: &Measured, condition: &Condition) -> u64 {
    use pullstop_cluster::scenario::metric::Comparison as C;
    let Some(got) = get(measured, condition.figure) else {
        return 0;
    };
    let value = condition.value;
    match condition.comparison {
        C::Less => (got + 1).saturating_sub(value),
        C::LessOrEqual => got.saturating_sub(value),
        C::Equal => got.abs_diff(value),
        C::NotEqual => u64::from(got == value),
        C::GreaterOrEqual => value.saturating_sub(got),
        C::Greater => (value + 1).saturating_sub(got),
    }
}

fn statistic_of(times: &Seconds, statistic: Statistic) -> Option<u64> {
    let total: u64 = times.values().sum();
    let rank = |percent: u64| {
        let rank = (total * percent).div_ceil(100).max(1);
        let mut before = 0;
        times.iter().find_map(|(second, count)| {
            before += count;
            (before >= rank).then_some(u64::from(*second))
        })
    };
    match statistic {
        Statistic::Min => times.keys().next().map(|second| u64::from(*second)),
        Statistic::Max => times.keys().next_back().map(|second| u64::from(*second)),
        Statistic::Mean => {
            let sum: u64 = times
                .iter()
                .map(|(second, count)| u64::from(*second) * count)
                .sum();
            sum.checked_div(total)
        }
        Statistic::P50 => rank(50),
        Statistic::P90 => rank(90),
        Statistic::P95 => rank(95),
        Statistic::P99 => rank(99),
    }
}

/// The value of a figure, as people write it; a dash if nothing was measured.
pub fn in_words(value: Option<u64>, unit: Unit) -> String {
    match (value, unit) {
        (None, _) => "–".to_owned(),
        (Some(count), Unit::Count) => count.to_string(),
        (Some(ms), Unit::Milliseconds) => {
            pullstop_core::time::Human(Duration::from_millis(ms)).to_string()
        }
        (Some(millihours), Unit::Millihours) => {
            let tenths = millihours.saturating_add(50) / 100;
            format!("{}.{}", tenths / 10, tenths % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_single_times() {
        let times = Seconds::from([(10, 50), (20, 45), (30, 5)]);
        let get = |statistic| statistic_of(&times, statistic);
        assert_eq!(get(Statistic::P50), Some(10));
        assert_eq!(get(Statistic::P95), Some(20));
        assert_eq!(get(Statistic::P99), Some(30));
        assert_eq!(
            (get(Statistic::Min), get(Statistic::Max)),
            (Some(10), Some(30))
        );
        assert_eq!(get(Statistic::Mean), Some(15));
        assert_eq!(statistic_of(&Seconds::new(), Statistic::P50), None);
    }

    #[test]
    fn a_violation_is_zero_exactly_where_the_condition_holds() {
        for text in ["< 3", "<= 3", "== 3", "!= 3", ">= 3", "> 3"] {
            let condition = Condition::parse(&format!("missed {text}")).unwrap();
            for missed in 0..7 {
                let mut measured = Measured::default();
                measured.counts[2] = missed;
                let mut figures = pullstop_cluster::scenario::metric::Figures::default();
                figures.counts[Count::Missed as usize] = missed;
                let holds = condition.holds(&figures);
                assert_eq!(
                    violation(&measured, &condition) == 0,
                    holds,
                    "{missed} {text}"
                );
            }
        }
    }
}
