//! What the kubelet publishes about a failed pull: reason and message of a waiting container (`pkg/kubelet/images`).

use pullstop_core::image::ImageReference;

use super::{PullError, Runtime};

impl PullError {
    /// The container's waiting reason right after the pull failed, before `ImagePullBackOff`.
    ///
    /// The kubelet tells two errors apart by what they begin with (`evalCRIPullErr`), and only CRI-O begins so.
    pub const fn waiting_reason(self, runtime: Runtime) -> &'static str {
        match (self, runtime) {
            (Self::Refused, Runtime::Crio) => "RegistryUnavailable",
            (Self::SignatureRejected, Runtime::Crio) => "SignatureValidationFailed",
            _ => "ErrImagePull",
        }
    }
}

/// The message of `ImagePullBackOff`. `last` is the message of the last failure and `reason` its reason, which the
/// kubelet repeats since Kubernetes 1.32; older ones do not (`None`).
pub fn back_off(image: &str, reason: &str, last: Option<&str>) -> String {
    match last {
        Some(last) => format!("Back-off pulling image {image:?}: {reason}: {last}"),
        None => format!("Back-off pulling image {image:?}"),
    }
}

/// The message of `InvalidImageName`, with what is wrong with `image`.
pub fn invalid_name(image: &str) -> String {
    // A name that is valid has no such message; the grammar's general complaint stands in for it.
    let why = ImageReference::parse(image).map_or_else(
        |error| error.to_string(),
        |_| "invalid reference format".to_owned(),
    );
    format!(
        "Failed to apply default image tag {image:?}: couldn't parse image name {image:?}: {why}"
    )
}

/// The message of `ErrImageNeverPull`.
pub fn never_pull(image: &str) -> String {
    format!("Container image {image:?} is not present with pull policy of Never")
}

/// The node's own limiter refused to begin (`pkg/kubelet/images/helpers.go`).
pub(super) const PULL_QPS_EXCEEDED: &str = "pull QPS exceeded";

/// `evalCRIPullErr`, of an error that began with `RegistryUnavailable: `.
pub(super) fn registry_unavailable(image: &str, why: &str) -> String {
    format!("image pull failed for {image} because the registry is unavailable: {why}")
}

/// `evalCRIPullErr`, of an error that began with `SignatureValidationFailed: `.
pub(super) fn signature_validation_failed(image: &str, why: &str) -> String {
    format!("image pull failed for {image} because the signature validation failed: {why}")
}
