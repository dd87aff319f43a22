//! Made-up results of sweeps, as large as wanted: plausible in what trades against what, and the same every time.

use pullstop_simulator::sweep::summary::{
    Detail, Knob, Objective, Point, PointKind, SameRuns, Slice, Summary, Unit,
};

const KNOBS: [(&str, &[&str]); 6] = [
    ("rules.definite.attempts", &["1", "2", "3", "4", "5"]),
    ("rules.definite.time", &["0s", "30s", "1m", "2m", "5m"]),
    ("rules.ambiguous.attempts", &["2", "3", "5", "8"]),
    ("rules.ambiguous.time", &["2m", "5m", "10m", "20m", "1h"]),
    ("rules.transient.attempts", &["5", "8", "12", "16"]),
    (
        "rules.transient.time",
        &["10m", "20m", "30m", "1h", "2h", "6h"],
    ),
];
/// When a kubelet that backs off pulls.
const STEPS: [u64; 10] = [2, 28, 54, 102, 190, 357, 664, 971, 1278, 1585];
const OBJECTIVES: [(&str, &str, Unit); 6] = [
    ("falseFailures", "false failures", Unit::Count),
    ("missed", "missed", Unit::Count),
    ("timeToFail.p50", "time to fail, median", Unit::Milliseconds),
    (
        "timeToFail.p95",
        "time to fail, 95th percentile",
        Unit::Milliseconds,
    ),
    ("wastedGpuHours", "wasted GPU-hours", Unit::Millihours),
    ("writes", "writes to the API", Unit::Count),
];
const AXES: (usize, usize) = (2, 4);
const SCENARIOS: usize = 120;

/// A sweep with so many policies.
pub(crate) fn summary(policies: usize) -> Summary {
    let mut points: Vec<Point> = (0..policies).map(policy).collect();
    let other = |name: &str, kind, objectives: [Option<u64>; 6]| Point {
        name: name.to_owned(),
        kind,
        ..measured(objectives)
    };
    let kept = |ms, gpu| [0, 0, ms, 4 * ms, gpu, 900].map(Some);
    points.extend([
        other("built-in", PointKind::BuiltIn, kept(212_000, 231_400)),
        other("oracle", PointKind::Oracle, kept(2_400, 18_200)),
        other(
            "first-sight",
            PointKind::Baseline,
            [311, 0, 2_600, 3_000, 980_000, 1400].map(Some),
        ),
        other(
            "tekton",
            PointKind::Baseline,
            [295, 0, 2_900, 4_000, 955_000, 1400].map(Some),
        ),
        other(
            "tekton-5m",
            PointKind::Baseline,
            [12, 0, 357_000, 360_000, 310_000, 900].map(Some),
        ),
        other(
            "kueue",
            PointKind::Baseline,
            [40, 11, 300_000, 900_000, 402_000, 880].map(Some),
        ),
        other(
            "armada",
            PointKind::Baseline,
            [0, 61, 1_278_000, 3_600_000, 842_000, 300].map(Some),
        ),
        other(
            "nothing",
            PointKind::Baseline,
            [Some(0), Some(412), None, None, Some(6_420_000), Some(0)],
        ),
    ]);
    let front = front(&points[..policies]);
    let recommended = front.get(front.len() / 2).copied();
    let knobs = KNOBS
        .iter()
        .enumerate()
        .map(|(place, _)| knob(place, &points[..policies]));
    Summary {
        command: "simulator sweep --knob 'rules.definite.attempts=1..5' --seeds 1..20 scenarios".to_owned(),
        version: "0.1.0".to_owned(),
        scenarios: SCENARIOS,
        seeds: Some((1, 20)),
        runs: (points.len() * SCENARIOS * 20) as u64,
        simulated: (points.len() * 31) as u64,
        objectives: OBJECTIVES
            .map(|(name, title, unit)| Objective {
                name: name.to_owned(),
                title: title.to_owned(),
                unit,
            })
            .to_vec(),
        constraint: "falseFailures == 0".to_owned(),
        axes: AXES,
        knobs: knobs.collect(),
        details: details(&points, &front, recommended),
        front,
        recommended,
        same_runs: KNOBS
            .iter()
            .map(|(_, values)| {
                let greatest = values.last().map(|value| (*value).to_owned());
                Some(SameRuns {
                    from: values[0].to_owned(),
                    to: greatest,
                })
            })
            .collect(),
        reasons: [
            "It is the knee of the front: from here on, each minute costs more GPU-hours than it saves.",
            "The next point to the left, `rules.definite.attempts: 2`, wastes 12 GPU-hours more and is 4 s quicker.",
        ]
        .map(str::to_owned)
        .to_vec(),
        steps_seconds: STEPS.to_vec(),
        points,
    }
}

