//! What clients write to the pods of a simulated cluster happens in it, and what happens in it is seen.

use hyper::{Method, Request};
use kube::client::Body;
use serde_json::{Value, json};

use super::cases::TYPOS;
use super::stage::{Stage, ready_reason, true_condition};

const POD: &str = "/api/v1/namespaces/default/pods/bare";

#[tokio::test(start_paused = true)]
async fn an_edited_image_is_pulled() {
    let mut stage = Stage::new(TYPOS, 1);
    stage.until(60).await;
    assert_eq!(stage.pod("bare")["status"]["phase"], "Pending");
    let image =
        json!({"spec": {"containers": [{"name": "main", "image": "registry.k8s.io/pause:3.10"}]}});
    assert_eq!(patch(&stage, POD, &image).await.0, 200);
    stage.until(200).await;
    let pod = stage.pod("bare");
    assert_eq!(pod["status"]["phase"], "Succeeded", "{pod:#}");
    assert_eq!(ready_reason(&pod), "PodCompleted");
    let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(ended["reason"], "Completed");
    assert!(ended["startedAt"].as_str() < ended["finishedAt"].as_str());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_pod_in_its_own_name() {
    let mut stage = Stage::new(TYPOS, 1);
    stage.until(60).await;
    let deadline = json!({"spec": {"activeDeadlineSeconds": 1}});
    assert_eq!(patch(&stage, POD, &deadline).await.0, 200);
    stage.until(90).await;
    let pod = stage.pod("bare");
    assert_eq!(pod["status"]["phase"], "Failed");
    assert_eq!(pod["status"]["reason"], "DeadlineExceeded");
    assert_eq!(ready_reason(&pod), "PodFailed");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_pod_goes_and_its_job_makes_another() {
    let mut stage = Stage::new(TYPOS, 1);
    stage.until(60).await;
    let path = "/api/v1/namespaces/default/pods/limit-0";
    assert_eq!(ask(&stage, Method::DELETE, path, None).await.0, 200);
    assert!(stage.pod("limit-0")["metadata"]["deletionTimestamp"].is_string());
    stage.until(120).await;
    assert_eq!(stage.pod("limit-0"), Value::Null);
    assert_eq!(stage.pod("limit-1")["status"]["phase"], "Pending");
    assert_eq!(stage.job("limit")["status"]["failed"], 1);
}

/// What the API server refuses does not happen in the cluster.
#[tokio::test(start_paused = true)]
async fn a_refused_write_has_no_effect() {
    let mut stage = Stage::new(TYPOS, 1);
    stage.until(60).await;
    let version = stage.pod("bare")["metadata"]["resourceVersion"].clone();
    stage.until(120).await;
    let mut write = json!({"metadata": {"resourceVersion": version, "annotations": {"a": "b"}}});
    write["status"] = json!({"phase": "Failed"});
    let path = format!("{POD}/status");
    assert_eq!(patch(&stage, &path, &write).await.0, 409);
    stage.until(200).await;
    assert_eq!(stage.pod("bare")["status"]["phase"], "Pending");
}

/// The words, labels and conditions of clients outlive everything that the kubelet publishes.
#[tokio::test(start_paused = true)]
async fn what_is_not_the_kubelets_stays() {
    let mut stage = Stage::new(TYPOS, 1);
    stage.until(60).await;
    let own = json!({"metadata": {"labels": {"team": "a"}}, "status": {
        "phase": "Failed", "reason": "Mine", "message": "enough",
        "conditions": [{"type": "example.com/Seen", "status": "True", "reason": "Looked"}],
    }});
    let path = format!("{POD}/status");
    assert_eq!(patch(&stage, &path, &own).await.0, 200);
    // Forgotten before the cluster has read it: it happens all the same.
    stage.compact();
    stage.until(90).await;
    let pod = stage.pod("bare");
    let status = &pod["status"];
    assert_eq!(ready_reason(&pod), "PodFailed");
    assert_eq!([&status["reason"], &status["message"]], ["Mine", "enough"]);
    assert_eq!(true_condition(&pod, "example.com/Seen"), Some("Looked"));
    assert_eq!(pod["metadata"]["labels"]["team"], "a");
}

#[tokio::test(start_paused = true)]
async fn kubelets_count_their_events() {
    let mut stage = Stage::new(TYPOS, 1);
    stage.until(300).await;
    let events = stage.store.objects("", "events");
    let of = |reason: &str| {
        let mut events = events.iter();
        let found = events
            .find(|event| event["reason"] == reason && event["involvedObject"]["name"] == "bare");
        found.unwrap_or_else(|| panic!("no {reason}")).clone()
    };
    let pulling = of("Pulling");
    assert_eq!(
        pulling["involvedObject"]["fieldPath"],
        "spec.containers{main}"
    );
    assert!(pulling["count"].as_u64() >= Some(4), "{pulling:#}");
    assert!(pulling["firstTimestamp"].as_str() < pulling["lastTimestamp"].as_str());
    assert_eq!(of("Failed")["type"], "Warning");
    let nodes = stage.store.objects("", "nodes");
    assert_eq!(nodes[0]["metadata"]["name"], "node-0");
}

pub(super) async fn patch(stage: &Stage, path: &str, change: &Value) -> (u16, Value) {
    ask(stage, Method::PATCH, path, Some(change)).await
}

async fn ask(stage: &Stage, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
    let bytes = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/strategic-merge-patch+json")
        .body(Body::from(bytes));
    let answer = stage.api().answer(request.unwrap()).await.unwrap();
    let code = answer.status().as_u16();
    let body = http_body_util::BodyExt::collect(answer.into_body()).await;
    let object = serde_json::from_slice(&body.unwrap().to_bytes()).unwrap();
    (code, object)
}
