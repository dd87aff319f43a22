//! The RBAC permissions that the enforcer needs, and those that the API server denied lately.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pullstop_core::names::GROUP;
use tokio::time::Instant;

use super::answer::ApiError;

/// What one kind of request needs: a verb on a resource.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The kind of request, as a label of metrics.
    pub call: &'static str,
    /// As in RBAC.
    pub verb: &'static str,
    /// As in RBAC.
    pub resource: &'static str,
    /// The API group; empty for the core.
    pub group: &'static str,
    /// Whether the enforcer is useless without it.
    pub vital: bool,
    /// What does not work without it.
    pub without: &'static str,
}

const POD: Right = Right {
    call: "",
    verb: "",
    resource: "pods",
    group: "",
    vital: true,
    without: "",
};
const LEASE: Right = Right {
    resource: "leases",
    group: "coordination.k8s.io",
    ..POD
};
const POLICY: Right = Right {
    group: GROUP,
    ..POD
};

/// To list pods.
pub const LIST_PODS: Right = Right {
    call: "list_pods",
    verb: "list",
    without: "no pods are seen",
    ..POD
};
/// To watch pods.
pub const WATCH_PODS: Right = Right {
    call: "watch_pods",
    verb: "watch",
    without: "no change of a pod is seen",
    ..POD
};
/// To read one pod.
pub const GET_POD: Right = Right {
    call: "get_pod",
    verb: "get",
    without: "pods cannot be read before they are failed, so none is failed",
    ..POD
};
/// To write a pod's status.
pub const PATCH_POD_STATUS: Right = Right {
    call: "patch_pod_status",
    verb: "patch",
    resource: "pods/status",
    without: "no pod is failed or gets a warning, and a restart loses the counts",
    ..POD
};
/// To set a pod's `activeDeadlineSeconds`.
pub const PATCH_POD: Right = Right {
    call: "patch_pod",
    verb: "patch",
    vital: false,
    without: "pods that the kubelet reverts repeatedly stay as they are (deploy/overlays/deadline grants it)",
    ..POD
};
/// To send events.
pub const CREATE_EVENT: Right = Right {
    call: "create_event",
    verb: "create",
    resource: "events",
    group: "events.k8s.io",
    vital: false,
    without: "verdicts appear in conditions and logs only, not in Events",
};
/// To read the Events about pods.
pub const LIST_EVENTS: Right = Right {
    call: "list_events",
    verb: "list",
    resource: "events",
    vital: false,
    without: "failures from before the enforcer started are unknown, so stuck pods wait for as many more \
              (deploy/overlays/history grants it)",
    ..POD
};
/// To read the Lease.
pub const GET_LEASE: Right = Right {
    call: "get_lease",
    verb: "get",
    without: "the leader is unknown, so this replica writes nothing",
    ..LEASE
};
/// To create the Lease.
pub const CREATE_LEASE: Right = Right {
    call: "create_lease",
    verb: "create",
    without: "no Lease can be created, so this replica writes nothing",
    ..LEASE
};
/// To take the Lease, and to renew it.
pub const RENEW_LEASE: Right = Right {
    call: "renew_lease",
    verb: "patch",
    without: "this replica cannot become leader, so it writes nothing",
    ..LEASE
};
/// To read the cluster's policies.
pub const LIST_CLUSTER_POLICIES: Right = Right {
    call: "list_policies",
    verb: "list",
    resource: "clusterpullfailurepolicies",
    without: "policies cannot be read: the current ones stay active, at first the built-in dry run",
    ..POLICY
};
/// To read the namespaces' policies.
pub const LIST_POLICIES: Right = Right {
    resource: "pullfailurepolicies",
    ..LIST_CLUSTER_POLICIES
};
/// To write the status of the cluster's policies.
pub const PATCH_CLUSTER_POLICY_STATUS: Right = Right {
    call: "patch_policy_status",
    verb: "patch",
    resource: "clusterpullfailurepolicies/status",
    vital: false,
    without: "errors of policies appear in the log only",
    ..POLICY
};
/// To write the status of the namespaces' policies.
pub const PATCH_POLICY_STATUS: Right = Right {
    resource: "pullfailurepolicies/status",
    ..PATCH_CLUSTER_POLICY_STATUS
};
/// To read a Job's annotations.
pub const GET_JOB: Right = Right {
    call: "get_job",
    verb: "get",
    resource: "jobs",
    group: "batch",
    without: "annotations of Jobs are unknown, so none of their pods is failed (deploy/overlays/annotations grants it)",
    ..POD
};
/// To read a namespace's annotations.
pub const GET_NAMESPACE: Right = Right {
    call: "get_namespace",
    verb: "get",
    resource: "namespaces",
    without: "annotations of namespaces are unknown, so no pod is failed (deploy/overlays/annotations grants it)",
    ..POD
};
/// To find the namespaces of this enforcer's share.
pub const LIST_NAMESPACES: Right = Right {
    call: "list_namespaces",
    verb: "list",
    resource: "namespaces",
    without: "the selected namespaces are unknown (deploy/overlays/shard grants it)",
    ..POD
};
/// To read the server's version. Needs no permission beyond authentication.
pub const SERVER_VERSION: Right = Right {
    call: "server_version",
    verb: "get",
    resource: "/version",
    without: "the version of the server is unknown",
    ..POD
};
/// To read the clock of a simulated cluster. Any other cluster refuses the request.
pub const SIMULATED_CLOCK: Right = Right {
    call: "simulated_clock",
    verb: "get",
    resource: "/simulator/clock",
    without: "the speed of the simulated cluster is unknown",
    ..POD
};

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            verb,
            resource,
            group,
            without,
            ..
        } = self;
        write!(f, "missing permission: {verb} {resource}")?;
        if !group.is_empty() {
            write!(f, " of {group}")?;
        }
        write!(
            f,
            " (403), see deploy/base/rbac.yaml; without it, {without}"
        )
    }
}