fn policy(number: usize) -> Point {
    // Few policies have all values too: the step has no divisor in common with the number of all, 12,000.
    let mut rest = number * 7_919;
    let values: Vec<usize> = KNOBS
        .iter()
        .map(|(_, all)| {
            let chosen = rest % all.len();
            rest /= all.len();
            chosen
        })
        .collect();
    let noise = noise(number as u64);
    let definite = STEPS[values[0]].max([0, 30, 60, 120, 300][values[1]]);
    let transient = [600, 1200, 1800, 3600, 7200, 21600][values[5]].max(307 * values[4] as u64);
    let ambiguous = [120, 300, 600, 1200, 3600][values[3]];
    let wrong = (60 / (definite + 1) + 9000 / transient + 600 / ambiguous).saturating_sub(9);
    let time = definite * 1000 + ambiguous * 40 + noise % 2000;
    let waste = transient * 25 + ambiguous * 12 + 9_000_000 / (definite + 20) + noise % 20_000;
    let writes = 2_000 - transient / 60 + noise % 300;
    Point {
        name: number.to_string(),
        values,
        ..measured([wrong, transient / 1800, time, 5 * time, waste, writes].map(Some))
    }
}

fn measured(objectives: [Option<u64>; 6]) -> Point {
    let false_failures = objectives[0].unwrap_or(0);
    let rate = false_failures * 1_000_000 / 9_100;
    let margin = 430 + rate / 8;
    Point {
        name: String::new(),
        kind: PointKind::Policy,
        values: Vec::new(),
        objectives: objectives.to_vec(),
        verdicts: 9_100,
        false_failures,
        false_rate_ppm: Some((rate, rate.saturating_sub(margin), rate + margin)),
        is_feasible: false_failures == 0,
    }
}

fn at(point: &Point, objective: usize) -> u64 {
    point.objectives[objective].unwrap_or(u64::MAX)
}

fn front(points: &[Point]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..points.len())
        .filter(|place| points[*place].is_feasible)
        .collect();
    places.sort_by_key(|place| (at(&points[*place], AXES.0), at(&points[*place], AXES.1)));
    let mut best = u64::MAX;
    places.retain(|place| {
        let y = at(&points[*place], AXES.1);
        let is_better = y < best;
        best = best.min(y);
        is_better
    });
    places
}

fn knob(place: usize, points: &[Point]) -> Knob {
    let (path, values) = KNOBS[place];
    let slice = |chosen: usize| {
        let of = |objective: usize| {
            let with = points
                .iter()
                .filter(move |point| point.values[place] == chosen);
            let mut found: Vec<u64> = with.map(|point| at(point, objective)).collect();
            found.sort_unstable();
            found
        };
        let all = (0..OBJECTIVES.len()).map(of);
        let all: Vec<Vec<u64>> = all.collect();
        Slice {
            points: all[0].len(),
            medians: all
                .iter()
                .map(|found| found.get(found.len() / 2).copied())
                .collect(),
            best: all.iter().map(|found| found.first().copied()).collect(),
        }
    };
    let slices: Vec<Slice> = (0..values.len()).map(slice).collect();
    let importance = (0..OBJECTIVES.len()).map(|objective| {
        let medians = slices.iter().filter_map(|slice| slice.medians[objective]);
        let (low, high) = (
            medians.clone().min().unwrap_or(0),
            medians.max().unwrap_or(0),
        );
        let all = points.iter().map(|point| at(point, objective));
        let (least, most) = (all.clone().min().unwrap_or(0), all.max().unwrap_or(0));
        u32::try_from((high - low) * 1000 / (most - least).max(1)).unwrap()
    });
    Knob {
        path: path.to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        importance_permille: importance.collect(),
        slices,
    }
}

fn details(points: &[Point], front: &[usize], recommended: Option<usize>) -> Vec<Detail> {
    let others = (0..points.len()).filter(|place| points[*place].kind != PointKind::Policy);
    let mut told: Vec<usize> = front.iter().copied().chain(recommended).collect();
    told.sort_unstable();
    told.dedup();
    told.extend(others);
    let scenario = |number: usize| {
        let share = |place: usize| {
            let objectives = points[place].objectives.iter();
            // In every third scenario all policies end alike.
            let by = if number.is_multiple_of(3) { 0 } else { place };
            let part = noise((number * 7919 + by) as u64) % 100 + 1;
            let objectives = objectives.map(|whole| Some((*whole)? * part / 6000));
            (place, objectives.collect())
        };
        Detail {
            scenario: format!("outages/registry-{number:03}"),
            points: told.iter().copied().map(share).collect(),
        }
    };
    (0..SCENARIOS).map(scenario).collect()
}

/// A number that looks random (Steele, Lea and Flood 2014).
fn noise(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
