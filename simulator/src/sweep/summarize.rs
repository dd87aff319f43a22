//! Makes the summary of a sweep: points, sensitivity of the knobs, the front, and the recommended policy with its reasons.

use std::collections::BTreeMap;

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::metric::{Count, Figure};
use pullstop_cluster::world::enforcer::baselines::Baseline;
use pullstop_core::policy::Policy;

use super::front::{self, Rank};
use super::reasons::reasons;
use super::results::Results;
use super::rows::{self, Measured};
use super::score::{self, FIGURES, get};
use super::summary::{Detail, Knob, Point, PointKind, Slice, Summary};
use super::totals::Totals;
use super::unit::{BUILT_IN, FIXED_ROWS};
use super::{Sweep, knob};
use crate::stats::rate::wilson;

/// When a pull can fail, in seconds after the first failure, as a kubelet's back-off has it; then every 307 s. Between two
/// of these no number of attempts differs (measured on a real kubelet: docs/design.md).
const STEPS_S: [u64; 6] = [2, 28, 54, 102, 190, 357];
/// From the last of them on.
const STEP_S: u64 = 307;
/// As far as steps are shown.
const STEPS_UNTIL_S: u64 = 3600;
/// Scenarios are shown for so many points of the front at most.
const DETAILED_MAX: usize = 40;

/// The summary of a sweep, and the candidate that is recommended. `command` is what gives it again.
///
/// # Errors
/// If the results cannot be read.
pub fn summarize(
    sweep: &Sweep,
    totals: &Totals,
    results: &Results,
    command: String,
) -> Result<(Summary, Option<usize>), InputError> {
    let measured = all_measured(totals);
    let points: Vec<Point> = points(sweep, totals, &measured);
    let places: Vec<(u64, u64)> = measured
        .iter()
        .map(|(_, measured)| front::place(measured, sweep.axes))
        .collect();
    let traded: Vec<usize> = (0..points.len())
        .filter(|index| matches!(points[*index].kind, PointKind::Policy | PointKind::BuiltIn))
        .collect();
    let traded_places: Vec<_> = traded.iter().map(|index| places[*index]).collect();
    let front: Vec<usize> = front::pareto(&traded_places)
        .into_iter()
        .map(|index| traded[index])
        .collect();
    let recommended = recommended(sweep, totals);
    let recommended_point = recommended
        .and_then(|number| totals.survivors.iter().position(|other| *other == number))
        .map(|place| FIXED_ROWS + place);
    let front_places: Vec<_> = front.iter().map(|index| places[*index]).collect();
    let knee = front::knee(&front_places).map(|place| front[place]);
    let axis = |figure: Figure| {
        let mut known = FIGURES.iter();
        known.position(|(known, _)| *known == figure).unwrap_or(0)
    };
    let detailed = detailed(&front, recommended_point);
    let summary = Summary {
        command,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenarios: sweep.scenarios.len(),
        seeds: sweep.seeds,
        runs: totals.runs,
        simulated: totals.simulated,
        objectives: score::objectives(),
        constraint: constraint(sweep),
        axes: (axis(sweep.axes.0), axis(sweep.axes.1)),
        knobs: knobs(sweep, &points),
        reasons: match recommended {
            None => vec!["No policy was swept.".to_owned()],
            Some(number) => {
                let knee = knee.map(|index| &points[index]);
                reasons(sweep, totals, number, &constraint(sweep), knee)
            }
        },
        points,
        front,
        recommended: recommended_point,
        same_runs: Vec::new(),
        steps_seconds: steps(),
        details: details(results, totals, &detailed)?,
    };
    Ok((summary, recommended))
}

/// Everything that was measured: the built-in policy, the baselines, and the candidates that were run to the end.
fn all_measured(totals: &Totals) -> Vec<(PointKind, &Measured)> {
    let baselines = totals.of_baselines().map(|(baseline, _, measured)| {
        let kind = match baseline {
            Baseline::Oracle => PointKind::Oracle,
            _ => PointKind::Baseline,
        };
        (kind, measured)
    });
    let candidates = totals.survivors.iter();
    let candidates = candidates.map(|number| (PointKind::Policy, totals.of_candidate(*number)));
    std::iter::once((PointKind::BuiltIn, totals.of_built_in()))
        .chain(baselines)
        .chain(candidates)
        .collect()
}

fn points(sweep: &Sweep, totals: &Totals, measured: &[(PointKind, &Measured)]) -> Vec<Point> {
    let mut names = vec![(BUILT_IN.to_owned(), Vec::new())];
    names.extend(
        totals
            .of_baselines()
            .map(|(_, name, _)| (name.to_owned(), Vec::new())),
    );
    names.extend(
        totals
            .survivors
            .iter()
            .map(|number| (number.to_string(), sweep.candidates[*number].values.clone())),
    );
    let point =
        |((kind, measured), (name, values)): (&(PointKind, &Measured), (String, Vec<usize>))| {
            let verdicts = measured.count(Count::Verdicts);
            let false_failures = measured.count(Count::FalseFailures);
            Point {
                name,
                kind: *kind,
                values,
                objectives: objectives(measured),
                verdicts,
                false_failures,
                false_rate_ppm: false_rate_ppm(false_failures, verdicts),
                is_feasible: front::violations(measured, &sweep.constraints) == 0,
            }
        };
    measured.iter().zip(names).map(point).collect()
}

