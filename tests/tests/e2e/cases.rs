//! What is to become of pods and Jobs, when nothing is wrong with the API.

use serde_json::{Value, json};

use super::stage::{Stage, ready_reason, true_condition};
use super::writes::patch;

/// A typo in a bare pod, in a Job that gives up at once, and in one that runs out of tries; next to them, what runs.
/// The images are such as real clusters can pull and cannot pull.
pub(super) const TYPOS: &str = r#"
apiVersion: pullstop.dev/v1alpha1
kind: Scenario
metadata: {name: typos}
spec:
  duration: 20m
  images:
  - {image: "registry.k8s.io/pause:no-such-tag", missing: true}
  workloads:
  - {pod: bare, image: "registry.k8s.io/pause:no-such-tag"}
  - {pod: good, image: "registry.k8s.io/pause:3.10"}
  - job: policy
    image: registry.k8s.io/pause:no-such-tag
    podFailurePolicy:
    - {action: FailJob, onPodCondition: pullstop.dev/ImagePullFailed}
  - {job: limit, image: "registry.k8s.io/pause:no-such-tag", backoffLimit: 1}
  expect:
  - {pods: bare, failed: {between: [2m, 4m], because: ManifestNotFound}}
  - {pods: good, neverFailed: true, runsBy: 5m}
  - {job: policy, outcome: Failed, reason: PodFailurePolicy, pods: 1}
  - {job: limit, outcome: Failed, reason: BackoffLimitExceeded, pods: 2, failedPods: 2}
"#;

#[tokio::test(start_paused = true)]
async fn typos_fail_pods_and_their_jobs_for_the_right_reasons() {
    let mut stage = Stage::new(TYPOS, 1);
    let (replica, _line) = stage.replica("a");
    stage.end("typos").await;
    for pod in ["bare", "policy-0", "limit-0", "limit-1"] {
        assert_failed_once(&mut stage, pod);
    }
    assert_eq!(stage.times_failed("good"), 0);
    assert_eq!(
        true_condition(&stage.job("policy"), "Failed"),
        Some("PodFailurePolicy")
    );
    assert_eq!(
        true_condition(&stage.job("limit"), "Failed"),
        Some("BackoffLimitExceeded")
    );
    assert_eq!(replica.metric("pullstop_kubelet_confirmed_total"), "4");
    assert_eq!(replica.metric("pullstop_reverted_total"), "");
}

