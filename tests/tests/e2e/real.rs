//! The same story on a simulated cluster and on a real one, told by nothing but what the API shows.
//!
//! The real one is used only if `PULLSTOP_E2E_KUBECONFIG` names its kubeconfig. Everything happens in a namespace of its
//! own, which is deleted in the end.

use std::time::Duration;

use hyper::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use pullstop_core::time::Timestamp;
use serde_json::{Value, json};

use super::cases::TYPOS;
use super::replica::Replica;
use super::stage::{Stage, ready_reason, true_condition};

/// Names the kubeconfig of a real cluster.
const OPT_IN: &str = "PULLSTOP_E2E_KUBECONFIG";
/// The rules need 2 minutes for each of two pods in turn, and nodes and registries need their time.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

#[tokio::test(start_paused = true)]
async fn typos_play_out_on_a_simulated_cluster() {
    let mut stage = Stage::new(TYPOS, 1);
    let client = stage.client();
    let now = stage.store.clock().now();
    tokio::select! {
        () = stage.until(1200) => panic!("the scenario is over"),
        () = typos_play_out(&client, "default", now) => {}
    }
}

#[tokio::test]
async fn typos_play_out_on_a_real_cluster() {
    let Some(file) = std::env::var_os(OPT_IN) else {
        return;
    };
    let config = Kubeconfig::read_from(file).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(config, &options).await;
    let client = Client::try_from(config.unwrap()).unwrap();
    let now = pullstop_enforcer::clock::Clock::start().now();
    let namespace = format!("pullstop-e2e-{:x}", now.as_millis());
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    create(&client, "/api/v1/namespaces", &object).await;
    for (path, object) in manifests(&namespace).await {
        create(&client, &path, &object).await;
    }
    // Also if it goes wrong, nothing is to be left behind.
    let (of, within) = (client.clone(), namespace.clone());
    let played = tokio::spawn(async move { typos_play_out(&of, &within, now).await }).await;
    let gone = Request::delete(format!("/api/v1/namespaces/{namespace}"));
    let deleted = client.request_text(gone.body(Vec::new()).unwrap()).await;
    played.unwrap();
    deleted.unwrap();
}

/// Runs an enforcer for this namespace until pods and Jobs have ended as they must.
async fn typos_play_out(client: &Client, namespace: &str, now: Timestamp) {
    let options = ["--namespaces", namespace];
    let replica = Replica::start(client.clone(), namespace, "e2e", now, &options);
    let done = async {
        while !is_over(client, namespace).await {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, done).await.is_ok();
    let pods = list(client, &format!("/api/v1/namespaces/{namespace}/pods")).await;
    assert!(in_time, "{pods:#?}\n{}", replica.metrics.text());
    for pod in &pods {
        let name = pod["metadata"]["name"].as_str().unwrap();
        if name == "good" {
            assert_ne!(pod["status"]["phase"], "Failed");
            continue;
        }
        assert_eq!(pod["status"]["reason"], "ImagePullFailed", "{pod:#}");
        let cause = true_condition(pod, "pullstop.dev/ImagePullFailed");
        assert_eq!(cause, Some("ManifestNotFound"), "{name}");
    }
    assert_eq!(pods.len(), 5, "{pods:#?}");
    assert_eq!(replica.metric("pullstop_put_back_total"), "");
    replica.stop().await;
}

async fn is_over(client: &Client, namespace: &str) -> bool {
    let pods = list(client, &format!("/api/v1/namespaces/{namespace}/pods")).await;
    let jobs = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    let jobs = list(client, &jobs).await;
    let failed_for = |name: &str| {
        let job = jobs.iter().find(|job| job["metadata"]["name"] == name);
        job.and_then(|job| true_condition(job, "Failed"))
    };
    let agreed = |pod: &Value| ready_reason(pod) == "PodFailed";
    let ended = |pod: &Value| pod["metadata"]["name"] == "good" || agreed(pod);
    pods.iter().all(ended)
        && failed_for("policy") == Some("PodFailurePolicy")
        && failed_for("limit") == Some("BackoffLimitExceeded")
}

/// What the scenario is made of, as one would apply it: where to, and what.
async fn manifests(namespace: &str) -> Vec<(String, Value)> {
    let mut manifests = Vec::new();
    let mut stage = Stage::new(TYPOS, 1);
    stage.until(1).await;
    for (group, resource) in [("", "pods"), ("batch", "jobs")] {
        let root = if group.is_empty() {
            "api"
        } else {
            "apis/batch"
        };
        let path = format!("/{root}/v1/namespaces/{namespace}/{resource}");
        for object in stage.store.objects(group, resource) {
            if !object["metadata"]["ownerReferences"].is_null() {
                continue;
            }
            let mut spec = object["spec"].clone();
            spec["nodeName"].take();
            let name = &object["metadata"]["name"];
            let manifest = json!({
                "apiVersion": object["apiVersion"], "kind": object["kind"],
                "metadata": {"name": name}, "spec": spec,
            });
            manifests.push((path.clone(), manifest));
        }
    }
    manifests
}

async fn create(client: &Client, path: &str, object: &Value) {
    let request = Request::post(path).header("content-type", "application/json");
    let request = request.body(object.to_string().into_bytes()).unwrap();
    client.request_text(request).await.unwrap();
}

async fn list(client: &Client, path: &str) -> Vec<Value> {
    let request = Request::get(path).body(Vec::new()).unwrap();
    let list: Value = client.request(request).await.unwrap();
    list["items"].as_array().cloned().unwrap_or_default()
}
