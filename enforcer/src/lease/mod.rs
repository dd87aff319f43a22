//! Leader election: of several replicas one writes.

pub mod elector;

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use pullstop_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use self::elector::{Elector, Record, Step, Timing};
use crate::api::{Api, ApiPath, Call, JSON, Trouble, rights};
use crate::clock::{self, Clock};
use crate::metrics::{Metric, Metrics};

/// An annotation on the Lease that stops all writes of all replicas, whatever the policy says: the kill switch.
pub const STOP_ANNOTATION: &str = "pullstop.dev/stop";

/// A read or a renewal that takes longer is tried anew; two of these fit into a claim.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);

/// Whether this replica may write, and until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// The lease is held until then; [`Timestamp::NEVER`] if there is no election.
    pub until: Option<Timestamp>,
    /// Somebody has thrown the kill switch.
    pub stopped: bool,
}

impl Claim {
    /// Whether a write that ends before `moment` may be sent.
    pub fn covers(&self, moment: Timestamp) -> bool {
        !self.stopped && self.until.is_some_and(|until| moment < until)
    }
}

/// The one that takes part in the election.
#[derive(Debug)]
pub struct Candidate {
    /// Where the Lease is.
    pub api: Api,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What this replica calls itself: no other process may have the same name.
    pub identity: String,
    /// The present moment.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Candidate {
    /// Takes part in the election until `stop` changes, then gives the Lease up.
    pub async fn run(self, claim: watch::Sender<Claim>, mut stop: watch::Receiver<bool>) {
        let mut elector = Elector::new(self.identity.clone());
        let mut quiet_since_error = true;
        loop {
            let round = tokio::select! {
                biased;
                _ = stop.changed() => break,
                round = self.round(&mut elector) => round,
            };
            let stopped = match round {
                Ok(stopped) => {
                    quiet_since_error = true;
                    stopped
                }
                Err(trouble) => {
                    if quiet_since_error {
                        tracing::warn!(%trouble, lease = self.name, "cannot read or renew the lease");
                    }
                    quiet_since_error = false;
                    claim.borrow().stopped
                }
            };
            self.publish(
                &claim,
                Claim {
                    until: elector.claimed_until(),
                    stopped,
                },
            );
            tokio::select! {
                biased;
                _ = stop.changed() => break,
                () = tokio::time::sleep(Timing::RETRY) => {}
            }
        }
        self.publish(&claim, Claim::default());
        if let Some(record) = elector.release() {
            // Who takes over waits for the lease's end if this gets lost.
            let _ = self.write(&record).await;
        }
    }

    /// Reads the Lease, and writes it if it is or can be ours. Returns whether the kill switch is thrown.
    async fn round(&self, elector: &mut Elector) -> Result<bool, Trouble> {
        let (record, stopped) = match self
            .api
            .call(Call::get(&rights::GET_LEASE, self.path()?), CALL_TIMEOUT)
            .await
        {
            Ok(bytes) => read(&bytes)?,
            Err(Trouble::NotFound) => (Record::default(), false),
            Err(trouble) => return Err(trouble),
        };
        if let Step::Write(record) = elector.read(record, self.clock.now()) {
            let sent_at = self.clock.now();
            match self.write(&record).await {
                Ok(version) => {
                    elector.stored(Record { version, ..record }, sent_at, self.clock.now());
                }
                // Somebody was faster; the next read says who.
                Err(Trouble::Conflict) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(stopped)
    }

    fn publish(&self, claim: &watch::Sender<Claim>, new: Claim) {
        let now = self.clock.now();
        let leads = |claim: &Claim| claim.until.is_some_and(|until| now < until);
        let (led, stopped) = (leads(&claim.borrow()), claim.borrow().stopped);
        if led != leads(&new) {
            let what = if leads(&new) {
                "leading"
            } else {
                "not leading any more"
            };
            tracing::info!(identity = self.identity, lease = self.name, "{what}");
        }
        if stopped != new.stopped {
            let what = if new.stopped {
                "thrown: nothing is written"
            } else {
                "released"
            };
            tracing::warn!(annotation = STOP_ANNOTATION, "the kill switch is {what}");
        }
        self.metrics
            .set(Metric::Leader, &[], usize::from(leads(&new)));
        claim.send_replace(new);
    }

    /// Writes the Lease and returns its new version.
    async fn write(&self, record: &Record) -> Result<String, Trouble> {
        let now = clock::print_micros(self.clock.now());
        let mut metadata = json!({ "name": self.name, "namespace": self.namespace });
        let create = record.version.is_empty();
        let body: Value;
        let call = if create {
            body = json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata,
                "spec": spec(record, &now),
            });
            Call::write(
                &rights::CREATE_LEASE,
                Method::POST,
                self.folder()?,
                JSON,
                &body,
            )
        } else {
            metadata["resourceVersion"] = json!(record.version);
            body = json!({ "metadata": metadata, "spec": spec(record, &now) });
            // A patch keeps what others wrote on the Lease, the kill switch above all.
            Call::write(
                &rights::RENEW_LEASE,
                Method::PATCH,
                self.path()?,
                crate::api::MERGE_PATCH,
                &body,
            )
        };
        let bytes = self.api.call(call, CALL_TIMEOUT).await?;
        Ok(read(&bytes)?.0.version)
    }

