//! The whole enforcer against a cluster made of functions, in paused time: recorded pods, and all that can go wrong.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod clocks;
mod cluster;
mod fairness;
mod faults;
mod names;
mod pages;
mod process;
mod recording;
mod replicas;
mod rights;
mod standing;
mod verdicts;
mod versions;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use hyper::Response;
use pullstop_core::policy::{Mode, Policies, Policy};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;
use pullstop_enforcer::api::Api;
use pullstop_enforcer::clock::Clock;
use pullstop_enforcer::http::Listeners;
use pullstop_enforcer::metrics::Metrics;
use pullstop_enforcer::run::{Parts, RunArgs, enforce};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use cluster::Cluster;

/// One replica of the enforcer.
pub(crate) struct Replica {
    pub(crate) metrics: Arc<Metrics>,
    /// While this is true, it reaches nothing.
    pub(crate) cut_off: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), String>>,
}

impl Replica {
    /// Starts one.
    pub(crate) fn start(
        cluster: &Cluster,
        clock: Clock,
        name: &str,
        policies: Policies,
        args: &[&str],
    ) -> Self {
        let metrics = Arc::new(Metrics::default());
        let (cut_off, stop) = (watch::channel(false).0, watch::channel(false).0);
        let parts = Parts {
            api: Api::new(cluster.client(&cut_off), Arc::clone(&metrics)),
            namespace: "pullstop".to_owned(),
            metrics: Arc::clone(&metrics),
            clock,
            identity: name.to_owned(),
            listeners: Listeners::default(),
        };
        let args = RunArgs::parse_from(["run"].iter().chain(args));
        let stopping = stop.clone();
        let task = tokio::spawn(async move { enforce(&args, policies, parts, stopping).await });
        Self {
            metrics,
            cut_off,
            stop,
            task,
        }
    }

    /// Lets it end in good order.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap().unwrap();
    }

    /// Ends it at once.
    pub(crate) fn kill(self) {
        self.task.abort();
        self.cut_off.send_replace(true);
    }

    /// The value of one metric, with its labels.
    pub(crate) fn metric(&self, name: &str) -> String {
        let text = self.metrics.text();
        let line = text.lines().find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix(' ')
                .map(str::to_owned)
        });
        line.unwrap_or_default()
    }
}

/// A recorded pod.
pub(crate) struct Recording {
    pub(crate) name: String,
    /// When each state was received.
    states: Vec<(Timestamp, Value)>,
}

impl Recording {
    pub(crate) fn read(name: &str) -> Self {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/traces/{name}.jsonl"));
        let text = std::fs::read_to_string(file).unwrap();
        let events = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let pods =
            events.filter(|event| event["type"] != "DELETED" && event["object"]["kind"] == "Pod");
        let received =
            |event: &Value| timestamp::parse(event["received"].as_str().unwrap()).unwrap();
        let mut states: Vec<(Timestamp, Value)> = pods
            .map(|event| (received(&event), event["object"].clone()))
            .collect();
        // Of several, the one of which there is most to see: the last, where a Job made another.
        let uid = states.last().unwrap().1["metadata"]["uid"].clone();
        states.retain(|(_, pod)| pod["metadata"]["uid"] == uid);
        let name = states[0].1["metadata"]["name"].as_str().unwrap().to_owned();
        Self { name, states }
    }

    /// A clock that shows the recording's beginning.
    pub(crate) fn clock(&self) -> Clock {
        Clock::starting_at(self.states[0].0)
    }

    /// Plays the states as a kubelet would write them: its own conditions and containers, other conditions kept. A pod
    /// that was set to `Failed` is taken over soon.
    pub(crate) async fn play(self, cluster: Cluster, clock: Clock) {
        for (at, recorded) in self.states {
            tokio::time::sleep(at.since(clock.now())).await;
            let Some(mut pod) = cluster.pod(&self.name) else {
                cluster.put(&self.name, Some(recorded));
                continue;
            };
            if pod["status"]["phase"] == "Failed" {
                return;
            }
            let ours = ours(&pod);
            pod["spec"]["containers"] = recorded["spec"]["containers"].clone();
            pod["status"] = recorded["status"].clone();
            if let Some(conditions) = pod["status"]["conditions"].as_array_mut() {
                conditions.extend(ours);
            }
            cluster.put(&self.name, Some(pod));
        }
    }
}

/// A pod whose image name no kubelet accepts, which is the shortest way to a verdict.
pub(crate) fn unnameable(namespace: &str, name: &str) -> Value {
    let waiting = json!({"reason": "InvalidImageName", "message": "couldn't parse image name \"NO\": invalid reference format"});
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": namespace, "uid": format!("{namespace}-{name}"), "annotations": {},
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"restartPolicy": "Never", "nodeName": "n", "containers": [{"name": "main", "image": "NO"}]},
        "status": {"phase": "Pending", "conditions": [], "containerStatuses":
            [{"name": "main", "restartCount": 0, "state": {"waiting": waiting}}]},
    })
}

/// The conditions of ours on the pod.
pub(crate) fn ours(pod: &Value) -> Vec<Value> {
    let conditions = pod["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    conditions
        .into_iter()
        .filter(|condition| {
            condition["type"]
                .as_str()
                .unwrap()
                .starts_with("pullstop.dev/")
        })
        .collect()
}

/// Does to failed pods what a kubelet does: takes them over for good.
pub(crate) async fn agree(cluster: Cluster, name: String) {
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let Some(pod) = cluster.pod(&name) else {
            continue;
        };
        if pod["status"]["phase"] == "Failed" {
            cluster.edit(&name, |pod| {
                let conditions = pod["status"]["conditions"].as_array_mut().unwrap();
                conditions.retain(|condition| condition["type"] != "Ready");
                conditions.push(json!({"type": "Ready", "status": "False", "reason": "PodFailed"}));
            });
            return;
        }
    }
}

/// Dates an answer as HTTP servers do, in whole seconds.
pub(crate) fn date<B>(answer: &mut Response<B>, clock: Option<Clock>) {
    let Some(clock) = clock else { return };
    let text = timestamp::print_http_date(clock.now()).unwrap();
    answer.headers_mut().insert("date", text.parse().unwrap());
}

/// The built-in rules, which enforce.
pub(crate) fn standard() -> Policies {
    Policies::from(Policy::default().in_mode(Mode::Enforce))
}
