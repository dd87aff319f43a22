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
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::accepted::{ACCEPTED, Accepted, INVALID, Opinion};
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

/// Objects a page: twenty of 1.5 MiB, the most that the API server stores, are still an answer that is read
/// ([`crate::api::ANSWER_BYTES_MAX`]).
const PAGE_OBJECTS: u32 = 20;
/// More than a cluster has namespaces.
const OBJECTS_MAX: usize = 100_000;

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
                    let found = Arc::new(found);
                    let (again, opinions) = aside(accepted, Arc::clone(&found)).await;
                    accepted = again;
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
        let mut from = String::new();
        loop {
            let mut path = ApiPath::to(FOLDER)
                .word(right.resource)
                .with("limit", PAGE_OBJECTS);
            if !from.is_empty() {
                path = path.with("continue", &from);
            }
            let bytes = api.call(Call::get(right, path), CALL_TIMEOUT).await?;
            let list = parse(bytes).await?;
            all.extend(list.items);
            let next = list.metadata.next.unwrap_or_default();
            if next.is_empty() {
                break;
            }
            if next == from || all.len() > OBJECTS_MAX {
                return Err(Trouble::Unreadable("the list does not end".to_owned()));
            }
            from = next;
        }
    }
    Ok(all)
}

/// Reads a page on a thread of its own.
async fn parse(page: Vec<u8>) -> Result<List, Trouble> {
    let parsed = tokio::task::spawn_blocking(move || serde_json::from_slice(&page)).await;
    parsed
        .map_err(|error| Trouble::Unreadable(error.to_string()))?
        .map_err(|error| Trouble::Unreadable(error.to_string()))
}

/// Takes the objects in on a thread of its own: a policy may be long, and pods do not wait for it.
async fn aside(mut accepted: Accepted, found: Arc<Vec<Object>>) -> (Accepted, Vec<Opinion>) {
    let taking_in = tokio::task::spawn_blocking(move || {
        let opinions = accepted.take_in(&found);
        (accepted, opinions)
    });
    // It panics on no input, and nobody aborts it.
    taking_in.await.unwrap_or_default()
}

/// A policy object.
#[derive(Debug, Deserialize)]
pub struct Object {
    metadata: Metadata,
    /// As it came: it is read only if it has changed.
    spec: Option<Box<RawValue>>,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: Option<String>,
    #[serde(default)]
    generation: u64,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource_version: String,
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
    #[serde(default)]
    metadata: Rest,
    items: Vec<Object>,
}

#[derive(Default, Deserialize)]
struct Rest {
    #[serde(rename = "continue")]
    next: Option<String>,
}

impl Object {
    /// Whether it is the one of its place that is in force if it is valid.
    pub(super) fn is_in_force(&self) -> bool {
        self.metadata.name == NAME
    }

    /// The namespace whose pods it is about; all if it has none.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.metadata.namespace.as_deref()
    }

    /// Changes whenever the object does.
    pub(super) fn version(&self) -> (String, String) {
        (
            self.metadata.uid.clone(),
            self.metadata.resource_version.clone(),
        )
    }

    /// Reads the object as a file is read: the same document, the same words about what is wrong.
    pub(super) fn policy(&self) -> Result<Policy, Vec<String>> {
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
        let spec = self.spec.as_ref().map_or("{}", |spec| spec.get());
        // JSON is YAML. Places in it mean nothing to whoever wrote the object.
        let document = format!(
            r#"{{"apiVersion":"{API_VERSION}","kind":"{kind}","metadata":{metadata},"spec":{spec}}}"#
        );
        document::parse(&document)
            .map_err(|errors| errors.into_iter().map(|error| error.message).collect())
    }

    pub(super) fn path(&self) -> String {
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

    fn objects(json: &Value) -> Vec<Object> {
        serde_json::from_value(json.clone()).unwrap()
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
