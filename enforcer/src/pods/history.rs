//! Reads the Events of a pod that was failing when it was first seen.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::ValueEnum;
use pullstop_core::engine::{History, PastEvent};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::api::{Api, ApiError, ApiPath, Call, rights};
use crate::clock::Clock;

/// Where the past is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// The kubelets' Events about the pods
    Events,
}

/// How long one request may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Events of one pod that are read; of those of several hundred containers the rest says nothing that they do not say.
const EVENTS_MAX: u32 = 500;
/// API servers keep an Event for an hour after the last write (`--event-ttl` of kube-apiserver).
const EVENT_TTL: Duration = Duration::from_secs(3600);

/// The Events of one pod that say something about its images.
#[derive(Debug, Default)]
pub struct Past(Vec<Event>);

/// One Event about one container.
#[derive(Debug)]
struct Event {
    container: String,
    reason: String,
    message: String,
    count: u32,
    first_at: Timestamp,
    last_at: Timestamp,
}

impl Past {
    /// Reads what there is of the pod with this uid, at `now`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn read(
        api: &Api,
        namespace: &str,
        uid: &str,
        now: impl Fn() -> Timestamp,
    ) -> Result<Self, ApiError> {
        let path = ApiPath::in_namespace("/api/v1", &namespace.parse()?, "events")
            .with("limit", EVENTS_MAX)
            .with("fieldSelector", format_args!("involvedObject.uid={uid}"));
        let call = Call::get(&rights::LIST_EVENTS, path);
        let bytes = api.call(call, CALL_TIMEOUT).await?;
        let list: List = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::InvalidResponse(error.to_string()))?;
        let now = now();
        let events = list.items.into_iter();
        Ok(Self(events.filter_map(|wire| wire.event(now)).collect()))
    }

    /// Those about each pod, by uid, of the Events in a list of anything.
    ///
    /// # Errors
    /// If it is no list.
    pub fn of_all(list: &[u8], now: Timestamp) -> serde_json::Result<BTreeMap<String, Self>> {
        let list: List = serde_json::from_slice(list)?;
        let mut all = BTreeMap::<String, Self>::new();
        for wire in list.items {
            let uid = wire.involved_object.uid.clone();
            if let Some(event) = wire.event(now) {
                all.entry(uid).or_default().0.push(event);
            }
        }
        Ok(all)
    }

    /// Whether nothing is told.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lends it as the history of a pod that was seen failing first at `met_at`; `own` makes moments of the API server's
    /// clock those of the clock by which `met_at` was told.
    pub fn lend<R>(
        &self,
        created_at: Option<Timestamp>,
        met_at: Timestamp,
        own: impl Fn(Timestamp) -> Timestamp,
        use_it: impl FnOnce(&History<'_>) -> R,
    ) -> R {
        let events = self.0.iter().map(|event| event.lend(&own));
        let events: Vec<PastEvent<'_>> = events.collect();
        use_it(&History {
            created_at: created_at.map(&own),
            met_at,
            events: &events,
        })
    }
}

impl Event {
    fn lend(&self, own: impl Fn(Timestamp) -> Timestamp) -> PastEvent<'_> {
        PastEvent {
            container: &self.container,
            reason: &self.reason,
            message: &self.message,
            count: self.count,
            first_at: own(self.first_at),
            last_at: own(self.last_at),
        }
    }
}

/// Reads the past of pods, a few at a time and after everything else that is urgent: it has connections of its own.
#[derive(Debug)]
pub struct Historian {
    api: Api,
    clock: Clock,
    lanes: Semaphore,
}

impl Historian {
    /// Reads at the same time: few, since thousands of pods can be found failing at once after a start.
    const READS_MAX: usize = 2;
    /// How often a read that fails is tried, so far apart.
    const TRIES_MAX: u32 = 3;
    const TRY_EVERY: Duration = Duration::from_secs(10);

