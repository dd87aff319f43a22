//! Policies as objects in the cluster: `ClusterPullFailurePolicy` and `PullFailurePolicy`.
//!
//! One of each place is in force, the one called `default`. What is thought of each stands in its status.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use pullstop_core::policy::Policy;
use pullstop_core::policy::document::{self, API_VERSION, CLUSTER_KIND, NAMESPACED_KIND};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::built_in;
use crate::api::{Api, ApiPath, Call, MERGE_PATCH, NoName, Right, Trouble, rights};
use crate::clock::{self, Clock};
use crate::engines::Policies;
use crate::lease::Claim;
use crate::metrics::{Metric, Metrics};

/// The policy that is in force.
pub const NAME: &str = "default";

/// Where the objects are.
const FOLDER: &str = "/apis/pullstop.dev/v1alpha1";
/// How often the objects are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Policy objects and what is thought of them.
#[derive(Debug)]
pub struct Objects {
    /// Where they are.
    pub api: Api,
    /// The present moment.
    pub clock: Clock,
    /// Only the leader writes statuses.
    pub claim: watch::Receiver<Claim>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Objects {
    /// Follows the objects until nobody listens any more.
    pub async fn follow(self, policies: watch::Sender<Policies>) {
        let mut accepted = Accepted::default();
        let mut told: Option<Trouble> = None;
        let mut opinions_told = BTreeMap::new();
        while !policies.is_closed() {
            match read(&self.api).await {
                Ok(found) => {
                    told = None;
                    let opinions = accepted.take_in(&found);
                    let now_in_force = accepted.policies();
                    policies.send_if_modified(|old| {
                        let changed = *old != now_in_force;
                        *old = now_in_force;
                        changed
                    });
                    self.say(&found, &opinions, &mut opinions_told).await;
                }
                Err(trouble) => {
                    if told.as_ref() != Some(&trouble) {
                        tracing::warn!(%trouble, "cannot read policy objects (are the CRDs of deploy/ installed?); what is in force stays");
                    }
                    told = Some(trouble);
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Writes into the objects' statuses what is thought of them, where that does not stand there yet. What was `told`
    /// before is not logged again, however often writing it fails.
    async fn say(
        &self,
        found: &[Object],
        opinions: &[Opinion],
        told: &mut BTreeMap<String, Opinion>,
    ) {
        if !self.claim.borrow().covers(self.clock.now()) {
            return;
        }
        for (object, opinion) in found.iter().zip(opinions) {
            let path = object.path();
            let is_new = told.insert(path.clone(), opinion.clone()).as_ref() != Some(opinion);
            if is_new {
                self.tell(&path, opinion);
            }
            if object.says(opinion) {
                continue;
            }
            let Ok(status) = object.status() else {
                continue;
            };
            let now = clock::print_seconds(self.clock.now());
            let body = json!({ "status": { "conditions": [object.condition(opinion, &now)] } });
            let call = Call::write(object.right(), Method::PATCH, status, MERGE_PATCH, &body);
            match self.api.call(call, CALL_TIMEOUT).await {
                Err(trouble) if is_new => {
                    tracing::warn!(%trouble, policy = path, "cannot write the status of a policy");
                }
                _ => {}
            }
        }
        told.retain(|path, _| found.iter().any(|object| object.path() == *path));
    }

    fn tell(&self, path: &str, opinion: &Opinion) {
        let accepted = opinion.reason == ACCEPTED;
        let result = if accepted { "accepted" } else { "refused" };
        self.metrics
            .count(Metric::PolicyLoads, &[("result", result)]);
        if !accepted {
            let Opinion { reason, message } = opinion;
            tracing::error!(
                policy = path,
                reason,
                error = message,
                "a policy is not in force"
            );
        }
    }
}

/// The policies that are in force now, and what is wrong with those that are not.
///
/// # Errors
/// If the objects cannot be read; [`Trouble::NotFound`] if there are no such objects in this cluster.
pub async fn in_force(api: &Api) -> Result<(Accepted, Vec<String>), Trouble> {
    let found = read(api).await?;
    let mut accepted = Accepted::default();
    let opinions = accepted.take_in(&found);
    let wrong = found.iter().zip(opinions);
    let wrong = wrong.filter(|(_, opinion)| opinion.reason == INVALID);
    let complaints =
        wrong.map(|(object, opinion)| format!("{}: {}", object.path(), opinion.message));
    Ok((accepted, complaints.collect()))
}

async fn read(api: &Api) -> Result<Vec<Object>, Trouble> {
    let mut all = Vec::new();
    for right in [&rights::LIST_CLUSTER_POLICIES, &rights::LIST_POLICIES] {
        let path = ApiPath::to(FOLDER).word(right.resource);
        let bytes = api.call(Call::get(right, path), CALL_TIMEOUT).await?;
        let list: List = serde_json::from_slice(&bytes)
            .map_err(|error| Trouble::Unreadable(error.to_string()))?;
        all.extend(list.items);
    }
    Ok(all)
}

/// What is thought of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    reason: &'static str,
    message: String,
}

const ACCEPTED: &str = "Accepted";
const INVALID: &str = "Invalid";

/// The last good policy of each place.
#[derive(Debug, Default)]
pub struct Accepted {
    cluster: Option<Policy>,
    namespaces: BTreeMap<String, Policy>,
}

impl Accepted {
    /// Takes in all objects that there are, and says what is thought of each.
    pub fn take_in(&mut self, found: &[Object]) -> Vec<Opinion> {
        let is_there = |namespace: Option<&str>| {
            found
                .iter()
                .any(|o| o.metadata.name == NAME && o.metadata.namespace.as_deref() == namespace)
        };
        if !is_there(None) {
            self.cluster = None;
        }
        self.namespaces
            .retain(|namespace, _| is_there(Some(namespace)));
        found.iter().map(|object| self.judge(object)).collect()
    }

    fn judge(&mut self, object: &Object) -> Opinion {
        let Metadata {
            name, namespace, ..
        } = &object.metadata;
        if name != NAME {
            let message = format!(
                "only the policy called `{NAME}` is in force: rename this one, or remove it"
            );
            return Opinion {
                reason: "NotInForce",
                message,
            };
        }
        match object.policy() {
            Ok(policy) => {
                match namespace {
                    None => self.cluster = Some(policy),
                    Some(namespace) => {
                        self.namespaces.insert(namespace.clone(), policy);
                    }
                }
                Opinion {
                    reason: ACCEPTED,
                    message: "the policy is in force".to_owned(),
                }
            }
            Err(errors) => {
                let message = format!("{}; the last good policy stays in force", errors.join("; "));
                Opinion {
                    reason: INVALID,
                    message,
                }
            }
        }
    }

    /// Whether the cluster has a policy of its own.
    pub fn has_cluster_policy(&self) -> bool {
        self.cluster.is_some()
    }

    /// The policies in force.
    pub fn policies(&self) -> Policies {
        let cluster = self.cluster.clone().unwrap_or_else(|| built_in().cluster);
        Policies {
            cluster,
            namespaces: self.namespaces.clone(),
        }
    }
}

/// A policy object.
#[derive(Debug, Deserialize)]
pub struct Object {
    metadata: Metadata,
    spec: Option<Value>,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
    namespace: Option<String>,
    #[serde(default)]
    generation: u64,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    r#type: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    observed_generation: Option<u64>,
}

#[derive(Deserialize)]
struct List {
    items: Vec<Object>,
}

impl Object {
    /// Reads the object as a file is read: the same document, the same words about what is wrong.
    fn policy(&self) -> Result<Policy, Vec<String>> {
        let Metadata {
            name, namespace, ..
        } = &self.metadata;
        let kind = if namespace.is_some() {
            NAMESPACED_KIND
        } else {
            CLUSTER_KIND
        };
        let mut metadata = json!({ "name": name });
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        let spec = self.spec.clone().unwrap_or_else(|| json!({}));
        let document =
            json!({ "apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec });
        // JSON is YAML. Places in it mean nothing to whoever wrote the object.
        document::parse(&document.to_string())
            .map_err(|errors| errors.into_iter().map(|error| error.message).collect())
    }

    fn path(&self) -> String {
        let Metadata {
            name, namespace, ..
        } = &self.metadata;
        match namespace {
            None => format!("/apis/{API_VERSION}/clusterpullfailurepolicies/{name}"),
            Some(namespace) => {
                format!("/apis/{API_VERSION}/namespaces/{namespace}/pullfailurepolicies/{name}")
            }
        }
    }

    /// Where its status is written.
    fn status(&self) -> Result<ApiPath, NoName> {
        let kind = match &self.metadata.namespace {
            None => ApiPath::to(FOLDER).word("clusterpullfailurepolicies"),
            Some(namespace) => {
                ApiPath::in_namespace(FOLDER, &namespace.parse()?, "pullfailurepolicies")
            }
        };
        Ok(kind.name(&self.metadata.name.parse()?).word("status"))
    }

    /// What it takes to write its status.
    const fn right(&self) -> &'static Right {
        match self.metadata.namespace {
            None => &rights::PATCH_CLUSTER_POLICY_STATUS,
            Some(_) => &rights::PATCH_POLICY_STATUS,
        }
    }

    fn says(&self, opinion: &Opinion) -> bool {
        self.status.conditions.iter().any(|condition| {
            condition.r#type == ACCEPTED
                && condition.reason == opinion.reason
                && condition.message == opinion.message
                && condition.observed_generation == Some(self.metadata.generation)
        })
    }

    fn condition(&self, opinion: &Opinion, now: &str) -> Value {
        json!({
            "type": ACCEPTED,
            "status": if opinion.reason == ACCEPTED { "True" } else { "False" },
            "reason": opinion.reason,
            "message": opinion.message,
            "observedGeneration": self.metadata.generation,
            "lastTransitionTime": now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pullstop_core::policy::Mode;

    fn objects(json: &Value) -> Vec<Object> {
        serde_json::from_value(json.clone()).unwrap()
    }

    #[test]
    fn the_policies_called_default_are_in_force() {
        let mut accepted = Accepted::default();
        assert_eq!(
            accepted.policies().cluster.mode,
            Mode::DryRun,
            "without a policy nothing is written"
        );
        let found = objects(&json!([
            {"metadata": {"name": "default"}, "spec": {"mode": "Enforce"}},
            {"metadata": {"name": "other"}, "spec": {"mode": "Disabled"}},
            {"metadata": {"name": "default", "namespace": "team"}, "spec": {"mode": "Warn"}},
        ]));
        let opinions = accepted.take_in(&found);
        let reasons: Vec<&str> = opinions.iter().map(|opinion| opinion.reason).collect();
        assert_eq!(reasons, ["Accepted", "NotInForce", "Accepted"]);
        let policies = accepted.policies();
        assert_eq!(policies.cluster.mode, Mode::Enforce);
        assert_eq!(policies.namespaces["team"].mode, Mode::Warn);
        assert_eq!(
            policies.namespaces["team"].scope.include_namespaces,
            ["team"]
        );
        accepted.take_in(&[]);
        assert_eq!(accepted.policies(), built_in());
    }

    #[test]
    fn the_last_good_policy_stays_in_force() {
        let mut accepted = Accepted::default();
        accepted.take_in(&objects(
            &json!([{"metadata": {"name": "default"}, "spec": {"mode": "Warn"}}]),
        ));
        let broken = objects(
            &json!([{"metadata": {"name": "default"}, "spec": {"mode": "enforce", "pullTimeout": "30"}}]),
        );
        let opinions = accepted.take_in(&broken);
        assert_eq!(opinions[0].reason, "Invalid");
        assert_eq!(
            opinions[0].message,
            "unknown mode `enforce`: did you mean `Enforce`?; `30` is not a duration: write `30s`; the last good policy stays in force"
        );
        assert_eq!(accepted.policies().cluster.mode, Mode::Warn);
    }

    #[test]
    fn a_status_that_stands_there_is_not_written_again() {
        let mut accepted = Accepted::default();
        let mut json = json!([{"metadata": {"name": "default", "generation": 3}, "spec": {}}]);
        let found = objects(&json);
        let opinion = accepted.take_in(&found).remove(0);
        assert!(!found[0].says(&opinion));
        json[0]["status"] =
            json!({ "conditions": [found[0].condition(&opinion, "2026-01-01T00:00:00Z")] });
        assert!(objects(&json)[0].says(&opinion));
        json[0]["metadata"]["generation"] = json!(4);
        assert!(
            !objects(&json)[0].says(&opinion),
            "it is about an earlier generation"
        );
    }
}
