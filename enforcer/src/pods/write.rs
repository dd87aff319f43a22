//! Requests about single pods; writes are sent only while the lease is held.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::Method;
use pullstop_core::engine::Outcome;
use pullstop_core::names::FIELD_MANAGER;
use pullstop_core::pod::{PodRef, ResourceVersion};
use pullstop_core::wire::WirePod;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;

use super::announce::Announcements;
use super::kind::{PodWrite, path};
use super::pauses::Pauses;
use super::wire;
use crate::api::{Api, ApiError, Call, STRATEGIC_PATCH, rights};
use crate::clock::Clock;
use crate::lease::Claim;
use crate::metrics::{Metric, Metrics};
use crate::overrides::{Asked, Kind, Source};

/// How long one request may take. A claim on the lease must last at least as long when it is sent.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Carries out jobs.
#[derive(Debug)]
pub struct Writer {
    /// Where to.
    pub api: Api,
    /// The present moment.
    pub clock: Clock,
    /// Whether this replica may write.
    pub claim: watch::Receiver<Claim>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Sends the events about stored verdicts.
    pub announcements: Announcements,
    /// Whose annotations count besides the pods' own.
    pub kinds: Vec<Kind>,
    pauses: Mutex<Pauses>,
}

impl Writer {
    /// A writer to `api`.
    pub fn new(
        api: Api,
        clock: Clock,
        claim: watch::Receiver<Claim>,
        metrics: Arc<Metrics>,
        announcements: Announcements,
        kinds: Vec<Kind>,
    ) -> Self {
        Self {
            api,
            clock,
            claim,
            metrics,
            announcements,
            kinds,
            pauses: Mutex::default(),
        }
    }

    /// The pauses that were asked for.
    pub(crate) fn pauses(&self) -> MutexGuard<'_, Pauses> {
        // The pauses stay valid if a holder of the lock panicked.
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn ask_all(&self, sources: &[Source]) -> Vec<Asked> {
        let mut asked = Vec::with_capacity(sources.len());
        for source in sources {
            asked.push(self.ask(source.clone()).await);
        }
        asked
    }

    /// Asks one source.
    pub async fn ask(&self, source: Source) -> Asked {
        let answer = source.ask(&self.api, CALL_TIMEOUT).await;
        if let Err(error) = &answer {
            self.pause(source.namespace(), error);
            tracing::warn!(
                %error, %source,
                "cannot read the annotations; verdicts on pods that inherit them are held"
            );
        }
        (source, answer)
    }

    /// Reads the pod; nothing if there is none of that name, or another.
    pub(super) async fn look(&self, pod: &PodRef) -> Result<Option<WirePod>, ApiError> {
        let bytes = match self
            .api
            .call(Call::get(&rights::GET_POD, path(pod)?), CALL_TIMEOUT)
            .await
        {
            Ok(bytes) => bytes,
            Err(ApiError::NotFound) => return Ok(None),
            Err(error) => {
                self.pause(pod.namespace(), &error);
                return Err(error);
            }
        };
        let seen = wire::one_pod(&bytes).map_err(ApiError::InvalidResponse)?;
        Ok((seen.metadata.uid == pod.uid()).then_some(seen))
    }

    /// Sends one patch, if the lease is held for as long as that may take.
    pub(super) async fn patch(&self, write: PodWrite, pod: &PodRef, body: &Value) -> Outcome {
        let until = self.clock.now().after(CALL_TIMEOUT);
        if !self.claim.borrow().covers(until) {
            self.ended(write, "not_leader");
            return Outcome::Failed;
        }
        let sent = async {
            // The server gives it up at the same time: a write must not land after the lease.
            let path = write
                .path(pod)?
                .with("fieldManager", FIELD_MANAGER)
                .with("timeout", format_args!("{}s", CALL_TIMEOUT.as_secs()));
            let call = Call::write(write.right(), Method::PATCH, path, STRATEGIC_PATCH, body);
            self.api.call(call, CALL_TIMEOUT).await
        };
        let (outcome, label) = match sent.await {
            Ok(bytes) => match version(&bytes) {
                Some(version) => (Outcome::Accepted(version), "success"),
                None => (Outcome::Failed, "invalid_response"),
            },
            Err(error) => {
                self.pause(pod.namespace(), &error);
                match &error {
                    // As it should be: a decision about what a pod was is not carried out on what it is now.
                    ApiError::Conflict | ApiError::NotFound => {
                        tracing::info!(%error, write = write.label(), %pod, "the pod has changed; nothing was written");
                    }
                    _ => {
                        tracing::warn!(%error, write = write.label(), %pod, "a write to a pod failed; it may or may not have been stored");
                    }
                }
                (outcome_of(&error), error.label())
            }
        };
        self.ended(write, label);
        outcome
    }

    fn pause(&self, namespace: &str, error: &ApiError) {
        self.pauses().apply(self.clock.now(), namespace, error);
    }

    pub(super) fn ended(&self, write: PodWrite, result: &'static str) {
        let labels = [("kind", write.label()), ("result", result)];
        self.metrics.count(Metric::Writes, &labels);
    }
}

/// What the engine is to make of a write that was not stored.
pub const fn outcome_of(error: &ApiError) -> Outcome {
    match error {
        // A wrong uid is 422: the field cannot be changed.
        ApiError::Conflict | ApiError::Invalid(_) => Outcome::Conflict,
        ApiError::NotFound => Outcome::NotFound,
        _ => Outcome::Failed,
    }
}

fn version(bytes: &[u8]) -> Option<ResourceVersion> {
    #[derive(Deserialize)]
    struct Object {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        resource_version: String,
    }
    let object: Object = serde_json::from_slice(bytes).ok()?;
    object
        .metadata
        .resource_version
        .parse()
        .ok()
        .map(ResourceVersion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_write_that_was_not_stored() {
        let unknown = ApiError::NoResponse(String::new());
        assert_eq!(outcome_of(&ApiError::Conflict), Outcome::Conflict);
        assert_eq!(
            outcome_of(&ApiError::Invalid("uid: field is immutable".into())),
            Outcome::Conflict
        );
        assert_eq!(outcome_of(&ApiError::NotFound), Outcome::NotFound);
        for error in [
            unknown,
            ApiError::Forbidden(String::new()),
            ApiError::Throttled { retry_after: None },
        ] {
            assert_eq!(outcome_of(&error), Outcome::Failed, "{error}");
        }
    }

    #[test]
    fn the_answer_to_a_write_says_its_version() {
        let raw =
            br#"{"metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "7"}}"#;
        assert_eq!(version(raw), Some(ResourceVersion(7)));
    }
}
