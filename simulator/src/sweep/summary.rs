//! The result of a sweep, as its reports show it: every policy as a point, and what led to the recommended one.

use std::fmt;

use serde::Serialize;

/// The result of a sweep. Serialized, it is the JSON report and the data of the HTML page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The command that gives this result again.
    pub command: String,
    /// The version of the simulator.
    pub version: String,
    /// Number of scenarios.
    pub scenarios: usize,
    /// The first and the last seed; none if each scenario had its own.
    pub seeds: Option<(u64, u64)>,
    /// Number of runs: policies, scenarios and seeds multiplied.
    pub runs: u64,
    /// How many of the runs were simulated; the others were proven to end like one of these.
    pub simulated: u64,
    /// What every policy is measured by.
    pub objectives: Vec<Objective>,
    /// The condition that comes first, such as `falseFailures == 0`.
    pub constraint: String,
    /// Indices of the two objectives that are traded: x and y of the picture. Less is better in both.
    pub axes: (usize, usize),
    /// What was varied.
    pub knobs: Vec<Knob>,
    /// Every policy, the baselines among them; the index of a point is its name in the other fields.
    pub points: Vec<Point>,
    /// The Pareto front among the points that meet the constraint, by x.
    pub front: Vec<usize>,
    /// The recommended point, if one meets the constraint.
    pub recommended: Option<usize>,
    /// For each knob the values that give the same runs as the recommended point; `None` where that is not known.
    pub same_runs: Vec<Option<SameRuns>>,
    /// Why this one, in sentences.
    pub reasons: Vec<String>,
    /// When a kubelet's pulls can show anything new, in seconds after the first failure.
    pub steps_seconds: Vec<u64>,
    /// Each scenario under the points that matter: the front, the baselines, the built-in and recommended policies.
    pub details: Vec<Detail>,
}

/// Something that every policy is measured by. Less is better.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Objective {
    /// Its name in conditions, such as `timeToFail.p50`.
    pub name: String,
    /// What it is called in a report, such as `time to fail, median`.
    pub title: String,
    /// The unit of its values.
    pub unit: Unit,
}

/// The unit of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// A number of things.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Thousandths of an hour.
    Millihours,
}

/// A field of the policy that was varied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Knob {
    /// Its path in the policy, such as `rules.definite.attempts`.
    pub path: String,
    /// Its values, in order.
    pub values: Vec<String>,
    /// How much each value matters, in the order of `values`.
    pub slices: Vec<Slice>,
    /// How far each objective moves between the best and the worst value, in thousandths of what it moves between all
    /// points; in the order of the objectives.
    pub importance_permille: Vec<u32>,
}

/// The points that have one value of a knob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Slice {
    /// How many they are.
    pub points: usize,
    /// The median of each objective among them; none if nothing was measured.
    pub medians: Vec<Option<u64>>,
    /// The best of each objective among them.
    pub best: Vec<Option<u64>>,
}

/// The values of a knob that give the same runs, while those of the other knobs stay or change within theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SameRuns {
    /// The least of them.
    pub from: String,
    /// The greatest; none if any greater value gives the same.
    pub to: Option<String>,
}

impl fmt::Display for SameRuns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            Some(to) => write!(f, "same runs from {} to {to}", self.from),
            None if matches!(self.from.as_str(), "1" | "0s") => f.write_str("no run asks for it"),
            None => write!(f, "same runs from {} on", self.from),
        }
    }
}

/// A policy or a baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// Its name: that of a baseline, or the number of a policy in the results.
    pub name: String,
    /// What it is.
    pub kind: PointKind,
    /// For a policy of the sweep: the index of each knob's value.
    pub values: Vec<usize>,
    /// The objectives; none if nothing was measured.
    pub objectives: Vec<Option<u64>>,
    /// Pods that were failed, and those of them that would have run.
    pub verdicts: u64,
    /// Those of them that would have run.
    pub false_failures: u64,
    /// The rate of false failures among the verdicts, with the ends of its 95 % interval, in millionths.
    pub false_rate_ppm: Option<(u64, u64, u64)>,
    /// Whether it meets the constraint.
    pub is_feasible: bool,
}

/// What a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PointKind {
    /// A policy of the sweep.
    Policy,
    /// The built-in policy.
    BuiltIn,
    /// Another tool's rule.
    Baseline,
    /// The limit: it knows the truth.
    Oracle,
}

/// One scenario under the points that matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The scenario.
    pub scenario: String,
    /// For each of these points, the objectives in this scenario alone.
    pub points: Vec<(usize, Vec<Option<u64>>)>,
}
