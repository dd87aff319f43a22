//! Recognizes containers that cannot get their image.

use pullstop_core::pod::{ContainerSnapshot, ContainerState, WaitingReason};

/// Whether a container shows that it cannot get its image.
pub fn is_stuck(container: &ContainerSnapshot<'_>) -> bool {
    match container.state {
        ContainerState::Waiting { reason, .. } => {
            WaitingReason::parse(reason).is_some_and(|reason| reason.kind().is_some())
        }
        _ => false,
    }
}
