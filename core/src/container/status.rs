//! What a container's status says about its image.

use crate::image;
use crate::pod::{ContainerSnapshot, ContainerState, PodSnapshot, WaitingReason};

/// How many image volumes of a pod are looked for in an error: pods that mount more are made to do harm. An error about
/// one beyond is taken for one about the container's own image.
const IMAGE_VOLUMES_MAX: usize = 64;

/// The image that a container of the pod waits for. That is its own, unless the error speaks of one of the pod's
/// image volumes, which the kubelet reports as the container's failure.
pub(crate) fn awaited_image<'a>(
    pod: &PodSnapshot<'a>,
    container: &ContainerSnapshot<'a>,
    known: Option<&str>,
) -> &'a str {
    if pod.image_volumes.is_empty() {
        return container.image;
    }
    let message = waiting(container).map_or("", |(_, message)| message);
    let volumes = || pod.image_volumes.iter().copied().take(IMAGE_VOLUMES_MAX);
    if message.contains(container.image) {
        return container.image;
    }
    let named = volumes().find(|volume| message.contains(volume));
    // A message that names neither says nothing new.
    let as_before = || volumes().find(|volume| known == Some(&*image::bounded(volume)));
    named.or_else(as_before).unwrap_or(container.image)
}

/// Whether the container's waiting reason tells of a failing image, or the kubelet starts over a container of which a
/// failure is remembered.
pub(crate) fn is_failing(container: &ContainerSnapshot<'_>) -> bool {
    let Some(reason) = waiting(container).and_then(|(reason, _)| WaitingReason::parse(reason))
    else {
        return false;
    };
    reason.kind().is_some() || container.memory.is_some() && reason != WaitingReason::BeyondPull
}

/// Reason and message of a waiting container.
pub(crate) fn waiting<'m>(container: &ContainerSnapshot<'m>) -> Option<(&'m str, &'m str)> {
    match container.state {
        ContainerState::Waiting { reason, message } => Some((reason, message)),
        _ => None,
    }
}
