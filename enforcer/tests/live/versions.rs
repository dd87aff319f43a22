//! Versions that go back, that no server goes on from, and pages that lead nowhere: each ends in a list with growing pauses.

use std::time::Duration;

use tokio::time::sleep;

use crate::cluster::{Cluster, How};
use crate::{Replica, standard, unnameable};

const HOUR: Duration = Duration::from_secs(3600);

fn replica(cluster: &Cluster) -> Replica {
    crate::start(cluster, cluster.clock(), "r", standard(), &[])
}

fn is_failed(cluster: &Cluster, name: &str) -> bool {
    cluster.pod(name).unwrap()["status"]["phase"] == "Failed"
}

fn lists(cluster: &Cluster) -> usize {
    cluster.requests("GET", "/api/v1/pods?limit")
}

#[tokio::test(start_paused = true)]
async fn after_a_restore_pods_are_judged_by_what_they_are_now() {
    let cluster = Cluster::new();
    cluster.put("p", unnameable("default", "p"));
    cluster.restore(10_000);
    let replica = replica(&cluster);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(replica.metric("pullstop_tracked_pods"), "1");
    cluster.restore(50);
    cluster.put("q", unnameable("default", "q"));
    // The watch of before says nothing to its end. The next one tells that the versions are others.
    sleep(Duration::from_secs(180)).await;
    assert!(is_failed(&cluster, "p"), "{}", replica.metrics.text());
    assert!(is_failed(&cluster, "q"), "{}", replica.metrics.text());
    let breaks = replica.metric("pullstop_watch_restarts_total{reason=\"version_decreased\"}");
    assert_eq!(breaks, "1", "{}", replica.metrics.text());
    // It is noticed once.
    let before = lists(&cluster);
    sleep(HOUR).await;
    assert_eq!(lists(&cluster), before);
    replica.kill();
}

#[tokio::test(start_paused = true)]
async fn a_version_that_no_server_goes_on_from_leads_to_lists_at_growing_distances() {
    for code in [400, 410, 500] {
        let cluster = Cluster::new();
        cluster.fault("GET", "watch=1", usize::MAX, How::Status(code, None));
        let replica = replica(&cluster);
        sleep(HOUR / 2).await;
        cluster.put("p", unnameable("default", "p"));
        sleep(HOUR / 2).await;
        assert!(is_failed(&cluster, "p"), "{code}: seen by a list");
        let (lists, watches) = (lists(&cluster), cluster.requests("GET", "watch=1"));
        assert!((50..130).contains(&lists), "{code}: {lists} lists an hour");
        assert!(watches < 450, "{code}: {watches} watches an hour");
        replica.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn watches_that_tell_nothing_are_not_trusted() {
    let cluster = Cluster::new();
    cluster.state().is_mute = true;
    let replica = replica(&cluster);
    sleep(Duration::from_secs(5)).await;
    cluster.put("p", unnameable("default", "p"));
    sleep(Duration::from_secs(400)).await;
    assert!(is_failed(&cluster, "p"), "{}", replica.metrics.text());
    sleep(HOUR).await;
    let lists = lists(&cluster);
    assert!((10..20).contains(&lists), "{lists} lists an hour");
    replica.kill();
}

#[tokio::test(start_paused = true)]
async fn pages_that_lead_back_are_not_followed_for_ever() {
    let cluster = Cluster::new();
    cluster.put("p", unnameable("default", "p"));
    cluster.state().next_page = Some("0");
    let replica = replica(&cluster);
    sleep(HOUR).await;
    let pages = lists(&cluster);
    assert!((100..500).contains(&pages), "{pages} pages an hour");
    cluster.state().next_page = None;
    sleep(Duration::from_secs(120)).await;
    assert!(is_failed(&cluster, "p"), "{}", replica.metrics.text());
    replica.kill();
}
