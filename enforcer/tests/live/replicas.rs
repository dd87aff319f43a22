//! Restarts, several replicas, the kill switch, and policies that change.

use std::sync::Arc;
use std::time::Duration;

use pullstop_core::engine::Outcome;
use pullstop_core::pod::PodRef;
use pullstop_enforcer::api::Api;
use pullstop_enforcer::lease::Claim;
use pullstop_enforcer::metrics::Metrics;
use pullstop_enforcer::pods::announce::Announcer;
use pullstop_enforcer::pods::jobs::Job;
use pullstop_enforcer::pods::wire::one_pod;
use pullstop_enforcer::pods::write::Writer;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::cluster::{Cluster, How};
use crate::{agree, recorded, standard, start};

/// Seconds into the recording at which the pod was failed, by the time in its annotation.
async fn failed_after(cluster: &Cluster, name: &str) -> u64 {
    for second in 0..2000 {
        if cluster
            .pod(name)
            .is_some_and(|pod| pod["status"]["phase"] == "Failed")
        {
            return second;
        }
        sleep(Duration::from_secs(1)).await;
    }
    panic!("it was not failed");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_and_started_again_it_goes_on() {
    let undisturbed = after_restarts(&[]).await;
    for restarts in [&[20][..], &[40], &[70], &[30, 60, 90]] {
        let after = after_restarts(restarts).await;
        // The new one waits for the lease of the old one, and lists.
        assert!(
            (undisturbed..undisturbed + 35).contains(&after),
            "{restarts:?}: {after} instead of {undisturbed}"
        );
    }
    // So late that the new one must see another failure to know that no pull is in flight; the recording shows one after
    // 184 s.
    assert_eq!(after_restarts(&[100]).await, 184);
}

/// When `missing-tag` is failed, if the enforcer is killed at these seconds.
async fn after_restarts(restarts: &[u64]) -> u64 {
    let (recording, cluster) = recorded("missing-tag");
    let (clock, name) = (recording.clock(), recording.name.clone());
    tokio::spawn(recording.play(cluster.clone(), clock));
    let mut replica = start(&cluster, clock, "0", standard(), &[]);
    let mut slept = 0;
    for restart in restarts {
        sleep(Duration::from_secs(restart - slept)).await;
        slept = *restart;
        replica.kill();
        replica = start(&cluster, clock, &restart.to_string(), standard(), &[]);
    }
    let after = slept + failed_after(&cluster, &name).await;
    replica.kill();
    after
}

#[tokio::test(start_paused = true)]
async fn of_two_replicas_one_writes_and_the_other_takes_over() {
    let (recording, cluster) = recorded("missing-tag");
    let (clock, name) = (recording.clock(), recording.name.clone());
    tokio::spawn(recording.play(cluster.clone(), clock));
    tokio::spawn(agree(cluster.clone(), name.clone()));
    let a = start(&cluster, clock, "a", standard(), &[]);
    sleep(Duration::from_secs(5)).await;
    let b = start(&cluster, clock, "b", standard(), &[]);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(
        (a.metric("pullstop_leader"), b.metric("pullstop_leader")),
        ("1".into(), "0".into())
    );
    a.line.hang();
    let after = failed_after(&cluster, &name).await;
    assert!(after < 80, "{after}");
    assert_eq!(b.metric("pullstop_leader"), "1");
    a.line.go_on();
    sleep(Duration::from_secs(600)).await;
    assert_eq!(
        (a.metric("pullstop_leader"), b.metric("pullstop_leader")),
        ("0".into(), "1".into())
    );
    let stored = "pullstop_writes_total{kind=\"fail\",result=\"success\"}";
    assert_eq!(
        (a.metric(stored), b.metric(stored)),
        (String::new(), "1".into())
    );
    let holder = cluster.lease()["spec"]["holderIdentity"].clone();
    assert_eq!(holder, "b");
    // First who does not lead: it would take the Lease as soon as it is given up.
    a.stop().await;
    b.stop().await;
    assert_eq!(
        cluster.lease()["spec"]["holderIdentity"],
        "",
        "it is given up at the end"
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_that_might_outlive_the_lease_is_not_sent() {
    let (recording, cluster) = recorded("missing-tag");
    let clock = recording.clock();
    let name = recording.name.clone();
    tokio::spawn(recording.play(cluster.clone(), clock));
    sleep(Duration::from_secs(1)).await;
    let metrics = Arc::new(Metrics::default());
    let api = Api::new(cluster.client(), Arc::clone(&metrics));
    let (_, announcements) = Announcer::new(api.clone(), Arc::clone(&metrics), "a".to_owned());
    let pod = one_pod(cluster.pod(&name).unwrap().to_string().as_bytes()).unwrap();
    let (pod, version) = pod
        .snapshot(None, |pod| (PodRef::new(pod), pod.resource_version))
        .unwrap();
    let remember = || Job::Remember {
        pod: pod.clone(),
        version,
        memories: Vec::new(),
        unread: Vec::new(),
    };
    for (seconds, stopped, sent) in [(4, false, 0), (5, false, 0), (9, true, 0), (6, false, 1)] {
        let until = Some(clock.now().after(Duration::from_secs(seconds)));
        let claim = watch::channel(Claim { until, stopped }).1;
        let writer = Writer::new(
            api.clone(),
            clock,
            claim,
            Arc::clone(&metrics),
            announcements.clone(),
            Vec::new(),
        );
        let report = writer.carry_out(remember()).await;
        assert_eq!(
            matches!(report.outcome, Some(Outcome::Accepted(_))),
            sent == 1,
            "{seconds} s"
        );
        assert_eq!(cluster.requests("PATCH", "/status"), sent);
    }
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_given_up_after_the_last_write() {
    let (recording, cluster) = recorded("missing-tag");
    let clock = recording.clock();
    cluster.fault("PATCH", "/status", 1, How::Silence);
    tokio::spawn(recording.play(cluster.clone(), clock));
    let replica = start(&cluster, clock, "a", standard(), &[]);
    while cluster.requests("PATCH", "/status") == 0 {
        sleep(Duration::from_millis(100)).await;
    }
    let holder = || cluster.lease()["spec"]["holderIdentity"].clone();
    let stopping = tokio::spawn(replica.stop());
    sleep(Duration::from_secs(3)).await;
    assert_eq!(holder(), "a", "nobody knows yet what became of the write");
    stopping.await.unwrap();
    assert_eq!(holder(), "");
}

#[tokio::test(start_paused = true)]
async fn the_kill_switch_stops_every_write() {
    let (recording, cluster) = recorded("missing-tag");
    let (clock, name) = (recording.clock(), recording.name.clone());
    tokio::spawn(recording.play(cluster.clone(), clock));
    let replica = start(&cluster, clock, "a", standard(), &[]);
    sleep(Duration::from_secs(50)).await;
    let annotate = |value| {
        cluster.edit_lease(|lease| {
            lease["metadata"]["annotations"]["pullstop.dev/stop"] = json!(value);
        });
    };
    annotate("true");
    sleep(Duration::from_secs(5)).await;
    let writes = cluster.requests("PATCH", "/status");
    sleep(Duration::from_secs(300)).await;
    assert_eq!(cluster.requests("PATCH", "/status"), writes);
    assert_eq!(replica.metric("pullstop_stopped"), "1");
    assert_eq!(
        replica.metric("pullstop_mode{mode=\"Enforce\"}"),
        "1",
        "the policy is what it was"
    );
    annotate("false");
    let after = failed_after(&cluster, &name).await;
    assert!(after < 60, "{after}");
    replica.kill();
}

#[tokio::test(start_paused = true)]
async fn a_policy_object_comes_into_force_while_running_and_hears_what_is_wrong() {
    let (recording, cluster) = recorded("missing-tag");
    let (clock, name) = (recording.clock(), recording.name.clone());
    let object = |mode: &str| json!({"metadata": {"name": "default", "generation": 1}, "spec": {"mode": mode}});
    cluster.put_policy(object("Disabled"));
    let replica = start(
        &cluster,
        clock,
        "a",
        pullstop_enforcer::policies::built_in(),
        &["--policy-objects"],
    );
    tokio::spawn(recording.play(cluster.clone(), clock));
    sleep(Duration::from_secs(200)).await;
    assert_eq!(
        cluster.requests("PATCH", "/status?"),
        0,
        "nothing is written to pods"
    );
    let condition = |cluster: &Cluster| {
        let policy = cluster.policy("default").unwrap();
        policy["status"]["conditions"][0]["reason"].clone()
    };
    assert_eq!(condition(&cluster), "Accepted");
    cluster.put_policy(object("Enforced"));
    sleep(Duration::from_secs(20)).await;
    assert_eq!(condition(&cluster), "Invalid");
    assert_eq!(
        replica.metric("pullstop_mode{mode=\"Disabled\"}"),
        "1",
        "the last good one stays"
    );
    cluster.put_policy(object("Enforce"));
    failed_after(&cluster, &name).await;
    assert_eq!(replica.metric("pullstop_mode{mode=\"Enforce\"}"), "1");
    replica.kill();
}
