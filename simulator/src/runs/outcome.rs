//! The outcome of a run: figures, broken invariants, unmet expectations and wrong verdicts.

use std::time::Duration;

use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::scenario::metric::Figures;
use pullstop_cluster::world::World;
use pullstop_cluster::world::checks::Broken;
use pullstop_cluster::world::enforcer::coverage::Coverage;
use pullstop_cluster::world::ids::PodId;
use pullstop_core::hash::Fnv1a;
use pullstop_core::time::Timestamp;

use super::figures::figures;
use super::mistakes::{Mark, Mistakes, Unforeseen};
use super::verify::{self, Unmet};

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The figures that conditions name.
    pub figures: Figures,
    /// Broken invariants.
    pub broken: Vec<Broken>,
    /// Unmet expectations.
    pub unmet: Vec<Unmet>,
    unforeseen: Unforeseen,
    /// Transitions of the engine's state machine that were seen.
    pub coverage: Coverage,
    /// The virtual time that passed.
    pub simulated: Duration,
    /// Number of simulated events.
    pub events: u64,
    /// A hash of the history.
    pub fingerprint: u64,
}

impl Outcome {
    /// The outcome of `world`, which has run `scenario` to its end.
    pub fn of(world: &World, scenario: &Scenario, seed: u64) -> Self {
        let figures = figures(world, scenario);
        Self {
            seed,
            broken: world.checks.broken().to_vec(),
            unmet: verify::unmet(world, scenario, &figures),
            unforeseen: Unforeseen::of(world, scenario),
            coverage: world.enforcer.coverage.clone(),
            simulated: world.elapsed(),
            events: world.events,
            fingerprint: fingerprint(world),
            figures,
        }
    }

    /// Whether all invariants and expectations hold, and no failure was false that no expectation mentions.
    pub fn passed(&self) -> bool {
        self.broken.is_empty() && self.unmet.is_empty() && self.unforeseen_failures() == 0
    }

    /// Verdicts that the simulated truth contradicts.
    pub fn mistakes(&self) -> Mistakes {
        Mistakes::of(&self.figures)
    }

    /// Number of false failures that no expectation mentions.
    pub const fn unforeseen_failures(&self) -> u64 {
        self.unforeseen.mistakes.false_failures
    }

    /// Time and pod of the first of them.
    pub(super) const fn first_unforeseen_failure(&self) -> Option<(Timestamp, PodId)> {
        self.unforeseen.first_false
    }

    /// The result as one sign.
    pub fn mark(&self) -> Mark {
        if !self.passed() {
            Mark::Bad
        } else if self.unforeseen.mistakes.missed > 0 {
            Mark::Doubtful
        } else {
            Mark::Good
        }
    }
}

/// A hash of the history: of everything that happened to pods.
pub fn fingerprint(world: &World) -> u64 {
    let mut hash = Fnv1a::EMPTY;
    let mut add = |number: u64| hash.add(number);
    add(world.events);
    add(world.enforcer.tally.writes);
    for pod in &world.cluster.truth.pods {
        let time = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_millis);
        add(pod.created_at.as_millis());
        add(time(pod.ran_at));
        add(time(pod.ended.map(|(at, _)| at)));
        add(time(pod.failed.map(|failed| failed.at)));
        for attempt in &pod.attempts {
            add(attempt.queued_at.as_millis());
            add(time(attempt.ended.map(|(at, _)| at)));
        }
    }
    hash.value()
}
