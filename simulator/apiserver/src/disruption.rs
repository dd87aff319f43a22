//! Eviction, as `kubectl drain` asks for it, and the budgets that it keeps to
//! (`pkg/registry/core/pod/storage/eviction.go`, `pkg/controller/disruption`).

use std::sync::Arc;

use serde_json::{Value, json};

use super::clock;
use super::selectors::selects;
use super::status::Failure;
use super::store::{Key, Store};
use super::value::{items, items_mut, members, text};

/// The user name under which budgets are kept up to date.
const CONTROLLER: &str = "system:serviceaccount:kube-system:disruption-controller";

/// How a budget stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    expected: i64,
    healthy: i64,
    desired: i64,
}

impl Standing {
    fn allowed(self) -> i64 {
        (self.healthy - self.desired).max(0)
    }
}

/// Writes to each budget's status how it stands.
pub fn publish(store: &Store) {
    for budget in store.objects("policy", "poddisruptionbudgets") {
        let standing = standing(store, &budget);
        let key = Key::of(
            "policy",
            "poddisruptionbudgets",
            text(&budget, "/metadata/namespace"),
            text(&budget, "/metadata/name"),
        );
        store.update(&key, CONTROLLER, |object| {
            let generation = object["metadata"]["generation"].clone();
            let status = members(&mut object["status"]);
            for (member, value) in [
                ("currentHealthy", standing.healthy.into()),
                ("desiredHealthy", standing.desired.into()),
                ("disruptionsAllowed", standing.allowed().into()),
                ("expectedPods", standing.expected.into()),
                ("observedGeneration", generation),
            ] {
                status.insert(member.to_owned(), value);
            }
        });
    }
}

/// Whether the pod may be evicted now.
///
/// # Errors
/// If a budget does not allow it (429), or more than one is about it (500).
pub(super) fn check(store: &Store, pod: &Value) -> Result<(), Failure> {
    let phase = text(pod, "/status/phase");
    if phase != "Running" || !pod["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    let budgets = store.objects("policy", "poddisruptionbudgets");
    let mut budgets = budgets.iter().filter(|budget| is_about(budget, pod));
    let Some(budget) = budgets.next() else {
        return Ok(());
    };
    if budgets.next().is_some() {
        let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Err(Failure::new(500, "", message));
    }
    let standing = standing(store, budget);
    if !is_healthy(pod) {
        let always = text(budget, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
        if always || standing.desired > 0 && standing.healthy >= standing.desired {
            return Ok(());
        }
    }
    if standing.allowed() > 0 {
        return Ok(());
    }
    let (name, desired, healthy) = (
        text(budget, "/metadata/name"),
        standing.desired,
        standing.healthy,
    );
    let why = format!(
        "The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
    );
    let cause = json!({"reason": "DisruptionBudget", "message": why});
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    Err(Failure::new(429, "TooManyRequests", message).with_details(json!({"causes": [cause]})))
}

/// Marks the pod as evicted: what a `podFailurePolicy` may look for.
pub(super) fn mark(store: &Store, key: &Key, user: &str) {
    let now = clock::text(store.clock().now());
    store.update(key, user, |pod| {
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting", "lastProbeTime": null, "lastTransitionTime": now,
        });
        if items_mut(pod, "/status/conditions").any(|one| one["type"] == condition["type"]) {
            return;
        }
        let conditions = members(&mut pod["status"])
            .entry("conditions")
            .or_insert_with(|| json!([]));
        if let Value::Array(conditions) = conditions {
            conditions.push(condition);
        }
    });
}

fn standing(store: &Store, budget: &Value) -> Standing {
    let pods = store.objects("", "pods");
    let pods = pods.iter().filter(|pod| is_about(budget, pod));
    let ended = |pod: &Value| ["Succeeded", "Failed"].contains(&text(pod, "/status/phase"));
    let pods: Vec<&Arc<Value>> = pods.filter(|pod| !ended(pod)).collect();
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let expected = count(pods.len());
    let healthy = count(pods.iter().filter(|pod| is_healthy(pod)).count());
    let (least, most) = (
        &budget["spec"]["minAvailable"],
        &budget["spec"]["maxUnavailable"],
    );
    let desired = match (share(least, expected), share(most, expected)) {
        (Some(least), _) => least,
        (None, Some(most)) => (expected - most).max(0),
        (None, None) => 0,
    };
    Standing {
        expected,
        healthy,
        desired,
    }
}

/// A number, or so many in a hundred, rounded up.
fn share(value: &Value, of: i64) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let percent: i64 = value.as_str()?.strip_suffix('%')?.parse().ok()?;
    Some((of.saturating_mul(percent) + 99) / 100)
}

fn is_about(budget: &Value, pod: &Value) -> bool {
    budget["metadata"]["namespace"] == pod["metadata"]["namespace"]
        && selects(&budget["spec"]["selector"], &pod["metadata"]["labels"])
}

fn is_healthy(pod: &Value) -> bool {
    let mut conditions = items(pod, "/status/conditions").iter();
    pod["metadata"]["deletionTimestamp"].is_null()
        && conditions.any(|one| text(one, "/type") == "Ready" && text(one, "/status") == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_up() {
        assert_eq!(share(&json!(2), 5), Some(2));
        assert_eq!(share(&json!("50%"), 5), Some(3));
        assert_eq!(share(&json!("x"), 5), None);
        assert_eq!(share(&Value::Null, 5), None);
    }
}
