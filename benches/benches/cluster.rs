//! How long a list from a real API server takes: `KUBECONFIG=<file> cargo bench -p pullstop-benches --bench cluster`.
//!
//! Pods are created first, in a namespace that is deleted at the end. They wait for a scheduling gate, so that nothing
//! runs. etcd needs room for three gigabytes; its default is two.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use hyper::{Method, Request};
use kube::{Client, Config};
use pullstop_benches::Pod;
use pullstop_benches::enforcer::{enforce, read_all};
use pullstop_benches::server::runtime;
use pullstop_benches::wire::{Image, Printer};
use pullstop_enforcer::api::Api;
use pullstop_enforcer::metrics::Metrics;
use serde_json::{Value, json};
use tokio::time::sleep;

/// Pods of a large cluster that wait. One in ten fails to pull its image.
const PODS: u64 = 100_000;
/// Requests under way while pods are created.
const AT_ONCE: usize = 32;
/// Lists of each kind; they take turns.
const ROUNDS: usize = 5;
const NAMESPACE: &str = "/api/v1/namespaces/pullstop-bench";

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return println!("benchmark of a real cluster: not part of the tests");
    }
    if std::env::var_os("KUBECONFIG").is_none_or(|file| file.is_empty()) {
        return println!("benchmark of a real cluster: KUBECONFIG names none");
    }
    runtime().expect("a runtime can be had").block_on(async {
        let client = client().await;
        send(&client, Method::POST, "/api/v1/namespaces", namespace()).await;
        fill(&client).await;
        compare(&client).await;
        send(&client, Method::DELETE, NAMESPACE, Value::Null).await;
    });
}

async fn client() -> Client {
    let mut config = Config::infer().await.expect("KUBECONFIG can be read");
    config.default_retry = false;
    Client::try_from(config).expect("the cluster's keys can be read")
}

/// Creates all pods.
async fn fill(client: &Client) {
    let began = Instant::now();
    let printer = Printer::default();
    let create = |n| {
        let image = if n % 10 == 0 {
            Image::Missing
        } else {
            Image::Pulling
        };
        let (pod, status) = manifest(&printer.print(&Pod::new(n), 1, image));
        let path = format!("{NAMESPACE}/pods");
        let of_this = format!("{path}/{}/status", Pod::new(n).name);
        async move {
            send(client, Method::POST, &path, pod).await;
            send(client, Method::PATCH, &of_this, status).await;
        }
    };
    let created = stream::iter(0..PODS).map(create).buffer_unordered(AT_ONCE);
    created.collect::<()>().await;
    let seconds = began.elapsed().as_secs();
    println!("{PODS} pods created in {seconds} s");
}

/// What is created, and what is written to its status, of a pod as a list shows it.
fn manifest(listed: &str) -> (Value, Value) {
    let mut pod: Value = serde_json::from_str(listed).expect("the template is JSON");
    let status = json!({ "status": pod["status"] });
    let metadata = json!({
        "name": pod["metadata"]["name"],
        "labels": pod["metadata"]["labels"],
        "annotations": pod["metadata"]["annotations"],
    });
    let mut spec = pod["spec"].take();
    spec["schedulingGates"] = json!([{ "name": "pullstop.dev/bench" }]);
    // The account that every namespace has.
    for field in ["serviceAccount", "serviceAccountName"] {
        spec[field] = "default".into();
    }
    let fields = spec.as_object_mut().expect("a pod has a spec");
    fields.remove("nodeName");
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec });
    (pod, status)
}

fn namespace() -> Value {
    let name = NAMESPACE.rsplit('/').next();
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

/// Lists all pods in turns: once to throw them away, once to take them in.
async fn compare(client: &Client) {
    let mut seconds = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let bytes = read_all(&Api::new(client.clone(), Arc::default())).await;
        let read = began.elapsed().as_secs_f64();

        let began = Instant::now();
        let metrics = Arc::new(Metrics::default());
        let api = Api::new(client.clone(), Arc::clone(&metrics));
        enforce(api, &metrics, false, is_whole(&metrics)).await;
        let taken_in = began.elapsed().as_secs_f64();

        println!(
            "{read:.2} s to read {} MB and throw them away, {taken_in:.2} s to take them in",
            bytes / 1_000_000
        );
        seconds[0].push(read);
        seconds[1].push(taken_in);
    }
    let [read, taken_in] = seconds.map(|mut seconds| {
        seconds.sort_by(f64::total_cmp);
        seconds[ROUNDS / 2]
    });
    println!(
        "middle of {ROUNDS}: {read:.2} s and {taken_in:.2} s, {:.2} times as long",
        taken_in / read
    );
}

/// Waits until all pods are known, and the watch behind the list is open.
async fn is_whole(metrics: &Metrics) {
    while !metrics.text().contains("\npullstop_synced 1\n") {
        sleep(Duration::from_millis(1)).await;
    }
}

/// Sends a request that must succeed.
async fn send(client: &Client, method: Method, path: &str, body: Value) {
    let kind = if method == Method::PATCH {
        "application/strategic-merge-patch+json"
    } else {
        "application/json"
    };
    let request = Request::builder()
        .method(&method)
        .uri(path)
        .header("content-type", kind)
        .body(serde_json::to_vec(&body).expect("JSON can be written"))
        .expect("the request is well-formed");
    let sent = client.request_text(request).await;
    assert!(sent.is_ok(), "{method} {path}: {sent:?}");
}
