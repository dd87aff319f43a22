//! The outcome of a run: figures, broken invariants, unmet expectations and wrong verdicts.

use std::time::Duration;

use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::scenario::metric::Figures;
use pullstop_cluster::world::World;
use pullstop_cluster::world::checks::Broken;
use pullstop_cluster::world::enforcer::coverage::Coverage;
use pullstop_cluster::world::ids::PodId;
use pullstop_core::time::Timestamp;

use super::figures::figures;
use super::mistakes::{Mark, Mistakes, Unforeseen};
use super::verify::{self, Unmet};

/// What came out of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The figures that conditions speak of.
    pub figures: Figures,
    /// What must always hold and did not.
    pub broken: Vec<Broken>,
    /// What the scenario expects and did not come.
    pub unmet: Vec<Unmet>,
    unforeseen: Unforeseen,
    /// Transitions of the engine's state machine that were seen.
    pub coverage: Coverage,
    /// How long was simulated.
    pub simulated: Duration,
    /// How many events happened.
    pub events: u64,
    /// A number that is the same for the same history, and hardly for another.
    pub fingerprint: u64,
}

impl Outcome {
    /// What came out of `world`, in which `scenario` was run to its end.
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

    /// Whether everything is as it should be.
    pub fn passed(&self) -> bool {
        self.broken.is_empty() && self.unmet.is_empty() && self.unforeseen_failures() == 0
    }

    /// Verdicts that the simulated truth contradicts.
    pub fn mistakes(&self) -> Mistakes {
        Mistakes::of(&self.figures)
    }

    /// Pods that were failed although they would have run, and of which no expectation says so.
    pub const fn unforeseen_failures(&self) -> u64 {
        self.unforeseen.mistakes.false_failures
    }

    /// When and with which pod the first of them came.
    pub(super) const fn first_unforeseen_failure(&self) -> Option<(Timestamp, PodId)> {
        self.unforeseen.first_false
    }

    /// How it came out, in one sign.
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

/// A number that is the same for the same history: FNV-1a over all that happened to pods.
pub fn fingerprint(world: &World) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut add = |number: u64| hash = (hash ^ number).wrapping_mul(0x0000_0100_0000_01B3);
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
    hash
}