    /// One that asks `api`.
    pub fn new(api: Api, clock: Clock) -> Self {
        let lanes = Semaphore::new(Self::READS_MAX);
        Self { api, clock, lanes }
    }

    /// The past of one pod; nothing if it cannot be known. Who was told lately that this is not allowed does not ask again
    /// for each pod.
    pub async fn past(&self, namespace: &str, uid: &str) -> Option<Past> {
        for attempt in 1..=Self::TRIES_MAX {
            let lane = self.lanes.acquire().await.ok()?;
            if self
                .api
                .refusals()
                .missing()
                .contains(&&rights::LIST_EVENTS)
            {
                return None;
            }
            let read = Past::read(&self.api, namespace, uid, || {
                self.api.time().of(self.clock.now())
            })
            .await;
            let error = match read {
                Ok(past) => return Some(past),
                Err(ApiError::Forbidden(_)) => return None,
                Err(error) => error,
            };
            if attempt == Self::TRIES_MAX {
                tracing::info!(%error, namespace, uid, "cannot read the Events of a pod; no earlier failures are assumed");
            } else {
                let pause = error.retry_after().unwrap_or_default();
                // A pause is for all reads.
                tokio::time::sleep(pause.clamp(Duration::ZERO, Self::TRY_EVERY)).await;
                drop(lane);
                tokio::time::sleep(Self::TRY_EVERY).await;
            }
        }
        None
    }
}

#[derive(Deserialize)]
struct List {
    items: Vec<WireEvent>,
}

