//! The regression gate: what scenarios measured once, and whether they still do.
//!
//! ```text
//! runs ─▶ Baseline ─ document ─▶ file
//!                                 │
//! runs ─▶ Baseline ───────────▶ compare ─▶ worse, better, changed
//! ```

pub mod compare;
pub mod document;
pub mod metric;

use std::collections::BTreeMap;

use pullstop_cluster::scenario::metric::Figures;

use self::metric::{METRICS, Metric};
use crate::runs::outcome::Outcome;
use crate::stats::spread;

/// The measures of all runs, or of those of one scenario; in the order of [`METRICS`], none where nothing was measured.
pub type Values = [Option<u64>; METRICS.len()];

/// What scenarios measured, and how to measure it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// What was run.
    pub arguments: Arguments,
    /// How much worse each measure of all runs may be.
    pub tolerances: [u64; METRICS.len()],
    /// Over all runs.
    pub total: Values,
    /// Over the runs of each scenario, by its file.
    pub scenarios: BTreeMap<String, Values>,
}

/// What was run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Scenarios, and folders with scenarios.
    pub paths: Vec<String>,
    /// The first and the last seed; the scenarios' own seeds if none.
    pub seeds: Option<(u64, u64)>,
    /// A file, the name of a baseline, or `built-in`; the scenarios' own policies if none.
    pub policy: Option<String>,
}

/// What one run measured.
#[derive(Clone, Debug)]
pub struct Run {
    /// The file of the scenario.
    pub file: String,
    /// The seed.
    pub seed: u64,
    /// What was measured.
    pub sums: Sums,
}

/// What one run measured, or several together.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// The figures.
    pub figures: Figures,
    /// Number of broken invariants.
    pub broken: u64,
    /// Number of simulated events.
    pub events: u64,
}

impl Run {
    /// What a run measured that had this outcome.
    pub fn of(file: String, outcome: &Outcome) -> Self {
        Self {
            file,
            seed: outcome.seed,
            sums: Sums {
                figures: outcome.figures.clone(),
                broken: outcome.broken.len() as u64,
                events: outcome.events,
            },
        }
    }
}

impl Sums {
    /// What several runs measured together.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Self {
        let mut all = Self::default();
        for run in runs {
            all.figures.add(&run.sums.figures);
            all.broken += run.sums.broken;
            all.events += run.sums.events;
        }
        all
    }

    /// Its measures.
    pub fn values(&self) -> Values {
        METRICS.each_ref().map(|metric| metric.of(self))
    }
}

impl Baseline {
    /// What these runs measured.
    pub fn of(arguments: Arguments, runs: &[Run]) -> Self {
        let mut scenarios: BTreeMap<String, Vec<&Run>> = BTreeMap::new();
        let mut seeds: BTreeMap<u64, Vec<&Run>> = BTreeMap::new();
        for run in runs {
            scenarios.entry(run.file.clone()).or_default().push(run);
            // Without given seeds each scenario has one of its own: that is one draw of all.
            let seed = arguments.seeds.map_or(0, |_| run.seed);
            seeds.entry(seed).or_default().push(run);
        }
        let values = |runs: Vec<&Run>| Sums::of(runs).values();
        let by_seed: Vec<Values> = seeds.into_values().map(values).collect();
        let with_values = |(file, runs)| (file, values(runs));
        Self {
            arguments,
            tolerances: METRICS.each_ref().map(|metric| tolerance(metric, &by_seed)),
            total: Sums::of(runs).values(),
            scenarios: scenarios.into_iter().map(with_values).collect(),
        }
    }
}

/// How much worse a measure may be, by what it was with each seed. The rule and its source are in [`spread`].
fn tolerance(metric: &Metric, by_seed: &[Values]) -> u64 {
    if metric.is_exact {
        return 0;
    }
    let measured: Vec<u64> = by_seed
        .iter()
        .filter_map(|values| values[metric.place()])
        .collect();
    let of_mean = spread::tolerance(&measured);
    if metric.is_sum() {
        of_mean.saturating_mul(measured.len() as u64)
    } else {
        of_mean
    }
}
