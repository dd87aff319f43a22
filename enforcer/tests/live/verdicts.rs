//! Recorded pods, and what becomes of them.

use std::time::Duration;

use pullstop_core::policy::{Fallback, Mode, Policies, Policy};
use serde_json::json;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::{Replica, agree, ours, recorded, standard, start};

/// Plays a recording under one replica, to its end; `agrees` is a kubelet that keeps what was failed.
async fn play(
    name: &str,
    policies: Policies,
    args: &[&str],
    agrees: bool,
) -> (Cluster, Replica, String) {
    let (recording, cluster) = recorded(name);
    let (clock, pod) = (recording.clock(), recording.name.clone());
    let replica = start(&cluster, clock, "a", policies, args);
    if agrees {
        tokio::spawn(agree(cluster.clone(), pod.clone()));
    }
    recording.play(cluster.clone(), clock).await;
    sleep(Duration::from_secs(10)).await;
    (cluster, replica, pod)
}

#[tokio::test(start_paused = true)]
async fn a_missing_tag_is_failed_once_and_everybody_is_told() {
    let (cluster, replica, name) = play("missing-tag", standard(), &[], true).await;
    let pod = cluster.pod(&name).unwrap();
    let status = &pod["status"];
    assert_eq!(
        (&status["phase"], &status["reason"]),
        (&json!("Failed"), &json!("ImagePullFailed"))
    );
    let message = status["message"].as_str().unwrap();
    assert!(message.starts_with(
        "container main cannot get its image 127.0.0.1:5000/good/busybox:nope: ManifestNotFound, "
    ));
    assert!(
        message.contains("(rule definite); the last error: ") && message.contains("not found"),
        "{message}"
    );
    assert!(pod["metadata"]["annotations"]["pullstop.dev/image-pull-failed"].is_string());
    let condition = &ours(&pod)[0];
    assert_eq!(condition["type"], "pullstop.dev/ImagePullFailed");
    assert_eq!(
        (&condition["status"], &condition["reason"]),
        (&json!("True"), &json!("ManifestNotFound"))
    );
    let events = cluster.events().await;
    assert_eq!(events.len(), 1, "a bare pod has no Job to tell");
    assert_eq!(events[0]["regarding"]["uid"], pod["metadata"]["uid"]);
    assert_eq!(
        (&events[0]["type"], &events[0]["reason"]),
        (&json!("Warning"), &json!("ImagePullFailed"))
    );
    assert_eq!(
        replica.metric(
            "pullstop_verdicts_total{action=\"fail\",dry_run=\"false\",cause=\"ManifestNotFound\"}"
        ),
        "1"
    );
    assert_eq!(replica.metric("pullstop_kubelet_confirmed_total"), "1");
    assert_eq!(replica.metric("pullstop_leader"), "1");
    let writes = cluster.requests("PATCH", "/status");
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(
        cluster.requests("PATCH", "/status"),
        writes,
        "what is done is done"
    );
    assert_eq!(replica.metric("pullstop_tracked_pods"), "0");
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_jobs_pod_tells_the_job_too() {
    let (cluster, _replica, name) = play("job-plain", standard(), &[], true).await;
    assert_eq!(cluster.pod(&name).unwrap()["status"]["phase"], "Failed");
    let kinds: Vec<_> = cluster
        .events()
        .await
        .iter()
        .map(|event| event["regarding"]["kind"].clone())
        .collect();
    assert_eq!(kinds, [json!("Pod"), json!("Job")]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_runs_in_the_end_is_left_alone_and_cleaned_up() {
    let (cluster, replica, name) = play("secret-late", standard(), &[], true).await;
    let pod = cluster.pod(&name).unwrap();
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(ours(&pod), [json!(null); 0], "nothing of ours is left");
    assert_eq!(cluster.events().await.len(), 0);
    assert_eq!(
        replica.metric("pullstop_recovery_threshold_ratio_count"),
        "1"
    );
    assert_eq!(replica.metric("pullstop_tracked_pods"), "0");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_writes_nothing_at_all() {
    let policy = Policy::default();
    for (policies, args) in [
        (Policies::from(policy), &["--no-lease"][..]),
        (standard(), &["--dry-run"]),
    ] {
        let (cluster, replica, _) = play("missing-tag", policies, args, true).await;
        let read_only = cluster
            .state()
            .requests
            .iter()
            .all(|(method, _)| method == "GET");
        assert!(read_only);
        assert_eq!(
            replica.metric("pullstop_verdicts_total{action=\"fail\",dry_run=\"true\",cause=\"ManifestNotFound\"}"),
            "1"
        );
        replica.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn a_warning_keeps_what_is_remembered() {
    let policy = Policy::default().in_mode(Mode::Warn);
    let (cluster, _replica, name) = play("missing-tag", Policies::from(policy), &[], true).await;
    let pod = cluster.pod(&name).unwrap();
    assert_eq!(pod["status"]["phase"], "Pending");
    let mut kinds: Vec<String> = ours(&pod)
        .iter()
        .map(|c| format!("{}={}", c["type"], c["status"]))
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "\"pullstop.dev/ImagePullFailed\"=\"False\"",
            "\"pullstop.dev/ImagePullWarning\"=\"True\""
        ]
    );
    let events = cluster.events().await;
    assert_eq!(
        (events.len(), &events[0]["reason"]),
        (1, &json!("ImagePullFailing"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_warn_again() {
    let policy = Policy::default().in_mode(Mode::Warn);
    let policies = Policies::from(policy);
    let (recording, cluster) = recorded("missing-tag");
    let clock = recording.clock();
    let first = start(&cluster, clock, "a", policies.clone(), &[]);
    tokio::spawn(recording.play(cluster.clone(), clock));
    sleep(Duration::from_secs(200)).await;
    assert_eq!(cluster.events().await.len(), 1);
    first.stop().await;
    let second = start(&cluster, clock, "b", policies, &[]);
    sleep(Duration::from_secs(900)).await;
    assert_eq!(
        second.metric("pullstop_writes_total{kind=\"warn\",result=\"unchanged\"}"),
        "1"
    );
    assert_eq!(cluster.events().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_with_a_policy_of_its_own_is_judged_by_it() {
    let object = |namespace: Option<&str>, mode: &str| {
        let metadata = json!({"name": "default", "namespace": namespace});
        json!({"metadata": metadata, "spec": {"mode": mode}})
    };
    for (own, expected) in [("Warn", "ImagePullFailing"), ("Enforce", "ImagePullFailed")] {
        let (recording, cluster) = recorded("missing-tag");
        let (clock, built_in) = (recording.clock(), pullstop_enforcer::policies::built_in());
        cluster.put_policy(object(None, "Enforce"));
        cluster.put_policy(object(Some("default"), own));
        let replica = start(&cluster, clock, "a", built_in, &["--policy-objects"]);
        tokio::spawn(agree(cluster.clone(), recording.name.clone()));
        recording.play(cluster.clone(), clock).await;
        let reasons: Vec<_> = cluster
            .events()
            .await
            .iter()
            .map(|e| e["reason"].clone())
            .collect();
        assert_eq!(reasons, [json!(expected)]);
        replica.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn other_namespaces_are_left_to_others() {
    for (namespaces, verdicts) in [("team-*", ""), ("team-*,def*", "1")] {
        let namespaces = format!("--namespaces={namespaces}");
        let (_, replica, _) = play("missing-tag", standard(), &[&namespaces], true).await;
        let metric =
            "pullstop_verdicts_total{action=\"fail\",dry_run=\"false\",cause=\"ManifestNotFound\"}";
        assert_eq!(replica.metric(metric), verdicts);
    }
}

/// A kubelet that puts every failed pod back, as one does that only sees the status change.
async fn put_back(cluster: Cluster, name: String) {
    loop {
        sleep(Duration::from_millis(700)).await;
        if cluster
            .pod(&name)
            .is_some_and(|pod| pod["status"]["phase"] == "Failed")
        {
            cluster.edit(&name, |pod| pod["status"]["phase"] = json!("Pending"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_put_back_again_and_again_is_written_three_times() {
    for fallback in [Fallback::None, Fallback::ActiveDeadline] {
        let mut policy = Policy::default().in_mode(Mode::Enforce);
        policy.put_back.fallback = fallback;
        let (recording, cluster) = recorded("missing-tag");
        let (clock, name) = (recording.clock(), recording.name.clone());
        let replica = start(&cluster, clock, "a", Policies::from(policy), &[]);
        tokio::spawn(recording.play(cluster.clone(), clock));
        let kubelet = tokio::spawn(put_back(cluster.clone(), name.clone()));
        sleep(Duration::from_secs(900)).await;
        assert_eq!(
            replica.metric("pullstop_writes_total{kind=\"fail\",result=\"success\"}"),
            "3"
        );
        assert_eq!(replica.metric("pullstop_reverted_total"), "3");
        let deadline = &cluster.pod(&name).unwrap()["spec"]["activeDeadlineSeconds"];
        if fallback == Fallback::None {
            assert_eq!(replica.metric("pullstop_abandoned_total"), "1");
            assert!(deadline.is_null());
        } else {
            assert_eq!(*deadline, 1, "{}", replica.metrics.text());
        }
        kubelet.abort();
        replica.kill();
    }
}

/// Recordings whose (last) pod the built-in policy fails while they last; the replay of them says the same.
const FAILED: &[&str] = &[
    "basic-auth",
    "containerd21-missing-tag",
    "containerd21-platform",
    "deleted-beside-good",
    "denied-403",
    "edit-hung",
    // Edited after the verdict: a replay withdraws it, a cluster does not.
    "fixed-in-place",
    "hub-like-denied",
    "init-ok-main-missing",
    "init-then-two-bad",
    "invalid-name",
    "job-indexed",
    "job-plain",
    "missing-repo",
    "missing-tag",
    "never-pull",
    "platform",
    "queued-typo",
    "recovers-after-push",
    "same-bad-twice",
    "sidecar-bad-before-init",
    "status-put-back",
    "two-bad",
    "typo-0",
];

#[tokio::test(start_paused = true)]
async fn every_recorded_pod_ends_as_in_its_replay() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/traces");
    let mut failed = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let trace = file.unwrap().file_name().into_string().unwrap();
        let trace = trace.strip_suffix(".jsonl").unwrap().to_owned();
        let (cluster, replica, _) = play(&trace, standard(), &["--no-lease"], true).await;
        // Some of the recorded pods were failed by others, with the same reason.
        let ours = cluster
            .events()
            .await
            .iter()
            .any(|event| event["reason"] == "ImagePullFailed");
        if ours {
            failed.push(trace);
        }
        replica.kill();
    }
    failed.sort();
    assert_eq!(failed, FAILED);
}
