//! Sends Kubernetes Events about verdicts, on the pod and on the Job that owns it.
//!
//! They are sent one verdict after the other, independent of the writes, which do not wait for them. A lost event is not
//! sent again: the pod's condition says the same.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use pullstop_core::pod::PodRef;
use pullstop_core::time::Timestamp;
use pullstop_core::wire::{OwnerReference, WirePod};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::kind::VerdictWrite;
use super::patch;
use super::pauses::Pauses;
use super::rounds::Rounds;
use crate::api::{Api, ApiError, ApiPath, Call, JSON, Name, rights};
use crate::clock::Clock;
use crate::metrics::{Metric, Metrics};

/// Verdicts that wait to be told: what a server that takes 10 ms for an event works off in twenty seconds. If there are
/// more, the namespace with the most of them loses its newest.
const WAITING_MAX: usize = 1000;
/// How long one request may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// What is to be told of one verdict.
#[derive(Debug)]
pub struct Announcement {
    pod: PodRef,
    /// References to the objects that it is about.
    regarding: Vec<Value>,
    action: &'static str,
    reason: &'static str,
    message: String,
    at: Timestamp,
}

impl Announcement {
    /// Of a verdict on this pod, which was `seen` so, at this moment.
    pub fn new(
        seen: &WirePod,
        pod: &PodRef,
        verdict: VerdictWrite,
        message: String,
        at: Timestamp,
    ) -> Self {
        Self {
            pod: pod.clone(),
            regarding: regarding(seen, pod),
            action: verdict.event_action(),
            reason: verdict.event_reason(),
            message,
            at,
        }
    }
}

/// Where announcements are handed in.
#[derive(Clone, Debug)]
pub struct Announcements {
    waiting: mpsc::Sender<Announcement>,
    metrics: Arc<Metrics>,
}

impl Announcements {
    /// Hands one in. It is dropped if too many wait.
    pub fn send(&self, announcement: Announcement) {
        if self.waiting.try_send(announcement).is_err() {
            self.metrics.count(Metric::Events, &[("result", "dropped")]);
        }
    }
}

/// Sends events.
#[derive(Debug)]
pub struct Announcer {
    api: Api,
    metrics: Arc<Metrics>,
    /// What this replica calls itself in events.
    identity: String,
    waiting: mpsc::Receiver<Announcement>,
    rounds: Rounds<Announcement>,
    pauses: Pauses,
    /// For pauses only.
    clock: Clock,
}

impl Announcer {
    /// An announcer that sends to `api`, and its queue.
    pub fn new(api: Api, metrics: Arc<Metrics>, identity: String) -> (Self, Announcements) {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        let announcements = Announcements {
            waiting: sender,
            metrics: Arc::clone(&metrics),
        };
        let announcer = Self {
            api,
            metrics,
            identity,
            waiting,
            rounds: Rounds::default(),
            pauses: Pauses::default(),
            clock: Clock::start(),
        };
        (announcer, announcements)
    }

    /// Sends until the queue is closed and empty.
    pub async fn run(mut self) {
        let mut is_open = true;
        while is_open || self.rounds.len() > 0 {
            while let Ok(announcement) = self.waiting.try_recv() {
                self.apply(announcement);
            }
            let now = self.clock.now();
            let may = |namespace: &str| self.pauses.are_over(now, namespace);
            if let Some(announcement) = self.rounds.take(may) {
                for about in &announcement.regarding {
                    self.send(&announcement, about).await;
                }
                continue;
            }
            let next_end = self.pauses.next_end(now).unwrap_or(Timestamp::NEVER);
            tokio::select! {
                announcement = self.waiting.recv(), if is_open => match announcement {
                    Some(announcement) => self.apply(announcement),
                    None => is_open = false,
                },
                () = tokio::time::sleep_until(self.clock.instant(next_end)) => {}
            }
        }
    }

    fn apply(&mut self, announcement: Announcement) {
        let namespace = announcement.pod.namespace().to_owned();
        self.rounds.push(&namespace, announcement);
        if self.rounds.len() > WAITING_MAX {
            self.rounds.give_one_up();
            self.metrics.count(Metric::Events, &[("result", "dropped")]);
        }
    }

    async fn send(&mut self, announcement: &Announcement, about: &Value) {
        let Announcement {
            pod,
            action,
            reason,
            message,
            at,
            ..
        } = announcement;
        let namespace = pod.namespace();
        let event = patch::event(
            about,
            namespace,
            (action, reason),
            message,
            &self.identity,
            *at,
        );
        let sent = async {
            let namespace: Name = namespace.parse()?;
            let path = ApiPath::in_namespace("/apis/events.k8s.io/v1", &namespace, "events");
            let call = Call::write(&rights::CREATE_EVENT, Method::POST, path, JSON, &event);
            self.api.call(call, CALL_TIMEOUT).await
        };
        let result = sent.await;
        let label = result.as_ref().err().map_or("success", ApiError::label);
        self.metrics.count(Metric::Events, &[("result", label)]);
        let Err(error) = result else { return };
        tracing::warn!(%error, %pod, "cannot send an event");
        self.pauses.apply(self.clock.now(), namespace, &error);
    }
}

/// References to the pod and to the Job that controls it.
fn regarding(seen: &WirePod, pod: &PodRef) -> Vec<Value> {
    let namespace = pod.namespace();
    let mut about = vec![json!({
        "apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": pod.name(), "uid": pod.uid(),
    })];
    let is_job =
        |owner: &&OwnerReference| owner.kind == "Job" && owner.name.parse::<Name>().is_ok();
    let job = seen.controller().filter(is_job);
    about.extend(job.map(|OwnerReference { api_version, kind, name, uid, .. }| {
        json!({ "apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name, "uid": uid })
    }));
    about
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods::wire;

    #[test]
    fn events_are_about_the_pod_and_its_job() {
        let raw = br#"{"metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "7", "ownerReferences": [
            {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "ju", "controller": true}]}}"#;
        let pod = wire::one_pod(raw).unwrap();
        let reference = pod.snapshot(None, PodRef::new).unwrap();
        let about = regarding(&pod, &reference);
        assert_eq!(about.len(), 2);
        assert_eq!(about[1]["uid"], "ju");
    }
}
