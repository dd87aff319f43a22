//! Checks a run against the scenario's expectations, and says what came instead.

use std::time::Duration;

use pullstop_cluster::scenario::expect::{Expected, Fate, JobOutcome, JobsExpected, PodsExpected};
use pullstop_cluster::scenario::metric::{Condition, Figures};
use pullstop_cluster::scenario::{Scenario, glob};
use pullstop_cluster::world::control::job::JobState;
use pullstop_cluster::world::ids::PodId;
use pullstop_cluster::world::truth::PodTruth;
use pullstop_cluster::world::{World, ZERO};
use pullstop_core::pod::Phase;
use pullstop_core::time::{Human, Timestamp};

use super::figures::jobs;

/// An unmet expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// Line and column of the expectation in the scenario's file.
    pub place: (u64, u64),
    /// What was expected.
    pub expected: String,
    /// What happened instead.
    pub got: String,
    /// The pod that it is about, if it is about one.
    pub pod: Option<PodId>,
    /// When the run departed from the expectation, if that is known.
    pub at: Option<Timestamp>,
}

/// The unmet expectations.
pub(super) fn unmet(world: &World, scenario: &Scenario, figures: &Figures) -> Vec<Unmet> {
    let mut all = Vec::new();
    for expectation in &scenario.expectations {
        let mut add = |mut unmet: Unmet| {
            unmet.place = expectation.place;
            all.push(unmet);
        };
        match &expectation.what {
            Expected::Pods(expected) => pods(world, expected, &mut add),
            Expected::Jobs(expected) => all_jobs(world, expected, &mut add),
            Expected::Metric(condition) => metric(condition, figures, &mut add),
        }
    }
    all
}

fn metric(condition: &Condition, figures: &Figures, add: &mut dyn FnMut(Unmet)) {
    if !condition.holds(figures) {
        let got = figures.in_words(condition.figure);
        add(missed(condition.text.clone(), got, None, None));
    }
}

fn pods(world: &World, expected: &PodsExpected, add: &mut dyn FnMut(Unmet)) {
    let named: Vec<(PodId, &PodTruth)> = world
        .cluster
        .truth
        .pods
        .iter()
        .enumerate()
        .filter(|(_, pod)| pod.names.matches(&expected.pods))
        .map(|(place, pod)| (PodId::at(place), pod))
        .collect();
    let many = named.len();
    let count = expected.count.map(|count| count as usize);
    if count.map_or(many == 0, |count| many != count) {
        let some = count.map_or_else(|| "some".to_owned(), |count| count.to_string());
        let what = format!("{some} pods named `{}`", expected.pods);
        add(missed(what, many.to_string(), None, None));
    }
    for (id, pod) in named {
        pod_came(world, expected, id, pod, add);
    }
}

fn pod_came(
    world: &World,
    expected: &PodsExpected,
    id: PodId,
    pod: &PodTruth,
    add: &mut dyn FnMut(Unmet),
) {
    let name = format!("{}/{}", pod.names.namespace, pod.names.name);
    let mut differs = |what: String, got: String, at: Option<Timestamp>| {
        add(missed(format!("{name} {what}"), got, Some(id), at));
    };
    if let Some(fate) = &expected.fate
        && let Some(at) = wrong_since(*fate, pod, world.cluster.now)
    {
        differs(fate.to_string(), fate_of(pod), Some(at));
    }
    if let Some(phase) = expected.phase {
        let got = phase_of(world, id, pod);
        if got != phase {
            let at = pod.ended.map(|(at, _)| at);
            differs(
                format!("to be {} in the end", phase.as_str()),
                got.as_str().to_owned(),
                at,
            );
        }
    }
    if let Some(by) = expected.runs_by
        && pod.ran_at.is_none_or(|at| at > ZERO.after(by))
    {
        let got = pod.ran_at.map_or_else(
            || "it never ran".to_owned(),
            |at| format!("it ran at {}", clock(at)),
        );
        differs(
            format!("to run by {}", Human(by)),
            got,
            Some(ZERO.after(by)),
        );
    }
}

/// When the pod departed from the expected fate, if it did.
fn wrong_since(fate: Fate, pod: &PodTruth, now: Timestamp) -> Option<Timestamp> {
    let failed_at = pod.failed.map(|failed| failed.at);
    let warned_at = pod.warned.map(|(at, _)| at);
    match fate {
        Fate::NeverFailed => failed_at,
        Fate::Warned { because } => {
            let is_right = pod
                .warned
                .is_some_and(|(_, cause)| because.is_none_or(|b| b == cause));
            (!is_right || failed_at.is_some()).then_some(failed_at.or(warned_at).unwrap_or(now))
        }
        Fate::Failed {
            between,
            after_first_failure,
            because,
        } => {
            let latest = between.map(|(_, latest)| ZERO.after(latest));
            let Some(failed) = pod.failed else {
                return Some(latest.unwrap_or(now));
            };
            let since_first = failed.at.since(pod.first_failure_at().unwrap_or(failed.at));
            let is_within = |(low, high): (Duration, Duration), time| low <= time && time <= high;
            let is_right = between.is_none_or(|b| is_within(b, failed.at.since(ZERO)))
                && after_first_failure.is_none_or(|a| is_within(a, since_first))
                && because.is_none_or(|b| b == failed.cause);
            (!is_right).then_some(latest.unwrap_or(failed.at).min(failed.at))
        }
    }
}

