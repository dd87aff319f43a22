//! A cluster in which a case is played: the one that `KUBECONFIG` names, or a simulated one.
//!
//! A case sees nothing but the API, so that it means the same on both. Its workloads are written as a scenario, whose
//! cluster is the simulated one; a real one gets the same pods, Jobs and `ReplicaSets`, in a namespace of its own.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use hyper::{Method, Request};
use kube::{Client, Config};
use pullstop_core::time::Timestamp;
use pullstop_enforcer::clock::Clock;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::replica::{Line, Replica};
use super::stage::{Stage, enforcer, ready_reason, true_condition};

/// An image that can be pulled wherever the registry can be reached.
const IMAGE: &str = "registry.k8s.io/pause:3.10";
/// Names another one, for clusters that reach no public registry.
const IMAGE_VARIABLE: &str = "PULLSTOP_E2E_IMAGE";
/// A tag that no repository has.
const NO_TAG: &str = "no-such-tag";
/// No case lasts longer than this in a simulated cluster.
const SIMULATED_MAX: Duration = Duration::from_secs(3 * 3600);

/// The cluster, and the namespace in which everything happens.
pub(super) struct Cluster {
    /// An image that can be pulled.
    pub(super) image: String,
    namespace: String,
    client: Client,
    began: (Instant, Timestamp),
}

/// Plays a case on workloads whose images are `{image}`, which can be pulled, and `{missing}`, which cannot.
pub(super) fn play(workloads: &str, case: impl AsyncFnOnce(&Cluster)) {
    if std::env::var_os("KUBECONFIG").is_some_and(|file| !file.is_empty()) {
        play_on_real_one(workloads, case);
    } else {
        play_on_simulated_one(workloads, case);
    }
}

fn play_on_simulated_one(workloads: &str, case: impl AsyncFnOnce(&Cluster)) {
    runtime(true).block_on(async {
        let mut stage = Stage::new(&scenario(workloads, IMAGE), 1);
        let now = stage.store.clock().now();
        let cluster = Cluster::new(stage.client(), IMAGE, "default", now);
        tokio::select! {
            () = stage.until(SIMULATED_MAX.as_secs()) => panic!("the case does not end"),
            () = case(&cluster) => {}
        }
    });
}

fn play_on_real_one(workloads: &str, case: impl AsyncFnOnce(&Cluster)) {
    let image = std::env::var(IMAGE_VARIABLE).unwrap_or_else(|_| IMAGE.to_owned());
    let manifests = runtime(true).block_on(manifests(&scenario(workloads, &image)));
    let runtime = runtime(false);
    let cluster = runtime.block_on(Cluster::with_namespace(&image));
    let played = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            cluster.apply(manifests).await;
            case(&cluster).await;
        });
    }));
    // Also if it went wrong, nothing is to be left behind.
    let namespace = cluster.path("");
    runtime
        .block_on(cluster.ask(Method::DELETE, &namespace, None))
        .unwrap();
    if let Err(panic) = played {
        resume_unwind(panic);
    }
}

fn runtime(paused: bool) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(paused).build().unwrap()
}

fn scenario(workloads: &str, image: &str) -> String {
    let repository = image
        .rsplit_once(':')
        .map_or(image, |(repository, _)| repository);
    let missing = format!("{repository}:{NO_TAG}");
    let mut scenario = "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: case}\nspec:\n  duration: 4h"
        .to_owned();
    if workloads.contains("{missing}") {
        scenario += "\n  images: [{image: \"{missing}\", missing: true}]";
    }
    scenario += workloads;
    scenario
        .replace("{image}", image)
        .replace("{missing}", &missing)
}

/// The workloads as one would apply them, and their resources.
async fn manifests(scenario: &str) -> Vec<(&'static str, Value)> {
    let mut manifests = Vec::new();
    let mut stage = Stage::new(scenario, 1);
    stage.until(1).await;
    for (group, resource) in [("", "pods"), ("batch", "jobs"), ("apps", "replicasets")] {
        for object in stage.store.objects(group, resource) {
            let metadata = &object["metadata"];
            if !metadata["ownerReferences"].is_null() {
                continue;
            }
            let mut spec = object["spec"].clone();
            for pod in ["", "/template/spec"] {
                spec.pointer_mut(pod).map(leave_open);
            }
            let metadata =
                json!({"name": metadata["name"], "annotations": metadata["annotations"]});
            let (version, kind) = (&object["apiVersion"], &object["kind"]);
            let manifest = json!({
                "apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec,
            });
            manifests.push((resource, manifest));
        }
    }
    manifests
}

/// Takes out what is for the cluster to decide, and what small nodes have no room for.
fn leave_open(spec: &mut Value) {
    spec.as_object_mut().unwrap().remove("nodeName");
    let containers = spec.get_mut("containers").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        container.as_object_mut().unwrap().remove("resources");
    }
}

impl Cluster {
    fn new(client: Client, image: &str, namespace: &str, now: Timestamp) -> Self {
        Self {
            image: image.to_owned(),
            namespace: namespace.to_owned(),
            client,
            began: (Instant::now(), now),
        }
    }

