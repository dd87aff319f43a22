//! A simulated cluster in paused time, with enforcers in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use kube::Client;
use pullstop_apiserver::{Api, Auth, Clock, Faults, Key, Rule, Store};
use pullstop_cluster::scenario::{self, Scenario};
use pullstop_core::policy::Policies;
use pullstop_core::time::Timestamp;
use pullstop_enforcer::policy;
use pullstop_simulator::bridge::Bridge;
use pullstop_simulator::commands::serve;
use pullstop_simulator::input;
use pullstop_simulator::runs::outcome::Outcome;
use pullstop_tests::root;
use serde_json::Value;

use super::replica::{Enforcer, Line, Replica};

/// The cluster of a scenario.
pub(super) struct Stage {
    pub(super) scenario: Scenario,
    pub(super) store: Store,
    pub(super) faults: Faults,
    pub(super) bridge: Bridge,
    seed: u64,
    /// How often each pod was failed and not put back, up to this version.
    failed: BTreeMap<String, i32>,
    counted: u64,
}

/// An enforcer by the built-in rules that has not begun.
pub(super) fn enforcer(client: Client, namespace: &str, name: &str, now: Timestamp) -> Enforcer {
    let policy = policy::read(&root().join("docs/examples/enforce.yaml")).unwrap();
    Enforcer {
        client,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        clock: pullstop_enforcer::clock::Clock::starting_at(now),
        policies: Policies::from(policy),
    }
}

/// Longer than any pause after which an enforcer, a kubelet or the Job controller would try something again.
const STAYS_SECONDS: u64 = 360;

impl Stage {
    pub(super) fn new(yaml: &str, seed: u64) -> Self {
        let policy = &mut |file: &std::path::Path| input::policy(Some(file));
        let scenario = scenario::parse("e2e", yaml, policy).unwrap();
        let began = Timestamp::from_millis(1_795_000_000_000);
        let (bridge, store) = serve::cluster(&scenario, seed, Clock::from(began)).unwrap();
        Self {
            scenario,
            store,
            faults: Faults::default(),
            bridge,
            seed,
            failed: BTreeMap::new(),
            counted: 0,
        }
    }

    /// Starts an enforcer, and the line between it and the API server.
    pub(super) fn replica(&self, name: &str) -> (Replica, Line) {
        self.replica_with(name, &[])
    }

    /// The same, with these options.
    pub(super) fn replica_with(&self, name: &str, options: &[&str]) -> (Replica, Line) {
        let now = self.store.clock().now();
        let replica = enforcer(self.client(), "default", name, now).start(options);
        let line = replica.line.clone();
        (replica, line)
    }

    /// A client of the cluster.
    pub(super) fn client(&self) -> Client {
        let api = self.api();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let api = api.clone();
            async move { api.answer(request).await }
        });
        Client::new(service, "default")
    }

    /// The API itself.
    pub(super) fn api(&self) -> Api {
        Api::new(self.store.clone(), Auth::open(), self.faults.clone())
    }

    /// Lets these things go wrong.
    pub(super) fn add_faults(&self, rules: Vec<Rule>) {
        for rule in rules {
            self.faults.add(rule);
        }
    }

    /// Lets time pass up to this moment, counted from the start.
    pub(super) async fn until(&mut self, seconds: u64) {
        self.bridge.run_for(Duration::from_secs(seconds)).await;
    }

    /// Lets time pass until everything that is expected has come and has stayed for [`STAYS_SECONDS`]. At the end of the
    /// scenario it must have come. Every tenth world goes on to its end, so that what comes very late is seen too.
    pub(super) async fn settle(&mut self, what: &str) {
        if self.seed.is_multiple_of(10) {
            return self.end(what).await;
        }
        let mut settled = 0;
        let mut now = self.bridge.elapsed().as_secs();
        while settled < STAYS_SECONDS && now < self.scenario.duration.as_secs() {
            now += 60;
            self.until(now).await;
            settled = if self.outcome().passed() {
                settled + 60
            } else {
                0
            };
        }
        self.expect(what);
    }

    /// Lets time pass to the end of the scenario; everything that was expected must have come.
    pub(super) async fn end(&mut self, what: &str) {
        self.bridge.run_for(self.scenario.duration).await;
        self.expect(what);
    }

    fn outcome(&self) -> Outcome {
        Outcome::of(self.bridge.world(), &self.scenario, self.seed)
    }

    fn expect(&self, what: &str) {
        let outcome = self.outcome();
        let (unmet, broken) = (&outcome.unmet, &outcome.broken);
        assert!(outcome.passed(), "{what}: {unmet:#?} {broken:#?}");
    }

    pub(super) fn pod(&self, name: &str) -> Value {
        let pod = self.store.get(&Key::pod("default", name));
        pod.map(|pod| Value::clone(&pod)).unwrap_or_default()
    }

    pub(super) fn job(&self, name: &str) -> Value {
        let job = self.store.get(&Key::of("batch", "jobs", "default", name));
        job.map(|job| Value::clone(&job)).unwrap_or_default()
    }

    /// How often this pod was failed and not put back since.
    pub(super) fn times_failed(&mut self, name: &str) -> i32 {
        self.count();
        self.failed.get(name).copied().unwrap_or_default()
    }

    /// The API server forgets the past.
    pub(super) fn compact(&mut self) {
        self.count();
        self.store.compact(self.counted);
    }

    /// Each durable write has an annotation of its own. A kubelet whose own write was already on its way when one
    /// arrived puts it back.
    fn count(&mut self) {
        let at = |pod: &Option<Arc<Value>>, pointer| {
            let found = pod.as_ref().and_then(|pod| pod.pointer(pointer));
            found.cloned().unwrap_or_default()
        };
        for change in self.store.changes_since(self.counted).unwrap() {
            self.counted = change.version;
            let (before, after) = (&change.before, &change.after);
            let note = |pod| at(pod, "/metadata/annotations/pullstop.dev~1image-pull-failed");
            let phase = |pod| at(pod, "/status/phase");
            let fails = note(before) != note(after) && after.is_some();
            let is_put_back =
                !note(before).is_null() && phase(before) == "Failed" && phase(after) == "Pending";
            let count = self.failed.entry(change.key.name).or_default();
            *count += i32::from(fails) - i32::from(is_put_back);
        }
    }
}

/// The reason of a condition that is true.
pub(super) fn true_condition<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    let conditions = object["status"]["conditions"].as_array()?;
    let mut conditions = conditions.iter();
    let found = conditions.find(|one| one["type"] == kind && one["status"] == "True")?;
    Some(found["reason"].as_str().unwrap_or_default())
}

/// The reason of the condition `Ready`, by which the kubelet agrees.
pub(super) fn ready_reason(pod: &Value) -> &str {
    let conditions = pod["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let ready = conditions.find(|one| one["type"] == "Ready");
    ready
        .and_then(|ready| ready["reason"].as_str())
        .unwrap_or_default()
}
