//! What a replica says of how it stands: who leads, what is stopped, and what it may not.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pullstop_core::policy::Mode;
use serde_json::json;
use tokio::time::sleep;
use tracing::subscriber::DefaultGuard;

use crate::cluster::{Cluster, How};
use crate::{standard, start};

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The lines with this text.
    fn lines(&self, text: &str) -> Vec<String> {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = log.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn who_stands_by_says_who_leads_once_and_when_that_changes() {
    let (log, _guard) = Log::start();
    let cluster = Cluster::new();
    let clock = cluster.clock();
    let a = start(&cluster, clock, "a", standard(), &[]);
    sleep(Duration::from_secs(5)).await;
    let b = start(&cluster, clock, "b", standard(), &[]);
    sleep(Duration::from_secs(60)).await;
    let standing = log.lines("standing by");
    assert_eq!(standing.len(), 1, "{standing:?}");
    assert!(
        standing[0].contains("identity=\"b\" lease=\"pullstop/pullstop\" holder=a"),
        "{standing:?}"
    );
    a.line.hang();
    sleep(Duration::from_secs(30)).await;
    a.line.go_on();
    sleep(Duration::from_secs(60)).await;
    let standing = log.lines("standing by");
    assert_eq!(standing.len(), 2, "{standing:?}");
    assert!(standing[1].contains("identity=\"a\""), "{standing:?}");
    assert!(standing[1].contains("holder=b"), "{standing:?}");
    a.kill();
    b.kill();
}

#[tokio::test(start_paused = true)]
async fn the_kill_switch_is_no_change_of_policy() {
    let (log, _guard) = Log::start();
    let cluster = Cluster::new();
    let clock = cluster.clock();
    let replica = start(&cluster, clock, "a", standard(), &[]);
    sleep(Duration::from_secs(10)).await;
    let applied = log.lines("policy applied").len();
    let enforces = "pullstop_mode{mode=\"Enforce\"}";
    assert_eq!(replica.metric(enforces), "1");
    let turn = |metadata: serde_json::Value| {
        cluster.edit_lease(|lease| {
            for key in ["annotations", "managedFields"] {
                lease["metadata"][key] = metadata[key].clone();
            }
        });
    };
    turn(json!({
        "annotations": {"pullstop.dev/stop": "alice"},
        "managedFields": [{
            "manager": "kubectl-annotate", "time": "2026-11-27T11:12:13Z",
            "fieldsV1": {"f:metadata": {"f:annotations": {"f:pullstop.dev/stop": {}}}},
        }],
    }));
    sleep(Duration::from_secs(10)).await;
    let stopped = log.lines("stopped: all writes, by kubectl-annotate, since 2026-11-27T11:12:13Z");
    assert_eq!(stopped.len(), 1, "{:?}", log.lines(""));
    assert_eq!(log.lines("policy applied").len(), applied);
    assert_eq!(replica.metric(enforces), "1", "{:?} it is", Mode::Enforce);
    assert_eq!(replica.metric("pullstop_stopped"), "1");
    assert_eq!(
        replica.metric("pullstop_stopped_since_timestamp_seconds"),
        "1795777933"
    );
    turn(json!({"annotations": null, "managedFields": []}));
    sleep(Duration::from_secs(10)).await;
    assert_eq!(log.lines("resumed: the kill switch is off after").len(), 1);
    assert_eq!(replica.metric("pullstop_stopped"), "0");
    assert_eq!(
        replica.metric("pullstop_stopped_since_timestamp_seconds"),
        "0"
    );
    replica.kill();
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_forbidden_is_named_with_its_namespace_and_what_to_grant() {
    let (log, _guard) = Log::start();
    let cluster = Cluster::new();
    let clock = cluster.clock();
    cluster.fault("GET", "leases", usize::MAX, How::Status(403, None));
    let replica = start(&cluster, clock, "a", standard(), &["--lease", "mine"]);
    sleep(Duration::from_secs(60)).await;
    let said = log.lines("cannot read or renew the Lease mine in namespace pullstop");
    assert_eq!(said.len(), 1, "{:?}", log.lines(""));
    assert!(
        said[0].contains("grant `get`, `create` and `patch` on leases of coordination.k8s.io in namespace pullstop"),
        "{said:?}"
    );
    replica.kill();
}