/// What the policy did to a pod.
pub(crate) fn fate_of(pod: &PodTruth) -> String {
    match (&pod.failed, pod.warned) {
        (Some(failed), _) => {
            let first = pod.first_failure_at().unwrap_or(failed.at);
            let after = Human(failed.at.since(first));
            format!(
                "failed for {} at {}, {after} after its first failure",
                failed.cause,
                clock(failed.at)
            )
        }
        (None, Some((at, cause))) => format!("warned of for {cause} at {}", clock(at)),
        (None, None) => "neither failed nor warned of".to_owned(),
    }
}

fn phase_of(world: &World, id: PodId, pod: &PodTruth) -> Phase {
    let stored = world.cluster.api.get(id).map(|pod| pod.status.phase);
    stored
        .or_else(|| pod.ended.map(|(_, phase)| phase))
        .unwrap_or(Phase::Pending)
}

fn all_jobs(world: &World, expected: &JobsExpected, add: &mut dyn FnMut(Unmet)) {
    let mut found = false;
    for job in jobs(world).filter(|job| glob::matches(&expected.jobs, &job.name)) {
        found = true;
        job_came(expected, job, add);
    }
    if !found {
        add(missed(
            format!("some Jobs named `{}`", expected.jobs),
            "none".to_owned(),
            None,
            None,
        ));
    }
}

fn job_came(expected: &JobsExpected, job: &JobState, add: &mut dyn FnMut(Unmet)) {
    let pod = job.first_pod();
    let mut differs = |what: String, got: String, at: Option<Timestamp>| {
        add(missed(format!("Job {} {what}", job.name), got, pod, at));
    };
    let (outcome, ended_at) = outcome_of(job);
    let in_words = ended_at.map_or_else(
        || outcome.as_str().to_owned(),
        |at| format!("{} at {}", outcome.as_str(), clock(at)),
    );
    if let Some(wanted) = expected.outcome.filter(|wanted| *wanted != outcome) {
        let wanted = wanted.as_str();
        differs(format!("to be {wanted}"), in_words.clone(), ended_at);
    }
    if let Some((low, high)) = expected.between
        && ended_at.is_none_or(|at| at < ZERO.after(low) || ZERO.after(high) < at)
    {
        differs(
            format!("to end between {} and {}", Human(low), Human(high)),
            in_words,
            ended_at,
        );
    }
    let reason = job
        .finished
        .and_then(|finished| finished.failed_for)
        .unwrap_or("none");
    if expected
        .reason
        .as_ref()
        .is_some_and(|wanted| wanted != reason)
    {
        let wanted = expected.reason.as_deref().unwrap_or_default();
        differs(
            format!("to fail with reason {wanted}"),
            reason.to_owned(),
            ended_at,
        );
    }
    if let Some(pods) = expected.pods.filter(|pods| *pods != job.made()) {
        differs(
            format!("to make {pods} pods"),
            job.made().to_string(),
            ended_at,
        );
    }
    if let Some(failed) = expected.failed.filter(|failed| *failed != job.failed) {
        differs(
            format!("to count {failed} failed pods"),
            job.failed.to_string(),
            ended_at,
        );
    }
    if let Some(by) = expected.starts_by
        && job.started_at.is_none_or(|at| at > ZERO.after(by))
    {
        let got = job.started_at.map_or_else(
            || "it never started".to_owned(),
            |at| format!("it started at {}", clock(at)),
        );
        differs(
            format!("to start by {}", Human(by)),
            got,
            Some(ZERO.after(by)),
        );
    }
}

fn outcome_of(job: &JobState) -> (JobOutcome, Option<Timestamp>) {
    match (job.finished, job.started_at) {
        (Some(finished), _) if finished.failed_for.is_some() => {
            (JobOutcome::Failed, Some(finished.at))
        }
        (Some(finished), _) => (JobOutcome::Complete, Some(finished.at)),
        (None, Some(_)) => (JobOutcome::Active, None),
        (None, None) => (JobOutcome::Suspended, None),
    }
}

/// The time since the start of the simulation.
pub(crate) fn clock(at: Timestamp) -> Human {
    Human(at.since(ZERO))
}

fn missed(expected: String, got: String, pod: Option<PodId>, at: Option<Timestamp>) -> Unmet {
    Unmet {
        place: (0, 0),
        expected,
        got,
        pod,
        at,
    }
}
