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

/// Whether the kubelet may be pulling for a container of the pod of which no failures are counted.
///
/// Containers are started in order. An init container or sidecar that has not started stops what is behind it
/// (`computeInitContainerActions`, `pkg/kubelet/kuberuntime/kuberuntime_container.go`); a sidecar that fails later
/// does not.
pub(super) fn others_may_pull(
    containers: &[ContainerSnapshot<'_>],
    failing: &[FailingContainer],
) -> bool {
    for container in containers {
        let is_counted = is_among(failing, container.name);
        match container.kind {
            ContainerKind::Init if is_counted => return false,
            ContainerKind::Sidecar if is_counted && has_never_started(container) => return false,
            ContainerKind::Init if container.state == ContainerState::Running => return false,
            ContainerKind::Ephemeral => {}
            _ => {
                if !is_counted && may_be_pulled(container) {
                    return true;
                }
            }
        }
    }
    false
}

/// The containers of a pod for which the kubelet may have pulled in the worker sync that one status shows.
///
/// It pulls for one after another, and publishes what became of all of them at once, when the next sync begins. So the
/// failure of one may be as much older as the pulls behind it took.
#[derive(Clone, Copy, Debug)]
pub(super) struct PulledTogether<'a> {
    /// The last of them, with its image.
    last: Option<(usize, &'a str)>,
    /// The last of them with another image than that.
    last_other: Option<usize>,
}

impl<'a> PulledTogether<'a> {
    pub(super) fn of(containers: &[ContainerSnapshot<'a>], failing: &[FailingContainer]) -> Self {
        let behind_first = containers.iter().enumerate().skip(1).rev();
        let mut pulled = behind_first
            .filter(|(_, c)| is_creating(c) || is_among(failing, c.name))
            .map(|(at, c)| (at, c.image));
        let last = pulled.next();
        let other = pulled.find(|(_, image)| last.is_some_and(|(_, last)| last != *image));
        Self {
            last,
            last_other: other.map(|(at, _)| at),
        }
    }

    /// Whether one of another image stands behind `container`, the `at`-th of the pod, and is not blocked by it.
    pub(super) fn stands_behind(&self, at: usize, container: &ContainerSnapshot<'_>) -> bool {
        let blocks = match container.kind {
            ContainerKind::Init => true,
            ContainerKind::Sidecar => has_never_started(container),
            ContainerKind::Main | ContainerKind::Ephemeral => false,
        };
        let Some((last, image)) = self.last else {
            return false;
        };
        let other = if image == container.image {
            self.last_other
        } else {
            Some(last)
        };
        !blocks && other.is_some_and(|other| other > at)
    }
}

fn is_among(failing: &[FailingContainer], name: &str) -> bool {
    failing.iter().any(|container| container.name() == name)
}

/// Whether the kubelet may be pulling for a container of which no failures are counted: it is being created, or it
/// fails beyond those that are kept ([`super::FAILING_CONTAINERS_MAX`]).
fn may_be_pulled(container: &ContainerSnapshot<'_>) -> bool {
    let ContainerState::Waiting { reason, .. } = container.state else {
        return false;
    };
    WaitingReason::parse(reason).is_some_and(|reason| {
        is_first_pull(reason) || reason.trouble().is_some() && !reason.never_pulls()
    })
}

const fn has_never_started(container: &ContainerSnapshot<'_>) -> bool {
    container.restart_count == 0 && !container.ran
}

fn is_creating(container: &ContainerSnapshot<'_>) -> bool {
    let ContainerState::Waiting { reason, .. } = container.state else {
        return false;
    };
    WaitingReason::parse(reason).is_some_and(is_first_pull)
}

const fn is_first_pull(reason: WaitingReason) -> bool {
    matches!(
        reason,
        WaitingReason::ContainerCreating | WaitingReason::PodInitializing
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pod of four containers with these kinds of states and two images, against what the words say.
    #[test]
    fn another_image_is_pulled_behind() {
        let creating = ContainerState::Waiting {
            reason: "ContainerCreating",
            message: "",
        };
        for case in 0..1 << 8 {
            let containers: Vec<ContainerSnapshot<'_>> = (0..4)
                .map(|at| ContainerSnapshot {
                    kind: ContainerKind::Main,
                    name: ["a", "b", "c", "d"][at],
                    image: ["x", "y"][case >> at & 1],
                    state: [creating, ContainerState::Running][case >> (4 + at) & 1],
                    restart_count: 0,
                    ran: false,
                    memory: None,
                })
                .collect();
            let together = PulledTogether::of(&containers, &[]);
            for (at, container) in containers.iter().enumerate() {
                let expected = containers[at + 1..]
                    .iter()
                    .any(|other| is_creating(other) && other.image != container.image);
                assert_eq!(together.stands_behind(at, container), expected, "{case:b}");
            }
        }
    }

    #[test]
    fn quiet_time_grows_with_the_back_off() {
        let seconds: Vec<u64> = (0..9).map(|step| quiet_after(step).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 0, 20, 60, 140, 280, 280, 280]);
    }
}
