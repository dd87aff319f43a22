//! The end-to-end suite: the same cases on a real cluster and on a simulated one.
//!
//! `KUBECONFIG` names the real one. Its kubelets and registries need their time, so what is waited for may take longer than
//! the rules say; what must not happen is looked for until well after the rules would have had it happen.

use std::time::Duration;

use pullstop_core::names::{
    FAILED_ANNOTATION, FAILED_CONDITION, FAILED_REASON, FAILING_REASON, STOP_ANNOTATION,
    WARNING_CONDITION, WARNING_EVENT_REASON,
};
use pullstop_core::wire::timestamp;
use pullstop_enforcer::pods::memory::decode;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::cluster::{Cluster, play};
use super::stage::true_condition;

/// The rule for images that are missing wants two minutes. Until the second try of a Job twice that passes, and a node
/// may be busy.
const PATIENCE_SECONDS: u64 = 10 * 60;
/// The same rule has long fired when so much time has passed.
const LONG_AFTER_THE_RULE: Duration = Duration::from_secs(200);

const STUCK: &str = r#"
  workloads:
  - {pod: stuck, image: "{missing}"}
"#;

#[test]
fn typos_fail_pods_and_their_jobs_for_the_right_reasons() {
    let workloads = r#"
  workloads:
  - {pod: bare, image: "{missing}"}
  - {pod: good, image: "{image}", runs: 2h}
  - job: policy
    image: "{missing}"
    podFailurePolicy:
    - {action: FailJob, onPodCondition: pullstop.dev/ImagePullFailed}
  - {job: limit, image: "{missing}", backoffLimit: 1}
  - {job: retried, image: "{missing}", backoffLimit: 0, restartPolicy: OnFailure}
  - job: indexed
    image: "{missing}"
    indexed: true
    completions: 2
    parallelism: 2
    backoffLimitPerIndex: 0
    podFailurePolicy:
    - {action: FailIndex, onPodCondition: pullstop.dev/ImagePullFailed}
"#;
    play(workloads, async |cluster| {
        let (replica, _line) = cluster.replica("a", &[]);
        let bare = cluster.failed(&["bare"], PATIENCE_SECONDS).await;
        assert_failed(&bare[0], "ManifestNotFound");
        for (job, reason, pods) in [
            ("policy", "PodFailurePolicy", 1),
            ("retried", "BackoffLimitExceeded", 1),
            ("indexed", "FailedIndexes", 2),
            ("limit", "BackoffLimitExceeded", 2),
        ] {
            assert_eq!(cluster.job_failed(job, PATIENCE_SECONDS).await, reason);
            let of_job = cluster.pods_of(job).await;
            assert_eq!(of_job.len(), pods, "{job}: {of_job:#?}");
            for pod in &of_job {
                let name = pod["metadata"]["name"].as_str().unwrap();
                let pod = cluster.failed(&[name], PATIENCE_SECONDS).await;
                assert_failed(&pod[0], "ManifestNotFound");
            }
            assert!(
                cluster
                    .told_of("Job", job)
                    .await
                    .contains(&FAILED_REASON.to_owned())
            );
        }
        assert_eq!(cluster.pod("good").await["status"]["phase"], "Running");
        assert_eq!(cluster.told_of("Pod", "bare").await, [FAILED_REASON]);
        replica.stop().await;
    });
}

/// Neither of them sends another watch event after its first.
#[test]
fn what_is_never_pulled_at_all_is_failed_as_well() {
    let workloads = r#"
  workloads:
  - {pod: invalid, image: "registry.k8s.io/NO-SUCH:v1"}
  - {pod: never, image: "{missing}", imagePullPolicy: Never}
"#;
    play(workloads, async |cluster| {
        let (replica, _line) = cluster.replica("a", &[]);
        let pods = cluster
            .failed(&["invalid", "never"], PATIENCE_SECONDS)
            .await;
        assert_failed(&pods[0], "InvalidReference");
        assert_failed(&pods[1], "NeverPullMissing");
        replica.stop().await;
    });
}

