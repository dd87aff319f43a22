//! Kubernetes events about verdicts, on the pod and on the Job that owns it.
//!
//! They are told one verdict after the other, apart from the writes: neither the next verdict nor the end of this one
//! waits for them. One that gets lost is not sent again: the pod's condition says the same.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use pullstop_core::pod::PodRef;
use pullstop_core::time::Timestamp;
use pullstop_core::wire::{OwnerReference, WirePod};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::patch;
use crate::api::{Api, Call, JSON, Trouble, rights};
use crate::metrics::{Metric, Metrics};

/// Verdicts that wait to be told: what a server that takes 10 ms for an event works off in twenty seconds.
const WAITING_MAX: usize = 1000;
/// How long one request may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest pause that an API server can ask for.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What is to be told of one verdict.
#[derive(Debug)]
pub struct Announcement {
    pod: PodRef,
    /// References to the objects that it is about.
    regarding: Vec<Value>,
    reason: &'static str,
    message: String,
    at: Timestamp,
}

impl Announcement {
    /// Of a verdict on this pod, which was `seen` so, at this moment.
    pub fn new(
        seen: &WirePod,
        pod: &PodRef,
        reason: &'static str,
        message: String,
        at: Timestamp,
    ) -> Self {
        Self {
            pod: pod.clone(),
            regarding: regarding(seen, pod),
            reason,
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
}

impl Announcer {
    /// One that sends to `api`, and where it is told what.
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
        };
        (announcer, announcements)
    }

    /// Sends until nobody can hand in any more.
    pub async fn run(mut self) {
        while let Some(announcement) = self.waiting.recv().await {
            for about in &announcement.regarding {
                self.send(&announcement, about).await;
            }
        }
    }

    async fn send(&self, announcement: &Announcement, about: &Value) {
        let Announcement {
            pod,
            reason,
            message,
            at,
            ..
        } = announcement;
        let namespace = pod.namespace();
        let event = patch::event(about, namespace, reason, message, &self.identity, *at);
        let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
        let call = Call::write(&rights::CREATE_EVENT, Method::POST, path, JSON, &event);
        let result = self.api.call(call, CALL_TIMEOUT).await;
        let label = result.as_ref().err().map_or("sent", Trouble::label);
        self.metrics.count(Metric::Events, &[("result", label)]);
        let Err(trouble) = result else { return };
        tracing::warn!(%trouble, %pod, "cannot send an event");
        if let Some(asked) = trouble.retry_after() {
            tokio::time::sleep(asked.min(PAUSE_MAX)).await;
        }
    }
}

/// References to the pod and to the Job that controls it.
fn regarding(seen: &WirePod, pod: &PodRef) -> Vec<Value> {
    let namespace = pod.namespace();
    let mut about = vec![json!({
        "apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": pod.name(), "uid": pod.uid(),
    })];
    let job = seen.controller().filter(|owner| owner.kind == "Job");
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
