//! Requests about single pods: a few at a time, and writes only while the lease is held.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Method;
use pullstop_core::engine::Outcome;
use pullstop_core::pod::{PodRef, ResourceVersion};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::WirePod;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::announce::Announcements;
use super::wire;
use crate::api::{Api, Call, Right, STRATEGIC_PATCH, Trouble, rights};
use crate::clock::Clock;
use crate::lease::Claim;
use crate::metrics::{Metric, Metrics};
use crate::wishes::{Asked, Kind, Source};

/// How long one request may take. A claim on the lease must last at least as long when it is sent.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Verdicts that are carried out at the same time, each by a read and a write one after the other: enough for two
/// hundred a second if the API server answers within 20 ms, few enough not to be felt by it.
const VERDICTS_MAX: usize = 8;
/// Other reads and writes of pods at the same time. They have lanes of their own, so that no verdict waits for the
/// thousands of pods that are remembered after a start.
const CALLS_MAX: usize = 4;
/// The longest pause that an API server can ask for.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Carries out jobs, a few at a time.
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
    /// Where written verdicts are told of.
    pub announcements: Announcements,
    /// Whose annotations count besides the pods' own.
    pub kinds: Vec<Kind>,
    pub(super) verdicts: Semaphore,
    pub(super) calls: Semaphore,
    /// The API server asked for no requests before.
    paused_until: Mutex<Timestamp>,
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
        let paused_until = Mutex::new(Timestamp::from_millis(0));
        Self {
            api,
            clock,
            claim,
            metrics,
            announcements,
            kinds,
            verdicts: Semaphore::new(VERDICTS_MAX),
            calls: Semaphore::new(CALLS_MAX),
            paused_until,
        }
    }

    /// Asks one source.
    pub async fn ask(&self, source: Source) -> Asked {
        let _lane = self.lane(&self.calls).await;
        self.ask_now(source).await
    }

    /// Waits for its turn, and as long as the API server asks for.
    pub(super) async fn lane<'a>(&self, lanes: &'a Semaphore) -> Option<SemaphorePermit<'a>> {
        // The semaphores are never closed.
        let lane = lanes.acquire().await.ok();
        let paused_until = *self
            .paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.clock.now() < paused_until {
            tokio::time::sleep_until(self.clock.instant(paused_until)).await;
        }
        lane
    }

    pub(super) async fn ask_all(&self, sources: &[Source]) -> Vec<Asked> {
        let mut asked = Vec::with_capacity(sources.len());
        for source in sources {
            asked.push(self.ask_now(source.clone()).await);
        }
        asked
    }

    async fn ask_now(&self, source: Source) -> Asked {
        let answer = source.ask(&self.api, CALL_TIMEOUT).await;
        if let Err(trouble) = &answer {
            self.pause(trouble);
            tracing::warn!(
                %trouble, %source,
                "cannot read the annotations; no verdict on a pod of it is carried out until that works"
            );
        }
        (source, answer)
    }

    /// Reads the pod; nothing if there is none of that name, or another.
    pub(super) async fn look(&self, pod: &PodRef) -> Result<Option<WirePod>, Trouble> {
        let bytes = match self
            .api
            .call(Call::get(&rights::GET_POD, path(pod)), CALL_TIMEOUT)
            .await
        {
            Ok(bytes) => bytes,
            Err(Trouble::NotFound) => return Ok(None),
            Err(trouble) => {
                self.pause(&trouble);
                return Err(trouble);
            }
        };
        let seen = wire::one_pod(&bytes).map_err(Trouble::Unreadable)?;
        Ok((seen.metadata.uid == pod.uid()).then_some(seen))
    }

    /// Sends one patch, if the lease is held for as long as that may take.
    pub(super) async fn patch(
        &self,
        what: &'static str,
        right: &'static Right,
        path: String,
        body: &Value,
    ) -> Outcome {
        let until = self.clock.now().after(CALL_TIMEOUT);
        if !self.claim.borrow().covers(until) {
            self.ended(what, "not_leading");
            return Outcome::Failed;
        }
        // The server gives it up at the same time: a write must not land after the lease.
        let path = format!(
            "{path}?fieldManager=pullstop&timeout={}s",
            CALL_TIMEOUT.as_secs()
        );
        let call = Call::write(right, Method::PATCH, path.clone(), STRATEGIC_PATCH, body);
        let (outcome, label) = match self.api.call(call, CALL_TIMEOUT).await {
            Ok(bytes) => match version(&bytes) {
                Some(version) => (Outcome::Accepted(version), "stored"),
                None => (Outcome::Failed, "unreadable"),
            },
            Err(trouble) => {
                self.pause(&trouble);
                match &trouble {
                    // As it should be: a decision about what a pod was is not carried out on what it is now.
                    Trouble::Conflict | Trouble::NotFound => {
                        tracing::info!(%trouble, write = what, path, "the pod has changed meanwhile; nothing was written");
                    }
                    _ => {
                        tracing::warn!(%trouble, write = what, path, "a write to a pod was not stored, or nobody knows");
                    }
                }
                (outcome_of(&trouble), trouble.label())
            }
        };
        self.ended(what, label);
        outcome
    }

    fn pause(&self, trouble: &Trouble) {
        let Some(asked) = trouble.retry_after() else {
            return;
        };
        let until = self.clock.now().after(asked.min(PAUSE_MAX));
        let mut paused_until = self
            .paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *paused_until = until.max(*paused_until);
    }

    pub(super) fn ended(&self, what: &'static str, outcome: &'static str) {
        self.metrics
            .count(Metric::Writes, &[("write", what), ("outcome", outcome)]);
    }
}

/// What the engine is to make of a write that was not stored.
pub const fn outcome_of(trouble: &Trouble) -> Outcome {
    match trouble {
        // A wrong uid is 422: the field cannot be changed.
        Trouble::Conflict | Trouble::Invalid(_) => Outcome::Conflict,
        Trouble::NotFound => Outcome::NotFound,
        _ => Outcome::Failed,
    }
}

/// Where the pod is.
pub(super) fn path(pod: &PodRef) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", pod.namespace(), pod.name())
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
        let unknown = Trouble::NoAnswer(String::new());
        assert_eq!(outcome_of(&Trouble::Conflict), Outcome::Conflict);
        assert_eq!(
            outcome_of(&Trouble::Invalid("uid: field is immutable".into())),
            Outcome::Conflict
        );
        assert_eq!(outcome_of(&Trouble::NotFound), Outcome::NotFound);
        for trouble in [
            unknown,
            Trouble::Forbidden(String::new()),
            Trouble::Throttled { retry_after: None },
        ] {
            assert_eq!(outcome_of(&trouble), Outcome::Failed, "{trouble}");
        }
    }

    #[test]
    fn the_answer_to_a_write_says_its_version() {
        let raw =
            br#"{"metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "7"}}"#;
        assert_eq!(version(raw), Some(ResourceVersion(7)));
    }
}
