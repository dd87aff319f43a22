//! What one namespace has to be done, and how it answers, holds up no other.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cluster::{Cluster, How};
use crate::{Replica, standard, start, unnameable};

/// A cluster with so many pods in one namespace, and one in another, and how it is looked after.
fn two_tenants(pods: usize) -> (Cluster, Replica) {
    let cluster = Cluster::new();
    for at in 0..pods {
        let name = format!("p{at}");
        cluster.put_in("a", &name, unnameable("a", &name));
    }
    cluster.put_in("b", "p", unnameable("b", "p"));
    let clock = cluster.clock();
    let replica = start(&cluster, clock, "r", standard(), &[]);
    (cluster, replica)
}

fn failed(cluster: &Cluster, namespace: &str) -> usize {
    let pods = cluster.pods_in(namespace).into_iter();
    pods.filter(|pod| pod["status"]["phase"] == "Failed")
        .count()
}

/// How long it takes until the other tenant's pod is failed.
async fn until_the_other_is_failed(cluster: &Cluster) -> Duration {
    let began = Instant::now();
    while failed(cluster, "b") == 0 {
        assert!(
            began.elapsed() < Duration::from_secs(600),
            "it is never failed"
        );
        sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn the_many_verdicts_of_one_tenant_do_not_come_before_the_one_of_another() {
    let (cluster, replica) = two_tenants(1000);
    cluster.slow_down(20);
    until_the_other_is_failed(&cluster).await;
    let before = failed(&cluster, "a");
    assert!(before <= 16, "{before} of the other tenant came first");
    sleep(Duration::from_secs(120)).await;
    assert_eq!(failed(&cluster, "a"), 1000);
    replica.kill();
}

#[tokio::test(start_paused = true)]
async fn a_tenant_whose_writes_are_refused_delays_nobody_else() {
    for (how, alone) in [
        (How::Status(429, Some(58)), true),
        (How::Overload(58), false),
    ] {
        let (cluster, replica) = two_tenants(20);
        cluster.fault("PATCH", "/namespaces/a/", usize::MAX, how);
        let took = until_the_other_is_failed(&cluster).await.as_secs();
        // The rule wants 30 s.
        assert_eq!(took < 40, alone, "{took} s");
        let refused = cluster.requests("PATCH", "/namespaces/a/");
        assert!(
            refused <= 24,
            "{refused} requests although a pause was asked for"
        );
        replica.kill();
    }
}
