//! An API server that is slow, throttling, forbidding, forgetful or gone: never fatal, and never a verdict by itself.

use std::sync::Arc;
use std::time::Duration;

use pullstop_apiserver::{Fault, Rule};
use pullstop_enforcer::api::Api;
use pullstop_enforcer::pods::pages::Pages;
use serde_json::json;
use tokio::time::sleep;

use crate::cluster::{Cluster, How};
use crate::{Replica, agree, recorded, standard, start};

/// Method, part of the path, how often, and how it goes wrong.
type Faults = [(&'static str, &'static str, usize, How)];

/// Plays `missing-tag` under `faults`, and says how it ended.
async fn missing_tag(faults: &Faults) -> (Cluster, Replica) {
    let (recording, cluster) = recorded("missing-tag");
    for (method, path, times, how) in faults {
        cluster.fault(method, path, *times, *how);
    }
    let clock = recording.clock();
    let replica = start(&cluster, clock, "a", standard(), &[]);
    tokio::spawn(agree(cluster.clone(), recording.name.clone()));
    recording.play(cluster.clone(), clock).await;
    sleep(Duration::from_secs(700)).await;
    (cluster, replica)
}

fn phase(cluster: &Cluster) -> String {
    cluster.pod("missing-tag").unwrap()["status"]["phase"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(start_paused = true)]
async fn every_fault_that_ends_is_survived() {
    let faults: &[(&str, &Faults)] = &[
        (
            "lists fail",
            &[("GET", "/api/v1/pods?limit", 5, How::Status(500, None))],
        ),
        (
            "lists are no JSON",
            &[("GET", "/api/v1/pods?limit", 3, How::Garbage)],
        ),
        (
            "lists take for ever",
            &[("GET", "/api/v1/pods?limit", 2, How::Silence)],
        ),
        (
            "lists are forbidden at first",
            &[("GET", "/api/v1/pods?limit", 4, How::Status(403, None))],
        ),
        (
            "watches are refused",
            &[("GET", "watch=1", 6, How::Status(503, Some(2)))],
        ),
        (
            "watches are too old",
            &[("GET", "watch=1", 3, How::Status(410, None))],
        ),
        ("watches are silent", &[("GET", "watch=1", 2, How::Silence)]),
        (
            "watches are no JSON",
            &[("GET", "watch=1", 3, How::Garbage)],
        ),
        (
            "writes are throttled",
            &[("PATCH", "/status", 4, How::Status(429, Some(20)))],
        ),
        (
            "writes conflict",
            &[("PATCH", "/status", 3, How::Status(409, None))],
        ),
        (
            "writes hit another pod",
            &[("PATCH", "/status", 2, How::Status(422, None))],
        ),
        (
            "writes are forbidden",
            &[("PATCH", "/status", 4, How::Status(403, None))],
        ),
        (
            "writes get no answer",
            &[("PATCH", "/status", 3, How::Silence)],
        ),
        (
            "answers to writes get lost",
            &[("PATCH", "/status", 20, How::LostAnswer)],
        ),
        (
            "answers to writes are no JSON",
            &[("PATCH", "/status", 2, How::Garbage)],
        ),
        (
            "pods cannot be read",
            &[("GET", "/pods/missing-tag", 3, How::Status(500, None))],
        ),
        (
            "the lease cannot be renewed",
            &[("PATCH", "/leases/", 9, How::Status(500, None))],
        ),
        (
            "answers about the lease get lost",
            &[("PATCH", "/leases/", 5, How::LostAnswer)],
        ),
        (
            "events are refused",
            &[("POST", "/events", 5, How::Status(403, None))],
        ),
    ];
    for (what, faults) in faults {
        let (cluster, replica) = missing_tag(faults).await;
        assert_eq!(
            phase(&cluster),
            "Failed",
            "{what}\n{}",
            replica.metrics.text()
        );
        let reason = &cluster.pod("missing-tag").unwrap()["status"]["reason"];
        assert_eq!(*reason, "ImagePullFailed", "{what}");
        let left: usize = cluster.state().faults.iter().map(|fault| fault.times).sum();
        assert!(
            left == 0 || what.contains("lost") || what.contains("events"),
            "{what}: {left} did not happen"
        );
        replica.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn what_never_works_is_seen_in_metrics_and_fails_nobody() {
    for (method, path, metric) in [
        (
            "PATCH",
            "/status",
            "pullstop_api_requests_total{call=\"patch_pod_status\",result=\"forbidden\"}",
        ),
        (
            "GET",
            "/api/v1/pods?limit",
            "pullstop_lists_total{result=\"forbidden\"}",
        ),
        (
            "GET",
            "/leases/",
            "pullstop_api_requests_total{call=\"get_lease\",result=\"forbidden\"}",
        ),
    ] {
        let (cluster, replica) =
            missing_tag(&[(method, path, usize::MAX, How::Status(403, None))]).await;
        assert_eq!(phase(&cluster), "Pending", "{path}");
        assert!(
            replica.metric(metric).parse::<u32>().unwrap() > 3,
            "{}",
            replica.metrics.text()
        );
        assert!(
            cluster.state().requests.len() < 3000,
            "{path}: {} requests",
            cluster.state().requests.len()
        );
        replica.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_the_watch_condemns_nobody_and_forgets_nobody() {
    let (recording, cluster) = recorded("missing-tag");
    let clock = recording.clock();
    let replica = start(&cluster, clock, "a", standard(), &[]);
    tokio::spawn(recording.play(cluster.clone(), clock));
    sleep(Duration::from_secs(60)).await;
    replica.line.hang();
    sleep(Duration::from_secs(40)).await;
    // What was stored meanwhile is compacted away, and the pod gets another image.
    cluster.edit("missing-tag", |pod| {
        pod["spec"]["containers"][0]["image"] = json!("busybox:1");
    });
    cluster.edit("missing-tag", |pod| {
        pod["status"]["phase"] = json!("Running");
    });
    cluster.compact();
    replica.line.go_on();
    sleep(Duration::from_secs(80)).await;
    assert_eq!(
        replica.metric("pullstop_writes_total{kind=\"fail\",result=\"success\"}"),
        ""
    );
    replica.kill();
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_too_old_leads_to_a_new_list() {
    let (recording, cluster) = recorded("missing-tag");
    let clock = recording.clock();
    // The watch breaks after its first event, while nothing new gets through. Without a Lease, nothing else is a reason
    // to list.
    let breaks = Fault::Truncate { after_events: 1 };
    cluster
        .faults()
        .add(Rule::on("watch", "pods", breaks).times(1));
    let replica = start(&cluster, clock, "a", standard(), &["--no-lease"]);
    sleep(Duration::from_secs(5)).await;
    replica.line.hang();
    tokio::spawn(recording.play(cluster.clone(), clock));
    sleep(Duration::from_secs(70)).await;
    // All that happened since is compacted away: only a list tells of the pod.
    cluster.compact();
    replica.line.go_on();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(replica.metric("pullstop_tracked_pods"), "1");
    assert_ne!(
        replica.metric("pullstop_watch_restarts_total{reason=\"expired\"}"),
        "",
        "{}",
        replica.metrics.text()
    );
    replica.kill();
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_replaced_by_a_namesake_is_not_mistaken_for_it() {
    let (recording, cluster) = recorded("invalid-name");
    let (clock, name) = (recording.clock(), recording.name.clone());
    let replica = start(&cluster, clock, "a", standard(), &[]);
    let playing = tokio::spawn(recording.play(cluster.clone(), clock));
    sleep(Duration::from_secs(10)).await;
    playing.abort();
    replica.line.hang();
    cluster.edit(&name, |pod| {
        pod["metadata"]["uid"] = json!("another");
        pod["status"]["conditions"] = json!([]);
    });
    replica.line.go_on();
    sleep(Duration::from_secs(25)).await;
    assert_eq!(
        cluster.pod(&name).unwrap()["status"]["phase"],
        "Pending",
        "its own 30 s are not over"
    );
    replica.kill();
}

/// An API server that writes the items of a list in front of its metadata tells only then where the next page begins.
#[tokio::test]
async fn a_damaged_pod_hides_no_page_behind_its_own() {
    let cluster = Cluster::new();
    cluster.put("damaged", json!({"metadata": {}, "spec": 5}));
    for n in 0..600 {
        let name = format!("pod-{n}");
        let pod = json!({"metadata": {"name": name, "namespace": "default", "uid": name}});
        cluster.put(&name, pod);
    }
    let api = Api::new(cluster.client(), Arc::default());
    let mut pages = Pages::new(&api, "status.phase!=Failed");
    let mut seen = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        seen.push((page.pods.len(), page.damaged));
    }
    assert_eq!(seen, [(499, 1), (101, 0)]);
}
