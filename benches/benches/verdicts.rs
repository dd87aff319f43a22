//! How long after its deadline a verdict is stored: `cargo bench --bench verdicts`.
//!
//! The enforcer, whole, against the simulated API over HTTP, which takes 2 ms for everything, as one on the same network
//! does. Every verdict is four requests: the pod is read again, it is patched, and two events are sent.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use clap::Parser;
use kube::{Client, Config};
use pullstop_apiserver::{
    self as apiserver, Fault, Faults, Kubelet, Options, Rule, Server, Store, Timing,
};
use pullstop_benches::Pod;
use pullstop_benches::server::runtime;
use pullstop_benches::wire::{Image, Printer};
use pullstop_core::policy::{Mode, Policies, Policy};
use pullstop_enforcer::api::Api;
use pullstop_enforcer::clock::Clock;
use pullstop_enforcer::http::Listeners;
use pullstop_enforcer::metrics::Metrics;
use pullstop_enforcer::run::{Parts, RunArgs, enforce};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::sleep_until;

/// How long the API takes for a request.
const API_MS: u64 = 2;
/// From the failure to the deadline.
const RULE: Duration = Duration::from_secs(2);
/// Nothing happens for so long only if nothing more is to come.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Failures a second, and so verdicts.
const A_SECOND: usize = 100;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--test");
    let seconds = if quick { 1 } else { 20 };
    for (at_once, how) in [
        (1, "one after the other"),
        (A_SECOND, "all of a second at once"),
    ] {
        let mut delays = delays(seconds * A_SECOND, at_once);
        delays.sort();
        let part =
            |hundredths: usize| delays[(delays.len() - 1) * hundredths / 100].as_secs_f64() * 1e3;
        println!(
            "{} verdicts, {A_SECOND} a second, {how}: from the deadline until the write is stored \
             50 % {:.1} ms, 99 % {:.1} ms, at most {:.1} ms",
            delays.len(),
            part(50),
            part(99),
            part(100)
        );
    }
}

/// How late each of so many verdicts is stored, if so many pods fail at a time.
fn delays(count: usize, at_once: usize) -> Vec<Duration> {
    let (tell_url, url) = mpsc::channel();
    let cluster = std::thread::spawn(move || {
        let runtime = runtime().expect("a runtime can be had");
        runtime.block_on(cluster(count, at_once, &tell_url))
    });
    let url: String = url.recv().expect("the cluster tells where it is");
    let stop = watch::channel(false).0;
    let stopping = stop.clone();
    let enforcer = std::thread::spawn(move || {
        let runtime = runtime().expect("a runtime can be had");
        runtime.block_on(enforcer(&url, stopping));
    });
    let delays = cluster.join().expect("the cluster does not panic");
    stop.send_replace(true);
    enforcer.join().expect("the enforcer does not panic");
    delays
}

async fn enforcer(url: &str, stop: watch::Sender<bool>) {
    let mut config = Config::new(url.parse().expect("the address is ours"));
    config.default_retry = false;
    let client = Client::try_from(config).expect("plain HTTP needs no keys");
    let metrics = Arc::new(Metrics::default());
    let parts = Parts {
        api: Api::new(client, Arc::clone(&metrics)),
        namespace: "default".to_owned(),
        metrics,
        clock: Clock::start(),
        identity: "bench".to_owned(),
        listeners: Listeners::default(),
    };
    let args = RunArgs::parse_from(["run", "--no-lease"]);
    let ended = enforce(&args, Policies::from(policy()), parts, stop).await;
    assert_eq!(ended, Ok(()));
}

/// The built-in policy, but impatient.
fn policy() -> Policy {
    let policy = Policy::default().in_mode(Mode::Enforce);
    let mut rules = policy.rules().to_vec();
    for rule in &mut rules {
        rule.attempts = std::num::NonZeroU32::MIN;
        rule.duration = RULE;
    }
    policy.with_rules(rules).expect("the causes are the same")
}

/// Lets pods fail, and waits until all are failed. How late each was.
async fn cluster(count: usize, at_once: usize, tell_url: &mpsc::Sender<String>) -> Vec<Duration> {
    let store = Store::new(apiserver::Clock::wall());
    let faults = Faults::default();
    faults.add(Rule::every(Fault::Delay { millis: API_MS }));
    let options = Options {
        faults,
        ..Options::default()
    };
    let server = Server::start(store.clone(), options)
        .await
        .expect("a port is free");
    let _kubelet = Kubelet::start(store.clone(), Timing::default());
    tell_url.send(server.url()).expect("somebody waits for it");

    let start = tokio::time::Instant::now() + Duration::from_secs(1);
    let failing = tokio::spawn(fail_pulls(store.clone(), start, count, at_once));
    let (mut stored, mut version) = (BTreeMap::new(), 0);
    while stored.len() < count {
        let more = tokio::time::timeout(SILENCE_MAX, store.past(version)).await;
        assert!(
            more.is_ok(),
            "{} of {count} verdicts are stored",
            stored.len()
        );
        let now = Instant::now();
        for change in store.changes_since(version).expect("nothing is forgotten") {
            version = change.version;
            let is_failed = change
                .after
                .is_some_and(|pod| pod["status"]["phase"] == "Failed");
            if change.key.resource == "pods" && is_failed {
                stored.entry(change.key.name).or_insert(now);
            }
        }
    }
    let failed = failing.await.expect("pods can be stored");
    let delay = |(name, at): (String, Instant)| stored[&name].saturating_duration_since(at + RULE);
    failed.into_iter().map(delay).collect()
}

/// Stores pods with an image that is no image; their names, and when that was.
async fn fail_pulls(
    store: Store,
    start: tokio::time::Instant,
    count: usize,
    at_once: usize,
) -> Vec<(String, Instant)> {
    let printer = Printer::default();
    let mut failed = Vec::new();
    for n in 0..count {
        let turn = n / at_once * at_once;
        sleep_until(start + Duration::from_millis((1000 * turn / A_SECOND) as u64)).await;
        let pod = Pod::new(n as u64);
        let mut object: Value =
            serde_json::from_str(&printer.print(&pod, 0, Image::Invalid)).expect("a pod is JSON");
        object["apiVersion"] = "v1".into();
        object["kind"] = "Pod".into();
        failed.push((pod.name, Instant::now()));
        store.put(object, "kubelet").expect("a pod can be stored");
    }
    failed
}
