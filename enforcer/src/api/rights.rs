//! What the API server must allow, and what it has refused lately.

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
    /// Whether there is nothing to be done without it.
    pub vital: bool,
    /// How it is without it.
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
    without: "no pod is seen",
    ..POD
};
/// To watch pods.
pub const WATCH_PODS: Right = Right {
    call: "watch_pods",
    verb: "watch",
    without: "no pod is seen to change",
    ..POD
};
/// To read one pod.
pub const GET_POD: Right = Right {
    call: "get_pod",
    verb: "get",
    without: "no pod can be looked at before it is failed, so none is failed",
    ..POD
};
/// To write a pod's status.
pub const PATCH_POD_STATUS: Right = Right {
    call: "patch_pod_status",
    verb: "patch",
    resource: "pods/status",
    without: "no pod is failed or warned of, and a restart forgets what was counted",
    ..POD
};
/// To give a pod a deadline.
pub const PATCH_POD: Right = Right {
    call: "patch_pod",
    verb: "patch",
    vital: false,
    without: "pods that are put back again and again are left so (deploy/overlays/deadline grants it)",
    ..POD
};
/// To send events.
pub const CREATE_EVENT: Right = Right {
    call: "create_event",
    verb: "create",
    resource: "events",
    group: "events.k8s.io",
    vital: false,
    without: "no event tells of verdicts; conditions and logs do",
};
/// To read what the kubelets have told of pods.
pub const LIST_EVENTS: Right = Right {
    call: "list_events",
    verb: "list",
    resource: "events",
    vital: false,
    without: "nothing is known of what failed before it watched, so stuck pods wait for as many failures more \
              (deploy/overlays/history grants it)",
    ..POD
};
/// To read the Lease.
pub const GET_LEASE: Right = Right {
    call: "get_lease",
    verb: "get",
    without: "nobody knows who leads, so this replica writes nothing",
    ..LEASE
};
/// To create the Lease.
pub const CREATE_LEASE: Right = Right {
    call: "create_lease",
    verb: "create",
    without: "there is no Lease to lead by, so this replica writes nothing",
    ..LEASE
};
/// To take the Lease, and to renew it.
pub const RENEW_LEASE: Right = Right {
    call: "renew_lease",
    verb: "patch",
    without: "this replica cannot come to lead, so it writes nothing",
    ..LEASE
};
/// To read the cluster's policies.
pub const LIST_CLUSTER_POLICIES: Right = Right {
    call: "list_policies",
    verb: "list",
    resource: "clusterpullfailurepolicies",
    without: "no policy is seen: what is in force stays, which is a dry run at first",
    ..POLICY
};
/// To read the namespaces' policies.
pub const LIST_POLICIES: Right = Right {
    resource: "pullfailurepolicies",
    ..LIST_CLUSTER_POLICIES
};
/// To say what is thought of the cluster's policies.
pub const PATCH_CLUSTER_POLICY_STATUS: Right = Right {
    call: "patch_policy_status",
    verb: "patch",
    resource: "clusterpullfailurepolicies/status",
    vital: false,
    without: "only the log says what is wrong with a policy",
    ..POLICY
};
/// To say what is thought of the namespaces' policies.
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
    without: "nobody knows what Jobs ask for, so none of their pods is failed (deploy/overlays/annotations grants it)",
    ..POD
};
/// To read a namespace's annotations.
pub const GET_NAMESPACE: Right = Right {
    call: "get_namespace",
    verb: "get",
    resource: "namespaces",
    without: "nobody knows what namespaces ask for, so no pod is failed (deploy/overlays/annotations grants it)",
    ..POD
};
/// To find the namespaces of this enforcer's share.
pub const LIST_NAMESPACES: Right = Right {
    call: "list_namespaces",
    verb: "list",
    resource: "namespaces",
    without: "nobody knows which namespaces are selected (deploy/overlays/shard grants it)",
    ..POD
};
/// To say which server it is. No right: whoever is known may ask for it.
pub const SERVER_VERSION: Right = Right {
    call: "server_version",
    verb: "get",
    resource: "/version",
    without: "nobody knows which server it is",
    ..POD
};
/// To read the clock of a simulated cluster. No right: any other cluster refuses that, one way or the other.
pub const SIMULATED_CLOCK: Right = Right {
    call: "simulated_clock",
    verb: "get",
    resource: "/simulator/clock",
    without: "nobody knows how fast the cluster is",
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
        write!(f, "may not {verb} {resource}")?;
        if !group.is_empty() {
            write!(f, " of {group}")?;
        }
        write!(
            f,
            " (403): grant it as in deploy/base/rbac.yaml; without it {without}"
        )
    }
}

/// How long a refusal counts: whoever needs the right asks again within 5 minutes, so that an older one tells of
/// something that nobody wants any more.
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
            Some(ApiError::Forbidden(said)) => {
                let before = self.lock().insert(right, Instant::now());
                if before.is_none_or(|at| at.elapsed() >= LASTS) {
                    tracing::error!(verb, group, resource, said, "{right}");
                }
            }
            // Only who may ask is told that.
            None
            | Some(
                ApiError::Conflict | ApiError::NotFound | ApiError::Gone | ApiError::Invalid(_),
            ) => {
                if self.lock().remove(right).is_some() {
                    tracing::info!(verb, group, resource, "a right that was missing is there");
                }
            }
            Some(_) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static Right, Instant>> {
        // A table of refusals is right whoever panicked while holding it.
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