fn objectives(measured: &Measured) -> Vec<Option<u64>> {
    FIGURES
        .iter()
        .map(|(figure, _)| get(measured, *figure))
        .collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of one, in millionths"
)]
fn false_rate_ppm(false_failures: u64, verdicts: u64) -> Option<(u64, u64, u64)> {
    let interval = wilson(false_failures, verdicts)?;
    let ppm = |share: f64| (share * 1_000_000.0).round() as u64;
    Some((
        (false_failures * 1_000_000 + verdicts / 2).checked_div(verdicts)?,
        ppm(interval.low),
        ppm(interval.high),
    ))
}

fn constraint(sweep: &Sweep) -> String {
    let texts: Vec<&str> = sweep
        .constraints
        .iter()
        .map(|each| each.text.as_str())
        .collect();
    texts.join(" and ")
}

/// The best candidate; of several that are equally good the most patient, since a false failure is the worst mistake.
fn recommended(sweep: &Sweep, totals: &Totals) -> Option<usize> {
    let rank = |number: usize| rank(sweep, totals.of_candidate(number));
    let numbers = totals.survivors.iter().copied();
    numbers.min_by_key(|number| {
        let policy = &sweep.candidates[*number].policy;
        (rank(*number), std::cmp::Reverse(patience(policy)), *number)
    })
}

fn rank(sweep: &Sweep, measured: &Measured) -> Rank {
    front::rank(measured, &sweep.constraints, sweep.axes)
}

fn patience(policy: &Policy) -> (u128, u64) {
    let rules = policy.rules();
    let durations = rules.iter().map(|rule| rule.duration.as_millis()).sum();
    let attempts = rules
        .iter()
        .map(|rule| u64::from(rule.attempts.get()))
        .sum();
    (durations, attempts)
}

fn knobs(sweep: &Sweep, points: &[Point]) -> Vec<Knob> {
    let swept: Vec<&Point> = points
        .iter()
        .filter(|point| point.kind == PointKind::Policy)
        .collect();
    let knob = |(place, knob): (usize, &knob::Knob)| {
        let slices: Vec<Slice> = (0..knob.values.len())
            .map(|value| slice(swept.iter().filter(|point| point.values[place] == value)))
            .collect();
        let importance = (0..FIGURES.len()).map(|objective| {
            let all = swept.iter().filter_map(|point| point.objectives[objective]);
            let medians = slices.iter().filter_map(|slice| slice.medians[objective]);
            permille(extent(medians), extent(all))
        });
        Knob {
            path: knob.path.clone(),
            values: (0..knob.values.len())
                .map(|value| knob.label(value))
                .collect(),
            importance_permille: importance.collect(),
            slices,
        }
    };
    sweep.knobs.iter().enumerate().map(knob).collect()
}

fn slice<'a>(points: impl Iterator<Item = &'a &'a Point>) -> Slice {
    let points: Vec<_> = points.collect();
    let sorted = |objective: usize| {
        let values = points
            .iter()
            .filter_map(|point| point.objectives[objective]);
        let mut values: Vec<u64> = values.collect();
        values.sort_unstable();
        values
    };
    let all: Vec<Vec<u64>> = (0..FIGURES.len()).map(sorted).collect();
    Slice {
        points: points.len(),
        medians: all
            .iter()
            .map(|values| values.get(values.len().div_ceil(2).max(1) - 1).copied())
            .collect(),
        best: all.iter().map(|values| values.first().copied()).collect(),
    }
}

fn extent(values: impl Iterator<Item = u64>) -> u64 {
    let ends = values.fold(None, |ends: Option<(u64, u64)>, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    });
    ends.map_or(0, |(low, high)| high - low)
}

fn permille(part: u64, whole: u64) -> u32 {
    let share = u128::from(part) * 1000;
    let share = share.checked_div(u128::from(whole)).unwrap_or(0);
    u32::try_from(share).unwrap_or(u32::MAX)
}

fn steps() -> Vec<u64> {
    let last = STEPS_S[STEPS_S.len() - 1];
    let later = (1..).map(|step| last + step * STEP_S);
    let later = later.take_while(|second| *second <= STEPS_UNTIL_S);
    STEPS_S.into_iter().chain(later).collect()
}

/// The points whose scenarios are shown.
fn detailed(front: &[usize], recommended: Option<usize>) -> Vec<usize> {
    let mut all: Vec<usize> = (0..FIXED_ROWS).chain(recommended).collect();
    all.extend(front.iter().take(DETAILED_MAX));
    all.sort_unstable();
    all.dedup();
    all
}

fn details(
    results: &Results,
    totals: &Totals,
    detailed: &[usize],
) -> Result<Vec<Detail>, InputError> {
    let names = detailed.iter().map(|point| {
        let name = match point.checked_sub(FIXED_ROWS) {
            Some(place) => totals.survivors[place].to_string(),
            None if *point == 0 => BUILT_IN.to_owned(),
            None => Baseline::ALL[point - 1].1.to_owned(),
        };
        (name, *point)
    });
    let names: BTreeMap<String, usize> = names.collect();
    let mut scenarios: BTreeMap<String, BTreeMap<usize, Measured>> = BTreeMap::new();
    let mut reader = results.reader()?;
    while let Some(line) = reader.lines(1)? {
        let Some(row) = rows::read(line.trim_end_matches('\n')) else {
            continue;
        };
        if let Some(point) = names.get(row.policy) {
            let points = scenarios.entry(rows::text(row.scenario)).or_default();
            points.entry(*point).or_default().add(&row.measured);
        }
    }
    let detail = |(scenario, points): (String, BTreeMap<usize, Measured>)| Detail {
        scenario,
        points: points
            .iter()
            .map(|(point, measured)| (*point, objectives(measured)))
            .collect(),
    };
    Ok(scenarios.into_iter().map(detail).collect())
}
