//! One running enforcer.

use std::sync::Arc;

use clap::Parser;
use kube::Client;
use pullstop_core::policy::Policies;
use pullstop_core::time::Timestamp;
use pullstop_enforcer::api::Api;
use pullstop_enforcer::clock::Clock;
use pullstop_enforcer::http::Listeners;
use pullstop_enforcer::metrics::Metrics;
use pullstop_enforcer::policy;
use pullstop_enforcer::run::{Parts, RunArgs, enforce};
use pullstop_tests::root;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// An enforcer at work, by the built-in rules.
pub(super) struct Replica {
    pub(super) metrics: Arc<Metrics>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Replica {
    /// Starts one with these options; its Lease is in `namespace`.
    pub(super) fn start(
        client: Client,
        namespace: &str,
        name: &str,
        now: Timestamp,
        options: &[&str],
    ) -> Self {
        let (metrics, stop) = (Arc::new(Metrics::default()), watch::channel(false).0);
        let parts = Parts {
            api: Api::new(client, Arc::clone(&metrics)),
            namespace: namespace.to_owned(),
            metrics: Arc::clone(&metrics),
            clock: Clock::starting_at(now),
            identity: name.to_owned(),
            listeners: Listeners::default(),
        };
        let args = RunArgs::parse_from(["run"].iter().chain(options));
        let policy = policy::read(&root().join("docs/examples/enforce.yaml")).unwrap();
        let stopping = stop.clone();
        let task = tokio::spawn(async move {
            let ended = enforce(&args, Policies::from(policy), parts, stopping).await;
            assert_eq!(ended, Ok(()));
        });
        Self {
            metrics,
            stop,
            task,
        }
    }

    /// Ends it as a signal does, and waits until it has ended.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }

    /// The value of a metric; empty if it was never counted.
    pub(super) fn metric(&self, name: &str) -> String {
        let text = self.metrics.text();
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_default().to_owned()
    }
}