/// `v1.Event`, as far as it matters; of other kinds nothing does.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireEvent {
    metadata: Metadata,
    involved_object: About,
    reason: Option<String>,
    message: Option<String>,
    count: Option<u32>,
    first_timestamp: Option<String>,
    last_timestamp: Option<String>,
    event_time: Option<String>,
    series: Option<Series>,
    source: Component,
    reporting_component: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    creation_timestamp: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct About {
    uid: String,
    field_path: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Series {
    count: Option<u32>,
    last_observed_time: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Component {
    component: Option<String>,
}

/// The reasons of a kubelet's Events about images (`pkg/kubelet/events/event.go`).
const REASONS: [&str; 6] = [
    "Pulling",
    "Pulled",
    "BackOff",
    "Failed",
    "InspectFailed",
    "ErrImageNeverPull",
];

impl WireEvent {
    /// What it says, if it is a kubelet's and about the image of a container.
    fn event(self, now: Timestamp) -> Option<Event> {
        let reporters = [&self.source.component, &self.reporting_component];
        let is_kubelets = reporters
            .iter()
            .any(|who| who.as_deref() == Some("kubelet"));
        let reason = self
            .reason
            .filter(|reason| REASONS.contains(&reason.as_str()))?;
        let container = container(&self.involved_object.field_path)?;
        let time = |text: &Option<String>| text.as_deref().and_then(timestamp::parse);
        let series = self.series.unwrap_or_default();
        let first = time(&self.first_timestamp).or_else(|| time(&self.event_time))?;
        let last = time(&series.last_observed_time).or_else(|| time(&self.last_timestamp));
        let created = time(&self.metadata.creation_timestamp);
        let (first_at, last_at) = by_the_servers_clock(first, last.unwrap_or(first), created, now);
        is_kubelets.then(|| Event {
            container: container.to_owned(),
            reason,
            message: self.message.unwrap_or_default(),
            count: series.count.or(self.count).unwrap_or(1).max(1),
            first_at,
            last_at,
        })
    }
}

/// The times of an Event by the API server's clock instead of the node's, which may be wrong: the server has dated the first
/// write, which came after the first time. An Event that had expired and was written again keeps the node's times.
fn by_the_servers_clock(
    first: Timestamp,
    last: Timestamp,
    created: Option<Timestamp>,
    now: Timestamp,
) -> (Timestamp, Timestamp) {
    let created = created.unwrap_or(first);
    let (behind, ahead) = (created.since(first), first.since(created));
    if behind >= EVENT_TTL {
        return (first, last);
    }
    let back = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
    let last = Timestamp::from_millis(last.after(behind).as_millis().saturating_sub(back));
    (created, last.min(now).max(created))
}

/// The container that `spec.containers{main}` names.
fn container(field_path: &str) -> Option<&str> {
    let (list, rest) = field_path.split_once('{')?;
    let lists = ["spec.containers", "spec.initContainers"];
    lists.contains(&list).then(|| rest.strip_suffix('}'))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        timestamp::parse(text).unwrap()
    }

    /// As Kubernetes 1.36 writes it.
    fn event(times: &str) -> WireEvent {
        let json = format!(
            r#"{{"kind": "Event", "involvedObject": {{"uid": "u", "fieldPath": "spec.containers{{main}}"}},
                "reason": "Failed", "message": "Failed to pull image \"a\": no", "source": {{"component": "kubelet"}},
                {times}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn times_and_counts_of_both_forms() {
        let now = moment("2026-11-22T16:00:00Z");
        for (times, count, first, last) in [
            (
                r#""count": 5, "firstTimestamp": "2026-11-22T15:00:00Z", "lastTimestamp": "2026-11-22T15:03:00Z""#,
                5,
                "2026-11-22T15:00:00Z",
                "2026-11-22T15:03:00Z",
            ),
            (
                r#""eventTime": "2026-11-22T15:00:00.5Z", "firstTimestamp": null,
                   "series": {"count": 3, "lastObservedTime": "2026-11-22T15:01:00Z"}"#,
                3,
                "2026-11-22T15:00:00.5Z",
                "2026-11-22T15:01:00Z",
            ),
            // A node whose clock is ten minutes behind, and one that is ahead.
            (
                r#""count": 2, "firstTimestamp": "2026-11-22T15:00:00Z", "lastTimestamp": "2026-11-22T15:03:00Z",
                   "metadata": {"creationTimestamp": "2026-11-22T15:10:00Z"}"#,
                2,
                "2026-11-22T15:10:00Z",
                "2026-11-22T15:13:00Z",
            ),
            (
                r#""firstTimestamp": "2026-11-22T15:10:00Z", "lastTimestamp": "2026-11-22T15:13:00Z",
                   "metadata": {"creationTimestamp": "2026-11-22T15:00:00Z"}"#,
                1,
                "2026-11-22T15:00:00Z",
                "2026-11-22T15:03:00Z",
            ),
            // It had expired, and was written again.
            (
                r#""count": 300, "firstTimestamp": "2026-11-22T11:00:00Z", "lastTimestamp": "2026-11-22T15:59:00Z",
                   "metadata": {"creationTimestamp": "2026-11-22T15:00:00Z"}"#,
                300,
                "2026-11-22T11:00:00Z",
                "2026-11-22T15:59:00Z",
            ),
        ] {
            let event = event(times).event(now).unwrap();
            assert_eq!(
                (event.count, event.first_at, event.last_at),
                (count, moment(first), moment(last)),
                "{times}"
            );
        }
    }

    #[test]
    fn only_kubelets_tell_of_containers() {
        let now = moment("2026-11-22T16:00:00Z");
        let times = r#""firstTimestamp": "2026-11-22T15:00:00Z""#;
        assert_eq!(event(times).event(now).unwrap().container, "main");
        let changed = |change: fn(&mut WireEvent)| {
            let mut wire = event(times);
            change(&mut wire);
            wire.event(now).is_some()
        };
        assert!(!changed(
            |wire| wire.source.component = Some("me".to_owned())
        ));
        assert!(!changed(|wire| wire.reason = Some("Scheduled".to_owned())));
        assert!(!changed(|wire| wire.first_timestamp = None));
        for path in [
            "",
            "spec.containers",
            "spec.containers{main",
            "status{main}",
        ] {
            assert_eq!(container(path), None, "{path}");
        }
        assert_eq!(container("spec.initContainers{i}"), Some("i"));
    }
}