#[test]
fn the_container_that_cannot_be_pulled_is_named() {
    let workloads = r#"
  workloads:
  - pod: first
    initContainers: [{name: setup, image: "{missing}"}]
    containers: [{name: main, image: "{image}"}]
  - pod: second
    containers: [{name: main, image: "{image}", runs: 2h}, {name: helper, image: "{missing}"}]
"#;
    play(workloads, async |cluster| {
        let (replica, _line) = cluster.replica("a", &[]);
        let pods = cluster.failed(&["first", "second"], PATIENCE_SECONDS).await;
        for (pod, container) in pods.iter().zip(["setup", "helper"]) {
            assert_failed(pod, "ManifestNotFound");
            let message = pod["status"]["message"].as_str().unwrap();
            assert!(
                message.starts_with(&format!("container {container} ")),
                "{message}"
            );
        }
        replica.stop().await;
    });
}

/// A kubelet puts about six in ten of such pods back; one whose next sync comes first keeps the failure.
#[test]
fn bare_statuses_are_put_back_and_the_durable_write_holds() {
    let workloads = r#"
  workloads:
  - {pod: stuck, image: "{missing}", count: 8}
"#;
    play(workloads, async |cluster| {
        let names: Vec<String> = (0..8).map(|n| format!("stuck-{n}")).collect();
        let backs_off =
            async |name: &String| waits_for(&cluster.pod(name).await, "ImagePullBackOff");
        for name in &names {
            cluster
                .wait("back-off", 120, async || backs_off(name).await)
                .await;
        }
        let baseline =
            json!({"status": {"phase": "Failed", "reason": "Rival", "message": "at once"}});
        for name in &names {
            let pod = cluster
                .patch(&cluster.path(&format!("pods/{name}/status")), &baseline)
                .await;
            assert_eq!(pod["status"]["phase"], "Failed");
        }
        sleep(Duration::from_secs(20)).await;
        let mut back = Vec::new();
        for name in &names {
            if cluster.pod(name).await["status"]["phase"] == "Pending" {
                back.push(name.as_str());
            }
        }
        assert!(!back.is_empty(), "no kubelet has put any of them back");
        let (replica, _line) = cluster.replica("a", &[]);
        for pod in cluster.failed(&back, PATIENCE_SECONDS).await {
            assert_failed(&pod, "ManifestNotFound");
        }
        assert_eq!(replica.metric("pullstop_abandoned_total"), "");
        replica.stop().await;
    });
}

#[test]
fn an_image_that_is_corrected_in_time_saves_its_pod() {
    play(STUCK, async |cluster| {
        let (replica, _line) = cluster.replica("a", &[]);
        is_remembered(cluster, "stuck").await;
        let corrected = json!([{"name": "main", "image": cluster.image}]);
        let spec = json!({"spec": {"containers": corrected}});
        cluster.patch(&cluster.path("pods/stuck"), &spec).await;
        let left = async || {
            let pod = cluster.pod("stuck").await;
            pod["status"]["phase"] != "Pending" && condition(&pod, FAILED_CONDITION).is_none()
        };
        cluster
            .wait("it runs, and nothing is remembered", 60, left)
            .await;
        sleep(LONG_AFTER_THE_RULE).await;
        let pod = cluster.pod("stuck").await;
        assert_ne!(pod["status"]["phase"], "Failed", "{pod:#}");
        assert_eq!(replica.metric("pullstop_kubelet_confirmed_total"), "");
        replica.stop().await;
    });
}

/// A registry at which nobody listens is no bad image: its rule wants an hour.
#[test]
fn a_registry_that_is_down_costs_no_pod_within_minutes() {
    let workloads = r#"
  registries:
  - {host: "127.0.0.1:1", faults: [{from: 0s, error: Refused}]}
  workloads:
  - {pod: waiting, image: "127.0.0.1:1/team/app:v1"}
"#;
    play(workloads, async |cluster| {
        let (replica, _line) = cluster.replica("a", &[]);
        is_remembered(cluster, "waiting").await;
        sleep(LONG_AFTER_THE_RULE).await;
        let pod = cluster.pod("waiting").await;
        assert_eq!(pod["status"]["phase"], "Pending", "{pod:#}");
        let remembered = condition(&pod, FAILED_CONDITION).unwrap();
        let text = remembered["message"].as_str().unwrap();
        assert!(text.contains("RegistryUnavailable"), "{text}");
        replica.stop().await;
    });
}

