//! The enforcer against the simulated Kubernetes API, in paused time: with the rights and the definitions of `deploy/`,
//! with a kubelet that answers, and with everything that can go wrong on the way.

mod annotations;
mod history;
mod shards;

use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use hyper::Request;
use hyper::header::{AUTHORIZATION, HeaderValue};
use kube::Client;
use pullstop_apiserver::{
    self as apiserver, Auth, Fault, Faults, Key, Kubelet, Permission, Rule, Store, Timing,
};
use pullstop_core::time::Timestamp;
use pullstop_enforcer::api::Api;
use pullstop_enforcer::clock::Clock;
use pullstop_enforcer::http::Listeners;
use pullstop_enforcer::metrics::Metrics;
use pullstop_enforcer::policies;
use pullstop_enforcer::run::{Parts, RunArgs, enforce};
use pullstop_tests::{enforcer, root};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

/// A cluster with Pullstop in it, a policy that enforces, and a pod whose image has no valid name.
pub(crate) struct World {
    pub(crate) store: Store,
    faults: Faults,
    pub(crate) metrics: Arc<Metrics>,
    /// Turns true when the enforcer is granted all that `deploy/` grants.
    pub(crate) granted: watch::Sender<bool>,
    pub(crate) stop: watch::Sender<bool>,
    _kubelet: Kubelet,
}

/// In which way a world differs from the usual one.
pub(crate) struct Setup {
    /// What the enforcer is told besides `--policy-objects`.
    pub(crate) args: Vec<&'static str>,
    /// Whose rights it has besides those of `deploy/base`.
    pub(crate) overlays: Vec<&'static str>,
    /// What it may do before it is granted all that, if not the same.
    pub(crate) rights_at_first: Option<Vec<Permission>>,
    /// Where metrics and probes are, if anywhere.
    pub(crate) listeners: Listeners,
    /// The policy.
    pub(crate) spec: Value,
    /// What there is in the cluster.
    pub(crate) objects: Vec<Value>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            args: Vec::new(),
            overlays: Vec::new(),
            rights_at_first: None,
            listeners: Listeners::default(),
            spec: json!({"mode": "Enforce"}),
            objects: vec![pod()],
        }
    }
}

impl World {
    fn start(rules: Vec<Rule>) -> Self {
        let world = Self::with(Setup::default());
        // The enforcer has not begun yet: it is a task of the same thread.
        for rule in rules {
            world.faults.add(rule);
        }
        world
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let began = Timestamp::from_millis(1_795_000_000_000);
        let store = Store::new(apiserver::Clock::from(began));
        let namespace = read("deploy/base/namespace.yaml");
        for object in documents(&(namespace + &enforcer(&["crds"]).out)) {
            store.put(object, "admin").unwrap();
        }
        for object in std::iter::once(policy(&setup.spec)).chain(setup.objects) {
            store.put(object, "admin").unwrap();
        }
        let kubelet = Kubelet::start(store.clone(), Timing::default());
        let faults = Faults::default();
        let overlays = setup.overlays.iter().map(|name| format!("overlays/{name}"));
        let folders = std::iter::once("base".to_owned()).chain(overlays);
        let rights = folders.flat_map(|folder| rights(&format!("deploy/{folder}/rbac.yaml")));
        let rights: Vec<Permission> = rights.collect();
        let api = |permissions| {
            let auth = Auth::closed().with_user("token", "pullstop", permissions);
            apiserver::Api::new(store.clone(), auth, faults.clone())
        };
        let at_first = api(setup.rights_at_first.unwrap_or_else(|| rights.clone()));
        let later = api(rights);
        let granted = watch::Sender::new(false);
        let is_granted = granted.subscribe();
        let service = tower::service_fn(move |mut request: Request<kube::client::Body>| {
            let api = if *is_granted.borrow() {
                &later
            } else {
                &at_first
            }
            .clone();
            let token = HeaderValue::from_static("Bearer token");
            request.headers_mut().insert(AUTHORIZATION, token);
            async move { api.answer(request).await }
        });
        let (metrics, stop) = (Arc::new(Metrics::default()), watch::channel(false).0);
        let parts = Parts {
            api: Api::new(
                Client::new(service, "pullstop-system"),
                Arc::clone(&metrics),
            ),
            namespace: "pullstop-system".to_owned(),
            metrics: Arc::clone(&metrics),
            clock: Clock::starting_at(began),
            identity: "a".to_owned(),
            listeners: setup.listeners,
        };
        let args = RunArgs::parse_from(["run", "--policy-objects"].iter().chain(&setup.args));
        let stopping = stop.clone();
        tokio::spawn(async move { enforce(&args, policies::built_in(), parts, stopping).await });
        Self {
            store,
            faults,
            metrics,
            granted,
            stop,
            _kubelet: kubelet,
        }
    }

