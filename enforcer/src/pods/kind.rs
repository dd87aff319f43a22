//! The kinds of writes to pods: label, permission, path, body and event of each.
//!
//! Every `match` here is exhaustive on purpose: a new kind does not compile until it has all of these.

use pullstop_core::engine::Decision;
use pullstop_core::names::{
    FAIL_EVENT_ACTION, FAILED_REASON, WARNING_EVENT_ACTION, WARNING_EVENT_REASON,
};
use pullstop_core::pod::PodRef;
use pullstop_core::time::Timestamp;
use serde_json::Value;

use super::patch;
use crate::api::{ApiError, ApiPath, Right, rights};

/// A write to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodWrite {
    /// It carries out a verdict.
    Verdict(VerdictWrite),
    /// It stores what must survive a restart.
    Checkpoint,
}

/// A write that carries out a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictWrite {
    /// The durable write: the pod is failed.
    Fail,
    /// `spec.activeDeadlineSeconds` is lowered, the last resort.
    Deadline,
    /// The condition that warns is set.
    Warn,
}

impl PodWrite {
    /// Its name in metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Verdict(write) => write.label(),
            Self::Checkpoint => "checkpoint",
        }
    }

    /// The permission that it needs.
    pub const fn right(self) -> &'static Right {
        match self {
            Self::Verdict(VerdictWrite::Fail | VerdictWrite::Warn) | Self::Checkpoint => {
                &rights::PATCH_POD_STATUS
            }
            Self::Verdict(VerdictWrite::Deadline) => &rights::PATCH_POD,
        }
    }

    /// Where it goes: to the pod itself or to its status.
    pub(super) fn path(self, pod: &PodRef) -> Result<ApiPath, ApiError> {
        let pod = path(pod)?;
        Ok(match self {
            Self::Verdict(VerdictWrite::Fail | VerdictWrite::Warn) | Self::Checkpoint => {
                pod.word("status")
            }
            Self::Verdict(VerdictWrite::Deadline) => pod,
        })
    }
}

impl VerdictWrite {
    /// Its name in metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Deadline => "deadline",
            Self::Warn => "warn",
        }
    }

    /// The patch.
    pub(super) fn body(self, decision: &Decision, message: &str, now: Timestamp) -> Value {
        match self {
            Self::Fail => patch::fail(decision, message, now),
            Self::Deadline => patch::deadline(decision),
            Self::Warn => patch::warn(decision, message, now),
        }
    }

    /// The `reason` of its event.
    pub(super) const fn event_reason(self) -> &'static str {
        match self {
            Self::Fail | Self::Deadline => FAILED_REASON,
            Self::Warn => WARNING_EVENT_REASON,
        }
    }

    /// The `action` of its event.
    pub(super) const fn event_action(self) -> &'static str {
        match self {
            Self::Fail | Self::Deadline => FAIL_EVENT_ACTION,
            Self::Warn => WARNING_EVENT_ACTION,
        }
    }
}

/// Where the pod is.
pub(super) fn path(pod: &PodRef) -> Result<ApiPath, ApiError> {
    let (namespace, name) = (pod.namespace().parse()?, pod.name().parse()?);
    Ok(ApiPath::in_namespace("/api/v1", &namespace, "pods").name(&name))
}

#[cfg(test)]
mod tests {
    use pullstop_core::wire::WirePod;

    use super::*;

    const ALL: [PodWrite; 4] = [
        PodWrite::Verdict(VerdictWrite::Fail),
        PodWrite::Verdict(VerdictWrite::Deadline),
        PodWrite::Verdict(VerdictWrite::Warn),
        PodWrite::Checkpoint,
    ];

    fn pod() -> PodRef {
        let json =
            r#"{"metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "7"}}"#;
        let pod: WirePod = serde_json::from_str(json).unwrap();
        pod.snapshot(None, PodRef::new).unwrap()
    }

    #[test]
    fn each_write_goes_where_its_right_allows() {
        for write in ALL {
            let path = write.path(&pod()).unwrap().to_string();
            let expected = match write.right().resource {
                "pods/status" => "/api/v1/namespaces/n/pods/p/status",
                "pods" => "/api/v1/namespaces/n/pods/p",
                other => panic!("{write:?} needs {other}"),
            };
            assert_eq!(path, expected, "{write:?}");
        }
    }

    #[test]
    fn only_the_last_resort_writes_to_the_pod_itself() {
        let to_pods = ALL.map(|write| (write.label(), write.right() == &rights::PATCH_POD));
        assert_eq!(
            to_pods,
            [
                ("fail", false),
                ("deadline", true),
                ("warn", false),
                ("checkpoint", false)
            ]
        );
    }
}