    fn path(&self) -> Result<ApiPath, Trouble> {
        Ok(self.folder()?.name(&self.name.parse()?))
    }

    fn folder(&self) -> Result<ApiPath, Trouble> {
        let namespace = self.namespace.parse()?;
        let folder = "/apis/coordination.k8s.io/v1";
        Ok(ApiPath::in_namespace(folder, &namespace, "leases"))
    }
}

fn spec(record: &Record, now: &str) -> Value {
    json!({
        "holderIdentity": record.holder,
        "leaseDurationSeconds": record.duration.as_secs(),
        "leaseTransitions": record.transitions,
        "renewTime": now,
    })
}

/// Reads a Lease, and whether the kill switch on it is thrown.
fn read(bytes: &[u8]) -> Result<(Record, bool), Trouble> {
    let lease: Lease =
        serde_json::from_slice(bytes).map_err(|error| Trouble::Unreadable(error.to_string()))?;
    let stopped = lease
        .metadata
        .annotations
        .unwrap_or_default()
        .stop
        .is_some_and(|value| !value.eq_ignore_ascii_case("false"));
    let duration = lease
        .spec
        .lease_duration_seconds
        .map_or(Timing::LEASE, Duration::from_secs);
    let record = Record {
        version: lease.metadata.resource_version,
        holder: lease.spec.holder_identity.unwrap_or_default(),
        duration,
        transitions: lease.spec.lease_transitions.unwrap_or_default(),
    };
    Ok((record, stopped))
}

#[derive(Deserialize)]
struct Lease {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
    annotations: Option<Annotations>,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "pullstop.dev/stop")]
    stop: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    holder_identity: Option<String>,
    lease_duration_seconds: Option<u64>,
    lease_transitions: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_read() {
        let (record, stopped) = read(
            br#"{"metadata": {"resourceVersion": "7", "annotations": {"pullstop.dev/stop": "true", "x": "y"}},
                "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "whatever"}}"#,
        )
        .unwrap();
        assert_eq!(
            (record.version.as_str(), record.holder.as_str(), stopped),
            ("7", "a", true)
        );
        let (record, stopped) = read(br#"{"metadata": {"resourceVersion": "8", "annotations": {"pullstop.dev/stop": "False"}}}"#).unwrap();
        assert_eq!(
            (record.holder.as_str(), record.duration, stopped),
            ("", Timing::LEASE, false)
        );
        assert!(read(b"{}").is_err());
    }

    #[test]
    fn a_claim_covers_what_ends_before_it() {
        let at = Timestamp::from_millis;
        let claim = Claim {
            until: Some(at(1000)),
            stopped: false,
        };
        assert!(claim.covers(at(999)));
        assert!(!claim.covers(at(1000)));
        assert!(
            !Claim {
                stopped: true,
                ..claim
            }
            .covers(at(1))
        );
        assert!(!Claim::default().covers(at(0)));
    }
}
