//! The figures of a run that a scenario's conditions name: counts, times and waste.

use std::time::Duration;

use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::scenario::metric::{Count, Figures, Timing, Waste};
use pullstop_cluster::world::World;
use pullstop_cluster::world::control::OwnerState;
use pullstop_cluster::world::control::job::JobState;
use pullstop_cluster::world::ids::PodId;
use pullstop_cluster::world::oracle;
use pullstop_cluster::world::truth::{Failed, PodTruth};
use pullstop_core::time::Timestamp;

/// Whether the failure was false: the pod would have had its images within `patience`.
pub fn is_false(failed: &Failed, patience: Duration) -> bool {
    failed
        .healed_at
        .is_some_and(|healed| healed.since(failed.at) <= patience)
}

/// Jobs, in the order of their arrival.
pub fn jobs(world: &World) -> impl Iterator<Item = &JobState> {
    world
        .control
        .owners()
        .iter()
        .filter_map(|owner| match owner {
            OwnerState::Job(job) => Some(&**job),
            OwnerState::ReplicaSet(_) => None,
        })
}

/// The figures of a run that has ended.
pub(crate) fn figures(world: &World, scenario: &Scenario) -> Figures {
    let mut figures = Figures::default();
    let truth = &world.cluster.truth;
    for (place, pod) in truth.pods.iter().enumerate() {
        count_pod(&mut figures, world, scenario, PodId::at(place), pod);
    }
    for job in jobs(world) {
        count_job(&mut figures, world, job);
    }
    let tally = world.enforcer.tally;
    figures.counts[Count::Writes as usize] = tally.writes;
    figures.counts[Count::Conflicts as usize] = tally.conflicts;
    figures.counts[Count::FailedWrites as usize] = tally.failed;
    figures
        .timings
        .iter_mut()
        .for_each(|times| times.sort_unstable());
    figures
}

fn count_pod(figures: &mut Figures, world: &World, scenario: &Scenario, id: PodId, pod: &PodTruth) {
    let mut count = |what: Count, how_many: u64| figures.counts[what as usize] += how_many;
    count(Count::PodsCreated, 1);
    count(Count::PodsRun, u64::from(pod.ran_at.is_some()));
    count(Count::Verdicts, u64::from(pod.failed.is_some()));
    count(Count::Warnings, u64::from(pod.warned.is_some()));
    count(Count::PutBack, pod.put_back.into());
    let pulls = pod
        .attempts
        .iter()
        .filter(|attempt| attempt.started_at.is_some());
    count(Count::Pulls, pulls.count() as u64);
    count(Count::Missed, u64::from(is_missed(world, id)));
    if let Some(failed) = &pod.failed {
        count(
            Count::FalseFailures,
            u64::from(is_false(failed, scenario.patience)),
        );
        let first = pod.first_failure_at().unwrap_or(failed.at);
        figures.timings[Timing::TimeToFail as usize].push(failed.at.since(first));
    }
    if let Some(at) = pod.ran_at {
        figures.timings[Timing::TimeToRun as usize].push(at.since(pod.created_at));
    }
    count_waste(figures, pod, world.cluster.now);
}

fn count_waste(figures: &mut Figures, pod: &PodTruth, now: Timestamp) {
    let held_ms = u64::try_from(pod.idle.until(now).as_millis()).unwrap_or(u64::MAX);
    let requests = &pod.template.requests;
    // Milliseconds are 1/3,600 of a thousandth of an hour.
    let mut add = |what: Waste, amount: u64| {
        figures.waste_millihours[what as usize] += amount.saturating_mul(held_ms) / 3600;
    };
    add(Waste::WastedPodHours, 1);
    add(Waste::WastedGpuHours, requests.gpus);
    figures.waste_millihours[Waste::WastedCpuHours as usize] +=
        requests.cpu_millis.saturating_mul(held_ms) / 3_600_000;
}

fn count_job(figures: &mut Figures, world: &World, job: &JobState) {
    let finished = job.finished.map(|finished| finished.failed_for.is_some());
    figures.counts[Count::JobsFailed as usize] += u64::from(finished == Some(true));
    figures.counts[Count::JobsCompleted as usize] += u64::from(finished == Some(false));
    if job.spec.queue.is_some() {
        // One that still waits has waited for at least so long.
        let until = job.started_at.unwrap_or(world.cluster.now);
        figures.timings[Timing::QueueWait as usize].push(until.since(job.created_at));
    }
}

/// The same of the pod at this place in the truth.
pub(crate) fn is_missed_pod(world: &World, place: usize) -> bool {
    is_missed(world, PodId::at(place))
}

/// Whether the pod was missed: the policy covers it, and it waits for an image that it can never get.
pub(super) fn is_missed(world: &World, id: PodId) -> bool {
    let c = &world.cluster;
    c.api.get(id).is_some_and(|pod| {
        !pod.is_terminal()
            && pod.deleting_since.is_none()
            && c.truth
                .pod(id)
                .is_some_and(|truth| truth.first_failure_at().is_some())
            && oracle::heals_at(c, pod).is_none()
            && world.enforcer.covers(c, pod)
    })
}
