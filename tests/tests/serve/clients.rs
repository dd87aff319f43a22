//! What clients create in a simulated cluster lives there, or is refused.

use std::time::Duration;

use pullstop_apiserver::{Clock, Key};
use pullstop_cluster::scenario;
use pullstop_simulator::bridge::Bridge;
use pullstop_simulator::commands::serve;
use serde_json::{Value, json};

use super::client::{Answer, Client, JSON, MERGE, START, STRATEGIC};

const SCENARIO: &str = r#"
apiVersion: pullstop.dev/v1alpha1
kind: Scenario
metadata: {name: clients}
spec:
  duration: 2h
  images:
  - {image: "registry.example/typo:1", missing: true}
  queues:
  - {name: team, quota: {jobs: 1}}
  workloads:
  - {deployment: web, image: "registry.example/web:1", replicas: 2}
  - {pod: own, at: 100m, image: "registry.example/typo:1"}
  - {job: queued, at: 100m, image: "registry.example/web:1", queue: team}
  expect: []
"#;
const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// A cluster, and a client of it.
pub(super) struct Cluster {
    pub(super) client: Client,
    bridge: Bridge,
    passed: Duration,
}

impl Cluster {
    pub(super) fn new() -> Self {
        let policy = &mut |_: &std::path::Path| unreachable!("it names no policy");
        let scenario = scenario::parse("clients", SCENARIO, policy).unwrap();
        let (bridge, store) = serve::cluster(&scenario, 1, Clock::from(START)).unwrap();
        Self {
            client: Client::of(store),
            bridge,
            passed: Duration::ZERO,
        }
    }

    pub(super) async fn pass(&mut self, seconds: u64) {
        self.passed += Duration::from_secs(seconds);
        self.bridge.run_for(self.passed).await;
    }

    pub(super) async fn create(&self, path: &str, object: &Value) -> Answer {
        self.client.ask("POST", path, JSON, object).await
    }

    pub(super) async fn patch(&self, path: &str, change: &Value) -> Answer {
        self.client.ask("PATCH", path, MERGE, change).await
    }

    async fn delete(&self, path: &str, policy: &str) -> Answer {
        let options = match policy {
            "" => Value::Null,
            policy => json!({"propagationPolicy": policy}),
        };
        self.client.ask("DELETE", path, JSON, &options).await
    }

    fn job(&self, name: &str) -> Value {
        let key = Key::of("batch", "jobs", "default", name);
        let job = self.client.store.get(&key);
        job.map(|job| Value::clone(&job)).unwrap_or_default()
    }

    /// The pods whose names begin so.
    fn pods(&self, prefix: &str) -> Vec<Value> {
        let pods = self.client.store.objects("", "pods").into_iter();
        let is_meant = |pod: &Value| {
            pod["metadata"]["name"]
                .as_str()
                .unwrap()
                .starts_with(prefix)
        };
        pods.map(|pod| Value::clone(&pod))
            .filter(is_meant)
            .collect()
    }

    fn condition(&self, job: &str) -> Value {
        let conditions = &self.job(job)["status"]["conditions"];
        let last = conditions.as_array().and_then(|all| all.last());
        last.map(|last| last["type"].clone()).unwrap_or_default()
    }
}

pub(super) fn job(name: &str, image: &str, command: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"template": pod_spec(image, command)},
    })
}

pub(super) fn pod(name: &str, image: &str, command: &str) -> Value {
    let mut pod = pod_spec(image, command);
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"] = json!({"name": name});
    pod
}

fn pod_spec(image: &str, command: &str) -> Value {
    let container = json!({"name": "main", "image": image, "command": ["sh", "-c", command]});
    json!({"spec": {"restartPolicy": "Never", "containers": [container]}})
}

