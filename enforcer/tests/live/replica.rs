//! One running enforcer, and the line between it and the API server. The end-to-end tests have the same.

use std::sync::Arc;

use clap::Parser;
use hyper::Request;
use kube::Client;
use pullstop_core::policy::Policies;
use pullstop_enforcer::api::Api;
use pullstop_enforcer::clock::Clock;
use pullstop_enforcer::http::Listeners;
use pullstop_enforcer::metrics::Metrics;
use pullstop_enforcer::run::{Parts, RunArgs, enforce};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// An enforcer that has not begun.
pub(crate) struct Enforcer {
    /// Its client.
    pub(crate) client: Client,
    /// Where its Lease is.
    pub(crate) namespace: String,
    /// What it is called in the Lease.
    pub(crate) name: String,
    pub(crate) clock: Clock,
    pub(crate) policies: Policies,
}

impl Enforcer {
    /// All that it does, until it is stopped.
    pub(crate) fn run(
        self,
        args: &[&str],
        metrics: Arc<Metrics>,
        stop: watch::Sender<bool>,
    ) -> impl Future<Output = Result<(), String>> + Send + use<> {
        let parts = Parts {
            api: Api::new(self.client, Arc::clone(&metrics)),
            namespace: self.namespace,
            metrics,
            clock: self.clock,
            identity: self.name,
            listeners: Listeners::default(),
        };
        let args = RunArgs::parse_from(["run"].iter().chain(args));
        async move { enforce(&args, self.policies, parts, stop).await }
    }

    /// Starts it on a task of its own, with a line between it and its client.
    pub(crate) fn start(self, args: &[&str]) -> Replica {
        let (metrics, stop) = (Arc::new(Metrics::default()), watch::Sender::new(false));
        let line = Line::new();
        let client = line.over(self.client, &self.namespace);
        let all = Self { client, ..self }.run(args, Arc::clone(&metrics), stop.clone());
        Replica {
            metrics,
            line,
            stop,
            task: tokio::spawn(async move { assert_eq!(all.await, Ok(())) }),
        }
    }
}

/// An enforcer at work.
pub(crate) struct Replica {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) line: Line,
    pub(crate) task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Replica {
    /// Ends it as a signal does, and waits until it has ended.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }

    /// The value of one metric, with its labels; empty if it was never counted.
    pub(crate) fn metric(&self, name: &str) -> String {
        self.metrics.value(name).unwrap_or_default()
    }
}

/// The line between a replica and the API server.
#[derive(Clone)]
pub(crate) struct Line(Arc<watch::Sender<bool>>);

impl Line {
    /// A line that is free.
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(true)))
    }

    /// From now on, nothing comes through in either direction, and nothing breaks.
    pub(crate) fn hang(&self) {
        self.0.send_replace(false);
    }

    /// What was held up comes through.
    pub(crate) fn go_on(&self) {
        self.0.send_replace(true);
    }

    /// A client whose requests and answers go over this line.
    pub(crate) fn over(&self, client: Client, namespace: &str) -> Client {
        let line = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (client, line) = (client.clone(), line.clone());
            async move {
                line.free().await;
                let answer = client.send(request).await;
                line.free().await;
                answer
            }
        });
        Client::new(service, namespace)
    }

    async fn free(&self) {
        let mut line = self.0.subscribe();
        line.wait_for(|free| *free).await.unwrap();
    }
}
