//! Compares what is measured now with a baseline.

use std::collections::BTreeSet;

use super::metric::{METRICS, Metric};
use super::{Baseline, Run, Sums, Values};

/// What has changed.
#[derive(Debug, Default)]
pub struct Findings {
    /// What has become worse: each is a failure.
    pub worse: Vec<Change>,
    /// What has become better.
    pub better: Vec<Change>,
    /// What has changed, and is neither.
    pub other: Vec<Change>,
    /// What has changed by less than its tolerance.
    pub within: Vec<Change>,
    /// Scenarios that the baseline does not know: they are not compared.
    pub new: Vec<String>,
}

/// A measure that has changed.
#[derive(Debug)]
pub struct Change {
    /// What.
    pub metric: &'static Metric,
    /// Over all runs, in the baseline.
    pub before: Option<u64>,
    /// Over all runs, now.
    pub after: Option<u64>,
    /// How much more it may be.
    pub tolerance: u64,
    /// Whether it may not become worse in any scenario, and has in this one, whatever became better elsewhere.
    pub is_worse_somewhere: bool,
    /// The scenario that shows it most, if one does.
    pub most: Option<InScenario>,
}

/// A measure in one scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InScenario {
    /// Its file.
    pub file: String,
    /// The seed with which it is the most now.
    pub seed: u64,
    /// In the baseline.
    pub before: Option<u64>,
    /// Now.
    pub after: Option<u64>,
}

/// Compares runs with a baseline.
///
/// # Errors
/// If scenarios of the baseline were not run: their files.
pub fn compare(baseline: &Baseline, runs: &[Run]) -> Result<Findings, Vec<String>> {
    let now: BTreeSet<&String> = runs.iter().map(|run| &run.file).collect();
    let gone = baseline.scenarios.keys().filter(|file| !now.contains(file));
    let gone: Vec<String> = gone.cloned().collect();
    if !gone.is_empty() {
        return Err(gone);
    }
    let (known, new): (Vec<&Run>, Vec<&Run>) = runs
        .iter()
        .partition(|run| baseline.scenarios.contains_key(&run.file));
    let new: BTreeSet<&String> = new.iter().map(|run| &run.file).collect();
    let mut findings = Findings {
        new: new.into_iter().cloned().collect(),
        ..Findings::default()
    };
    let scenarios = Scenarios::of(baseline, &known);
    let total = Sums::of(known.iter().copied()).values();
    for metric in &METRICS {
        findings.add(metric, baseline, &total, &scenarios);
    }
    Ok(findings)
}

impl Findings {
    fn add(
        &mut self,
        metric: &'static Metric,
        baseline: &Baseline,
        total: &Values,
        scenarios: &Scenarios<'_>,
    ) {
        let place = metric.place();
        let (before, after) = (baseline.total[place], total[place]);
        let tolerance = baseline.tolerances[place];
        let (b, a) = (before.unwrap_or(0), after.unwrap_or(0));
        // Without a measure on both sides there is nothing to compare: pods that are failed no more are missed.
        let is_measured = before.is_some() && after.is_some();
        let (is_more, is_less) = (is_measured && a > b, is_measured && a < b);
        let grown = scenarios.most(metric, true);
        let is_worse_somewhere = metric.is_exact && grown.is_some();
        let most = if is_less && !is_worse_somewhere {
            scenarios.most(metric, false)
        } else {
            grown
        };
        let change = Change {
            metric,
            before,
            after,
            tolerance,
            is_worse_somewhere,
            most,
        };
        let is_beyond = a.abs_diff(b) > tolerance;
        let list = if is_worse_somewhere {
            &mut self.worse
        } else if before == after {
            return;
        } else if !is_measured || (is_beyond && !metric.less_is_better) {
            &mut self.other
        } else if !is_beyond {
            &mut self.within
        } else if is_more {
            &mut self.worse
        } else {
            &mut self.better
        };
        list.push(change);
    }
}

/// All scenarios of a baseline.
struct Scenarios<'a>(Vec<Scenario<'a>>);

struct Scenario<'a> {
    file: &'a String,
    before: &'a Values,
    after: Values,
    runs: Vec<&'a Run>,
}

