//! Leader election by a Lease: one of several replicas writes.

pub mod elector;
mod switch;

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use pullstop_core::names::STOP_ANNOTATION;
use pullstop_core::text::printable;
use pullstop_core::time::{Human, Timestamp};
use pullstop_core::wire::timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use self::elector::{Elector, Record, Step, Timing};
use self::switch::Managed;
pub use self::switch::Stop;
use crate::api::{Api, ApiError, ApiPath, Call, JSON, rights};
use crate::clock::Clock;
use crate::metrics::{Metric, Metrics};

/// A read or a renewal that takes longer is retried; two of these fit into a claim.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);

/// Whether this replica may write, and until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// The lease is held until then; [`Timestamp::NEVER`] if there is no election.
    pub until: Option<Timestamp>,
    /// The kill switch is on.
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
    /// Whether the kill switch is on, and who turned it on.
    pub switch: watch::Sender<Option<Stop>>,
}

impl Candidate {
    /// Takes part in the election until `stop` changes, then gives the Lease up.
    pub async fn run(self, claim: watch::Sender<Claim>, mut stop: watch::Receiver<bool>) {
        let mut elector = Elector::new(self.identity.clone());
        let mut quiet_since_error = true;
        let mut told_of: Option<String> = None;
        loop {
            let round = tokio::select! {
                biased;
                _ = stop.changed() => break,
                round = self.round(&mut elector) => round,
            };
            match round {
                Ok(other) => {
                    quiet_since_error = true;
                    self.tell_of(other, &mut told_of);
                }
                Err(error) => {
                    if quiet_since_error {
                        self.complain(&error);
                    }
                    quiet_since_error = false;
                }
            }
            let claimed = Claim {
                until: elector.claimed_until(),
                stopped: self.switch.borrow().is_some(),
            };
            self.publish(&claim, claimed);
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

    /// Renews the Lease if it is ours. If that fails or it is not, reads it, and writes it if it can be ours. Both show
    /// the kill switch: setting it changes the version, so that the renewal is refused. Returns who else holds
    /// the Lease, if one does.
    async fn round(&self, elector: &mut Elector) -> Result<Option<String>, ApiError> {
        if let Some(record) = elector.renew(self.clock.now())
            && self.store(elector, record).await.is_ok()
        {
            return Ok(None);
        }
        let look = Call::get(&rights::GET_LEASE, self.path()?);
        let (record, stop) = match self.api.call(look, CALL_TIMEOUT).await {
            Ok(bytes) => {
                let (record, metadata) = read(&bytes)?;
                (record, self.stop(&metadata))
            }
            Err(ApiError::NotFound) => (Record::default(), None),
            Err(error) => return Err(error),
        };
        self.turn(stop);
        let holder = record.holder.clone();
        let Step::Write(record) = elector.read(record, self.clock.now()) else {
            return Ok(Some(holder));
        };
        match self.store(elector, record).await {
            // Another replica was faster; the next read shows which.
            Ok(()) | Err(ApiError::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the Lease as ours.
    async fn store(&self, elector: &mut Elector, record: Record) -> Result<(), ApiError> {
        let sent_at = self.clock.now();
        let metadata = self.write(&record).await?;
        self.turn(self.stop(&metadata));
        let version = metadata.resource_version;
        elector.stored(Record { version, ..record }, sent_at, self.clock.now());
        Ok(())
    }

    fn stop(&self, metadata: &Metadata) -> Option<Stop> {
        let value = metadata
            .annotations
            .as_ref()
            .and_then(|all| all.stop.as_deref());
        let before = self.switch.borrow();
        Stop::read(
            &self.place(),
            value,
            &metadata.managed_fields,
            before.as_ref(),
            self.clock.now(),
        )
    }

    /// Applies the state of the kill switch, and logs changes.
    fn turn(&self, stop: Option<Stop>) {
        let before = self.switch.borrow().clone();
        if before == stop {
            return;
        }
        let now = self.clock.now();
        match (&before, &stop) {
            (_, Some(stop)) => {
                tracing::warn!(
                    lease = stop.lease,
                    by = stop.by,
                    value = stop.value,
                    since = timestamp::print_seconds(stop.since),
                    "stopped: {stop}"
                );
            }
            (Some(before), None) => {
                let lasted = Human(Duration::from_secs(now.since(before.since).as_secs()));
                tracing::warn!(
                    lease = before.lease,
                    annotation = STOP_ANNOTATION,
                    "resumed: the kill switch is off after {lasted}"
                );
            }
            (None, None) => {}
        }
        let since = stop
            .as_ref()
            .map(|stop| Duration::from_millis(stop.since.as_millis()));
        self.metrics
            .set(Metric::Stopped, &[], usize::from(stop.is_some()));
        self.metrics
            .set_duration(Metric::StoppedSince, since.unwrap_or_default());
        self.switch.send_replace(stop);
    }

    /// Logs the leader, when it is another replica and whenever it changes.
    fn tell_of(&self, other: Option<String>, told_of: &mut Option<String>) {
        if *told_of == other {
            return;
        }
        if let Some(holder) = &other {
            let lease = self.place();
            let holder = printable(holder);
            tracing::info!(identity = self.identity, lease, %holder, "standing by: another replica is the leader");
        }
        *told_of = other;
    }

    /// Logs why the Lease is not available, and what to do.
    fn complain(&self, error: &ApiError) {
        let Self {
            namespace, name, ..
        } = self;
        let advice = match error {
            ApiError::Forbidden(_) => format!(
                "grant `get`, `create` and `patch` on leases of coordination.k8s.io in namespace {namespace}, as the Role \
                 in deploy/base/rbac.yaml does, or name another namespace with --lease-namespace"
            ),
            ApiError::NotFound => {
                format!("create the namespace {namespace}, or name another with --lease-namespace")
            }
            _ => "retrying every 2 seconds".to_owned(),
        };
        let lease = self.place();
        tracing::warn!(%error, lease, "cannot read or renew the Lease {name} in namespace {namespace}, so this replica writes nothing: {advice}");
    }

    /// The Lease, with its namespace.
    fn place(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    fn publish(&self, claim: &watch::Sender<Claim>, new: Claim) {
        let now = self.clock.now();
        let leads = |claim: &Claim| claim.until.is_some_and(|until| now < until);
        if leads(&claim.borrow()) != leads(&new) {
            let what = if leads(&new) {
                "became leader"
            } else {
                "lost leadership"
            };
            let lease = self.place();
            tracing::info!(identity = self.identity, lease, "{what}");
        }
        self.metrics
            .set(Metric::Leader, &[], usize::from(leads(&new)));
        claim.send_replace(new);
    }

    /// Writes the Lease, and returns what it is then.
    async fn write(&self, record: &Record) -> Result<Metadata, ApiError> {
        let now = timestamp::print_micros(self.clock.now());
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
        Ok(read(&bytes)?.1)
    }

    fn path(&self) -> Result<ApiPath, ApiError> {
        Ok(self.folder()?.name(&self.name.parse()?))
    }

    fn folder(&self) -> Result<ApiPath, ApiError> {
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

/// Reads a Lease.
fn read(bytes: &[u8]) -> Result<(Record, Metadata), ApiError> {
    let lease: Lease = serde_json::from_slice(bytes)
        .map_err(|error| ApiError::InvalidResponse(error.to_string()))?;
    let duration = lease
        .spec
        .lease_duration_seconds
        .map_or(Timing::LEASE, Duration::from_secs);
    let record = Record {
        version: lease.metadata.resource_version.clone(),
        holder: lease.spec.holder_identity.unwrap_or_default(),
        duration,
        transitions: lease.spec.lease_transitions.unwrap_or_default(),
    };
    Ok((record, lease.metadata))
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
    #[serde(default)]
    managed_fields: Vec<Managed>,
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

    fn seen(lease: &Value, before: Option<&Stop>, now: u64) -> (Record, Option<Stop>) {
        let (record, metadata) = read(lease.to_string().as_bytes()).unwrap();
        let value = metadata.annotations.unwrap_or_default().stop;
        let now = Timestamp::from_millis(now);
        let managed = &metadata.managed_fields;
        (
            record,
            Stop::read("ns/l", value.as_deref(), managed, before, now),
        )
    }

    #[test]
    fn a_lease_is_read() {
        let (record, stop) = seen(
            &json!({"metadata": {"resourceVersion": "7", "annotations": {"pullstop.dev/stop": "true", "x": "y"}},
                "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "whatever"}}),
            None,
            0,
        );
        assert_eq!(
            (record.version.as_str(), record.holder.as_str()),
            ("7", "a")
        );
        assert!(stop.is_some());
        let (record, stop) = seen(
            &json!({"metadata": {"resourceVersion": "8", "annotations": {"pullstop.dev/stop": "False"}}}),
            None,
            0,
        );
        assert_eq!(
            (record.holder.as_str(), record.duration),
            ("", Timing::LEASE)
        );
        assert_eq!(stop, None);
        assert!(read(b"{}").is_err());
    }

    #[test]
    fn who_stopped_the_writes_and_when_is_known() {
        let lease = |managed: Value| {
            json!({"metadata": {
                "resourceVersion": "7",
                "annotations": {"pullstop.dev/stop": "alice:\u{202e} registry moves\n"},
                "managedFields": managed,
            }})
        };
        let fields = |key: &str| json!({"f:metadata": {"f:annotations": {key: {}}}});
        let managed = lease(json!([
            {"manager": "enforcer", "time": "2026-11-27T10:00:00Z", "fieldsV1": {"f:spec": {}}},
            {"manager": "kubectl-annotate", "time": "2026-11-27T11:12:13Z", "fieldsV1": fields("f:pullstop.dev/stop")},
        ]));
        let (_, stop) = seen(&managed, None, 5);
        assert_eq!(
            stop.unwrap().to_string(),
            "all writes, by kubectl-annotate, since 2026-11-27T11:12:13Z: the Lease ns/l has the annotation \
             `pullstop.dev/stop: alice:\\u{202e} registry moves`"
        );
        // The API server does not say: it counts from when it was first seen.
        let (_, first) = seen(&lease(json!([])), None, 1000);
        let (_, second) = seen(&lease(json!([])), first.as_ref(), 9000);
        assert_eq!(first, second);
        assert!(
            first
                .unwrap()
                .to_string()
                .starts_with("all writes, by an unknown client, since 1970-01-01T00:00:01Z")
        );
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
