//! `enforcer scan` and `enforcer explain` in a cluster: by which policy they judge, what they read with which rights.

use pullstop_apiserver::{Auth, Clock, Options, Permission, Running, Server, Store, kubeconfig};
use pullstop_core::time::Timestamp;
use pullstop_tests::{Ran, enforcer};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::live::policy;
use crate::scratch;

/// The cluster's time, at which it is looked at.
const NOW: &str = "2026-11-22T18:20:00Z";
const NOW_MS: u64 = 1_795_371_600_000;
const IMAGE: &str = "registry.example/team/train:v1.2";

/// A cluster on a socket, in which the user may do these things.
struct Cluster {
    config: String,
    _running: Running,
    _runtime: Runtime,
}

impl Cluster {
    fn start(name: &str, rights: &[(&str, &str, &str)], objects: Vec<Value>) -> Self {
        let store = Store::new(Clock::from(Timestamp::from_millis(NOW_MS)));
        let crds: Vec<Value> = serde_saphyr::from_multiple(&enforcer(&["crds"]).out).unwrap();
        let has_crds = rights.iter().any(|(_, group, _)| *group == "pullstop.dev");
        for object in crds.into_iter().filter(|_| has_crds).chain(objects) {
            store.put(object, "admin").unwrap();
        }
        let permissions = rights
            .iter()
            .map(|(verb, group, resource)| Permission::to(&[verb], group, &[resource]))
            .collect();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let options = Options {
            auth: Auth::closed().with_user("token", "me", permissions),
            ..Options::default()
        };
        let running = runtime.block_on(Server::start(store, options)).unwrap();
        let config = scratch::file(name, kubeconfig(&running.url(), Some("token")));
        Self {
            config,
            _running: running,
            _runtime: runtime,
        }
    }

    fn run(&self, args: &[&str]) -> Ran {
        let more = ["--kubeconfig", &self.config, "--at", NOW];
        enforcer(&[args, &more].concat())
    }
}

const PODS: [(&str, &str, &str); 2] = [("list", "", "pods"), ("get", "", "pods")];
const EVENTS: (&str, &str, &str) = ("list", "", "events");
const POLICIES: [(&str, &str, &str); 2] = [
    ("list", "pullstop.dev", "clusterpullfailurepolicies"),
    ("list", "pullstop.dev", "pullfailurepolicies"),
];

fn stuck(namespace: &str, name: &str) -> Value {
    let message = format!(
        "Back-off pulling image \"{IMAGE}\": ErrImagePull: rpc error: code = NotFound desc = {IMAGE}: not found"
    );
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "uid": format!("{namespace}-{name}"),
            "creationTimestamp": "2026-11-22T15:04:29Z"},
        "spec": {"restartPolicy": "Never", "nodeName": "n", "containers": [{"name": "main", "image": IMAGE}]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "main", "restartCount": 0,
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": message}}}]},
    })
}

fn event(pod: &Value) -> Value {
    let metadata = &pod["metadata"];
    let message = format!(
        "Failed to pull image \"{IMAGE}\": rpc error: code = NotFound desc = {IMAGE}: not found"
    );
    json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": format!("{}.1", metadata["name"].as_str().unwrap()), "namespace": metadata["namespace"]},
        "involvedObject": {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"],
            "uid": metadata["uid"], "fieldPath": "spec.containers{main}"},
        "reason": "Failed", "message": message, "type": "Warning", "count": 5,
        "firstTimestamp": "2026-11-22T15:04:33Z", "lastTimestamp": "2026-11-22T15:07:30Z",
        "source": {"component": "kubelet"}, "reportingComponent": "kubelet", "reportingInstance": "n",
    })
}

fn namespaces() -> Vec<Value> {
    ["team", "other"]
        .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
        .into()
}

fn cells(ran: &Ran) -> Vec<Vec<&str>> {
    let lines = ran.out.lines().skip(1);
    lines
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect()
}

