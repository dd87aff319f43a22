//! The rule by which each baseline fails a pod.
//!
//! Where a project's source does not say what it does, nothing was made up: the comments say what is left out.

use std::time::Duration;

use pullstop_core::pod::{ContainerKind, WaitingReason};
use pullstop_core::time::Timestamp;

use super::{Baseline, Record};
use crate::world::pod::{ContainerState, Pod};

const MINUTE: Duration = Duration::from_secs(60);

/// When the baseline fails the pod, as it looks now. Whether it `is_hopeless` only the oracle can ask.
pub(super) fn due_at(
    baseline: Baseline,
    now: Timestamp,
    pod: &Pod,
    record: &Record,
    is_hopeless: impl FnOnce() -> bool,
) -> Option<Timestamp> {
    match baseline {
        Baseline::Nothing => None,
        Baseline::FirstSight => first_sight(pod).then_some(now),
        Baseline::Tekton | Baseline::TektonFiveMinutes if tekton_fails_at_once(pod) => Some(now),
        Baseline::Tekton => backs_off(pod, NOT_INIT).then_some(now),
        Baseline::TektonFiveMinutes => record
            .sandbox_since
            .filter(|_| backs_off(pod, NOT_INIT))
            .map(|at| at.after(5 * MINUTE)),
        Baseline::Prow => Some(match pod.status.started_at {
            Some(started_at) => started_at.after(10 * MINUTE),
            None => pod.created_at.after(5 * MINUTE),
        }),
        Baseline::Kueue => Some(record.admitted_at.after(30 * MINUTE)),
        Baseline::Jenkins => (record.observations >= 3 && backs_off(pod, ALL)).then_some(now),
        Baseline::Receptor => (record.observations >= 3 && backs_off(pod, MAIN)).then_some(now),
        Baseline::Armada => Some(armada(pod, record)),
        Baseline::Oracle => (lacks_an_image(pod) && is_hopeless()).then_some(now),
    }
    .map(|at| at.max(now))
}

/// Whether the baseline counts this observation of a pod.
pub(super) fn is_counted(baseline: Baseline, pod: &Pod) -> bool {
    match baseline {
        Baseline::Jenkins => backs_off(pod, ALL),
        Baseline::Receptor => backs_off(pod, MAIN),
        _ => false,
    }
}

/// `checkInvalidWaitingState` in Nextflow, `CheckTerminalContainerErrors` in GitLab Runner.
fn first_sight(pod: &Pod) -> bool {
    waits(pod, ALL, |reason, _| {
        matches!(
            reason,
            "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName"
        ) || reason.ends_with("Error")
    })
}

/// Whether a failure to get an image is published.
fn lacks_an_image(pod: &Pod) -> bool {
    waits(pod, ALL, |reason, _| {
        WaitingReason::parse(reason).is_some_and(|reason| reason.kind().is_some())
    })
}

/// `checkPodFailed`: these need no timeout. It looks at steps and sidecars, not at init containers of its own. A
/// `CreateContainerError` that ran into a deadline may have a timeout, which is 0 unless it is set.
fn tekton_fails_at_once(pod: &Pod) -> bool {
    waits(pod, NOT_INIT, |reason, _| {
        matches!(
            reason,
            "InvalidImageName" | "CreateContainerConfigError" | "CreateContainerError"
        )
    })
}

/// Armada's `pendingPodChecks` as shipped. Its clock is the last change of a condition, or start or end of a container
/// (`LastStatusChange`): how long a container has been waiting no status tells. The first of its rules to come true
/// counts; whether that fails the job or tries it elsewhere (`Retry`), the pod is gone.
///
/// Rules for Events see those of the kubelet's words that a status shows as well: a failed pull writes a `Warning`.
fn armada(pod: &Pod, record: &Record) -> Timestamp {
    let grace = |(reason, message): (&str, &str)| match reason {
        "InvalidImageName" => Duration::ZERO,
        "ErrImagePull" | "ImagePullBackOff" if message.contains("failed to pull and unpack") => {
            Duration::from_secs(90)
        }
        // 15 minutes for the state, but 5 for a `Warning` that does not say `nodes are available`, and for any other
        // state, a missing node, or no state at all.
        _ => 5 * MINUTE,
    };
    let shortest = waiting(pod, ALL).map(grace).min();
    record.changed_at.after(shortest.unwrap_or(5 * MINUTE))
}

const ALL: &[ContainerKind] = &[
    ContainerKind::Init,
    ContainerKind::Sidecar,
    ContainerKind::Main,
];
const NOT_INIT: &[ContainerKind] = &[ContainerKind::Sidecar, ContainerKind::Main];
const MAIN: &[ContainerKind] = &[ContainerKind::Main];

fn backs_off(pod: &Pod, kinds: &[ContainerKind]) -> bool {
    waits(pod, kinds, |reason, _| reason == "ImagePullBackOff")
}

fn waits(pod: &Pod, kinds: &[ContainerKind], is_meant: impl Fn(&str, &str) -> bool) -> bool {
    waiting(pod, kinds).any(|(reason, message)| is_meant(reason, message))
}

/// Reason and message of the containers of these kinds that wait.
fn waiting<'a>(
    pod: &'a Pod,
    kinds: &'a [ContainerKind],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let specs = pod.template.containers.iter();
    let containers = specs
        .zip(&pod.status.containers)
        .filter(|(spec, _)| kinds.contains(&spec.kind));
    containers.filter_map(|(_, container)| match &container.state {
        ContainerState::Waiting { reason, message } => Some((&**reason, &**message)),
        ContainerState::Running | ContainerState::Terminated { .. } => None,
    })
}
