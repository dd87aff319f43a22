//! The whole enforcer against the simulated API server, in paused time: recorded pods, and all that can go wrong.

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
mod kill;
mod names;
mod pages;
mod process;
mod recording;
mod replica;
mod replicas;
mod rights;
mod standing;
mod verdicts;
mod versions;

use std::path::Path;
use std::time::Duration;

use pullstop_core::policy::{Mode, Policies, Policy};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;
use pullstop_enforcer::clock::Clock;
use serde_json::{Value, json};

use cluster::Cluster;
use replica::{Enforcer, Replica};

/// Starts a replica whose Lease is in the namespace `pullstop`.
pub(crate) fn start(
    cluster: &Cluster,
    clock: Clock,
    name: &str,
    policies: Policies,
    args: &[&str],
) -> Replica {
    let enforcer = Enforcer {
        client: cluster.client(),
        namespace: "pullstop".to_owned(),
        name: name.to_owned(),
        clock,
        policies,
    };
    enforcer.start(args)
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
                cluster.put(&self.name, recorded);
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
            cluster.put(&self.name, pod);
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

/// A recorded pod, and a cluster in which it is still to come.
pub(crate) fn recorded(name: &str) -> (Recording, Cluster) {
    let recording = Recording::read(name);
    let cluster = Cluster::since(recording.clock().now());
    (recording, cluster)
}

/// The built-in rules, which enforce.
pub(crate) fn standard() -> Policies {
    Policies::from(Policy::default().in_mode(Mode::Enforce))
}
