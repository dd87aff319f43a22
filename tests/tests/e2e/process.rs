//! An enforcer as the operating system sees it: a process that can be killed, or made to stand still, at any moment.

use std::pin::pin;
use std::sync::Arc;

use kube::Client;
use pullstop_core::time::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::stage::enforcer;

/// A process. All that it does happens in one future, which is polled only while it runs.
pub(super) struct Process {
    runs: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Process {
    /// Starts an enforcer by the built-in rules, with these options.
    pub(super) fn start(client: Client, name: &str, now: Timestamp, options: &[&str]) -> Self {
        let (metrics, stop) = (Arc::default(), watch::Sender::new(false));
        let all = enforcer(client, "default", name, now).run(options, metrics, stop);
        let runs = watch::Sender::new(true);
        let running = runs.subscribe();
        let task = tokio::spawn(async move {
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
