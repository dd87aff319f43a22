//! Two policies on the same scenarios and seeds: what differs, and whether that is more than chance.
//!
//! Each difference is tested by flipping its sign ([`sign_flip_test`]), and the probabilities of all measures are adjusted
//! for their number ([`holm`]). What is flipped are scenarios, since seeds of one scenario are alike: ten seeds of a scenario in
//! which chance has no part say no more than one. With fewer than six scenarios, of which nothing can be said, seeds are
//! flipped; the result then holds for these scenarios only.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroUsize;

use super::first::{self, First};
use crate::baseline::metric::{METRICS, Metric};
use crate::baseline::{Run, Sums, Values};
use crate::exit::Failure;
use crate::runs::decider;
use crate::runs::plan::Plan;
use crate::runs::pool::{self, Options, Progress};
use crate::stats::holm;
use crate::stats::paired::sign_flip_test;

/// Signs of five pairs can all be the same by chance in 6 of 100 cases.
pub(super) const PAIRS_MIN: usize = 6;
/// The seed of the test's own random numbers.
const TEST_SEED: u64 = 1;

/// Two policies, compared.
#[derive(Debug)]
pub(super) struct Compared {
    /// Their names.
    pub(super) policies: [String; 2],
    pub(super) scenarios: usize,
    pub(super) runs: usize,
    /// Whether the pairs of the tests are scenarios, and not runs.
    pub(super) by_scenario: bool,
    pub(super) measures: Vec<Measure>,
    pub(super) differing: Vec<Differing>,
    /// Where they differ first in the first scenario in which they do.
    pub(super) first: Option<First>,
}

/// One measure of both.
#[derive(Debug)]
pub(super) struct Measure {
    pub(super) metric: &'static Metric,
    /// Over all runs.
    pub(super) values: [Option<u64>; 2],
    /// In how many runs each has less than the other.
    pub(super) less: [usize; 2],
    /// Pairs that differ.
    pub(super) pairs: usize,
    /// The probability of such a difference by chance, adjusted for the number of measures; none if nothing differs.
    pub(super) probability: Option<f64>,
}

/// A scenario in which they differ.
#[derive(Debug)]
pub(super) struct Differing {
    pub(super) file: String,
    /// In so many runs.
    pub(super) runs: usize,
    /// Of so many.
    pub(super) of: usize,
}

/// Runs everything under both.
pub(super) fn run(
    plan: &Plan,
    names: [&str; 2],
    jobs: Option<NonZeroUsize>,
    shows_progress: bool,
    err: &mut dyn Write,
) -> Result<Compared, Failure> {
    let deciders = [decider(Some(names[0]), err)?, decider(Some(names[1]), err)?];
    let options = Options {
        jobs,
        ..Options::default()
    };
    let mut both = Vec::new();
    for decider in &deciders {
        both.push(pool::run_all(
            plan,
            decider,
            options,
            &mut Progress::new(shows_progress, err),
        )?);
    }
    let runs = |ran: &[pool::Ran]| -> Vec<Run> {
        let file = |place: usize| {
            plan.scenarios[plan.tasks[place].scenario]
                .file
                .display()
                .to_string()
        };
        let all = ran.iter().enumerate();
        all.map(|(place, ran)| Run::of(file(place), &ran.outcome))
            .collect()
    };
    let differs: Vec<bool> = both[0]
        .iter()
        .zip(&both[1])
        .map(|(a, b)| a.outcome.fingerprint != b.outcome.fingerprint)
        .collect();
    let runs = [runs(&both[0]), runs(&both[1])];
    let by_scenario = plan.scenarios.len() >= PAIRS_MIN;
    let first = first_of(plan, &differs, names, &deciders);
    Ok(Compared {
        policies: names.map(str::to_owned),
        scenarios: plan.scenarios.len(),
        runs: plan.tasks.len(),
        by_scenario,
        measures: measures(&runs, by_scenario),
        differing: differing(&runs[0], &differs),
        first,
    })
}

fn first_of(
    plan: &Plan,
    differs: &[bool],
    names: [&str; 2],
    deciders: &[pullstop_cluster::simulation::Decider; 2],
) -> Option<First> {
    let mut differing = plan
        .tasks
        .iter()
        .zip(differs)
        .filter(|(_, differs)| **differs);
    // Where only their notes differ there is nothing to see: the first with another verdict counts.
    differing.find_map(|(task, _)| {
        first::find(&plan.scenarios[task.scenario], task.seed, names, deciders)
    })
}

fn differing(runs: &[Run], differs: &[bool]) -> Vec<Differing> {
    let mut all: Vec<Differing> = Vec::new();
    for (run, differs) in runs.iter().zip(differs) {
        if all.last().is_none_or(|last| last.file != run.file) {
            all.push(Differing {
                file: run.file.clone(),
                runs: 0,
                of: 0,
            });
        }
        if let Some(last) = all.last_mut() {
            last.of += 1;
            last.runs += usize::from(*differs);
        }
    }
    all.retain(|scenario| scenario.runs > 0);
    all
}

fn measures(runs: &[Vec<Run>; 2], by_scenario: bool) -> Vec<Measure> {
    let mut all = unadjusted(runs, by_scenario);
    let probabilities: Vec<Option<f64>> = all.iter().map(|measure| measure.probability).collect();
    for (measure, adjusted) in all.iter_mut().zip(holm::adjusted(&probabilities)) {
        measure.probability = adjusted;
    }
    all
}

