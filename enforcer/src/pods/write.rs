//! Carries effects out: reads the pod again, writes under its version, and says how that ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use pullstop_core::engine::{Decision, Memory, Outcome};
use pullstop_core::pod::{PodRef, ResourceVersion};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::WirePod;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit, watch};

use super::announce::{Announcement, Announcements};
use super::{patch, wire};
use crate::api::{Api, Call, STRATEGIC_PATCH, Trouble};
use crate::clock::Clock;
use crate::lease::Claim;
use crate::metrics::{Metric, Metrics};

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

/// What is to be done about one pod.
#[derive(Debug)]
pub enum Job {
    /// Make the durable write.
    Fail(Box<Decision>),
    /// Lower `spec.activeDeadlineSeconds`.
    Deadline(Box<Decision>),
    /// Set the condition and send an event.
    Warn(Box<Decision>),
    /// Keep what must survive a restart.
    Remember {
        /// The pod.
        pod: PodRef,
        /// The version that was judged.
        version: ResourceVersion,
        /// What to keep.
        memories: Vec<Memory>,
    },
    /// Look what the pod is like.
    Read(PodRef),
}

/// How a job has ended.
#[derive(Debug)]
pub struct Report {
    /// The pod.
    pub pod: PodRef,
    /// The outcome, if something was to be written.
    pub outcome: Option<Outcome>,
    /// What was found on the way.
    pub found: Found,
}

