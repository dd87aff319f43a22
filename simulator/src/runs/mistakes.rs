//! Wrong verdicts: pods that failed although they would have run, and pods that should have failed.
//!
//! A pod that is failed although it would have run is the one thing that Pullstop must never do. So a run in which that
//! happens fails, unless the scenario says that these pods are to be failed, or has a
//! condition on `falseFailures`. A pod that is missed may only have come too late for its rule to fire before the end: it
//! is reported, and by itself fails no run.

use std::fmt;

use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::scenario::expect::Expected;
use pullstop_cluster::scenario::metric::{Count, Figure, Figures};
use pullstop_cluster::world::World;
use pullstop_cluster::world::ids::PodId;
use pullstop_cluster::world::truth::PodTruth;
use pullstop_core::time::Timestamp;

use super::figures::{is_false, is_missed};

/// Numbers of wrong and missing verdicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    /// Pods that were failed although they would have run.
    pub false_failures: u64,
    /// Pods that can never run and were not failed.
    pub missed: u64,
}

/// Mistakes that no expectation mentions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unforeseen {
    pub(super) mistakes: Mistakes,
    /// Time and pod of the first false failure.
    pub(super) first_false: Option<(Timestamp, PodId)>,
}

/// The result of a run as one sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Passed.
    Good,
    /// Passed, but pods were missed that no expectation mentions.
    Doubtful,
    /// Failed.
    Bad,
}

impl Mistakes {
    /// The mistakes that the figures count.
    pub fn of(figures: &Figures) -> Self {
        Self {
            false_failures: figures.counts[Count::FalseFailures as usize],
            missed: figures.counts[Count::Missed as usize],
        }
    }

    /// Whether there are any.
    pub const fn any(self) -> bool {
        self.false_failures > 0 || self.missed > 0
    }

    /// The sum of both.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self {
            false_failures: self.false_failures + more.false_failures,
            missed: self.missed + more.missed,
        }
    }
}

impl Unforeseen {
    /// A condition on the figure covers all pods; an expected fate covers the pods that it names. Unmet expectations
    /// are reported on their own.
    pub(super) fn of(world: &World, scenario: &Scenario) -> Self {
        let mut unforeseen = Self::default();
        for (place, pod) in world.cluster.truth.pods.iter().enumerate() {
            let id = PodId::at(place);
            let is_false = pod.failed.filter(|f| is_false(f, scenario.patience));
            let is_missed = is_missed(world, id);
            if is_false.is_none() && !is_missed || has_expected_fate(scenario, pod) {
                continue;
            }
            unforeseen.mistakes.missed += u64::from(is_missed);
            if let Some(failed) = is_false {
                unforeseen.mistakes.false_failures += 1;
                let first = unforeseen.first_false.get_or_insert((failed.at, id));
                *first = (*first).min((failed.at, id));
            }
        }
        if speaks_of(scenario, Count::FalseFailures) {
            (unforeseen.mistakes.false_failures, unforeseen.first_false) = (0, None);
        }
        if speaks_of(scenario, Count::Missed) {
            unforeseen.mistakes.missed = 0;
        }
        unforeseen
    }
}

fn has_expected_fate(scenario: &Scenario, pod: &PodTruth) -> bool {
    scenario.expectations.iter().any(|e| match &e.what {
        Expected::Pods(expected) => expected.fate.is_some() && pod.names.matches(&expected.pods),
        Expected::Jobs(_) | Expected::Metric(_) => false,
    })
}

fn speaks_of(scenario: &Scenario, count: Count) -> bool {
    scenario.expectations.iter().any(|e| match &e.what {
        Expected::Metric(condition) => condition.figure == Figure::Count(count),
        Expected::Pods(_) | Expected::Jobs(_) => false,
    })
}

impl Mark {
    /// The sign.
    pub const fn sign(self) -> char {
        match self {
            Self::Good => '✓',
            Self::Doubtful => '!',
            Self::Bad => '✗',
        }
    }
}

/// `500 false failures, 3 missed`; zero counts are left out.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.false_failures {
            0 => {}
            1 => f.write_str("1 false failure")?,
            many => write!(f, "{many} false failures")?,
        }
        match (self.false_failures, self.missed) {
            (_, 0) => Ok(()),
            (0, missed) => write!(f, "{missed} missed"),
            (_, missed) => write!(f, ", {missed} missed"),
        }
    }
}
