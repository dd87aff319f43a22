//! Enforcers that share a cluster by labels of namespaces.

use std::time::Duration;

use pullstop_apiserver::{Fault, Key, Rule};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Setup, World, pod};

/// A world with a failing pod in each of the namespaces `a` and `b`, which have their names as labels.
fn setup(selector: &'static str) -> Setup {
    let mut objects = Vec::new();
    for name in ["a", "b"] {
        let metadata = json!({"name": name, "labels": {"shard": name}});
        objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}));
        let mut pod = pod();
        pod["metadata"]["namespace"] = json!(name);
        pod["metadata"]["uid"] = json!(format!("u-{name}"));
        objects.push(pod);
    }
    // Longer than it takes to notice another selection.
    let rule =
        json!({"causes": ["InvalidReference"], "attempts": 1, "duration": "90s", "action": "Fail"});
    Setup {
        args: vec!["--namespace-selector", selector],
        spec: json!({"mode": "Enforce", "rules": [rule]}),
        overlays: vec!["shard"],
        objects,
        ..Setup::default()
    }
}

impl World {
    /// The phases of the pods in `a` and in `b`.
    fn phases(&self) -> [String; 2] {
        ["a", "b"].map(|namespace| {
            let phase = &self.pod_in(namespace)["status"]["phase"];
            phase.as_str().unwrap().to_owned()
        })
    }

    fn label(&self, namespace: &str, labels: Value) {
        let key = Key::of("", "namespaces", "", namespace);
        let stored = self.store.update(&key, "somebody", |namespace| {
            namespace["metadata"]["labels"] = labels;
        });
        assert!(stored.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn pods_of_other_shards_are_left_alone() {
    for (selector, phases) in [
        ("shard=a", ["Failed", "Pending"]),
        ("shard in (b, c), !test", ["Pending", "Failed"]),
        ("shard", ["Failed", "Failed"]),
        ("shard=c", ["Pending", "Pending"]),
    ] {
        let world = World::with(setup(selector));
        sleep(Duration::from_secs(200)).await;
        assert_eq!(
            world.phases(),
            phases,
            "{selector}\n{}",
            world.metrics.text()
        );
        assert_eq!(world.metric("pullstop_synced"), "1", "{selector}");
        assert!(!world.metrics.text().contains("forbidden"));
        world.stop.send_replace(true);
    }
}

#[tokio::test(start_paused = true)]
async fn namespaces_come_and_go() {
    let world = World::with(setup("shard=a"));
    sleep(Duration::from_secs(5)).await;
    assert_eq!(world.metric("pullstop_tracked_pods"), "1");
    // The one leaves before its verdict is due, and the other comes.
    world.label("a", json!({"shard": "b"}));
    world.label("b", json!({"shard": "a"}));
    sleep(Duration::from_secs(200)).await;
    assert_eq!(
        world.phases(),
        ["Pending", "Failed"],
        "{}",
        world.metrics.text()
    );
    assert_eq!(world.metric("pullstop_tracked_pods"), "0");
    // It comes back, with a pod that has not changed since.
    world.label("a", json!({"shard": "a"}));
    sleep(Duration::from_secs(100)).await;
    assert_eq!(world.phases(), ["Failed", "Failed"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_judged_before_the_selection_is_known() {
    let without_rights = World::with(Setup {
        overlays: Vec::new(),
        ..setup("shard=a")
    });
    sleep(Duration::from_secs(600)).await;
    assert_eq!(without_rights.phases(), ["Pending", "Pending"]);
    assert_eq!(
        without_rights.metric("pullstop_synced"),
        "0",
        "so it is not ready"
    );
    let refused = "pullstop_api_requests_total{call=\"list_namespaces\",result=\"forbidden\"}";
    let count: u32 = without_rights.metric(refused).parse().unwrap();
    assert!((10..50).contains(&count), "{count}");
}

#[tokio::test(start_paused = true)]
async fn what_was_selected_stays_so_while_nobody_knows() {
    let world = World::with(setup("shard=a"));
    sleep(Duration::from_secs(5)).await;
    world
        .faults
        .add(Rule::on("list", "namespaces", Fault::Drop));
    sleep(Duration::from_secs(300)).await;
    assert_eq!(world.phases(), ["Failed", "Pending"]);
}