/// How long a denial counts. Each needed permission is used again within 5 minutes, so an older denial is about one
/// that is no longer needed.
const LASTS: Duration = Duration::from_secs(10 * 60);

/// The rights that were refused, each with the time of the last refusal.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeMap<&'static Right, Instant>>);

impl Refusals {
    /// The rights that are missing, as far as is known.
    pub fn missing(&self) -> Vec<&'static Right> {
        let mut refused = self.lock();
        refused.retain(|_, at| at.elapsed() < LASTS);
        refused.keys().copied().collect()
    }

    /// A request that needs this right has ended.
    pub(super) fn apply(&self, right: &'static Right, error: Option<&ApiError>) {
        let Right {
            verb,
            group,
            resource,
            ..
        } = right;
        if resource.starts_with('/') {
            return;
        }
        match error {
            Some(ApiError::Forbidden(error)) => {
                let before = self.lock().insert(right, Instant::now());
                if before.is_none_or(|at| at.elapsed() >= LASTS) {
                    tracing::error!(verb, group, resource, error, "{right}");
                }
            }
            // These answers mean that the request was permitted.
            None
            | Some(
                ApiError::Conflict | ApiError::NotFound | ApiError::Gone | ApiError::Invalid(_),
            ) => {
                if self.lock().remove(right).is_some() {
                    tracing::info!(verb, group, resource, "a missing permission was granted");
                }
            }
            Some(_) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static Right, Instant>> {
        // The table stays valid if a holder of the lock panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_right_is_missing_until_it_is_used_or_nobody_asks_any_more() {
        let refusals = Refusals::default();
        let forbidden = ApiError::Forbidden(String::new());
        refusals.apply(&GET_POD, Some(&forbidden));
        refusals.apply(&CREATE_EVENT, Some(&forbidden));
        assert_eq!(refusals.missing(), [&CREATE_EVENT, &GET_POD]);
        refusals.apply(&GET_POD, Some(&ApiError::Unauthorized));
        assert_eq!(refusals.missing().len(), 2, "that says nothing");
        refusals.apply(&GET_POD, Some(&ApiError::NotFound));
        assert_eq!(refusals.missing(), [&CREATE_EVENT]);
        tokio::time::advance(LASTS).await;
        assert!(refusals.missing().is_empty());
    }
}