    /// The cluster that `KUBECONFIG` names, and a new namespace in it.
    async fn with_namespace(image: &str) -> Self {
        let config = Config::infer().await.unwrap();
        let client = Client::try_from(config).unwrap();
        let labels = json!({"app.kubernetes.io/name": "pullstop-e2e"});
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"generateName": "pullstop-e2e-", "labels": labels},
        });
        let mut cluster = Self::new(client, image, "", Clock::start().now());
        let made = cluster.create("/api/v1/namespaces", &namespace).await;
        made["metadata"]["name"]
            .as_str()
            .unwrap()
            .clone_into(&mut cluster.namespace);
        cluster
    }

    async fn apply(&self, manifests: Vec<(&str, Value)>) {
        // Pods are refused as long as it is not there.
        let account = self.path("serviceaccounts/default");
        let is_there = async || self.ask(Method::GET, &account, None).await.is_ok();
        self.wait("the default service account", 60, is_there).await;
        for (resource, object) in manifests {
            self.create(&self.path(resource), &object).await;
        }
    }

    /// The path of what is in the namespace, such as `pods/stuck`; of nothing, that of the namespace itself.
    pub(super) fn path(&self, what: &str) -> String {
        let root = match what.split('/').next() {
            Some("jobs") => "/apis/batch/v1",
            Some("replicasets") => "/apis/apps/v1",
            Some("leases") => "/apis/coordination.k8s.io/v1",
            Some("events") => "/apis/events.k8s.io/v1",
            _ => "/api/v1",
        };
        let path = format!("{root}/namespaces/{}/{what}", self.namespace);
        path.trim_end_matches('/').to_owned()
    }

    /// Starts an enforcer that looks after this namespace, and the line between it and the API server.
    pub(super) fn replica(&self, name: &str, options: &[&str]) -> (Replica, Line) {
        let client = self.client.clone();
        let ours = ["--namespaces", &self.namespace];
        let options: Vec<&str> = ours.iter().chain(options).copied().collect();
        let now = self.began.1.after(self.began.0.elapsed());
        let replica = enforcer(client, &self.namespace, name, now).start(&options);
        let line = replica.line.clone();
        (replica, line)
    }

    /// Looks every second until it is so.
    pub(super) async fn wait(&self, what: &str, seconds: u64, is_so: impl AsyncFn() -> bool) {
        let until = Instant::now() + Duration::from_secs(seconds);
        while !is_so().await {
            if Instant::now() > until {
                let pods = self.list("pods").await;
                panic!("{what}: not within {seconds} s\n{pods:#?}");
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// Waits until the kubelet agrees that these pods have failed, and says what became of them.
    pub(super) async fn failed(&self, names: &[&str], seconds: u64) -> Vec<Value> {
        // While it ends the containers, for as long as those that run may take, the kubelet shows its own status without the
        // words that were written; it brings them back in the end.
        let agreed = async |name: &str| {
            let pod = self.pod(name).await;
            let has_words = pod["status"]["reason"]
                .as_str()
                .is_some_and(|r| !r.is_empty());
            ready_reason(&pod) == "PodFailed" && has_words
        };
        let all_agreed = async || {
            let mut all = true;
            for name in names {
                all = all && agreed(name).await;
            }
            all
        };
        self.wait(&format!("{names:?} failed"), seconds, all_agreed)
            .await;
        // Only then it says how containers ended that never ran.
        sleep(Duration::from_secs(3)).await;
        let mut pods = Vec::new();
        for name in names {
            pods.push(self.pod(name).await);
        }
        pods
    }

    pub(super) async fn pod(&self, name: &str) -> Value {
        let path = self.path(&format!("pods/{name}"));
        self.ask(Method::GET, &path, None).await.unwrap_or_default()
    }

    pub(super) async fn pods(&self) -> Vec<Value> {
        self.list("pods").await
    }

    /// The pods of this owner.
    pub(super) async fn pods_of(&self, owner: &str) -> Vec<Value> {
        let mut pods = self.pods().await;
        pods.retain(|pod| pod["metadata"]["ownerReferences"][0]["name"] == owner);
        pods
    }

    /// Waits until a Job has failed, and says for what reason.
    pub(super) async fn job_failed(&self, name: &str, seconds: u64) -> String {
        let path = self.path(&format!("jobs/{name}"));
        let reason = async || {
            let job = self.ask(Method::GET, &path, None).await.unwrap();
            true_condition(&job, "Failed").map(str::to_owned)
        };
        let failed = async || reason().await.is_some();
        self.wait(&format!("Job {name} failed"), seconds, failed)
            .await;
        reason().await.unwrap_or_default()
    }

    /// The reasons of our events about an object of this name.
    pub(super) async fn told_of(&self, kind: &str, name: &str) -> Vec<String> {
        let mut events = self.list("events").await;
        events.retain(|event| {
            let about = &event["regarding"];
            event["reportingController"] == "pullstop.dev/enforcer"
                && (&about["kind"], &about["name"]) == (&kind.into(), &name.into())
        });
        let reason = |event: &Value| event["reason"].as_str().unwrap_or_default().to_owned();
        events.iter().map(reason).collect()
    }

    async fn list(&self, resource: &str) -> Vec<Value> {
        let list = self
            .ask(Method::GET, &self.path(resource), None)
            .await
            .unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    async fn create(&self, path: &str, object: &Value) -> Value {
        self.ask(Method::POST, path, Some(object)).await.unwrap()
    }

    pub(super) async fn patch(&self, path: &str, change: &Value) -> Value {
        self.ask(Method::PATCH, path, Some(change)).await.unwrap()
    }

    /// Makes a request; patches are strategic.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> kube::Result<Value> {
        let kind = match method {
            Method::PATCH => "application/strategic-merge-patch+json",
            _ => "application/json",
        };
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind)
            .body(body.into_bytes());
        self.client.request(request.unwrap()).await
    }
}
