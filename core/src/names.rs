//! The names that Pullstop writes to clusters and reads from them: annotations, conditions, reasons.
//!
//! Others rely on them (pod failure policies of Jobs, alerts, scripts), so each is spelled here and nowhere else.

/// The API group of the policies, and the domain of all other names.
pub const GROUP: &str = "pullstop.dev";
/// What all names of annotations and conditions begin with.
pub const PREFIX: &str = "pullstop.dev/";
/// Who writes, in `metadata.managedFields` of pods.
pub const FIELD_MANAGER: &str = "pullstop";
/// The Lease by which replicas elect a leader, unless another is asked for.
pub const LEASE: &str = "pullstop";

/// `status.reason` of a pod that was failed, and the reason of its event.
pub const FAILED_REASON: &str = "ImagePullFailed";
/// The annotation that makes the kubelet take the failure over: a change of the status alone it would undo. Its value is
/// the time of the write.
pub const FAILED_ANNOTATION: &str = "pullstop.dev/image-pull-failed";
/// The type of the condition of a pod that was failed (`True`, and the reason is the cause) or that fails (`False`, and the
/// reason is [`FAILING_REASON`]). A Job's `podFailurePolicy` can match it.
pub const FAILED_CONDITION: &str = "pullstop.dev/ImagePullFailed";
/// The reason of that condition while pulls fail and no verdict was carried out.
pub const FAILING_REASON: &str = "Failing";
/// The type of the condition of a pod that was warned of. Its reason is the cause.
pub const WARNING_CONDITION: &str = "pullstop.dev/ImagePullWarning";

/// The reason of the event when a verdict is to warn.
pub const WARNING_EVENT_REASON: &str = "ImagePullFailing";
/// `action` of the event when a pod was failed.
pub const FAIL_EVENT_ACTION: &str = "FailPod";
/// `action` of the event when a verdict is to warn.
pub const WARNING_EVENT_ACTION: &str = "WarnPod";
/// `reportingController` of events.
pub const EVENT_CONTROLLER: &str = "pullstop.dev/enforcer";

/// How far a verdict may go, an annotation on a pod or what it belongs to: `enforce`, `warn` or `off`.
pub const MODE_ANNOTATION: &str = "pullstop.dev/mode";
/// How long after the first failure a verdict may come at the earliest, an annotation likewise.
pub const PATIENCE_ANNOTATION: &str = "pullstop.dev/patience";
/// The kill switch: an annotation on the Lease that stops all writes of all replicas, whatever the policy says.
pub const STOP_ANNOTATION: &str = "pullstop.dev/stop";

/// The type of the condition that says whether a policy is active, and its reason if it is.
pub const ACCEPTED: &str = "Accepted";
/// The reason of that condition for a policy with mistakes.
pub const INVALID_REASON: &str = "Invalid";
/// The reason of that condition for a policy whose name is not the one that the enforcer uses.
pub const NOT_SELECTED_REASON: &str = "NotSelected";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_within_our_group() {
        assert_eq!(PREFIX, format!("{GROUP}/"));
        for name in [
            FAILED_ANNOTATION,
            FAILED_CONDITION,
            WARNING_CONDITION,
            EVENT_CONTROLLER,
            MODE_ANNOTATION,
            PATIENCE_ANNOTATION,
            STOP_ANNOTATION,
        ] {
            assert!(name.starts_with(PREFIX), "{name}");
        }
    }
}
