//! When the kubelet may be pulling, by the arithmetic of its back-off.
//!
//! The published status is one worker sync old, so the start of a pull is never visible. But failure k is followed
//! by a back-off of at least `10 s * 2^(k-1)`, at most 300 s, and k is a lower bound: until that has passed since
//! the failure, no pull is in flight. From then on one may be, until the next published change.

use std::time::Duration;

use super::container::FailingContainer;
use crate::pod::{ContainerKind, ContainerSnapshot, ContainerState, WaitingReason};
use crate::time::Timestamp;

/// `imageBackOffPeriod`, `pkg/kubelet/kubelet.go`.
pub(super) const BACK_OFF_INITIAL: Duration = Duration::from_secs(10);
/// `MaxImageBackOff`, `pkg/kubelet/kubelet.go`.
pub(super) const BACK_OFF_MAX: Duration = Duration::from_secs(300);
/// A back-off unused for twice its maximum is forgotten (`client-go/util/flowcontrol/backoff.go`), less what two
/// publications may be apart from the failures that they show.
pub(super) const BACK_OFF_FORGOTTEN_AFTER: Duration =
    Duration::from_secs(2 * BACK_OFF_MAX.as_secs() - PUBLICATION_LAG_MAX.as_secs());
/// How old a failure may be when its `ErrImagePull` is seen and a write that follows arrives: one worker sync
/// (10.04 to 16.16 s on 939 recorded syncs of Kubernetes 1.36.2), and time for the watch and the write.
pub(super) const PUBLICATION_LAG_MAX: Duration = Duration::from_secs(20);

/// The longest time between two worker syncs of a pod in error, 16.16 s on the same recordings, in whole seconds: that
/// much of [`PUBLICATION_LAG_MAX`] is spared where a failure is dated by itself and not by its publication.
pub(super) const WORKER_SYNC_MAX: Duration = Duration::from_secs(16);

/// The shortest time between two worker syncs of a pod in error, 10.04 s on the same recordings: a failure of an edited
/// image cannot be shown any sooner after the edit.
pub(super) const WORKER_SYNC_MIN: Duration = Duration::from_secs(10);

/// How long the pulls behind a failed one may have taken together before all of them were published. Longer ones do
/// happen, with a registry that hangs; but with more than this no verdict would ever fall between two pulls that are
/// [`BACK_OFF_MAX`] apart.
const PULLS_BEHIND_MAX: Duration = Duration::from_secs(240);

/// When a failure must have appeared that is published at `now` together with those of containers behind it.
pub(super) fn behind_others(now: Timestamp) -> Timestamp {
    let behind_ms = PULLS_BEHIND_MAX.as_secs() * 1000;
    Timestamp::from_millis(now.as_millis().saturating_sub(behind_ms))
}

/// When a failure must have been published that is shown as `ErrImagePull` at `now`, at the earliest.
pub(super) fn published_before(now: Timestamp) -> Timestamp {
    let lag_ms = PUBLICATION_LAG_MAX.as_secs() * 1000;
    Timestamp::from_millis(now.as_millis().saturating_sub(lag_ms))
}

/// How long after the `step`-th failure appeared no pull is in flight.
pub(super) fn quiet_after(step: u8) -> Duration {
    let doublings = u32::from(step.saturating_sub(1)).min(5);
    (BACK_OFF_INITIAL * 2u32.pow(doublings))
        .min(BACK_OFF_MAX)
        .saturating_sub(PUBLICATION_LAG_MAX)
}

/// Whether the kubelet may be pulling for a container of the pod that is not failing.
///
/// Containers are started in order. An init container or sidecar that has not started stops what is behind it
/// (`computeInitContainerActions`, `pkg/kubelet/kuberuntime/kuberuntime_container.go`); a sidecar that fails later
/// does not.
pub(super) fn others_may_pull(
    containers: &[ContainerSnapshot<'_>],
    failing: &[FailingContainer],
) -> bool {
    for container in containers {
        let known = failing.iter().find(|f| f.name() == container.name);
        match (container.kind, known) {
            (ContainerKind::Init, Some(_)) => return false,
            (ContainerKind::Sidecar, Some(_)) if has_never_started(container) => return false,
            (ContainerKind::Ephemeral, _) | (_, Some(_)) => {}
            (ContainerKind::Init, None) if container.state == ContainerState::Running => {
                return false;
            }
            (_, None) => {
                if is_creating(container) {
                    return true;
                }
            }
        }
    }
    false
}

/// Whether the kubelet may have pulled for a container behind the first of `containers` in the same worker sync.
///
/// It pulls for one after another, and publishes what became of all of them at once, when the next sync begins. So the
/// failure of one may be as much older as the pulls behind it took.
pub(super) fn pulled_behind(
    containers: &[ContainerSnapshot<'_>],
    failing: &[FailingContainer],
) -> bool {
    let Some((first, behind)) = containers.split_first() else {
        return false;
    };
    let blocks = match first.kind {
        ContainerKind::Init => true,
        ContainerKind::Sidecar => has_never_started(first),
        ContainerKind::Main | ContainerKind::Ephemeral => false,
    };
    let pulls = |other: &ContainerSnapshot<'_>| {
        let is_known = failing.iter().any(|f| f.name() == other.name);
        other.image != first.image && (is_known || is_creating(other))
    };
    !blocks && behind.iter().any(pulls)
}

const fn has_never_started(container: &ContainerSnapshot<'_>) -> bool {
    container.restart_count == 0 && !container.ran
}

fn is_creating(container: &ContainerSnapshot<'_>) -> bool {
    let ContainerState::Waiting { reason, .. } = container.state else {
        return false;
    };
    matches!(
        WaitingReason::parse(reason),
        Some(WaitingReason::ContainerCreating | WaitingReason::PodInitializing)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_time_grows_with_the_back_off() {
        let seconds: Vec<u64> = (0..9).map(|step| quiet_after(step).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 0, 20, 60, 140, 280, 280, 280]);
    }
}