    pub(crate) fn pod(&self) -> Value {
        self.pod_in("default")
    }

    fn pod_in(&self, namespace: &str) -> Value {
        let pod = self.store.get(&Key::pod(namespace, "p")).unwrap();
        Value::clone(&pod)
    }

    fn metric(&self, name: &str) -> String {
        self.metrics.value(name).unwrap_or_default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_failed_for_good_with_no_more_rights_than_deploy_grants() {
    let world = World::start(Vec::new());
    sleep(Duration::from_secs(60)).await;
    let pod = world.pod();
    assert_eq!(pod["status"]["phase"], "Failed", "{}", world.metrics.text());
    assert_eq!(pod["status"]["reason"], "ImagePullFailed");
    assert_eq!(world.metric("pullstop_kubelet_confirmed_total"), "1");
    let text = world.metrics.text();
    assert!(!text.contains("forbidden"), "{text}");
    let events = world.store.objects("", "events");
    assert_eq!(events.len(), 1, "{events:?}");
    let policies = world
        .store
        .objects("pullstop.dev", "clusterpullfailurepolicies");
    assert_eq!(policies[0]["status"]["conditions"][0]["reason"], "Accepted");
    world.stop.send_replace(true);
    sleep(Duration::from_secs(5)).await;
    let lease = world.store.objects("coordination.k8s.io", "leases");
    assert_eq!(lease[0]["spec"]["holderIdentity"], "");
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_on_the_way_it_is_failed_once() {
    let status = |code| Fault::Status {
        code,
        retry_after_seconds: None,
    };
    let faults = [
        ("patch", "pods/status", Fault::LoseAnswer),
        ("patch", "pods/status", Fault::Drop),
        ("patch", "pods/status", Fault::Silent),
        ("patch", "pods/status", status(409)),
        ("patch", "pods/status", status(500)),
        ("get", "pods", Fault::Stale { versions: 3 }),
        ("get", "pods", Fault::Drop),
        ("list", "pods", Fault::Drop),
        ("list", "pods", status(429)),
        ("watch", "pods", Fault::Truncate { after_events: 1 }),
        ("watch", "pods", Fault::Mute { after_events: 0 }),
        ("watch", "pods", Fault::Gone { after_events: 0 }),
        ("watch", "pods", Fault::Duplicate),
        ("watch", "pods", Fault::Silent),
        ("patch", "leases", Fault::LoseAnswer),
        ("get", "leases", Fault::Silent),
    ];
    for (verb, resource, fault) in faults {
        let what = format!("{verb} {resource}: {fault:?}");
        let world = World::start(vec![Rule::on(verb, resource, fault).times(2)]);
        sleep(Duration::from_secs(400)).await;
        let text = world.metrics.text();
        assert_eq!(world.pod()["status"]["phase"], "Failed", "{what}\n{text}");
        assert_eq!(world.pod()["status"]["reason"], "ImagePullFailed", "{what}");
        assert_eq!(
            world.metric("pullstop_kubelet_confirmed_total"),
            "1",
            "{what}\n{text}"
        );
        assert_eq!(world.metric("pullstop_reverted_total"), "", "{what}");
        world.stop.send_replace(true);
    }
}

pub(crate) fn policy(spec: &Value) -> Value {
    json!({
        "apiVersion": "pullstop.dev/v1alpha1", "kind": "ClusterPullFailurePolicy",
        "metadata": {"name": "default"}, "spec": spec,
    })
}

pub(crate) fn pod() -> Value {
    let waiting =
        json!({"reason": "InvalidImageName", "message": "couldn't parse image name \"NO\""});
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "namespace": "default", "uid": "u"},
        "spec": {"restartPolicy": "Never", "nodeName": "n", "containers": [{"name": "main", "image": "NO"}]},
        "status": {"phase": "Pending", "containerStatuses":
            [{"name": "main", "restartCount": 0, "state": {"waiting": waiting}}]},
    })
}

/// What a file grants.
pub(crate) fn rights(file: &str) -> Vec<Permission> {
    let mut permissions = Vec::new();
    for object in documents(&read(file)) {
        for rule in object["rules"].as_array().into_iter().flatten() {
            let list = |field: &str| -> Vec<String> {
                let texts = rule[field].as_array().into_iter().flatten();
                texts
                    .map(|text| text.as_str().unwrap().to_owned())
                    .collect()
            };
            let (verbs, resources) = (list("verbs"), list("resources"));
            let verbs: Vec<&str> = verbs.iter().map(String::as_str).collect();
            let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
            let permission = Permission::to(&verbs, &list("apiGroups")[0], &resources);
            permissions.push(match object["kind"].as_str() {
                Some("Role") => permission.within("pullstop-system"),
                _ => permission,
            });
        }
    }
    permissions
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}