impl<'a> Scenarios<'a> {
    fn of(baseline: &'a Baseline, runs: &[&'a Run]) -> Self {
        let each = baseline.scenarios.iter().map(|(file, before)| {
            let own = runs.iter().copied().filter(|run| run.file == *file);
            let runs: Vec<&Run> = own.collect();
            let after = Sums::of(runs.iter().copied()).values();
            Scenario {
                file,
                before,
                after,
                runs,
            }
        });
        Self(each.collect())
    }

    /// The scenario in which the measure has grown most, or shrunk; of those that are the same the first.
    fn most(&self, metric: &Metric, grown: bool) -> Option<InScenario> {
        let place = metric.place();
        let by = |scenario: &&Scenario<'_>| {
            let before = scenario.before[place].unwrap_or(0);
            let after = scenario.after[place].unwrap_or(0);
            if grown {
                after.saturating_sub(before)
            } else {
                before.saturating_sub(after)
            }
        };
        let most = self
            .0
            .iter()
            .rev()
            .max_by_key(by)
            .filter(|most| by(most) > 0)?;
        let value = |run: &&&Run| metric.of(&run.sums).unwrap_or(0);
        Some(InScenario {
            file: most.file.clone(),
            seed: most.runs.iter().rev().max_by_key(value)?.seed,
            before: most.before[place],
            after: most.after[place],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::Arguments;

    fn run(file: &str, seed: u64, false_failures: u64, events: u64) -> Run {
        let mut sums = Sums {
            events,
            ..Sums::default()
        };
        sums.figures.counts[pullstop_cluster::scenario::metric::Count::FalseFailures as usize] =
            false_failures;
        Run {
            file: file.to_owned(),
            seed,
            sums,
        }
    }

    fn before() -> Baseline {
        let runs = [
            run("a", 1, 0, 100),
            run("a", 2, 0, 102),
            run("b", 1, 2, 200),
            run("b", 2, 2, 202),
        ];
        let arguments = Arguments {
            seeds: Some((1, 2)),
            ..Arguments::default()
        };
        Baseline::of(arguments, &runs)
    }

    fn names(changes: &[Change]) -> Vec<&str> {
        changes.iter().map(|change| change.metric.name).collect()
    }

    #[test]
    fn the_tolerance_is_what_other_seeds_do() {
        // Of the totals 300 and 304: 31.821 · 2.83 · √(2/2) is 90, and twice that for the sum of both.
        assert_eq!(before().tolerances[METRICS[11].place()], 182);
        let own_seeds = Baseline::of(
            Arguments::default(),
            &[run("a", 1, 0, 100), run("b", 7, 0, 102)],
        );
        assert_eq!(own_seeds.tolerances, [0; METRICS.len()]);
    }

    #[test]
    fn what_is_worse_is_named_with_the_scenario_that_shows_it_most() {
        let runs = [
            run("a", 1, 0, 200),
            run("a", 2, 0, 300),
            run("b", 1, 2, 210),
            run("b", 2, 2, 202),
        ];
        let findings = compare(&before(), &runs).unwrap();
        assert_eq!(names(&findings.worse), ["events"]);
        let most = findings.worse[0].most.clone().unwrap();
        assert_eq!(
            (most.file.as_str(), most.seed, most.before, most.after),
            ("a", 2, Some(202), Some(500))
        );
        let within = compare(
            &before(),
            &[
                run("a", 1, 0, 150),
                run("a", 2, 0, 152),
                run("b", 1, 2, 200),
                run("b", 2, 2, 202),
            ],
        );
        let within = within.unwrap();
        assert!(within.worse.is_empty());
        assert_eq!(names(&within.within), ["events"]);
    }

    #[test]
    fn a_false_failure_is_not_made_up_for_elsewhere() {
        let runs = [
            run("a", 1, 1, 100),
            run("a", 2, 0, 102),
            run("b", 1, 0, 200),
            run("b", 2, 0, 202),
        ];
        let findings = compare(&before(), &runs).unwrap();
        assert_eq!(names(&findings.worse), ["falseFailures"]);
        assert_eq!(findings.worse[0].most.as_ref().unwrap().file, "a");
        let better = compare(
            &before(),
            &[
                run("a", 1, 0, 100),
                run("a", 2, 0, 102),
                run("b", 1, 0, 200),
                run("b", 2, 2, 202),
            ],
        );
        assert_eq!(names(&better.unwrap().better), ["falseFailures"]);
    }

    #[test]
    fn scenarios_come_and_go() {
        let runs = [run("b", 1, 2, 200), run("b", 2, 2, 202), run("c", 1, 9, 9)];
        assert_eq!(compare(&before(), &runs).unwrap_err(), ["a"]);
        let runs = [&runs[..], &[run("a", 1, 0, 100), run("a", 2, 0, 102)]].concat();
        let findings = compare(&before(), &runs).unwrap();
        assert_eq!(findings.new, ["c"]);
        assert!(findings.worse.is_empty() && findings.within.is_empty());
    }
}
