//! What others name goes into no path of a request as it is.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::{standard, start, unnameable};

/// What is stored in place of no name.
const NAMELESS: &str = "this-is-no-name";

#[tokio::test(start_paused = true)]
async fn what_is_no_name_has_no_job_and_leads_nowhere() {
    let names = [
        "../../../../../api/v1/secrets?limit=500",
        "../../..",
        "x/status",
        "%2e%2e",
        "a?b",
        "a#b",
        ".",
        "",
    ];
    let cluster = Cluster::new();
    // No server stores an owner without a name.
    cluster.state().retold = Some((NAMELESS, ""));
    for (at, name) in names.iter().enumerate() {
        let pod_name = format!("p{at}");
        let stored = if name.is_empty() { NAMELESS } else { name };
        let mut pod = unnameable("default", &pod_name);
        pod["metadata"]["ownerReferences"] = json!([
            {"apiVersion": "batch/v1", "kind": "Job", "name": stored, "uid": "u", "controller": true}
        ]);
        cluster.put(&pod_name, pod);
    }
    let clock = cluster.clock();
    let args = ["--annotations-of=jobs"];
    let replica = start(&cluster, clock, "a", standard(), &args);
    sleep(Duration::from_secs(60)).await;
    for (at, name) in names.iter().enumerate() {
        let pod = cluster.pod(&format!("p{at}")).unwrap();
        assert_eq!(pod["status"]["phase"], "Failed", "{name:?}");
    }
    let known = [
        "/api/v1/pods?",
        "/api/v1/namespaces/default/pods/p",
        "/apis/events.k8s.io/v1/namespaces/default/events",
        "/apis/coordination.k8s.io/v1/namespaces/pullstop/leases",
    ];
    for (method, path) in &cluster.state().requests {
        assert!(
            known.iter().any(|known| path.starts_with(known)),
            "{method} {path}"
        );
    }
    replica.kill();
}
