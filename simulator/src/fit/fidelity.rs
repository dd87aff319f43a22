//! How well the fitted day stands for the recordings: both distributions side by side.

use std::collections::BTreeMap;

use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::RunOptions;
use pullstop_cluster::world::enforcer::baselines::Baseline;
use pullstop_cluster::world::truth::{Attempt, Ending, Truth};
use pullstop_core::classify::TooManyPatterns;
use serde::Serialize;

use super::estimates::{Estimates, quantile};
use super::ks::Distance;
use super::set;

/// The seeds of the simulated days.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

/// What was recorded and what was simulated, of one kind of time.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// What is compared.
    pub what: &'static str,
    /// As recorded.
    pub recorded: Quantiles,
    /// As simulated.
    pub simulated: Quantiles,
    /// The distance of Kolmogorov and Smirnov; none if one of both has no observation.
    pub distance: Option<Distance>,
}

/// Quantiles of times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quantiles {
    /// How many times they are of.
    pub observations: usize,
    /// In milliseconds.
    pub p10_ms: Option<u64>,
    /// In milliseconds.
    pub p50_ms: Option<u64>,
    /// In milliseconds.
    pub p90_ms: Option<u64>,
    /// In milliseconds.
    pub p95_ms: Option<u64>,
}

impl Quantiles {
    /// Of these times.
    pub(super) fn of(times_ms: &[u64]) -> Self {
        let mut sorted = times_ms.to_vec();
        sorted.sort_unstable();
        Self {
            observations: sorted.len(),
            p10_ms: quantile(&sorted, 100),
            p50_ms: quantile(&sorted, 500),
            p90_ms: quantile(&sorted, 900),
            p95_ms: quantile(&sorted, 950),
        }
    }
}

/// Times in milliseconds.
#[derive(Debug, Default)]
struct Times {
    healing: Vec<u64>,
    between: Vec<u64>,
    pulls: Vec<u64>,
}

/// Simulates the day with some seeds, in which nobody fails a pod, and compares it with what was recorded.
///
/// # Errors
/// Never: the built-in patterns are not too many.
pub(super) fn compare(
    estimates: &Estimates,
    day: &Scenario,
) -> Result<Vec<Comparison>, TooManyPatterns> {
    let recorded = recorded(estimates);
    let mut simulated = Times::default();
    for seed in SEEDS {
        let nobody = Decider::Baseline(Baseline::Nothing);
        let mut world = simulation::world(day, seed, &nobody, RunOptions::default())?;
        world.run();
        simulated.add(&world.cluster.truth);
    }
    let compared = |what, recorded: &[u64], simulated: &[u64]| Comparison {
        what,
        recorded: Quantiles::of(recorded),
        simulated: Quantiles::of(simulated),
        distance: Distance::between(recorded, simulated),
    };
    Ok(vec![
        compared("healing time", &recorded.healing, &simulated.healing),
        compared(
            "time between failures",
            &recorded.between,
            &simulated.between,
        ),
        compared("pull time", &recorded.pulls, &simulated.pulls),
    ])
}

/// What was recorded of the kinds that the day has.
fn recorded(estimates: &Estimates) -> Times {
    let mut times = Times::default();
    let mut began = Vec::new();
    for (kind, ended, never) in set::of_day(estimates) {
        if ended > 0 {
            times.healing.extend(&kind.healed_ms);
        }
        if ended + never > 0 {
            began.extend(&kind.began_ms);
        }
    }
    times.add_gaps(began);
    for pulls in estimates.registries.values() {
        times.pulls.extend(&pulls.took_ms);
    }
    times
}

impl Times {
    /// Between the moments at which containers began to fail.
    fn add_gaps(&mut self, mut began_ms: Vec<u64>) {
        began_ms.sort_unstable();
        self.between
            .extend(began_ms.windows(2).map(|pair| pair[1] - pair[0]));
    }

    fn add(&mut self, truth: &Truth) {
        let mut began = Vec::new();
        for pod in &truth.pods {
            let mut containers: BTreeMap<u16, Vec<&Attempt>> = BTreeMap::new();
            for attempt in &pod.attempts {
                containers
                    .entry(attempt.container)
                    .or_default()
                    .push(attempt);
            }
            for attempts in containers.into_values() {
                began.extend(self.add_container(&attempts));
            }
        }
        self.add_gaps(began);
    }

    /// Returns when its pulls began to fail.
    fn add_container(&mut self, attempts: &[&Attempt]) -> Vec<u64> {
        let (mut began, mut failing) = (Vec::new(), None);
        for attempt in attempts {
            let Some((at, ending)) = attempt.ended else {
                continue;
            };
            match ending {
                Ending::Pulled => {
                    if let Some(started) = attempt.started_at {
                        self.pulls.push(at.as_millis() - started.as_millis());
                    }
                    if let Some(first) = failing.take() {
                        self.healing.push(at.as_millis() - first);
                    }
                }
                ending if ending.is_failure() && failing.is_none() => {
                    failing = Some(at.as_millis());
                    began.push(at.as_millis());
                }
                _ => {}
            }
        }
        began
    }
}
