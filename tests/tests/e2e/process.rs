//! An enforcer as the operating system sees it: a process that can be killed, or made to stand still, at any moment.

use std::pin::pin;
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

/// A process. All that it does happens in one future, which is polled only while it runs.
pub(super) struct Process {
    runs: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Process {
    /// Starts an enforcer by the built-in rules, with these options.
    pub(super) fn start(client: Client, name: &str, now: Timestamp, options: &[&str]) -> Self {
        let metrics = Arc::new(Metrics::default());
        let parts = Parts {
            api: Api::new(client, Arc::clone(&metrics)),
            namespace: "default".to_owned(),
            metrics,
            clock: Clock::starting_at(now),
            identity: name.to_owned(),
            listeners: Listeners::default(),
        };
        let args = RunArgs::parse_from(["run"].iter().chain(options));
        let policy = policy::read(&root().join("docs/examples/enforce.yaml")).unwrap();
        let runs = watch::Sender::new(true);
        let running = runs.subscribe();
        let task = tokio::spawn(async move {
            let stop = watch::Sender::new(false);
            let all = enforce(&args, Policies::from(policy), parts, stop);
            run_while(running, async { all.await.unwrap() }).await;
        });
        Self { runs, task }
    }

    /// SIGKILL: nothing of it is heard of any more. What it has sent may still arrive.
    pub(super) fn kill(self) {
        self.task.abort();
    }

    /// SIGSTOP: from now on neither its timers nor its answers reach it.
    pub(super) fn pause(&self) {
        self.runs.send_replace(false);
    }

    /// SIGCONT: all that has come due meanwhile comes at once.
    pub(super) fn go_on(&self) {
        self.runs.send_replace(true);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Polls `all` to its end, but only while `runs` is true.
async fn run_while(mut runs: watch::Receiver<bool>, all: impl Future<Output = ()>) {
    let mut all = pin!(all);
    while runs.wait_for(|runs| *runs).await.is_ok() {
        tokio::select! {
            biased;
            _ = runs.wait_for(|runs| !*runs) => {}
            () = &mut all => return,
        }
    }
}
