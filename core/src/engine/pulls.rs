//! The times at which the kubelet may be pulling for containers of a pod whose failures are not counted.

use crate::container::FailingContainer;
use crate::pod::{ContainerKind, ContainerSnapshot, ContainerState, WaitingReason};

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
        is_first_pull(reason) || reason.kind().is_some() && !reason.never_pulls()
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
}