/// What a read has found.
#[derive(Debug)]
pub enum Found {
    /// The pod.
    Pod(Box<WirePod>),
    /// Nobody of that name, or another pod.
    Nobody,
    /// It was not read, or could not be.
    Unknown,
}

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
    verdicts: Semaphore,
    calls: Semaphore,
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
    ) -> Self {
        let paused_until = Mutex::new(Timestamp::from_millis(0));
        Self {
            api,
            clock,
            claim,
            metrics,
            announcements,
            verdicts: Semaphore::new(VERDICTS_MAX),
            calls: Semaphore::new(CALLS_MAX),
            paused_until,
        }
    }

    /// Carries out one job.
    pub async fn carry_out(&self, job: Job) -> Report {
        match job {
            Job::Read(pod) => {
                let _lane = self.lane(&self.calls).await;
                let found = self.look(&pod).await;
                let result = match &found {
                    Ok(seen) if seen.is_some() => "found",
                    Ok(_) => "gone",
                    Err(trouble) => trouble.label(),
                };
                self.metrics.count(Metric::Reads, &[("result", result)]);
                let found = match found {
                    Ok(Some((_, seen))) => Found::Pod(Box::new(seen)),
                    Ok(None) => Found::Nobody,
                    Err(_) => Found::Unknown,
                };
                Report {
                    pod,
                    outcome: None,
                    found,
                }
            }
            Job::Remember {
                pod,
                version,
                memories,
            } => {
                let _lane = self.lane(&self.calls).await;
                let body = patch::remember(&pod, version, &memories, self.clock.now());
                let path = format!("{}/status", path(&pod));
                let outcome = self
                    .patch("remember", "patch_pod_status", path, &body)
                    .await;
                Report {
                    pod,
                    outcome: Some(outcome),
                    found: Found::Unknown,
                }
            }
            Job::Fail(decision) => self.decided("fail", *decision).await,
            Job::Deadline(decision) => self.decided("deadline", *decision).await,
            Job::Warn(decision) => self.decided("warn", *decision).await,
        }
    }

    /// Reads the pod again before acting on it: what was judged must be what there is.
    async fn decided(&self, what: &'static str, decision: Decision) -> Report {
        let pod = decision.pod.clone();
        let report = |outcome, found| Report {
            pod: pod.clone(),
            outcome: Some(outcome),
            found,
        };
        let _lane = self.lane(&self.verdicts).await;
        let (raw, seen) = match self.look(&decision.pod).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                self.ended(what, "not_found");
                return report(Outcome::NotFound, Found::Nobody);
            }
            Err(trouble) => {
                self.ended(what, trouble.label());
                tracing::warn!(%trouble, pod = %decision.pod, "cannot read the pod; nothing is written");
                return report(Outcome::Failed, Found::Unknown);
            }
        };
        if seen.metadata.resource_version != decision.resource_version.to_string() {
            self.ended(what, "changed");
            return report(Outcome::Conflict, Found::Pod(Box::new(seen)));
        }
        if what == "warn" && is_warned_of(&seen, &decision) {
            // By the one that led before.
            self.ended(what, "already");
            return report(Outcome::Accepted(decision.resource_version), Found::Unknown);
        }
        let now = self.clock.now();
        let message = patch::message(&decision, last_error(&seen, &decision.container));
        let status = format!("{}/status", path(&decision.pod));
        let outcome = match what {
            "fail" => {
                let body = patch::fail(&decision, &message, now);
                self.patch(what, "patch_pod_status", status, &body).await
            }
            "warn" => {
                let body = patch::warn(&decision, &message, now);
                self.patch(what, "patch_pod_status", status, &body).await
            }
            _ => {
                self.patch(
                    what,
                    "patch_pod",
                    path(&decision.pod),
                    &patch::deadline(&decision),
                )
                .await
            }
        };
        if let Outcome::Accepted(_) = outcome {
            let reason = if what == "warn" {
                patch::REASON_WARNING
            } else {
                patch::REASON
            };
            self.announcements
                .send(Announcement::new(&raw, &decision.pod, reason, message, now));
        }
        report(outcome, Found::Unknown)
    }

    /// Reads the pod; nothing if there is none of that name, or another.
    async fn look(&self, pod: &PodRef) -> Result<Option<(Bytes, WirePod)>, Trouble> {
        let bytes = match self
            .api
            .call(Call::get("get_pod", path(pod)), CALL_TIMEOUT)
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
        Ok((seen.metadata.uid == pod.uid()).then_some((bytes, seen)))
    }

    /// Sends one patch, if the lease is held for as long as that may take.
    async fn patch(
        &self,
        what: &'static str,
        name: &'static str,
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
        let call = Call::write(name, Method::PATCH, path.clone(), STRATEGIC_PATCH, body);
        let (outcome, label) = match self.api.call(call, CALL_TIMEOUT).await {
            Ok(bytes) => match version(&bytes) {
                Some(version) => (Outcome::Accepted(version), "stored"),
                None => (Outcome::Failed, "unreadable"),
            },
            Err(trouble) => {
                self.pause(&trouble);
                tracing::warn!(%trouble, write = what, path, "a write to a pod was not stored, or nobody knows");
                (outcome_of(&trouble), trouble.label())
            }
        };
        self.ended(what, label);
        outcome
    }

    /// Waits for a turn, and for the end of a pause that the API server asked for.
    async fn lane<'a>(&self, lanes: &'a Semaphore) -> Result<SemaphorePermit<'a>, AcquireError> {
        // The semaphores are never closed.
        let lane = lanes.acquire().await;
        let paused_until = *self
            .paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.clock.now() < paused_until {
            tokio::time::sleep_until(self.clock.instant(paused_until)).await;
        }
        lane
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

    fn ended(&self, what: &'static str, outcome: &'static str) {
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

fn path(pod: &PodRef) -> String {
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

/// Whether the pod carries this very warning.
fn is_warned_of(pod: &WirePod, decision: &Decision) -> bool {
    let cause = Some(decision.cause.as_str());
    pod.status
        .conditions
        .iter()
        .any(|c| c.r#type == patch::WARNING && c.reason.as_deref() == cause)
}

/// The error text that the container's status shows.
fn last_error<'a>(pod: &'a WirePod, container: &str) -> &'a str {
    let status = &pod.status;
    let statuses = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    let waiting = statuses
        .filter(|status| status.name == container)
        .find_map(|status| status.state.waiting.as_ref());
    waiting.map_or("", |waiting| &waiting.message)
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
    fn what_a_pod_says_of_itself() {
        let raw = br#"{"metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "7"},
            "status": {"containerStatuses": [{"name": "c", "state": {"waiting": {"message": "oh"}}}]}}"#;
        let pod = wire::one_pod(raw).unwrap();
        assert_eq!(version(raw), Some(ResourceVersion(7)));
        assert_eq!(last_error(&pod, "c"), "oh");
        assert_eq!(last_error(&pod, "d"), "");
    }
}