#[test]
fn a_deployment_is_left_alone_and_annotations_are_heeded() {
    let workloads = r#"
  workloads:
  - {deployment: web, image: "{missing}", replicas: 1, restartPolicy: Always}
  - {pod: off, image: "{missing}", annotations: {pullstop.dev/mode: "off"}}
  - {pod: warned, image: "{missing}", annotations: {pullstop.dev/mode: warn}}
  - {pod: patient, image: "{missing}", annotations: {pullstop.dev/patience: 1h}}
"#;
    play(workloads, async |cluster| {
        let (replica, _line) = cluster.replica("a", &[]);
        let is_warned =
            async || true_condition(&cluster.pod("warned").await, WARNING_CONDITION).is_some();
        cluster
            .wait("the warning", PATIENCE_SECONDS, is_warned)
            .await;
        sleep(LONG_AFTER_THE_RULE).await;
        let pods = cluster.pods().await;
        assert_eq!(pods.len(), 4);
        for pod in pods {
            assert_eq!(pod["status"]["phase"], "Pending", "{pod:#}");
            let name = pod["metadata"]["name"].as_str().unwrap();
            let is_judged = condition(&pod, FAILED_CONDITION).is_some();
            assert_eq!(is_judged, ["warned", "patient"].contains(&name), "{pod:#}");
        }
        assert_eq!(
            cluster.told_of("Pod", "warned").await,
            [WARNING_EVENT_REASON]
        );
        replica.stop().await;
    });
}

#[test]
fn a_dry_run_writes_nothing() {
    play(STUCK, async |cluster| {
        let (replica, _line) = cluster.replica("a", &["--dry-run"]);
        let reported =
            r#"pullstop_verdicts_total{action="fail",dry_run="true",cause="ManifestNotFound"}"#;
        let is_reported = async || replica.metric(reported) == "1";
        cluster
            .wait("a verdict", PATIENCE_SECONDS, is_reported)
            .await;
        sleep(Duration::from_secs(60)).await;
        let pod = cluster.pod("stuck").await;
        assert_eq!(pod["status"]["phase"], "Pending");
        assert!(!pod.to_string().contains("pullstop.dev"), "{pod:#}");
        assert!(cluster.told_of("Pod", "stuck").await.is_empty());
        replica.stop().await;
    });
}

#[test]
fn a_restart_forgets_nothing() {
    play(STUCK, async |cluster| {
        let (first, _line) = cluster.replica("a", &[]);
        is_remembered(cluster, "stuck").await;
        sleep(Duration::from_secs(60)).await;
        let before = condition(&cluster.pod("stuck").await, FAILED_CONDITION).unwrap();
        first.stop().await;
        let (second, _line) = cluster.replica("b", &[]);
        let pod = cluster.failed(&["stuck"], PATIENCE_SECONDS).await.remove(0);
        assert_failed(&pod, "ManifestNotFound");
        // The message says since when: the same moment that the first replica had seen.
        let memories = decode(before["message"].as_str().unwrap());
        let first_failures = memories[0].tallies.iter().map(|tally| tally.first_at);
        let since = timestamp::print_seconds(first_failures.min().unwrap());
        let message = pod["status"]["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("since {since}")),
            "{before}\n{message}"
        );
        second.stop().await;
    });
}

