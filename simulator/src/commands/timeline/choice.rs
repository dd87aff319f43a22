//! Which pods get a row: all if there are few, otherwise the most interesting.

use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::scenario::expect::Expected;
use pullstop_cluster::world::World;
use pullstop_cluster::world::ids::{OwnerId, PodId};
use pullstop_cluster::world::truth::PodTruth;
use pullstop_core::pod::Phase;

use crate::runs::outcome::Outcome;

/// So many rows at most: more make the page slow to open, and nobody reads them.
const ROWS_MAX: usize = 2000;

/// What is shown.
#[derive(Debug)]
pub(super) struct Chosen {
    /// The pods: in the order of their creation if all are shown, and otherwise by how much they matter.
    pub(super) pods: Vec<PodId>,
    /// Jobs that never made a pod: they wait.
    pub(super) waiting_jobs: Vec<OwnerId>,
    pods_total: usize,
    rows_left_out: usize,
    pattern: Option<String>,
}

/// How much people want to see a pod; the smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Interest {
    /// It was failed or warned of, or went another way than expected.
    Judged,
    /// An expectation names it.
    Expected,
    /// It has failed pulls.
    Failing,
    None,
}

/// Chooses the pods that match `pattern`, or else those that matter most.
pub(super) fn choose(
    world: &World,
    scenario: &Scenario,
    outcome: &Outcome,
    pattern: Option<&str>,
) -> Chosen {
    let pods = world.cluster.truth.pods.iter().enumerate();
    let named = pods.filter(|(_, pod)| pattern.is_none_or(|p| pod.names.matches(p)));
    let mut ranked: Vec<(Interest, PodId)> = named
        .map(|(place, pod)| {
            let id = PodId::at(place);
            (interest(scenario, outcome, id, pod), id)
        })
        .collect();
    ranked.sort_unstable();
    let mut waiting_jobs = if pattern.is_none() {
        jobs_without_pods(world)
    } else {
        Vec::new()
    };
    let wanted = ranked.len() + waiting_jobs.len();
    ranked.truncate(ROWS_MAX);
    waiting_jobs.truncate(ROWS_MAX - ranked.len());
    let mut pods: Vec<PodId> = ranked.into_iter().map(|(_, id)| id).collect();
    let rows_left_out = wanted - pods.len() - waiting_jobs.len();
    if rows_left_out == 0 {
        pods.sort_unstable();
    }
    Chosen {
        pods_total: world.cluster.truth.pods.len(),
        rows_left_out,
        pattern: pattern.map(str::to_owned),
        pods,
        waiting_jobs,
    }
}

fn interest(scenario: &Scenario, outcome: &Outcome, id: PodId, pod: &PodTruth) -> Interest {
    let went_wrong = || {
        let unmet = outcome.unmet.iter().filter_map(|unmet| unmet.pod);
        let broken = outcome.broken.iter().filter_map(|broken| broken.pod);
        unmet.chain(broken).any(|pod| pod == id)
    };
    let has_failed = pod.ended.is_some_and(|(_, phase)| phase == Phase::Failed);
    let is_named = || {
        let mut expected = scenario.expectations.iter();
        expected.any(|e| matches!(&e.what, Expected::Pods(e) if pod.names.matches(&e.pods)))
    };
    if pod.failed.is_some() || pod.warned.is_some() || has_failed || went_wrong() {
        Interest::Judged
    } else if is_named() {
        Interest::Expected
    } else if pod.first_failure_at().is_some() {
        Interest::Failing
    } else {
        Interest::None
    }
}

fn jobs_without_pods(world: &World) -> Vec<OwnerId> {
    let owners = world.control.owners().iter().enumerate();
    let waits = |owner: &pullstop_cluster::world::control::OwnerState| match owner {
        pullstop_cluster::world::control::OwnerState::Job(job) => job.made() == 0,
        pullstop_cluster::world::control::OwnerState::ReplicaSet(_) => false,
    };
    owners
        .filter(|(_, owner)| waits(owner))
        .map(|(place, _)| OwnerId::at(place))
        .collect()
}

impl Chosen {
    /// How much of everything is shown, and what to do to see the rest.
    pub(super) fn in_words(&self) -> String {
        let (shown, total) = (self.pods.len(), self.pods_total);
        let matching = self
            .pattern
            .as_ref()
            .map_or_else(String::new, |p| format!(" that match `{p}`"));
        let all = format!("{shown} of {total} pods{matching}");
        match self.rows_left_out {
            0 => all,
            more => format!(
                "{all}; {more} rows are left out. Pods with a verdict or an expectation come first; \
                 choose others with --pods"
            ),
        }
    }
}