fn warnings(answer: &Answer) -> String {
    let all = answer.headers.get_all("warning").iter();
    all.map(|one| one.to_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_clients_job_runs_to_its_end() {
    let mut cluster = Cluster::new();
    let created = cluster
        .create(JOBS, &job("good", "registry.example/a:1", "sleep 30"))
        .await;
    assert_eq!(created.status, 201, "{}", created.body);
    let said = warnings(&created);
    assert!(
        said.contains("does not describe the image") && said.contains("typo:1"),
        "{said}"
    );
    cluster.pass(20).await;
    let [pod] = &cluster.pods("good-")[..] else {
        panic!("it has one pod");
    };
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(pod["metadata"]["labels"]["job-name"], "good");
    assert_eq!(
        pod["metadata"]["ownerReferences"][0]["uid"],
        cluster.job("good")["metadata"]["uid"]
    );
    assert_eq!(pod["spec"]["containers"][0]["command"][2], "sleep 30");
    assert_eq!(cluster.job("good")["status"]["active"], 1);
    cluster.pass(30).await;
    assert_eq!(cluster.condition("good"), "Complete");
    assert_eq!(cluster.job("good")["status"]["succeeded"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_clients_job_fails_when_its_pod_is_failed() {
    let mut cluster = Cluster::new();
    let mut typo = job("typo", "registry.example/typo:1", "");
    let condition = "pullstop.dev/ImagePullFailed";
    typo["spec"]["podFailurePolicy"] = json!({"rules": [
        {"action": "FailJob", "onPodConditions": [{"type": condition, "status": "True"}]},
    ]});
    let created = cluster.create(JOBS, &typo).await;
    assert_eq!((created.status, warnings(&created)), (201, String::new()));
    cluster.pass(90).await;
    let pods = cluster.pods("typo-");
    let waiting = &pods[0]["status"]["containerStatuses"][0]["state"]["waiting"]["reason"];
    assert!(waiting.as_str().unwrap().contains("ImagePull"), "{waiting}");
    let name = pods[0]["metadata"]["name"].as_str().unwrap();
    let failed = json!({
        "metadata": {"annotations": {"a": "b"}},
        "status": {"phase": "Failed", "reason": "ImagePullFailed", "conditions": [
            {"type": condition, "status": "True", "reason": "ManifestNotFound"},
        ]},
    });
    let path = format!("{PODS}/{name}/status");
    assert_eq!(
        cluster
            .client
            .ask("PATCH", &path, STRATEGIC, &failed)
            .await
            .status,
        200
    );
    cluster.pass(30).await;
    assert_eq!(cluster.condition("typo"), "Failed");
    assert_eq!(cluster.pods("typo-").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_job_takes_its_pods_along_as_it_is_told() {
    let mut cluster = Cluster::new();
    for name in ["background", "foreground", "orphan", "default"] {
        cluster
            .create(JOBS, &job(name, "registry.example/a:1", "sleep 3600"))
            .await;
    }
    cluster.pass(30).await;
    cluster
        .delete(&format!("{JOBS}/background"), "Background")
        .await;
    assert!(cluster.job("background").is_null());
    cluster
        .delete(&format!("{JOBS}/foreground"), "Foreground")
        .await;
    assert!(!cluster.job("foreground")["metadata"]["deletionTimestamp"].is_null());
    cluster.delete(&format!("{JOBS}/orphan"), "Orphan").await;
    cluster.delete(&format!("{JOBS}/default"), "").await;
    cluster.pass(60).await;
    for name in ["background", "foreground", "orphan", "default"] {
        assert!(cluster.job(name).is_null(), "{name}");
        let pods = cluster.pods(name);
        let is_kept = ["orphan", "default"].contains(&name);
        assert_eq!(pods.len(), usize::from(is_kept), "{name}");
        for pod in pods {
            assert!(pod["metadata"]["ownerReferences"].is_null(), "{pod}");
            assert_eq!(pod["status"]["phase"], "Running");
        }
    }
    // The name is free again.
    cluster
        .create(JOBS, &job("background", "registry.example/a:1", "sleep 1"))
        .await;
    cluster.pass(30).await;
    assert_eq!(cluster.condition("background"), "Complete");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_job_waits_until_it_is_resumed() {
    let mut cluster = Cluster::new();
    let mut waits = job("waits", "registry.example/a:1", "sleep 60");
    waits["spec"]["suspend"] = true.into();
    cluster.create(JOBS, &waits).await;
    cluster.pass(20).await;
    assert_eq!(
        (cluster.condition("waits"), cluster.pods("waits").len()),
        (json!("Suspended"), 0)
    );
    let path = format!("{JOBS}/waits");
    cluster
        .patch(&path, &json!({"spec": {"suspend": false}}))
        .await;
    cluster.pass(20).await;
    assert_eq!(cluster.pods("waits")[0]["status"]["phase"], "Running");
    cluster
        .patch(&path, &json!({"spec": {"suspend": true}}))
        .await;
    cluster.pass(60).await;
    assert!(cluster.pods("waits").is_empty());
    assert_eq!(cluster.job("waits")["status"]["failed"], Value::Null);
    cluster
        .patch(&path, &json!({"spec": {"suspend": false}}))
        .await;
    cluster.pass(90).await;
    assert_eq!(cluster.job("waits")["status"]["succeeded"], 1);
    let frozen = cluster
        .patch(&path, &json!({"spec": {"completions": 3}}))
        .await;
    assert_eq!(frozen.status, 422);
}

#[tokio::test(start_paused = true)]
async fn a_queue_admits_clients_jobs_in_turn() {
    let mut cluster = Cluster::new();
    for name in ["first", "second"] {
        let mut queued = job(name, "registry.example/a:1", "sleep 3600");
        queued["metadata"]["labels"] = json!({"kueue.x-k8s.io/queue-name": "team"});
        cluster.create(JOBS, &queued).await;
        cluster.pass(10).await;
    }
    let suspended = |cluster: &Cluster, name: &str| cluster.job(name)["spec"]["suspend"].clone();
    assert_eq!(
        (suspended(&cluster, "first"), suspended(&cluster, "second")),
        (json!(false), json!(true))
    );
    cluster.delete(&format!("{JOBS}/first"), "Background").await;
    cluster.pass(10).await;
    assert_eq!(suspended(&cluster, "second"), json!(false));
}

#[tokio::test(start_paused = true)]
async fn a_drained_node_loses_its_pods_within_their_budget() {
    let mut cluster = Cluster::new();
    let mut ignores = job("evicted", "registry.example/a:1", "sleep 3600");
    ignores["spec"]["podFailurePolicy"] = json!({"rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]});
    cluster.create(JOBS, &ignores).await;
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "one"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"job-name": "evicted"}}},
    });
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    assert_eq!(cluster.create(budgets, &budget).await.status, 201);
    cluster.pass(30).await;
    let node = "/api/v1/nodes/node-0";
    cluster
        .patch(node, &json!({"spec": {"unschedulable": true}}))
        .await;
    let name = cluster.pods("evicted")[0]["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
    let path = format!("{PODS}/{name}/eviction");
    let refused = cluster.create(&path, &eviction).await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.body["details"]["causes"][0]["message"],
        "The disruption budget one needs 1 healthy pods and has 1 currently"
    );
    cluster.delete(&format!("{budgets}/one"), "").await;
    assert_eq!(cluster.create(&path, &eviction).await.status, 201);
    cluster.pass(60).await;
    let pods = cluster.pods("evicted");
    assert_eq!(pods.len(), 1);
    assert_ne!(pods[0]["metadata"]["name"], name);
    assert_eq!(pods[0]["spec"]["nodeName"], Value::Null);
    assert_eq!(cluster.job("evicted")["status"]["failed"], Value::Null);
    cluster
        .patch(node, &json!({"spec": {"unschedulable": null}}))
        .await;
    cluster.pass(30).await;
    assert_eq!(cluster.pods("evicted")[0]["status"]["phase"], "Running");
}

#[tokio::test(start_paused = true)]
async fn replica_sets_of_the_scenario_scale() {
    let mut cluster = Cluster::new();
    cluster.pass(60).await;
    let path = "/apis/apps/v1/namespaces/default/replicasets/web";
    let scale = cluster.client.get(&format!("{path}/scale")).await.body;
    assert_eq!(
        (&scale["kind"], &scale["status"]["replicas"]),
        (&json!("Scale"), &json!(2))
    );
    for (replicas, count) in [(4, 4), (1, 1)] {
        let wanted = json!({"spec": {"replicas": replicas}});
        let scaled = cluster.patch(&format!("{path}/scale"), &wanted).await;
        assert_eq!(scaled.body["spec"]["replicas"], replicas);
        cluster.pass(60).await;
        assert_eq!(cluster.pods("web").len(), count);
        let set = cluster.client.get(path).await.body;
        assert_eq!(set["status"]["readyReplicas"], replicas);
    }
    let below = cluster
        .patch(&format!("{path}/scale"), &json!({"spec": {"replicas": -1}}))
        .await;
    assert_eq!(below.status, 422);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_would_act_on_is_refused_or_told() {
    let cluster = Cluster::new();
    for (path, kind) in [
        ("/apis/apps/v1/namespaces/default/deployments", "Deployment"),
        (
            "/apis/apps/v1/namespaces/default/statefulsets",
            "StatefulSet",
        ),
        ("/apis/apps/v1/namespaces/default/daemonsets", "DaemonSet"),
        ("/apis/batch/v1/namespaces/default/cronjobs", "CronJob"),
        ("/api/v1/nodes", "Node"),
    ] {
        let refused = cluster
            .create(path, &json!({"metadata": {"name": "x"}}))
            .await;
        let message = refused.body["message"].as_str().unwrap();
        assert_eq!(
            (refused.status, &refused.body["reason"]),
            (403, &json!("Forbidden")),
            "{kind}"
        );
        assert!(message.contains("has no controller for"), "{message}");
    }
    let mut odd = job("odd", "registry.example/a:1", "");
    odd["spec"]["successPolicy"] = json!({"rules": [{"succeededCount": 1}]});
    assert_eq!(cluster.create(JOBS, &odd).await.status, 403);
    let mut huge = job("huge", "registry.example/typo:1", "");
    huge["spec"]["completionMode"] = "Indexed".into();
    huge["spec"]["completions"] = 4_000_000_000_u32.into();
    assert_eq!(cluster.create(JOBS, &huge).await.status, 403);
    let service = json!({"metadata": {"name": "s"}});
    let kept = cluster
        .create("/api/v1/namespaces/default/services", &service)
        .await;
    assert!(warnings(&kept).contains("only keeps services"));
    let mut elsewhere = job("elsewhere", "registry.example/typo:1", "");
    elsewhere["metadata"]["labels"] = json!({"kueue.x-k8s.io/queue-name": "nobody"});
    elsewhere["spec"]["template"]["spec"]["nodeSelector"] = json!({"a": "b"});
    let said = warnings(&cluster.create(JOBS, &elsewhere).await);
    assert!(
        said.contains("no queue \"nobody\"") || said.contains("no queue \\\"nobody\\\""),
        "{said}"
    );
    assert!(said.contains("nodeSelector"), "{said}");
    assert_eq!(cluster.delete("/api/v1/nodes/node-0", "").await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_has_an_account_and_takes_all_along() {
    let mut cluster = Cluster::new();
    cluster
        .create("/api/v1/namespaces", &json!({"metadata": {"name": "foo"}}))
        .await;
    cluster.pass(1).await;
    let account = "/api/v1/namespaces/foo/serviceaccounts/default";
    assert_eq!(cluster.client.get(account).await.status, 200);
    let jobs = "/apis/batch/v1/namespaces/foo/jobs";
    cluster
        .create(jobs, &job("inside", "registry.example/a:1", "sleep 3600"))
        .await;
    cluster.pass(30).await;
    assert_eq!(cluster.pods("inside").len(), 1);
    cluster.delete("/api/v1/namespaces/foo", "").await;
    cluster.pass(60).await;
    assert!(cluster.pods("inside").is_empty());
    assert_eq!(cluster.client.get(account).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_clients_pod_waits_for_its_gate_and_its_image() {
    let mut cluster = Cluster::new();
    let mut gated = pod("gated", "registry.example/typo:1", "");
    gated["spec"]["schedulingGates"] = json!([{"name": "later"}]);
    assert_eq!(cluster.create(PODS, &gated).await.status, 201);
    cluster.pass(30).await;
    assert_eq!(cluster.pods("gated")[0]["spec"]["nodeName"], Value::Null);
    let path = format!("{PODS}/gated");
    let another = json!({"spec": {"schedulingGates": [{"name": "later"}, {"name": "more"}]}});
    assert_eq!(cluster.patch(&path, &another).await.status, 422);
    let free = cluster
        .patch(&path, &json!({"spec": {"schedulingGates": null}}))
        .await;
    assert_eq!(free.status, 200, "{}", free.body);
    cluster.pass(90).await;
    let logs = cluster.client.get(&format!("{path}/log")).await;
    let message = logs.body["message"].as_str().unwrap();
    assert_eq!(
        (logs.status, &logs.body["reason"]),
        (400, &json!("BadRequest"))
    );
    let waits = "container \"main\" in pod \"gated\" is waiting to start: ";
    assert!(
        message.starts_with(waits) && message.contains("pull"),
        "{message}"
    );
    assert_eq!(
        cluster.client.get(&format!("{path}/exec")).await.status,
        403
    );
}

/// What was written before the log was forgotten is found all the same.
#[tokio::test(start_paused = true)]
async fn what_was_created_before_a_compaction_lives_too() {
    let mut cluster = Cluster::new();
    cluster.pass(1).await;
    cluster
        .create(JOBS, &job("late", "registry.example/a:1", "sleep 5"))
        .await;
    cluster
        .create(PODS, &pod("bare", "registry.example/a:1", "exit 3"))
        .await;
    cluster.client.store.compact(u64::MAX);
    cluster.pass(60).await;
    assert_eq!(cluster.condition("late"), "Complete");
    assert_eq!(cluster.pods("bare")[0]["status"]["phase"], "Failed");
    cluster
        .client
        .ask("DELETE", &format!("{JOBS}/late"), JSON, &Value::Null)
        .await;
    cluster.client.store.compact(u64::MAX);
    cluster.pass(60).await;
    assert!(cluster.job("late").is_null());
}