#[test]
fn of_two_replicas_the_other_takes_over() {
    play(STUCK, async |cluster| {
        let (first, line) = cluster.replica("a", &[]);
        let leads = |replica: &super::replica::Replica| replica.metric("pullstop_leader") == "1";
        cluster.wait("a leader", 30, async || leads(&first)).await;
        let (second, _line) = cluster.replica("b", &[]);
        is_remembered(cluster, "stuck").await;
        assert!(!leads(&second));
        line.hang();
        cluster
            .wait("another leader", 60, async || leads(&second))
            .await;
        assert!(!leads(&first));
        let pod = cluster.failed(&["stuck"], PATIENCE_SECONDS).await.remove(0);
        line.go_on();
        sleep(Duration::from_secs(30)).await;
        assert_failed(&pod, "ManifestNotFound");
        let written = |pod: &Value| pod["metadata"]["annotations"][FAILED_ANNOTATION].clone();
        assert_eq!(
            written(&cluster.pod("stuck").await),
            written(&pod),
            "failed twice"
        );
        assert_eq!(second.metric("pullstop_kubelet_confirmed_total"), "1");
        first.stop().await;
        second.stop().await;
    });
}

#[test]
fn the_kill_switch_works_without_a_restart() {
    play(STUCK, async |cluster| {
        let (replica, _line) = cluster.replica("a", &[]);
        is_remembered(cluster, "stuck").await;
        let switch = async |value: Value| {
            let change = json!({"metadata": {"annotations": {STOP_ANNOTATION: value}}});
            let lease = cluster.path("leases/pullstop");
            cluster.patch(&lease, &change).await;
        };
        switch("true".into()).await;
        sleep(LONG_AFTER_THE_RULE).await;
        assert_eq!(cluster.pod("stuck").await["status"]["phase"], "Pending");
        switch(Value::Null).await;
        let pod = cluster.failed(&["stuck"], PATIENCE_SECONDS).await;
        assert_failed(&pod[0], "ManifestNotFound");
        replica.stop().await;
    });
}

/// More than one node of the usual size holds: who is failed makes room for others.
#[test]
fn of_two_hundred_stuck_pods_none_is_put_back_for_good() {
    let workloads = r#"
  workloads:
  - {pod: stuck, image: "{missing}", count: 200}
"#;
    play(workloads, async |cluster| {
        let (replica, _line) = cluster.replica("a", &[]);
        let is_over = async || {
            let pods = cluster.pods().await;
            pods.len() == 200 && pods.iter().all(|pod| pod["status"]["phase"] == "Failed")
        };
        cluster
            .wait("all failed", 6 * PATIENCE_SECONDS, is_over)
            .await;
        // Longer than the kubelet's status manager and pod workers need to look at every pod again.
        sleep(Duration::from_secs(100)).await;
        for pod in cluster.pods().await {
            assert_failed(&pod, "ManifestNotFound");
        }
        let agreed = replica.metric("pullstop_kubelet_confirmed_total");
        assert_eq!(agreed, "200", "{}", replica.metrics.text());
        assert_eq!(replica.metric("pullstop_abandoned_total"), "");
        eprintln!(
            "put back for a moment: {:?}",
            replica.metric("pullstop_reverted_total")
        );
        replica.stop().await;
    });
}

fn assert_failed(pod: &Value, cause: &str) {
    let status = &pod["status"];
    assert_eq!(status["phase"], "Failed", "{pod:#}");
    assert_eq!(status["reason"], FAILED_REASON, "{pod:#}");
    assert_eq!(
        true_condition(pod, FAILED_CONDITION),
        Some(cause),
        "{pod:#}"
    );
    assert!(
        pod["metadata"]["annotations"][FAILED_ANNOTATION].is_string(),
        "{pod:#}"
    );
}

/// Waits until the pod's condition says what was counted.
async fn is_remembered(cluster: &Cluster, name: &str) {
    let is_there = async || {
        let pod = cluster.pod(name).await;
        condition(&pod, FAILED_CONDITION).is_some_and(|own| own["reason"] == FAILING_REASON)
    };
    cluster.wait("a failure is remembered", 120, is_there).await;
}

fn condition(pod: &Value, kind: &str) -> Option<Value> {
    let conditions = pod["status"]["conditions"].as_array()?;
    conditions.iter().find(|one| one["type"] == kind).cloned()
}

fn waits_for(pod: &Value, reason: &str) -> bool {
    pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason
}
