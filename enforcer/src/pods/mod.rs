//! Pods: how they are read, watched and written.

pub mod announce;
mod cut;
pub mod feed;
pub mod history;
pub mod jobs;
pub mod memory;
pub mod pages;
pub mod patch;
pub(crate) mod pauses;
pub(crate) mod rounds;
mod versions;
pub mod wire;
pub mod write;

use pullstop_core::pod::{ContainerSnapshot, ContainerState, WaitingReason};

/// Whether a container shows that it cannot get its image.
pub fn is_stuck(container: &ContainerSnapshot<'_>) -> bool {
    match container.state {
        ContainerState::Waiting { reason, .. } => {
            WaitingReason::parse(reason).is_some_and(|reason| reason.trouble().is_some())
        }
        _ => false,
    }
}