#[test]
fn what_was_stuck_before_anybody_watched_is_told_with_its_past() {
    let pod = stuck("team", "p");
    let objects = [namespaces(), vec![event(&pod), pod]].concat();
    let rights = [&PODS[..], &[EVENTS]].concat();
    let cluster = Cluster::start("past", &rights, objects.clone());
    let ran = cluster.run(&["scan"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let row = [
        "team",
        "p",
        "main",
        "ManifestNotFound",
        "5 or more",
        "3h15m27s or more",
        "fail",
        "next failure",
    ];
    assert_eq!(cells(&ran), [row], "{}", ran.out);
    let ran = cluster.run(&["explain", "team/p"]);
    assert!(
        ran.out
            .starts_with("team/p, container main: fail after its next failed pull\n"),
        "{}",
        ran.out
    );

    // Who may not read events is told so, and nothing is assumed.
    let cluster = Cluster::start("no-past", &PODS, objects);
    let ran = cluster.run(&["scan"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err.contains("warning: cannot read Events: forbidden"),
        "{}",
        ran.err
    );
    let row = [
        "team",
        "p",
        "main",
        "ManifestNotFound",
        "1 or more",
        "-",
        "waiting",
        "-",
    ];
    assert_eq!(cells(&ran), [row], "{}", ran.out);
}

#[test]
fn the_policy_in_force_judges_and_is_named() {
    let mut own = policy(&json!({"mode": "Disabled"}));
    own["kind"] = "PullFailurePolicy".into();
    own["metadata"]["namespace"] = "other".into();
    let rules = json!([{"causes": ["ManifestNotFound"], "attempts": 1, "duration": "90s", "action": "Warn"}]);
    let of_cluster = policy(&json!({"mode": "Enforce", "rules": rules}));
    let pods = vec![stuck("team", "p"), stuck("other", "p")];
    let objects = [namespaces(), pods, vec![of_cluster, own]].concat();
    let rights = [&PODS[..], &[EVENTS], &POLICIES].concat();
    let cluster = Cluster::start("policy", &rights, objects.clone());
    let ran = cluster.run(&["scan"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let verdicts: Vec<&str> = cells(&ran).iter().map(|row| row[6]).collect();
    assert_eq!(verdicts, ["out of scope", "warn"], "{}", ran.out);
    let line = "policy: ClusterPullFailurePolicy `default`; mode Enforce; namespaces with their own policy: \
        other\n";
    assert_eq!(ran.err, line);
    let ran = cluster.run(&["explain", "other/p"]);
    assert!(
        ran.out
            .contains("  policy    PullFailurePolicy `default` of other\n"),
        "{}",
        ran.out
    );

    // A file overrules it.
    let file = scratch::file(
        "own-policy.yaml",
        "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {name: p}\nspec: {mode: Enforce}\n",
    );
    let ran = cluster.run(&["scan", "--policy", &file]);
    assert!(ran.err.starts_with("policy: the file "), "{}", ran.err);
    assert!(
        cells(&ran).iter().all(|row| row[6] == "waiting"),
        "{}",
        ran.out
    );

    // Without the objects, or the right to read them, the built-in policy judges.
    for (name, rights, why) in [
        (
            "none",
            [&PODS[..], &[EVENTS], &POLICIES].concat(),
            "the cluster has no ClusterPullFailurePolicy `default`",
        ),
        (
            "forbidden",
            [&PODS[..], &[EVENTS]].concat(),
            "policy objects are forbidden: ",
        ),
    ] {
        let objects = [namespaces(), vec![stuck("team", "p")]].concat();
        let ran = Cluster::start(name, &rights, objects).run(&["scan"]);
        let begin = format!("policy: the built-in policy, because {why}");
        assert!(ran.err.starts_with(&begin), "{}", ran.err);
        assert_eq!(ran.code, 0);
    }
}

#[test]
fn a_pod_that_is_not_there_is_told_so_and_one_that_ended_is_explained() {
    let mut done = stuck("team", "done");
    done["status"] = json!({"phase": "Succeeded"});
    let cluster = Cluster::start("one", &PODS, [namespaces(), vec![done]].concat());
    let ran = cluster.run(&["explain", "team/nobody"]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (2, "error: there is no pod team/nobody\n")
    );
    let ran = cluster.run(&["explain", "team/done"]);
    let says = "team/done: has succeeded\n";
    assert_eq!((ran.code, ran.out.as_str()), (0, says));
}