/// The measures, each tested by itself.
fn unadjusted(runs: &[Vec<Run>; 2], by_scenario: bool) -> Vec<Measure> {
    let each: Vec<[Values; 2]> = runs[0]
        .iter()
        .zip(&runs[1])
        .map(|(a, b)| [a.sums.values(), b.sums.values()])
        .collect();
    let pairs = if by_scenario {
        scenarios(runs)
    } else {
        each.clone()
    };
    let totals = [Sums::of(&runs[0]).values(), Sums::of(&runs[1]).values()];
    // The others judge the simulator, not policies.
    let metrics = METRICS
        .iter()
        .filter(|metric| !["brokenInvariants", "events"].contains(&metric.name));
    metrics
        .map(|metric| {
            let place = metric.place();
            let run_differences = differences(&each, place);
            let less = |sign: i64| {
                run_differences
                    .iter()
                    .filter(|d| d.signum() == sign)
                    .count()
            };
            let pair_differences = differences(&pairs, place);
            let moved = pair_differences.iter().filter(|d| **d != 0).count();
            Measure {
                metric,
                values: [totals[0][place], totals[1][place]],
                less: [less(1), less(-1)],
                pairs: moved,
                probability: (moved > 0).then(|| sign_flip_test(&pair_differences, TEST_SEED)),
            }
        })
        .collect()
}

/// The values of each scenario over its seeds.
fn scenarios(runs: &[Vec<Run>; 2]) -> Vec<[Values; 2]> {
    let mut files: BTreeMap<&String, [Vec<&Run>; 2]> = BTreeMap::new();
    for (which, runs) in runs.iter().enumerate() {
        for run in runs {
            files.entry(&run.file).or_default()[which].push(run);
        }
    }
    let values = |runs: Vec<&Run>| Sums::of(runs).values();
    files.into_values().map(|both| both.map(values)).collect()
}

/// The second minus the first, where both were measured.
fn differences(pairs: &[[Values; 2]], place: usize) -> Vec<i64> {
    let measured = pairs
        .iter()
        .filter_map(|[a, b]| Some((a[place]?, b[place]?)));
    measured
        .map(|(a, b)| b.cast_signed() - a.cast_signed())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pullstop_cluster::scenario::metric::{Count, Waste};
    use pullstop_cluster::world::random::{Purpose, RandomStream, RandomStreams};

    use super::*;
    use crate::stats::SIGNIFICANCE;

    const SCENARIOS: u64 = 20;
    const SEEDS: u64 = 2;

    /// The runs of a policy with a false failure in so many of a thousand runs, and times, waste and writes by chance.
    fn runs(chance: &mut RandomStream, false_permille: u64) -> Vec<Run> {
        let run = |number: u64| {
            let mut sums = Sums::default();
            let figures = &mut sums.figures;
            let counts = &mut figures.counts;
            counts[Count::FalseFailures as usize] = u64::from(chance.below(1000) < false_permille);
            counts[Count::Missed as usize] = u64::from(chance.below(10) == 0);
            for count in [Count::Verdicts, Count::Writes, Count::Pulls] {
                counts[count as usize] = chance.below(100);
            }
            for waste in [Waste::WastedCpuHours, Waste::WastedGpuHours] {
                figures.waste_millihours[waste as usize] = chance.below(10_000);
            }
            for times in &mut figures.timings {
                *times = (0..3)
                    .map(|_| Duration::from_millis(chance.below(100_000)))
                    .collect();
                times.sort_unstable();
            }
            let file = format!("{:02}", number / SEEDS);
            Run {
                file,
                seed: number % SEEDS,
                sums,
            }
        };
        (0..SCENARIOS * SEEDS).map(run).collect()
    }

    type Compare = fn(&[Vec<Run>; 2], bool) -> Vec<Measure>;

    /// How many of 150 comparisons of policies with these rates call anything more than chance, or false failures alone.
    fn found(compare: Compare, rates: [u64; 2], only_false: bool) -> usize {
        let mut chance = RandomStreams::new(11).stream(Purpose::Resampling, 2);
        let comparisons = (0..150).map(|_| rates.map(|rate| runs(&mut chance, rate)));
        let is_found = |runs: &[Vec<Run>; 2]| {
            let all = compare(runs, true);
            let mut all = all
                .iter()
                .filter(|m| !only_false || m.metric.name == "falseFailures");
            all.any(|measure| measure.probability.is_some_and(|p| p < SIGNIFICANCE))
        };
        comparisons.filter(is_found).count()
    }

    /// Of 150 comparisons 5 % are 7.5; four standard deviations more are 18.
    #[test]
    fn equal_policies_are_rarely_told_apart() {
        for rate in [20, 200, 500] {
            let alarms = found(measures, [rate, rate], false);
            assert!(alarms <= 18, "{alarms} at {rate} ‰");
        }
        // The check is worth something: ten tests that are not adjusted are found.
        assert!(found(unadjusted, [200, 200], false) > 18);
    }

    #[test]
    fn different_policies_are_told_apart() {
        assert!(found(measures, [20, 600], true) > 140);
    }
}
