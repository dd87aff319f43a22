//! What Events tell of a pod that was stuck before, with and without the right to read them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::live::{Setup, World, pod};

/// A pod that has been stuck for two hours when the enforcer starts, and what its kubelet has written.
fn stuck() -> Vec<Value> {
    let mut pod = pod();
    pod["metadata"]["creationTimestamp"] = "2026-11-18T09:00:00Z".into();
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": "p.1", "namespace": "default", "creationTimestamp": "2026-11-18T11:00:00Z"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p", "uid": "u",
            "fieldPath": "spec.containers{main}"},
        "reason": "InspectFailed", "type": "Warning", "count": 540,
        "message": "Failed to apply default image tag \"NO\": couldn't parse image name \"NO\"",
        "firstTimestamp": "2026-11-18T09:00:01Z", "lastTimestamp": "2026-11-18T11:05:00Z",
        "source": {"component": "kubelet"}, "reportingComponent": "kubelet", "reportingInstance": "n",
    });
    let mut of_another = event.clone();
    of_another["metadata"]["name"] = "p.2".into();
    of_another["involvedObject"]["uid"] = "another".into();
    of_another["firstTimestamp"] = "2026-11-18T08:00:00Z".into();
    vec![pod, event, of_another]
}

fn world(overlays: Vec<&'static str>) -> World {
    let rule =
        json!({"causes": ["InvalidReference"], "attempts": 1, "duration": "10m", "action": "Fail"});
    World::with(Setup {
        args: vec!["--history=events"],
        overlays,
        spec: json!({"mode": "Enforce", "rules": [rule]}),
        objects: stuck(),
        ..Setup::default()
    })
}

#[tokio::test(start_paused = true)]
async fn with_the_rights_of_the_overlay_the_past_counts() {
    let world = world(vec!["history"]);
    sleep(Duration::from_secs(60)).await;
    let pod = world.pod();
    assert_eq!(
        pod["status"]["reason"],
        "ImagePullFailed",
        "{}",
        world.metrics.text()
    );
    let message = pod["status"]["message"].as_str().unwrap();
    assert!(message.contains("since 2026-11-18T09:00:01Z"), "{message}");
    let read = "pullstop_api_requests_total{call=\"list_events\",result=\"success\"}";
    assert_eq!(world.metric(read), "1");
    world.stop.send_replace(true);
}

#[tokio::test(start_paused = true)]
async fn without_the_right_nothing_is_assumed_and_the_rest_works() {
    let world = world(Vec::new());
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.pod()["status"]["phase"], "Pending");
    let refused = "pullstop_api_requests_total{call=\"list_events\",result=\"forbidden\"}";
    assert_eq!(world.metric(refused), "1");
    sleep(Duration::from_secs(640)).await;
    assert_eq!(world.pod()["status"]["reason"], "ImagePullFailed");
    assert_eq!(
        world.metric(refused),
        "1",
        "it is not asked again and again"
    );
    world.stop.send_replace(true);
}