/// One image is pushed late, another pod's image is corrected by hand, and a registry is down for a while.
#[tokio::test(start_paused = true)]
async fn what_heals_is_never_failed() {
    let yaml = r#"
apiVersion: pullstop.dev/v1alpha1
kind: Scenario
metadata: {name: heals}
spec:
  duration: 90m
  registries:
  - host: registry.example
    faults:
    - {from: 1m, for: 40m, error: ServiceUnavailable, images: "registry.example/down:*"}
  images:
  - {image: "registry.example/late:v1", missing: true, appearsAt: 45s}
  - {image: "registry.example/typo:*", missing: true}
  workloads:
  - {pod: late, image: "registry.example/late:v1"}
  - {pod: edited, image: "registry.example/typo:v1"}
  - {pod: outage, at: 2m, image: "registry.example/down:v1"}
  faults:
  - {at: 70s, editImage: {pods: edited, container: main, image: "registry.example/app:v1"}}
  expect:
  - {pods: "*", count: 3, neverFailed: true, runsBy: 70m}
"#;
    let mut stage = Stage::new(yaml, 1);
    let _replica = stage.replica("a");
    stage.end("heals").await;
    for pod in ["late", "edited", "outage"] {
        assert_eq!(stage.times_failed(pod), 0, "{pod}");
        let pod_now = stage.pod(pod);
        let own = true_condition(&pod_now, "pullstop.dev/ImagePullFailed");
        assert_eq!(own, None, "{pod}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_job_of_a_queue_starts_once_the_stuck_one_has_failed() {
    let yaml = std::fs::read_to_string(pullstop_tests::root().join("scenarios/demo.yaml"));
    let mut stage = Stage::new(&yaml.unwrap(), 1);
    let (replica, _line) = stage.replica("a");
    stage.until(100).await;
    assert_eq!(stage.job("next")["spec"]["suspend"], true);
    assert_eq!(
        true_condition(&stage.job("next"), "Suspended"),
        Some("JobSuspended")
    );
    stage.end("queue").await;
    assert_eq!(stage.job("next")["spec"]["suspend"], false);
    assert!(true_condition(&stage.job("next"), "Complete").is_some());
    replica.stop().await;
}

/// A status that is written without anything else is put back by the kubelet; the enforcer's own write is not.
#[tokio::test(start_paused = true)]
async fn a_bare_status_is_put_back_and_the_durable_write_holds() {
    let mut stage = Stage::new(TYPOS, 1);
    // No sync of the pod comes before the status manager compares: it would agree.
    stage.until(52).await;
    let baseline = json!({"status": {"phase": "Failed", "reason": "Rival", "message": "at once"}});
    let (code, failed) = patch(
        &stage,
        "/api/v1/namespaces/default/pods/bare/status",
        &baseline,
    )
    .await;
    assert_eq!(code, 200);
    assert_eq!(failed["status"]["phase"], "Failed");
    stage.until(64).await;
    let back = stage.pod("bare");
    assert_eq!(back["status"]["phase"], "Pending");
    assert_eq!(back["status"]["reason"], Value::Null);

    let (replica, _line) = stage.replica("a");
    stage.until(400).await;
    let pod = stage.pod("bare");
    assert_eq!(pod["status"]["phase"], "Failed");
    assert_eq!(ready_reason(&pod), "PodFailed");
    assert_eq!(pod["status"]["reason"], "ImagePullFailed");
    let message = pod["status"]["message"].as_str().unwrap();
    assert!(message.contains("ManifestNotFound"), "{message}");
    assert_eq!(replica.metric("pullstop_reverted_total"), "");
    assert_failed_once(&mut stage, "bare");
}

#[tokio::test(start_paused = true)]
async fn a_restart_in_the_middle_forgets_nothing() {
    let mut stage = Stage::new(TYPOS, 1);
    let (first, _line) = stage.replica("a");
    stage.until(90).await;
    let memory = stage.pod("bare")["status"]["conditions"].to_string();
    assert!(memory.contains("counted so far"), "{memory}");
    first.stop().await;
    stage.until(110).await;
    let _second = stage.replica("b");
    // The expectations have the same times as without a restart.
    stage.end("restarted").await;
    assert_failed_once(&mut stage, "bare");
}

#[tokio::test(start_paused = true)]
async fn of_two_replicas_one_takes_over_when_the_other_hangs() {
    let mut stage = Stage::new(TYPOS, 1);
    let (first, line) = stage.replica("a");
    stage.until(5).await;
    let (second, _line) = stage.replica("b");
    stage.until(100).await;
    assert_eq!(first.metric("pullstop_leader"), "1");
    assert_eq!(second.metric("pullstop_leader"), "0");
    line.hang();
    stage.until(130).await;
    assert_eq!(first.metric("pullstop_leader"), "0");
    assert_eq!(second.metric("pullstop_leader"), "1");
    stage.until(300).await;
    line.go_on();
    stage.end("two replicas").await;
    for pod in ["bare", "policy-0", "limit-0", "limit-1"] {
        assert_failed_once(&mut stage, pod);
    }
    assert_eq!(second.metric("pullstop_kubelet_confirmed_total"), "4");
}

/// Failed once, for good, and with the words of the enforcer.
pub(super) fn assert_failed_once(stage: &mut Stage, name: &str) {
    let pod = stage.pod(name);
    assert_eq!(stage.times_failed(name), 1, "{name}: {pod:#}");
    assert_eq!(pod["status"]["phase"], "Failed", "{name}");
    assert_eq!(pod["status"]["reason"], "ImagePullFailed", "{name}");
    assert_eq!(ready_reason(&pod), "PodFailed", "{name}");
    let main = &pod["status"]["containerStatuses"][0];
    assert_eq!(main["state"]["terminated"]["exitCode"], 137, "{name}");
}
