//! Follows the policy in a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pullstop_core::policy::{Policies, Policy};
use tokio::sync::watch;

use crate::metrics::{Metric, Metrics};
use crate::policy;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A slower read is logged: most likely the file system does not respond.
const SLOW: Duration = Duration::from_secs(10);

/// Follows the file until the receiver is gone. Errors in a changed file are logged with their places.
///
/// The file is read on a thread of its own, so that one that hangs blocks nothing else.
pub async fn follow(file: PathBuf, policies: watch::Sender<Policies>, metrics: Arc<Metrics>) {
    let mut known: Option<Result<Policy, Vec<String>>> =
        Some(Ok(policies.borrow().cluster.clone()));
    while !policies.is_closed() {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(read) = read(&file).await else {
            continue;
        };
        if known.as_ref() == Some(&read) {
            continue;
        }
        match &read {
            Ok(policy) => {
                metrics.count(Metric::PolicyLoads, &[("result", "accepted")]);
                tracing::info!(file = %file.display(), "the policy has changed");
                policies.send_replace(Policies::from(policy.clone()));
            }
            Err(errors) => {
                metrics.count(Metric::PolicyLoads, &[("result", "rejected")]);
                for error in errors {
                    tracing::error!(
                        error,
                        "the policy is invalid; the last valid one stays active"
                    );
                }
            }
        }
        known = Some(read);
    }
}

async fn read(file: &Path) -> Option<Result<Policy, Vec<String>>> {
    let path = file.to_owned();
    let mut reading = tokio::task::spawn_blocking(move || policy::read_again(&path));
    let in_time = tokio::time::timeout(SLOW, &mut reading).await;
    let read = if let Ok(read) = in_time {
        read
    } else {
        tracing::error!(
            file = %file.display(),
            "cannot read the policy: reading its file takes too long; the last valid one stays active"
        );
        reading.await
    };
    read.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pullstop_core::policy::Mode;

    const HEAD: &str =
        "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {name: p}\n";

    #[tokio::test(start_paused = true)]
    async fn a_change_comes_into_force_and_a_mistake_does_not() {
        let file =
            std::env::temp_dir().join(format!("pullstop-policy-{}.yaml", std::process::id()));
        let write =
            |mode: &str| std::fs::write(&file, format!("{HEAD}spec: {{mode: {mode}}}\n")).unwrap();
        write("Enforce");
        let first = Policies::from(policy::read(&file).unwrap());
        let (sender, mut receiver) = watch::channel(first);
        let metrics = Arc::new(Metrics::default());
        let task = tokio::spawn(follow(file.clone(), sender, Arc::clone(&metrics)));
        write("Disabled");
        receiver.changed().await.unwrap();
        assert_eq!(receiver.borrow_and_update().cluster.mode, Mode::Off);
        write("Disable");
        tokio::time::sleep(LOOK_EVERY * 3).await;
        assert!(!receiver.has_changed().unwrap());
        assert!(
            metrics
                .text()
                .contains("pullstop_policy_loads_total{result=\"rejected\"} 1\n")
        );
        std::fs::remove_file(&file).unwrap();
        tokio::time::sleep(LOOK_EVERY * 3).await;
        assert!(
            !receiver.has_changed().unwrap(),
            "a file that is gone changes nothing"
        );
        let pipe = std::process::Command::new("mkfifo").arg(&file).status();
        assert!(pipe.unwrap().success());
        tokio::time::sleep(LOOK_EVERY * 3).await;
        std::fs::remove_file(&file).unwrap();
        write("Warn");
        receiver.changed().await.unwrap();
        assert_eq!(
            receiver.borrow_and_update().cluster.mode,
            Mode::Warn,
            "a pipe to which nobody writes is not waited for"
        );
        drop(receiver);
        tokio::time::sleep(LOOK_EVERY).await;
        task.await.unwrap();
    }
}
