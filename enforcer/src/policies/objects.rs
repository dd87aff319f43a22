//! Follows the policy objects in the cluster: `ClusterPullFailurePolicy` and `PullFailurePolicy`.
//!
//! The object named `default` is active, one for the cluster and one per namespace. The status of each object says
//! whether it was accepted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use pullstop_core::names::{ACCEPTED, INVALID_REASON};
use pullstop_core::wire::timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;

use super::accepted::Accepted;
use super::object::{FOLDER, Object};
use super::opinion::Opinion;
use crate::api::{Api, ApiError, ApiPath, Call, MERGE_PATCH, rights};
use crate::clock::Clock;
use crate::lease::Claim;
use crate::metrics::{Metric, Metrics};
use pullstop_core::policy::Policies;

/// How often the objects are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Objects a page: twenty of 1.5 MiB, the most that the API server stores, are still an answer that is read
/// ([`crate::api::ANSWER_BYTES_MAX`]).
const PAGE_OBJECTS: u32 = 20;
/// More than a cluster has namespaces.
const OBJECTS_MAX: usize = 100_000;

/// Follows policy objects and writes their status.
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
    /// Follows the objects until the receiver is gone.
    pub async fn follow(self, policies: watch::Sender<Policies>) {
        let mut accepted = Accepted::default();
        let mut told: Option<ApiError> = None;
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
                Err(error) => {
                    if told.as_ref() != Some(&error) {
                        tracing::warn!(%error, "cannot read policy objects (are the CRDs of deploy/ installed?); the current policies stay active");
                    }
                    told = Some(error);
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Writes the status of objects where it has changed. What was `told` before is not logged again, however often the
    /// write fails.
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
            let now = timestamp::print_seconds(self.clock.now());
            let body = json!({ "status": { "conditions": [object.condition(opinion, &now)] } });
            let call = Call::write(object.right(), Method::PATCH, status, MERGE_PATCH, &body);
            match self.api.call(call, CALL_TIMEOUT).await {
                Err(error) if is_new => {
                    tracing::warn!(%error, policy = path, "cannot write the status of a policy");
                }
                _ => {}
            }
        }
        told.retain(|path, _| found.iter().any(|object| object.path() == *path));
    }

    fn tell(&self, path: &str, opinion: &Opinion) {
        let accepted = opinion.reason == ACCEPTED;
        let result = if accepted { "accepted" } else { "rejected" };
        self.metrics
            .count(Metric::PolicyLoads, &[("result", result)]);
        if !accepted {
            let Opinion { reason, message } = opinion;
            tracing::error!(
                policy = path,
                reason,
                error = message,
                "a policy is not active"
            );
        }
    }
}

/// The active policies, and the errors of invalid ones.
///
/// # Errors
/// If the objects cannot be read; [`ApiError::NotFound`] if there are no such objects in this cluster.
pub async fn in_force(api: &Api) -> Result<(Accepted, Vec<String>), ApiError> {
    let found = read(api).await?;
    let mut accepted = Accepted::default();
    let opinions = accepted.apply(&found);
    let wrong = found.iter().zip(opinions);
    let wrong = wrong.filter(|(_, opinion)| opinion.reason == INVALID_REASON);
    let complaints =
        wrong.map(|(object, opinion)| format!("{}: {}", object.path(), opinion.message));
    Ok((accepted, complaints.collect()))
}

async fn read(api: &Api) -> Result<Vec<Object>, ApiError> {
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
                return Err(ApiError::InvalidResponse(
                    "the list does not end".to_owned(),
                ));
            }
            from = next;
        }
    }
    Ok(all)
}

/// Reads a page on a thread of its own.
async fn parse(page: Vec<u8>) -> Result<List, ApiError> {
    let parsed = tokio::task::spawn_blocking(move || serde_json::from_slice(&page)).await;
    parsed
        .map_err(|error| ApiError::InvalidResponse(error.to_string()))?
        .map_err(|error| ApiError::InvalidResponse(error.to_string()))
}

/// Takes the objects in on a thread of its own: a policy may be long, and pods do not wait for it.
async fn aside(mut accepted: Accepted, found: Arc<Vec<Object>>) -> (Accepted, Vec<Opinion>) {
    let taking_in = tokio::task::spawn_blocking(move || {
        let opinions = accepted.apply(&found);
        (accepted, opinions)
    });
    // It never panics and is never aborted.
    taking_in.await.unwrap_or_default()
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
